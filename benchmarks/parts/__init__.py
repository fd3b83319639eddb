"""The tables of README.md and docs/, by subject. `benchmarks/tables.py` prints them."""
