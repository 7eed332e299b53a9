"""The arithmetic by which models differ, as tables: a spec names an entry of each.

RESAMPLINGS   how a picture is made smaller for the model
FITS          which size it is shown at, and whether its aspect ratio is kept
ACTIVATIONS   how the raw output becomes a matte

A new model is a spec; code is needed only for arithmetic that no entry has, and is then one function and one entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Raw = NDArray[np.float32]  # rows x columns: the output of a model
Size = tuple[int, int]  # height, width

UNKNOWN = 128  # the level of a trimap where alpha is unknown; 0 is background, 255 subject

_MAX_WORKING_PIXELS = 3840 * 2160  # background matting needs 2.7 GB for this many
_LONGEST = 4.0  # times the side that a model wants for the shorter one: a bound for memory
_THINNEST = 32  # times the shorter side: what a network makes smaller inside has no pixel left of a thinner strip

MEAN = (0.485, 0.456, 0.406)  # red, green and blue, 0..1, of ImageNet's photographs

RESAMPLINGS = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR}


# -- fits --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """How one picture is shown to a model.

    size: height and width of the model's input.
    content: height and width of the picture in it, at the left upper corner.
    beyond: red, green and blue of what is beyond; None: it repeats the picture's edge.
    """

    size: Size
    content: Size
    beyond: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class FitRule:
    """Decides on the Fit of a picture.

    fit: (height, width of the picture; height, width that the model wants; multiple) -> Fit.
    flexible: whether the model takes other sizes than the one that it wants, in multiples of `multiple`.
    on_mean: whether what is beyond the picture is MEAN, to the last digit, which bytes do not have.
    """

    fit: Callable[[Size, Size, int], Fit]
    flexible: bool = False
    on_mean: bool = False


def _squash(picture: Size, wanted: Size, multiple: int) -> Fit:
    """Fill the whole input, whatever that does to the aspect ratio."""
    return Fit(wanted, wanted)


def _letterbox(picture: Size, wanted: Size, multiple: int) -> Fit:
    """Keep the aspect ratio, and fill the rest of the input."""
    scale = min(wanted[0] / picture[0], wanted[1] / picture[1])
    return Fit(wanted, (max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))))


def _letterbox_on_black(picture: Size, wanted: Size, multiple: int) -> Fit:
    """Keep the aspect ratio, and fill the rest of the input with black."""
    return replace(_letterbox(picture, wanted, multiple), beyond=(0, 0, 0))


def _letterbox_on_mean(picture: Size, wanted: Size, multiple: int) -> Fit:
    """Keep the aspect ratio, and fill the rest of the input with the mean, which is 0 once it is normalised."""
    red, green, blue = (round(255 * each) for each in MEAN)
    return replace(_letterbox(picture, wanted, multiple), beyond=(red, green, blue))


def _shorter(picture: Size, wanted: Size, multiple: int) -> Fit:
    """Keep the aspect ratio but for rounding: the shorter side is as long as the model wants, less in panoramas."""
    scale = min(wanted) * min(1.0 / min(picture), _LONGEST / max(picture))
    size = tuple(max(1, round(side * scale / multiple)) * multiple for side in picture)
    return Fit((size[0], size[1]), (size[0], size[1]))


def _aspect(picture: Size, wanted: Size, multiple: int) -> Fit:
    """Keep the aspect ratio but for rounding: the longer side is as long as the model wants."""
    scale = max(wanted) / max(picture)
    size = tuple(max(1, round(side * scale / multiple)) * multiple for side in picture)
    return Fit((size[0], size[1]), (size[0], size[1]))


def _own(picture: Size, wanted: Size, multiple: int) -> Fit:
    """Keep every pixel of a picture that is small enough; memory is in proportion to the pixels. Widen thin strips."""
    least = max(picture) / _THINNEST
    widened = max(picture[0], least), max(picture[1], least)
    scale = min(1.0, math.sqrt(_MAX_WORKING_PIXELS / (widened[0] * widened[1])))

    def rounded(side: float) -> int:
        return max(1, math.ceil(side * scale / multiple)) * multiple

    size = rounded(widened[0]), rounded(widened[1])
    return Fit(size, picture if scale == 1.0 else (rounded(picture[0]), rounded(picture[1])))


FITS = {
    "squash": FitRule(_squash),  # to a square scores better than a letterbox with the models that want one
    "letterbox": FitRule(_letterbox),
    "letterbox-on-black": FitRule(_letterbox_on_black),
    "letterbox-on-mean": FitRule(_letterbox_on_mean, on_mean=True),
    "aspect": FitRule(_aspect, flexible=True),
    "shorter": FitRule(_shorter, flexible=True),
    "own": FitRule(_own, flexible=True),
}


# -- activations -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Activation:
    """Reads the raw output of a model.

    probability: raw output -> how probable each pixel is subject; outside of 0..1 where the model overshoots.
    matte: probability -> matte, 0..1.
    """

    probability: Callable[[Raw], Raw]
    matte: Callable[[Raw], Raw]


def _as_it_is(raw: Raw) -> Raw:
    return raw


def _sigmoid(raw: Raw) -> Raw:
    one = np.float32(1.0)
    probability: Raw = one / (one + np.exp(-np.clip(raw, -60.0, 60.0)))
    return probability


def _clip(probability: Raw) -> Raw:
    return np.clip(probability, 0.0, 1.0)


def _stretch(probability: Raw) -> Raw:
    """Stretch by its own minimum and maximum, as U²-Net's and IS-Net's authors do."""
    low, high = float(probability.min()), float(probability.max())
    return (probability - low) / max(high - low, 1e-6)


ACTIVATIONS = {
    "minmax": Activation(_as_it_is, _stretch),
    "sigmoid": Activation(_sigmoid, _clip),  # of logits
    "clip": Activation(_as_it_is, _clip),
}
