"""Offramp's dashboard. It shows results of the engine; it computes no accuracy and no cost of its own."""
