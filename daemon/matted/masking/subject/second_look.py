"""Take a second look at a small subject: find the box around it, and merge the matte of the box into the first.

A model takes a square of a few hundred pixels. A subject that fills a tenth of the picture gets a tenth of them. In a
second look, at the box alone, it gets most of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Matte = NDArray[np.float32]

_SUBJECT_LEVEL = 0.5  # alpha from which a pixel is subject
_MARGIN = 0.15  # of the subject's width and height, on each side: background for the model to compare it with
_MOST_OF_PICTURE = 0.35  # a box that fills more than this share gains too little to be worth an inference
_LEAST_SHRINKAGE = 2.0  # pixels of the picture for one of the matte, along an axis; with fewer, nothing is left to see
_MIN_OVERLAP = 0.7  # intersection over union of both mattes in the box; with less, the second is of something else
_MAX_CANVAS = 4096  # pixels a side of the merged matte, at most


class Box(NamedTuple):
    """Pixels of the picture: left <= x < right, top <= y < bottom."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def find_box(matte: Matte, width: int, height: int, in_scene: bool = False) -> Box | None:
    """Return the box of the picture that deserves a second look: the subject with a margin. None if none does.

    matte: 0..1 at the model's size.
    width, height: of the picture.
    in_scene: whether it is a frame of a film, where second looks must not come and go with the subject's size.
    """
    rows, columns = matte.shape
    found = matte >= _SUBJECT_LEVEL
    ys, xs = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    if not len(xs) or width * height < _LEAST_SHRINKAGE**2 * rows * columns:
        return None
    left, right = xs[0] / columns * width, (xs[-1] + 1) / columns * width
    top, bottom = ys[0] / rows * height, (ys[-1] + 1) / rows * height
    # at least two pixels of the matte on each side, which the subject's soft edge may take
    across = max(_MARGIN * (right - left), 2 * width / columns)
    down = max(_MARGIN * (bottom - top), 2 * height / rows)
    result = Box(
        max(0, int(left - across)),
        max(0, int(top - down)),
        min(width, int(right + across) + 1),
        min(height, int(bottom + down) + 1),
    )
    share = result.width * result.height / (width * height)
    return result if (share < 1 if in_scene else share <= _MOST_OF_PICTURE) else None


def merge(first: Matte, second: Matte, width: int, height: int, where: Box) -> Matte | None:
    """Return both mattes merged into one of the whole picture, as fine as the second. None if they hardly overlap.

    first: matte of the whole picture, 0..1.
    second: matte of the box, 0..1.
    width, height: of the picture.
    where: the box.

    The second fades out towards those sides of the box that are not the picture's own, so that no seam shows.
    """
    across, down = second.shape[1] / where.width, second.shape[0] / where.height
    columns = min(width, _MAX_CANVAS, max(first.shape[1], round(width * across)))
    rows = min(height, _MAX_CANVAS, max(first.shape[0], round(height * down)))
    canvas = _resized(first, columns, rows)
    left, right = (round(x * columns / width) for x in (where.left, where.right))
    top, bottom = (round(y * rows / height) for y in (where.top, where.bottom))
    inside = canvas[top:bottom, left:right]
    detail = _resized(second, right - left, bottom - top)
    if _overlap(inside, detail) < _MIN_OVERLAP:
        return None
    weight = np.minimum.outer(
        _fade(bottom - top, where.top > 0, where.bottom < height),
        _fade(right - left, where.left > 0, where.right < width),
    )
    inside += weight * (detail - inside)
    return canvas


def _resized(matte: Matte, columns: int, rows: int) -> Matte:
    picture = Image.fromarray(matte).resize((columns, rows), Image.Resampling.BILINEAR)
    return np.array(picture)


def _overlap(one: Matte, other: Matte) -> float:
    a, b = one >= _SUBJECT_LEVEL, other >= _SUBJECT_LEVEL
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 0.0


def _fade(length: int, at_start: bool, at_end: bool) -> Matte:
    """Return weights of 1, with a ramp from 0 over half the margin at the start and at the end if wanted."""
    ramp = max(1.0, length * _MARGIN / (1 + 2 * _MARGIN) / 2)
    steps = np.arange(length, dtype=np.float32) + 0.5
    weight = np.ones(length, np.float32)
    if at_start:
        weight = np.minimum(weight, steps / ramp)
    if at_end:
        weight = np.minimum(weight, steps[::-1] / ramp)
    return weight.astype(np.float32)
