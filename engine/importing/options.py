"""What the user sets beside the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np

from engine.display_text import printable
from engine.errors import UserError
from engine.outputs import Outputs
from engine.qualities import check_quality_name

#: What some options are, and what to give in place of something else.
_KINDS: Mapping[str, tuple[type, str]] = {
    "columns": (Mapping, "give a dictionary such as {'quality': 'score'}"),
    "models": (tuple, "give a list of names"),
    "cost": (Mapping, "give a dictionary such as {'small': 0.2}"),
    "cost_unit": (str, "give a name such as 'usd'"),
    "quality_name": (str, "give a name such as 'F1'"),
    "scale": (SupportsFloat, "give a number such as 0.01"),
}


@dataclass(frozen=True)
class Options:
    """How to read a log.

    columns:   {what a column is: its name}, see `engine.importing.logs.column_names`; in place of a guess
    models:    the models to take, by name, or empty for all; in wide form they are the columns of the models
    costs:     a second file with the costs of the models, or a table of them
    cost:      {model: what it costs for every example}
    cost_unit: the unit of costs whose name gives none, such as those of `cost` or of a column `cost`
    scale:     what every quality is multiplied by, such as 0.01 for percentages
    clip:      whether to cut qualities outside [0, 1]
    quality_name: what the quality is, such as F1
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    costs: Path | Any = None
    cost: Mapping[str, float] = field(default_factory=dict)
    cost_unit: str = "cost"
    scale: float = 1.0
    clip: bool = False
    quality_name: str = ""

    def __post_init__(self) -> None:
        """Raise UserError if an option is not what it should be: a notebook may pass anything."""
        for name, (kind, remedy) in _KINDS.items():
            if not isinstance(value := getattr(self, name), kind):
                raise UserError(f"{name} is {_shown(value)}; {remedy}, or leave it out.")
        for name in (*self.columns, *self.columns.values(), *self.models, *self.cost):
            if not isinstance(name, str):
                raise UserError(f"{_shown(name)} is no text, so it names no column and no model; give the name as text.")
        for model, cost in self.cost.items():
            if not isinstance(cost, SupportsFloat):
                raise UserError(f"The cost of {printable(model)} is {_shown(cost)}; give a number such as 0.2.")
        if not (isfinite(self.scale) and self.scale > 0):
            raise UserError(f"--scale is {self.scale:g}; give a number above 0, such as 0.01 for percentages.")
        if self.quality_name:
            check_quality_name(self.quality_name)
        if self.cost and self.costs is not None:
            raise UserError("Both --cost and --costs give costs; leave one of them out.")

    def refuse(self, *names: str) -> None:
        """Raise UserError if any of these options is set. They would change nothing."""
        for name in names:
            value = getattr(self, name)
            if value is not None if name == "costs" else value != getattr(Options(), name):
                option = "map" if name == "columns" else name.replace("_", "-")
                instead = " and put exit0.cost and so on into the file" if name in ("cost", "costs") else ""
                raise UserError(
                    f"--{option} is for logs of models, and this file holds arrays that it cannot change; leave it out{instead}."
                )

    def named(self, outputs: Outputs) -> Outputs:
        """The outputs with the name of their quality, if one is given. Raises UserError if they are not graded."""
        if not self.quality_name:
            return outputs
        if outputs.judged is None or not outputs.is_graded:
            raise UserError("--quality-name names a quality from 0 to 1, and these results are correct or incorrect; leave it out.")
        return replace(outputs, qualities={self.quality_name: outputs.judged.astype(np.float32)}, quality_name=self.quality_name)


def _shown(value: object) -> str:
    return printable(repr(value), 30)
