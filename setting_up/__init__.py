"""Finds, creates and completes the Python environment that Offramp runs in; see bootstrap.py. Standard library only."""
