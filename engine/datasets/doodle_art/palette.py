"""A small, warm palette of picture-book colours, and functions to mix them."""

from engine.datasets.dice import Dice

Colour = tuple[int, int, int]  # red, green, blue, 0..255

WHITE: Colour = (253, 251, 246)
CREAM: Colour = (250, 240, 220)
SAND: Colour = (232, 206, 160)
MUSTARD: Colour = (236, 176, 66)
SUN: Colour = (250, 208, 92)
ORANGE: Colour = (232, 128, 58)
CORAL: Colour = (236, 112, 94)
TOMATO: Colour = (212, 66, 62)
PINK: Colour = (242, 166, 172)
PLUM: Colour = (128, 86, 142)
LILAC: Colour = (184, 164, 214)
BLUE: Colour = (66, 118, 188)
SKY: Colour = (128, 190, 220)
NAVY: Colour = (44, 60, 100)
TEAL: Colour = (48, 142, 144)
MINT: Colour = (166, 216, 190)
LEAF: Colour = (118, 174, 94)
FOREST: Colour = (58, 114, 86)
BROWN: Colour = (146, 96, 64)
COCOA: Colour = (90, 62, 52)
GREY: Colour = (150, 152, 160)
SLATE: Colour = (98, 106, 122)
COAL: Colour = (52, 52, 62)

BRIGHT = (TOMATO, CORAL, ORANGE, MUSTARD, SUN, LEAF, TEAL, BLUE, SKY, PLUM, PINK, NAVY, WHITE, MINT)
PALE: tuple[Colour, ...] = (
    (253, 244, 226), (226, 240, 246), (250, 228, 222), (232, 242, 220), (240, 232, 246), (255, 238, 196), (222, 240, 234), (246, 246, 244),
)  # fmt: skip
MIDDLE: tuple[Colour, ...] = (
    SKY, MINT, (246, 196, 158), (242, 184, 190), (196, 182, 222), (240, 208, 126), (158, 200, 150), (128, 176, 190),
)  # fmt: skip


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the other colour in the one: 0 gives the one, 1 the other."""
    return (
        round(one[0] + (other[0] - one[0]) * share),
        round(one[1] + (other[1] - one[1]) * share),
        round(one[2] + (other[2] - one[2]) * share),
    )


def darker(colour: Colour, share: float = 0.25) -> Colour:
    # Towards a warm brown-black: pure black would make shades muddy.
    return mix(colour, (44, 30, 48), share)


def lighter(colour: Colour, share: float = 0.35) -> Colour:
    return mix(colour, (255, 252, 244), share)


def vary(colour: Colour, dice: Dice, by: int = 14) -> Colour:
    """The colour, changed slightly, so that no two things have exactly the same paint."""
    light = dice.span(-by, by)

    def near(channel: int) -> int:
        return min(255, max(0, round(channel + light + dice.span(-by, by) * 0.6)))

    red, green, blue = colour
    return near(red), near(green), near(blue)


def brightness(colour: Colour) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def apart(one: Colour, other: Colour) -> float:
    """The distance between two colours, roughly as the eye sees it; below about 70, a shape vanishes in its background."""
    return abs(brightness(one) - brightness(other)) + 0.4 * sum(abs(a - b) for a, b in zip(one, other, strict=True)) / 3
