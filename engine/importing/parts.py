"""What a bundle is made of, the same from arrays and from a log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.outputs import Outputs


@dataclass(frozen=True, eq=False)
class Parts:
    """What a bundle is made of, from arrays or from a log.

    first: for examples without ids, see `equal_rows`;  facts: for the provenance
    """

    outputs: Outputs
    class_names: tuple[str, ...]
    exit_names: tuple[str, ...]
    split_given: bool
    id_texts: list[str] | None
    texts: list[str] | None
    first: NDArray[np.int64] | None
    facts: Mapping[str, Any] = field(default_factory=dict)
