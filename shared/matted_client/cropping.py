"""Finds the box of what a mask shows, and cuts it out, with nothing but bytes: this runs inside the hosts."""

from __future__ import annotations

from typing import Any, Optional, Tuple

SEEN = 12  # of 255: the haze and the noise of models stay below, and up to it nothing is seen of a hair
_IS_SEEN = bytes(level > SEEN for level in range(256))


def box_of_subject(alpha: Any, width: int, height: int) -> Optional[Tuple[int, int, int, int]]:
    """Return left, top, right, bottom of what is more than noise; None if nothing is.

    alpha: bytes, one for each pixel, rows from the top; 255 shows all.
    """
    seen = bytes(alpha).translate(_IS_SEEN)
    first, last = seen.find(1), seen.rfind(1)
    if first < 0:
        return None
    top, bottom = first // width, last // width + 1
    left, right = width, 0
    for row in range(top, bottom):
        start = row * width
        found = seen.find(1, start, start + width)
        if found >= 0:
            left = min(left, found - start)
            right = max(right, seen.rfind(1, start, start + width) + 1 - start)
    return left, top, right, bottom


def part(samples: Any, width: int, height: int, box: Tuple[int, int, int, int]) -> bytearray:
    """Cut a box out of pixels.

    samples: bytes-like, width x height pixels of any number of bytes, rows from the top.
    box: left, top, right, bottom.
    """
    left, top, right, bottom = box
    each = len(samples) // (width * height)  # bytes a pixel
    view, starts = memoryview(samples), ((row * width + left) * each for row in range(top, bottom))
    return bytearray().join(view[start : start + (right - left) * each] for start in starts)
