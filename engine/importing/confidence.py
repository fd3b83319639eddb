"""Confidences that were given, as scores."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit


def log_odds(conf: NDArray[np.floating]) -> NDArray[np.float32]:
    """The log-odds of probabilities, finite also for 0 and 1. NaN stays."""
    least = np.finfo(np.float64).epsneg  # no float64 below 1 is closer to it
    return logit(conf.astype(np.float64).clip(least, 1 - least)).astype(np.float32)
