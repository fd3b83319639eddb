"""Colours that work on a light and a dark page and for colour-blind readers. Colour is never the only sign of anything."""

from plotly.colors import sample_colorscale, unlabel_rgb

#: Lines of charts: hues of Okabe and Ito's palette, shaded for a contrast of at least 3 on white and on near-black.
POLICY, ORACLE, NEUTRAL, MEASURED = "#2a86c8", "#c2701c", "#808892", "#c0569a"


def exit_colours(exits: int) -> list[str]:
    """A colour for each exit, by depth: Viridis without its ends, which are too faint on a light or on a dark page."""
    places = [0.14 + 0.66 * k / max(exits - 1, 1) for k in range(exits)]
    return ["#{:02x}{:02x}{:02x}".format(*(round(part) for part in unlabel_rgb(rgb))) for rgb in sample_colorscale("Viridis", places)]
