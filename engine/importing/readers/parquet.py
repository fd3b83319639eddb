"""Reads Parquet files. A file with columns such as exit0.logits holds arrays; any other is a log of models, in long or wide form.

The columns of arrays, with one row per example:

    label                    whole numbers or text, the class of the example
    exit0.logits             lists of one float per class; likewise exit1.logits, exit2.logits, ...
    exit0.probs              or lists of probabilities
    exit0.pred, exit0.conf   or only the predicted class and its probability
    exit0.cost               the total cost of leaving at the first exit
    exit0.stage_cost         or the cost of the first stage alone; names such as exit0.cost_latency_ms give the unit
    id, split, text          optional, as in the other forms; likewise factor_NAME

Without lists, and with more than 200,000 rows, it is read in batches: see `engine.importing.large`.

The file's key-value metadata may hold `class_names` and `exit_names` as JSON lists and `topology` as text. Images cannot be given.
"""

from pathlib import Path

from engine.importing.readers.registry import register_reader
from engine.importing.readers.separate_process import decode
from engine.importing.schema import Given


@register_reader(".parquet")
def read_parquet(path: Path, most: int) -> Given:
    """Raises UserError if its columns are wrong, it is damaged or it unpacks to more than `most` bytes."""
    return decode("parquet_decoder", path, most)
