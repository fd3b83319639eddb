"""The myopic rule: learned gates that do not know there are gates after them."""

from dataclasses import dataclass
from typing import ClassVar

from engine.policies.core.registry import register
from engine.policies.methods.bolukbasi import GatedPolicy


@register
@dataclass(frozen=True, eq=False)
class Myopic(GatedPolicy):
    """Our variant: leaving is weighed against what follows if no later gate existed.

    In a chain that is to run to the end and answer with the full network; in a family, to run another network and answer with that.
    """

    name = "myopic"
    title = "Myopic gates"
    source = (
        "Baseline of Bolukbasi et al. 2017 (named in the slides, its exact form not read)."
        " Ours: each gate weighs leaving now against going on as if no later gate existed."
    )
    summary = "Each exit learns whether to leave as if it were the last one with a say."
    look_ahead: ClassVar[bool] = False
