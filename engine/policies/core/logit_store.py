"""The logits of one exit, on the device that computed them. A rule reads features of them, and only those are copied to the host."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from array_api_compat import array_namespace, device, to_device
from numpy.typing import NDArray

from engine.policies.core.features import Feature

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LogitStore:
    """The logits of one exit for some examples, one row each.

    logits: (rows, classes), a numpy array or a PyTorch tensor; NaN in the rows of examples that were not sent to this exit
    """

    logits: Any

    def read(self, feature: Feature, rows: Rows) -> NDArray[np.floating]:
        """A feature of each example, (rows, ...), on the host."""
        return to_host(feature.of(self._at(rows)))

    def top_class(self, rows: Rows) -> NDArray[np.int32]:
        """(rows,) Only for examples that were sent to this exit."""
        logits = self._at(rows)
        return to_host(array_namespace(logits).argmax(logits, axis=1)).astype(np.int32)

    def with_others(self, others: Sequence[Self], weight: NDArray[np.float64], bias: NDArray[np.float64], rows: Rows) -> Self:
        """See `ExitOutputs.combined`: weight (1 + others,), this store's first."""
        xp = array_namespace(self.logits)
        members = [xp.astype(store._at(rows), xp.float64) for store in (self, *others)]
        combined = combine(weight.tolist(), members)
        return type(self)(combined + xp.asarray(bias, device=device(combined)))

    def keep(self, rows: Rows, logits: Any) -> None:
        """Store logits (rows, classes), wherever they are."""
        self.logits[self._there(rows)] = to_host(logits) if isinstance(self.logits, np.ndarray) else logits

    def of_rows(self, rows: Rows) -> NDArray[np.floating]:
        """The logits of some examples, (rows, classes), copied to the host."""
        return np.array(to_host(self._at(rows)))

    def forget(self, rows: Rows) -> None:
        self.logits[self._there(rows)] = np.nan

    def _at(self, rows: Rows) -> Any:
        return self.logits[self._there(rows)]

    def _there(self, rows: Rows) -> Any:
        return array_namespace(self.logits).asarray(rows, device=device(self.logits))


def combine(weight: Sequence[float] | NDArray[np.floating], logits: Any) -> Any:
    """Weighted sum over exits: weight (exits,), logits (exits, examples, classes) -> (examples, classes).

    Summed exit by exit: in a matrix product, an example's result may depend on the other examples.
    """
    combined = weight[0] * logits[0]
    for share, member in zip(weight[1:], logits[1:], strict=True):
        combined += share * member
    return combined


def to_host(array: Any) -> NDArray:
    """A numpy array as it is, or a tensor copied from its device to a numpy array."""
    return array if isinstance(array, np.ndarray) else np.asarray(to_device(array, "cpu"))
