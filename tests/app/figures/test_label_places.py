"""Labels stand where they hide nothing, as long as there is such a place."""

from itertools import combinations

import numpy as np
import pytest

from app.figures.label_places import CHARACTER, GAP, HEIGHT, Box, label_places

SIZE = 10


def box_of(point: tuple[float, float], text: str, place: str) -> Box:
    width = CHARACTER * len(text)
    up, aside = (SIZE + HEIGHT) / 2 + GAP, (SIZE + width) / 2 + GAP
    move = {"top center": (0, up), "bottom center": (0, -up), "middle right": (aside, 0), "middle left": (-aside, 0)}[place]
    return Box.around(point[0] + move[0], point[1] + move[1], width, HEIGHT)


def test_alone_a_label_stands_over_its_point() -> None:
    assert label_places([(50, 50)], ["32"], SIZE) == ["top center"]
    assert label_places([], [], SIZE) == []


def test_a_box_over_the_point_sends_the_label_elsewhere() -> None:
    over, under, right = (Box.around(x, y, 17, 17) for x, y in ((50, 64), (50, 36), (64, 50)))
    assert label_places([(50, 50)], ["32"], SIZE, [over]) == ["bottom center"]
    assert label_places([(50, 50)], ["32"], SIZE, [over, under]) == ["middle right"]
    assert label_places([(50, 50)], ["32"], SIZE, [over, under, right]) == ["middle left"]


@pytest.mark.parametrize("points", [[(50, 50), (56, 50)], [(50, 50), (62, 52), (78, 49)], [(50, 50), (50, 64)], [(50, 50)] * 2])
def test_neighbours_hide_neither_each_other_nor_their_labels(points: list[tuple[float, float]]) -> None:
    texts = ["32", "256", "1024"][: len(points)]
    boxes = [box_of(*one) for one in zip(points, texts, label_places(points, texts, SIZE), strict=True)]
    assert not any(a.shared_with(b) for a, b in combinations(boxes, 2))
    markers = [Box.around(x, y, SIZE, SIZE) for x, y in points]
    assert not any(label.shared_with(marker) for label in boxes for marker in markers)


def test_in_a_crowd_less_is_hidden_than_if_all_stood_over_their_points() -> None:
    rng = np.random.default_rng(0)
    points = [tuple(point) for point in rng.uniform(0, 90, (14, 2)).tolist()]
    texts = ["1024"] * len(points)

    def hidden(places: list[str]) -> float:
        boxes = [box_of(*one) for one in zip(points, texts, places, strict=True)]
        boxes += [Box.around(x, y, SIZE, SIZE) for x, y in points]
        return sum(a.shared_with(b) for a, b in combinations(boxes, 2))

    assert hidden(label_places(points, texts, SIZE)) < 0.5 * hidden(["top center"] * len(points))
