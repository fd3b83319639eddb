"""How evenly the exits are used. Shown beside accuracy, never instead of it: balance alone has no value."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr


def _entropy(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    return entr(np.asarray(shares, np.float64)).sum(axis=-1)


def normalized_entropy(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """Normalised entropy of the shares leaving at each exit: 0 if all examples leave at one exit, 1 if all exits have the same share.

    shares (..., exits), each row summing to 1 -> (...). 1 for a single exit.
    """
    exits = np.shape(shares)[-1]
    return _entropy(shares) / np.log(exits) if exits > 1 else np.ones(np.shape(shares)[:-1])


def effective_exits(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """The number of equally used exits with the same entropy: exp of the entropy, from 1 to the number of exits.

    shares (..., exits), each row summing to 1 -> (...)
    """
    return np.exp(_entropy(shares))
