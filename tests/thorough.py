"""How many variants of a test are run: some by default, so that the suite stays quick, and all of them with OFFRAMP_THOROUGH=1."""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

THOROUGH = os.environ.get("OFFRAMP_THOROUGH") == "1"
#: How many moments a process is killed at: OFFRAMP_KILLS=20 for a thorough run.
KILLS = int(os.environ.get("OFFRAMP_KILLS", "1"))


def variants(every: Sequence[T], *few: T) -> Sequence[T]:
    """Every variant in a thorough run, and else the few that differ most."""
    return every if THOROUGH else few
