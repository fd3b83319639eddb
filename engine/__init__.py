"""Offramp's compute engine: early-exit networks, the outputs of their exits, and policies that decide where to stop."""
