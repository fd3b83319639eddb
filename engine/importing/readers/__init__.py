"""Readers of the forms that can be imported, one file each. A new reader registers itself and is imported here."""

from engine.importing.readers import npz, safetensors, parquet, csv, jsonl  # noqa: F401, I001 - in the order in which messages list them
from engine.importing.readers.registry import READERS, read_arrays, register_reader

__all__ = ["READERS", "read_arrays", "register_reader"]
