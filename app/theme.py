"""Colours that hold on a light and a dark page, and in colour-blind eyes; never the only sign of anything."""

from plotly.colors import sample_colorscale, unlabel_rgb

#: Lines of methods: hues of Okabe and Ito's set, shaded to keep a contrast of at least 3 on white and on near-black.
POLICY, ORACLE, NEUTRAL, MEASURED = "#2a86c8", "#c2701c", "#808892", "#c0569a"


def exit_colours(exits: int) -> list[str]:
    """One colour an exit, from a scale that runs with depth. Viridis without its ends, which fade on one of the two pages."""
    places = [0.14 + 0.66 * k / max(exits - 1, 1) for k in range(exits)]
    return ["#{:02x}{:02x}{:02x}".format(*(round(part) for part in unlabel_rgb(rgb))) for rgb in sample_colorscale("Viridis", places)]
