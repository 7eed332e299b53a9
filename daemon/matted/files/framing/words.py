"""Read the parts of a frame from text: colours, margins and sizes, as people write them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from matted_client import MattedError

from matted.files.framing.layout import Margin

if TYPE_CHECKING:
    from matted.files.framing.backgrounds import Background

MOST_PIXELS = 30_000  # of a side
_MOST_MEGAPIXELS = 178  # of a result, as of a picture that can be read: more fills the memory of many computers
MOST_BLUR = 1_000
_MOST_PERCENT = 500
_BACKGROUND = "A background is a colour as CSS has it, such as white or #ffcc00; a picture file; blur, or blur:20."
_MOST_LIGHT = 255
_NUMBER = r"([0-9]{1,6}(?:\.[0-9]{1,3})?)"


def background(text: str) -> Background:
    """Return the background that a text means, and read the file of a picture.

    text: a colour as CSS has it; "blur" or "blur:RADIUS"; or a picture file.

    Raises MattedError if it is none of them, and PictureError if the file cannot be read.
    """
    from matted.files import pictures
    from matted.files.framing.backgrounds import Blur, Colour, Scene

    if not text:
        raise MattedError("The background is empty.", _BACKGROUND)
    if text == "blur":
        return Blur()
    if blur := re.fullmatch(rf"blur:{_NUMBER}", text):
        radius = float(blur[1])
        if not 0 < radius <= MOST_BLUR:
            raise MattedError(f"The radius of a blur is more than 0 and at most {MOST_BLUR} pixels, not {blur[1]}.")
        return Blur(radius)
    if (colour := rgb(text)) is not None:
        return Colour(colour)
    path = Path(text)
    if not path.is_file():
        raise MattedError(f"{text} is no colour, and there is no such file.", _BACKGROUND)
    return Scene(pictures.read(path), path)


def rgb(text: str) -> tuple[int, int, int] | None:
    """Return the colour that CSS knows by a text: red, green, blue, 0 to 255. None if it is none.

    Raises MattedError for one that is transparent, and for a number that is too large.
    """
    from PIL import ImageColor

    try:
        colour = ImageColor.getrgb(text)
    except ValueError:
        return None
    if max(colour) > _MOST_LIGHT:
        raise MattedError(f"{text} has a number above {_MOST_LIGHT}.", "Red, green and blue go from 0 to 255.")
    if len(colour) == 4 and colour[3] < 255:
        raise MattedError(f"{text} is transparent, and a background is not.", "Leave out the background.")
    return colour[0], colour[1], colour[2]


def margin(text: str) -> Margin:
    """Return the margin that a text means: "20" pixels, or "5%". Raises MattedError for others."""
    found = re.fullmatch(rf"{_NUMBER}(%|px)?", text)
    if found is None or float(found[1]) > (_MOST_PERCENT if found[2] == "%" else MOST_PIXELS):
        raise MattedError(f"A margin is pixels or percent, such as 20 or 5%, not {text}.")
    return Margin(float(found[1]), found[2] == "%")


def darkness(text: str) -> int:
    """Return how dark a shadow is, in percent, that a text means: "50". Raises MattedError for others."""
    found = re.fullmatch(r"([0-9]{1,3})%?", text)
    if found is None or not 1 <= int(found[1]) <= 100:
        raise MattedError(f"A shadow is 1 to 100 percent dark, not {text}.")
    return int(found[1])


def size(text: str) -> tuple[int, int]:
    """Return the width and height that a text means: "800x600". Raises MattedError for others."""
    found = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text.lower())
    if found is None or not all(1 <= int(side) <= MOST_PIXELS for side in found.groups()):
        wanted = f"width and height in pixels, 1 to {MOST_PIXELS}, such as 800x600"
        raise MattedError(f"A size is {wanted}, not {text}.")
    width, height = int(found[1]), int(found[2])
    if width * height > _MOST_MEGAPIXELS * 1_000_000:
        raise MattedError(f"A size has at most {_MOST_MEGAPIXELS} megapixels, not {width * height // 1_000_000}.")
    return width, height
