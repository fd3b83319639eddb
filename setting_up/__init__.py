"""Finds, makes and completes the Python that Offramp runs in, see bootstrap.py. Standard library only."""
