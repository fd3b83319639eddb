"""What qualities are called: the names of `Outputs.quality_name`, in words. Import outputs under any name; register one to explain it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.display_text import printable
from engine.errors import UserError
from engine.outputs import Outputs

#: Characters of a name that others give.
MOST_CHARACTERS = 40


@dataclass(frozen=True)
class QualityMeasure:
    """A quality from 0 to 1 of what an exit gives.

    name:    as in a bundle, such as "mean_iou"
    title:   within a sentence: "0.812 mean IoU at 25% of the compute"
    meaning: what it is for one example and for many, in one sentence; may be empty
    """

    name: str
    title: str
    meaning: str = ""


_measures: dict[str, QualityMeasure] = {}

#: Every registered quality, by name.
QUALITIES: Mapping[str, QualityMeasure] = MappingProxyType(_measures)


def register_quality(measure: QualityMeasure) -> QualityMeasure:
    """Give the quality of a name a title and a meaning."""
    if measure.name in _measures:
        raise ValueError(f"two qualities are called {measure.name!r}")
    _measures[measure.name] = measure
    return measure


def quality_measure(name: str) -> QualityMeasure:
    """The quality of this name. One that is not registered is shown by its name, and one without a name as quality."""
    text = printable(name, MOST_CHARACTERS).replace("_", " ")
    return QUALITIES.get(name) or QualityMeasure(name, text or "quality")


def measure_title(outputs: Outputs) -> str:
    """What results are worth, within a sentence: "accuracy" where they are correct or incorrect, else the title of their quality."""
    return quality_measure(outputs.quality_name).title if outputs.is_graded else "accuracy"


def mean_title(outputs: Outputs) -> str:
    """The same of a mean over examples."""
    title = measure_title(outputs)
    return title if not outputs.is_graded or title.startswith("mean ") else f"mean {title}"


def check_quality_name(name: str) -> str:
    """Return a name that others give. Raises UserError unless it can be printed as it is."""
    if not name or printable(name, MOST_CHARACTERS) != name:
        raise UserError(f"{printable(name)!r} cannot name a quality; give 1 to {MOST_CHARACTERS} characters on one line, such as F1.")
    return name
