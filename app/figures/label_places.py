"""Where the label of a point goes so that it hides as little as possible: above, below, right or left of it.

Computed in pixels of the smallest chart, where marks are closest; x runs to the right, y upwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

PLOT = (290.0, 240.0)  # the area inside the axes on a phone
CHARACTER, HEIGHT, GAP = 6.5, 12.0, 2.0


@dataclass(frozen=True)
class Box:
    """A rectangle of the chart, in pixels or in the units of its axes. left < right, low < high"""

    left: float
    low: float
    right: float
    high: float

    @classmethod
    def around(cls, x: float, y: float, width: float, height: float) -> "Box":
        """x, y: of its middle"""
        return cls(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def shared_with(self, other: "Box") -> float:
        """The area that both cover."""
        across = min(self.right, other.right) - max(self.left, other.left)
        up = min(self.high, other.high) - max(self.low, other.low)
        return max(across, 0.0) * max(up, 0.0)


def label_places(points: Sequence[tuple[float, float]], texts: Sequence[str], size: float, others: Sequence[Box] = ()) -> list[str]:
    """Plotly's `textposition` of each label, placed one after the other where it hides least; above the point if all places are equal.

    size: of the points' markers;  others: what else should stay visible
    """
    taken = [*others, *(Box.around(x, y, size, size) for x, y in points)]
    places = []
    for (x, y), text in zip(points, texts, strict=True):
        width = CHARACTER * len(text)
        up, aside = (size + HEIGHT) / 2 + GAP, (size + width) / 2 + GAP
        boxes = {
            "top center": Box.around(x, y + up, width, HEIGHT),
            "bottom center": Box.around(x, y - up, width, HEIGHT),
            "middle right": Box.around(x + aside, y, width, HEIGHT),
            "middle left": Box.around(x - aside, y, width, HEIGHT),
        }
        best = min(boxes, key=lambda place: sum(boxes[place].shared_with(box) for box in taken))
        taken.append(boxes[best])
        places.append(best)
    return places
