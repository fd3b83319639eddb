"""How evenly the exits are used. Worth showing beside accuracy, never instead of it: balance alone is no virtue."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr


def _entropy(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    return entr(np.asarray(shares, np.float64)).sum(axis=-1)


def normalized_entropy(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """Normalised entropy of the shares leaving at each exit: 0 if all leave at one, 1 if each exit takes the same.

    shares (..., exits), each row summing to 1 -> (...). A single exit is as even as can be: 1.
    """
    exits = np.shape(shares)[-1]
    return _entropy(shares) / np.log(exits) if exits > 1 else np.ones(np.shape(shares)[:-1])


def effective_exits(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """How many equally used exits would be as mixed as these: exp of the entropy, from 1 to the number of exits.

    shares (..., exits), each row summing to 1 -> (...)
    """
    return np.exp(_entropy(shares))
