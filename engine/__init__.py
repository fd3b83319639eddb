"""Offramp's compute engine: networks that stop early, and what every exit said about every example."""
