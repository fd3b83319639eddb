"""Colours differ from each other and from the page, light or dark."""

import pytest

from app.theme import exit_colours


@pytest.mark.parametrize("exits", [1, 2, 5, 12])
def test_the_colours_of_exits_differ_and_show_on_both_pages(exits: int) -> None:
    colours = exit_colours(exits)
    assert len(set(colours)) == exits
    for colour in colours:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        dark_page = 0.0079  # the luminance of #0F171B
        assert 1.05 / (light + 0.05) > 1.7 and (light + 0.05) / (dark_page + 0.05) > 1.6
