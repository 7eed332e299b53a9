"""Says what the flat ground of a picture did for its mask, and names the ground's colour.

A ground is flat where its colour alone tells it from the subject. What the daemon found of it is in its result.
"""

from __future__ import annotations

import colorsys
from typing import Dict, Sequence

from .messages import MaskResult
from .options import FLAT
from .translations import ENGLISH, N_, Words

# The kinds: one colour; a smooth ramp; grain and uneven light; a colour to be keyed out, with noise.
COLOUR, RAMP, PAPER, KEY_COLOUR = "colour", "ramp", "paper", "key"

# %s stands for the colour.
_WITHOUT_A_MODEL: Dict[str, str] = {
    COLOUR: N_("Flat ground: %s."),
    RAMP: N_("Ground with a smooth ramp: %s."),
    PAPER: N_("Paper as the ground: %s."),
    KEY_COLOUR: N_("Key colour as the ground: %s."),
}

# Names of colours of which hue tells: below which degree of the colour wheel.
_HUES = (
    (15, N_("red")),
    (45, N_("orange")),
    (68, N_("yellow")),
    (165, N_("green")),
    (195, N_("turquoise")),
    (255, N_("blue")),
    (290, N_("purple")),
    (335, N_("magenta")),
    (360, N_("red")),
)


def describe_ground(info: MaskResult, words: Words = ENGLISH, with_list: bool = False) -> str:
    """Return in a person's language what the ground did for a mask; empty where none was used.

    with_list: whether there is a list of models beside it: then how to have one where none was asked.
    """
    if not info.ground:
        return ""
    colour = words.gettext(colour_name(info.ground_colour)) if info.ground_colour else ""
    if info.model != FLAT:
        return words.gettext(N_("The edge is from the ground (%s).")) % colour
    said = [words.gettext(_WITHOUT_A_MODEL.get(info.ground, _WITHOUT_A_MODEL[COLOUR])) % colour]
    said.append(words.gettext(N_("No model was needed.")))
    if info.chosen and with_list:
        said.append(words.gettext(N_("For a model, choose one in the list.")))
    return " ".join(said)


def colour_name(rgb: Sequence[int]) -> str:
    """Name a colour as a person would, in English, to be translated. rgb: 0..255, in sRGB.

    The rule, with the largest channel and the chroma, which is the largest minus the smallest:

    - largest below 32: black
    - chroma up to 16 or a tenth of the largest: white where the smallest is 228 or more, else light grey from 176 on,
      grey from 80 on, dark grey
    - light and between orange and yellow (largest from 215, chroma up to 90): cream, as most paper is
    - a dark or dull orange (largest below 190, or chroma less than half of the largest): brown
    - a light red or magenta (largest from 200, chroma up to two thirds of that): pink
    - a dark magenta (largest below 190): purple
    - all else: by its hue
    """
    red, green, blue = rgb
    least, most = min(rgb), max(rgb)
    chroma = most - least
    if most < 32:
        return N_("black")
    if chroma <= max(16, most / 10):
        if least >= 228:
            return N_("white")
        if most >= 176:
            return N_("light grey")
        return N_("grey") if most >= 80 else N_("dark grey")
    hue = 360 * colorsys.rgb_to_hsv(red, green, blue)[0]
    if most >= 215 and chroma <= 90 and 20 <= hue < 70:
        return N_("cream")
    if 15 <= hue < 45 and (most < 190 or 2 * chroma < most):
        return N_("brown")
    if most >= 200 and 3 * chroma <= 2 * most and (hue < 15 or hue >= 290):
        return N_("pink")
    if most < 190 and 290 <= hue < 335:
        return N_("purple")
    return next(name for end, name in _HUES if hue < end)
