"""Reads .csv files: logs of models, in long or wide form. Cells are separated by commas, tabs or semicolons; the first line has names."""

from pathlib import Path

from engine.importing.readers.registry import register_reader
from engine.importing.readers.separate_process import decode
from engine.importing.schema import Given


@register_reader(".csv")
def read_csv(path: Path, most: int) -> Given:
    return decode("csv_decoder", path, most)
