"""Reads Parquet files into the arrays of `engine.importing.importer`. They have one row per example and these columns:

    label                    whole numbers, the class of the example
    exit0.logits             lists of one float per class; likewise exit1.logits, exit2.logits, ...
    exit0.probs              or lists of probabilities
    exit0.pred, exit0.conf   or only the predicted class and its probability
    exit0.cost               the total cost of leaving at exit 0, the same number in every row
    exit0.stage_cost         or the cost of stage 0 alone; names such as exit0.cost_latency_ms give the unit
    id, split, factor_NAME   optional, as in the other forms

The file's key-value metadata may hold `class_names` and `exit_names` as JSON lists and `topology` as text. Images cannot be given.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from engine.display_text import printable
from engine.errors import UserError
from engine.importing.readers.npz import read_npz
from engine.importing.readers.registry import register_reader
from engine.importing.schema import Given

_ROOT = Path(__file__).resolve().parents[3]


def too_much(name: str, most: int) -> str:
    return (
        f"{name} is damaged or unpacks to more than the {most:,} bytes allowed; write it again, with fewer rows or float16 if it is large."
    )


@register_reader(".parquet")
def read_parquet(path: Path, most: int) -> Given:
    """The arrays of a Parquet file. Raises UserError if its columns are wrong, it is damaged or it unpacks to more than `most` bytes."""
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "arrays.npz"
        decoder = subprocess.run(
            [sys.executable, "-m", "engine.importing.readers.parquet_decoder", str(path.absolute()), str(unpacked), str(most)],
            cwd=_ROOT,
            env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
        )
        if decoder.returncode == 2:
            raise UserError(decoder.stderr.splitlines()[-1])  # libraries may have printed warnings above
        if decoder.returncode != 0:
            raise UserError(too_much(printable(path.name), most))
        return Given(read_npz(unpacked, most).arrays, tuple(decoder.stdout.splitlines()))
