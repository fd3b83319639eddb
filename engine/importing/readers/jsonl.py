"""Reads .jsonl files: logs of models, in long or wide form, with a JSON object on each line."""

from pathlib import Path

from engine.importing.readers.registry import register_reader
from engine.importing.readers.separate_process import decode
from engine.importing.schema import Given


@register_reader(".jsonl")
def read_jsonl(path: Path, most: int) -> Given:
    return decode("jsonl_decoder", path, most)
