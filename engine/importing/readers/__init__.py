"""One file for each form that can be imported. A new one registers itself and is named here."""

from engine.importing.readers import npz, safetensors, parquet  # noqa: F401, I001 - in the order in which they are offered
from engine.importing.readers.registry import MOST_BYTES, READERS, read_arrays, register_reader

__all__ = ["MOST_BYTES", "READERS", "read_arrays", "register_reader"]
