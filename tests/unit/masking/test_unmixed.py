"""Soft pixels get the colours that give the picture again over its ground; the others keep theirs."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Floats, composed, ramp, rounded
from keyed_pictures import BLUE, Stopped, cover, field_of, ground_of, layer_of, nothing, on, stop
from matted.masking.colours.unmixed import unmix
from matted.masking.view import View
from scoring import composed_again, share_within
from sheet import WHITE

WIDTH, HEIGHT = 240, 300  # more rows than a strip
OVAL = cover(WIDTH, HEIGHT, lambda canvas: canvas.oval((120, 150), (80.3, 120.6)))
WHOLE = View.of(WIDTH, HEIGHT)
UNSET = 77


def unmixed(picture: Bytes, alpha: Floats, depth: int = 8) -> Bytes:
    full = (1 << depth) - 1
    mask = np.rint(alpha * full).astype(np.uint8 if depth == 8 else np.dtype("<u2"))
    colours = np.full_like(picture, UNSET)
    unmix(mask, layer_of(picture), ground_of(picture).field, WHOLE, nothing, colours)
    return colours


@pytest.mark.parametrize("depth", [8, 16])
def test_soft_pixels_get_the_subjects_colour_and_no_other_is_touched(depth: int) -> None:
    colours = unmixed(on(WHITE, OVAL), OVAL, depth)
    mask = np.rint(OVAL * 255)
    soft = (mask > 0) & (mask < 255)
    assert (colours[~soft] == UNSET).all()
    assert np.abs(colours[mask * soft > 60].astype(int) - BLUE).max() <= 4


def test_over_a_ramp_the_picture_comes_again() -> None:
    truth = ramp(WIDTH, HEIGHT, (250, 240, 200), (180, 200, 250), 0.6)
    picture = rounded(composed(OVAL, BLUE, truth))
    colours = unmixed(picture, OVAL)
    mask = np.rint(OVAL * 255).astype(np.uint8)
    colours[mask == 255] = picture[mask == 255]
    assert share_within(composed_again(np.dstack([colours, mask]), truth), picture, 2) == 1


def test_a_view_has_the_colours_of_its_part_of_the_ground() -> None:
    picture = rounded(composed(OVAL, BLUE, ramp(WIDTH, HEIGHT, (250, 240, 200), (180, 200, 250), 0.6)))
    whole, field = unmixed(picture, OVAL), ground_of(picture).field
    left, top, right, bottom = 30, 100, 130, 240
    layer = layer_of(picture[top:bottom, left:right])
    mask = np.rint(OVAL[top:bottom, left:right] * 255).astype(np.uint8)
    colours = np.full_like(layer.samples, UNSET)
    view = View(left, top, right, bottom, right - left, bottom - top, (WIDTH, HEIGHT))
    unmix(mask, layer, field, view, nothing, colours)
    np.testing.assert_array_equal(colours, whole[top:bottom, left:right])


def test_a_cancel_stops_it() -> None:
    picture = on(WHITE, OVAL)
    with pytest.raises(Stopped):
        unmix(np.rint(OVAL * 255).astype(np.uint8), layer_of(picture), field_of(picture), WHOLE, stop, picture.copy())
