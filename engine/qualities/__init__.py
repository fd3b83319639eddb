"""The names of qualities. Importing this package registers those that come with Offramp."""

from engine.qualities import builtin  # noqa: F401 - which registers them
from engine.qualities.registry import (
    QUALITIES,
    QualityMeasure,
    check_quality_name,
    mean_title,
    measure_title,
    quality_measure,
    register_quality,
)

__all__ = ["QUALITIES", "QualityMeasure", "check_quality_name", "mean_title", "measure_title", "quality_measure", "register_quality"]
