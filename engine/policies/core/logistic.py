"""Logistic regression of quality: the probability that an exit is correct or, where quality is graded, how good it is."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from engine.exit_values import Quality, is_binary


def fit_logistic(features: NDArray[np.float64], quality: Quality, l2: float) -> tuple[NDArray[np.float64], float]:
    """Weights (features,) and bias of the log-odds of being correct. If all examples are correct, or none is, only the bias is not 0.

    Graded quality is a soft label: an example of quality 0.7 counts as 0.7 of a correct one and 0.3 of an incorrect one.
    """
    if (np.asarray(quality) == 1).all() or not quality.any():
        return np.zeros(features.shape[1]), float(logit((quality.sum() + 1) / (len(quality) + 2)))
    from sklearn.linear_model import LogisticRegression  # slow to import, and not needed to list the policies

    mean, scale = features.mean(axis=0), features.std(axis=0)
    # A constant feature carries no information, but dividing it by its rounding noise would make it large.
    scale[scale <= 1e-9 * (1 + np.abs(mean))] = 1.0
    # newton-cholesky: few features, many examples, and the features of one exit nearly determine each other.
    model, inputs = LogisticRegression(C=1 / l2, solver="newton-cholesky"), (features - mean) / scale
    if is_binary(quality):
        model = model.fit(inputs, quality)
    else:
        weights = np.concatenate([quality, 1 - quality]).astype(np.float64)
        model = model.fit(np.concatenate([inputs, inputs]), np.repeat([True, False], len(quality)), weights)
    weight = model.coef_[0] / scale
    return weight, float(model.intercept_[0] - weight @ mean)
