"""Offramp's page. It shows what the engine found; it computes no accuracy and no cost of its own."""
