"""Matting from a rough mask: what is sure stays, what is undecided is solved, parts show what the whole does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from matted.inference.layer import Layer
from matted.masking import matting
from matted.masking.edges import tiles
from matted.masking.matting import constraints, distances
from matted.masking.view import View
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.uint8 | np.uint16]
Check = Callable[[], None]
DEPTHS = (8, 16)


def go_on() -> None:
    """Stop nothing."""


def distance_from(height: int, width: int, y: float, x: float) -> Floats:
    rows, columns = np.mgrid[:height, :width]
    distances: Floats = np.hypot(rows - y, columns - x)
    return distances


def composite(alpha: Floats, seed: int = 0) -> Layer:
    """A picture of a reddish subject before a bluish background, both of them grainy."""
    random = np.random.default_rng(seed)
    grain = random.normal(0, 6, (2, *alpha.shape, 3))
    subject, background = np.array([190, 90, 60]) + grain[0], np.array([50, 90, 150]) + grain[1]
    share = alpha[:, :, np.newaxis]
    return Layer(np.rint(share * subject + (1 - share) * background).clip(0, 255).astype(np.uint8))


def as_mask(drawn: NDArray[np.bool_], depth: int = 8) -> NDArray[np.uint8 | np.uint16]:
    return drawn * (np.uint8(255) if depth == 8 else np.array(65535, "<u2"))


def disc(height: int = 160, width: int = 200, softness: float = 6.0) -> Floats:
    return np.clip((55 - distance_from(height, width, 80, 100)) / softness + 0.5, 0, 1)


def rough_disc(height: int = 160, width: int = 200) -> NDArray[np.bool_]:
    """The disc as somebody draws it: in part too large, in part too small."""
    rows, columns = np.mgrid[:height, :width]
    radius = 55 + 4 * np.sin(5 * np.arctan2(rows - 80, columns - 100))
    drawn: NDArray[np.bool_] = distance_from(height, width, 80, 100) < radius
    return drawn


def error(alpha: NDArray[np.uint8 | np.uint16], truth: Floats) -> float:
    return float(np.abs(alpha / np.iinfo(alpha.dtype).max - truth).mean())


class Refined:
    """A mask that is refined as the daemon does it."""

    def __init__(self, layer: Layer, mask: Mask, reach: float | None, check: Check = go_on) -> None:
        self._layer, self._mask, self._check = layer, mask, check
        self._rough = matting.Rough.of(layer, mask)
        self._band = matting.find(self._rough, reach)
        self._fitted = matting.fit(self._rough, self._band, check)

    def seen(self, view: list[int] | None = None, depth: int = 8) -> Mask:
        where = self._view(view)
        edges = (where.left, where.top, where.right, where.bottom)
        picture = self._layer if where.is_whole else self._layer.part(edges, where.width, where.height)
        return self._fitted.render(self._mask_in(where), where, picture, depth, self._check)

    def band(self, view: list[int] | None = None) -> NDArray[np.bool_]:
        where = self._view(view)
        drawn = matting.BandInView(self._band, self._mask_in(where), where).drawn(8, lambda: None)
        assert set(np.unique(drawn)) <= {0, 255}
        made_anew: NDArray[np.bool_] = drawn == 255
        return made_anew

    def _view(self, view: list[int] | None) -> View:
        return View.of(self._layer.width, self._layer.height, view)

    def _mask_in(self, view: View) -> matting.MaskInView:
        return matting.MaskInView.of(self._mask, view, self._rough)


def refined(layer: Layer, mask: Mask, reach: float | None, depth: int, check: Check = go_on) -> Mask:
    return Refined(layer, mask, reach, check).seen(depth=depth)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("mask_depth", DEPTHS)
def test_a_soft_disc_comes_back_from_a_rough_mask(depth: int, mask_depth: int) -> None:
    truth, mask = disc(), as_mask(rough_disc(), mask_depth)
    alpha = refined(composite(truth), mask, 10.0, depth)
    assert alpha.dtype == ("u1" if depth == 8 else "<u2")
    assert error(alpha, truth) < 0.35 * error(mask, truth)


def test_stripes_that_are_finer_than_the_wobble_come_back() -> None:
    rows, columns = np.mgrid[:160, :200]
    truth = ((rows > 56) & ((rows > 74) | (columns % 8 < 3))).astype(np.float64)
    mask = as_mask(rows > 64)
    alpha = refined(composite(truth), mask, 14.0, 8, go_on)
    assert error(alpha, truth) < 0.55 * error(mask, truth)


@pytest.mark.parametrize("reach", [0.0, 1.0, 2.5, 6.0, 30.0])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [(160, 200), (900, 1300)])
def test_pixels_beyond_the_reach_stay_exactly(reach: float, depth: int, size: tuple[int, int]) -> None:
    mask = as_mask(rough_disc(*size))
    alpha = refined(composite(disc(*size)), mask, reach, depth, go_on)
    apart = np.where(mask > 0, distances.to_nearest(mask == 0, 100), distances.to_nearest(mask > 0, 100))
    sure = apart > reach
    assert np.array_equal(alpha[sure], as_mask(mask > 0, depth)[sure])
    assert reach < 1 or not np.array_equal(alpha, as_mask(mask > 0, depth))


@pytest.mark.parametrize("size", [(160, 200), (900, 1300)])
def test_a_reach_of_0_keeps_a_binary_mask(size: tuple[int, int]) -> None:
    mask = as_mask(rough_disc(*size))
    assert np.array_equal(refined(composite(disc(*size)), mask, 0.0, 8, go_on), mask)


@pytest.mark.parametrize("reach", [0.0, 4.0, None])
@pytest.mark.parametrize("grey", [1, 128, 254])
def test_grey_is_solved_also_far_from_an_edge(reach: float | None, grey: int) -> None:
    """A hole in the subject that the mask does not show: with grey over it, it is found."""
    truth = disc()
    truth[70:84, 90:104] = 0
    mask = as_mask(disc() > 0.5)
    mask[66:88, 86:108] = grey
    alpha = refined(composite(truth), mask, reach, 8, go_on)
    assert alpha[73:81, 93:101].max() < 40
    assert alpha[66:68, 86:108].min() > 215


def test_what_somebody_painted_wins_over_the_colours() -> None:
    truth = disc()
    mask = as_mask(disc() > 0.5)
    mask[10:30, 10:30] = 255  # background by its colours
    alpha = refined(composite(truth), mask, 3.0, 8, go_on)
    assert (alpha[14:26, 14:26] == 255).all()


@pytest.mark.parametrize("reach", [0.0, 5.0, 10000.0, None])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3), (5, 7), (60, 50)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_mask_of_one_level(level: int, size: tuple[int, int], depth: int, reach: float | None) -> None:
    mask = np.full(size, level, np.uint8)
    alpha = refined(composite(np.zeros(size)), mask, reach, depth, go_on)
    assert alpha.shape == size
    if level != 128:
        assert np.array_equal(alpha, as_mask(mask > 0, depth))


@pytest.mark.parametrize("reach", [0.0, 5.0, 10000.0, None])
@pytest.mark.parametrize("size", [(1, 2), (1, 40), (40, 1), (2, 3), (5, 7), (60, 50)])
def test_a_mask_of_random_levels(size: tuple[int, int], reach: float | None) -> None:
    random = np.random.default_rng(2)
    mask = random.choice(np.array([0, 128, 255], np.uint8), size)
    alpha = refined(composite(random.random(size)), mask, reach, 8, go_on)
    assert alpha.shape == size
    if reach == 0:
        assert np.array_equal(alpha[mask != 128], mask[mask != 128])


@pytest.mark.parametrize("reach", [0.0, 3.0, 10.0, 40.0, None])
def test_a_part_at_full_size_is_a_crop_of_the_whole(reach: float | None) -> None:
    size = (700, 900)
    layer, mask = composite(disc(*size)), as_mask(rough_disc(*size))
    each = Refined(layer, mask, reach)
    whole = each.seen()
    left, top, right, bottom = 48, 30, 344, 159  # the subject's edge lies just outside, in part
    part = each.seen([left, top, right, bottom, right - left, bottom - top])
    assert np.abs(part.astype(int) - whole[top:bottom, left:right]).max() <= 1


@pytest.mark.parametrize("reach", [0.0, 6.0, 40.0, None])
@pytest.mark.parametrize("box", [(0, 0, 900, 700), (40, 20, 340, 180)])
def test_a_part_at_another_size_shows_the_same(box: tuple[int, int, int, int], reach: float | None) -> None:
    size = (700, 900)
    layer = composite(disc(*size))
    mask = as_mask(rough_disc(*size))
    each = Refined(layer, mask, reach)
    left, top, right, bottom = box
    width, height = (right - left) // 2, (bottom - top) // 2
    part, whole = each.seen([*box, width, height]), each.seen()
    halved = whole[top:bottom, left:right].reshape(height, 2, width, 2).mean(axis=(1, 3))
    assert np.abs(part - halved).mean() < 2


def test_it_stops_when_it_is_asked_to() -> None:
    def stop() -> None:
        raise InterruptedError

    layer, mask = composite(disc()), as_mask(rough_disc())
    with pytest.raises(InterruptedError):
        Refined(layer, mask, None, stop)
    calls: list[int] = []
    refined(layer, mask, None, 8, lambda: calls.append(1))
    assert len(calls) > 4


def test_tiles_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, mask = disc(400, 500), as_mask(rough_disc(400, 500))
    layer = composite(truth)
    small = refined(layer, mask, 12.0, 8, go_on)
    monkeypatch.setattr(tiles, "_TILE", 1000)
    whole = refined(layer, mask, 12.0, 8, go_on)
    assert np.abs(small.astype(int) - whole).mean() < 0.1
    assert np.abs(small.astype(int) - whole).max() < 26


def plainly(mask: Mask, view: list[int] | None) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where all pixels of the mask that one of the view shows are white, and where all are black."""
    if view is None:
        return mask == np.iinfo(mask.dtype).max, mask == 0
    left, top, right, bottom, width, height = view
    part = mask[top:bottom, left:right].reshape(height, (bottom - top) // height, width, (right - left) // width)
    return part.min(axis=(1, 3)) == np.iinfo(mask.dtype).max, part.max(axis=(1, 3)) == 0


VIEWS = [None, [0, 0, 900, 700, 450, 350], [90, 30, 410, 190, 320, 160]]
REACHES = [0.0, 2.0, 7.0, 8.5, 11.0, 14.0, 40.0, 300.0]  # a cell has 1.76 pixels


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("reach", [*REACHES, None])
@pytest.mark.parametrize("grey", [False, True])
def test_outside_the_band_the_mask_stays_in_every_pixel(
    grey: bool, reach: float | None, view: list[int] | None
) -> None:
    mask = as_mask(rough_disc(700, 900))
    if grey:
        mask[60:90, 300:340] = 128
    each = Refined(composite(disc(700, 900)), mask, reach)
    band, alpha = each.band(view), each.seen(view)
    white, black = plainly(mask, view)
    assert (white | black)[~band].all(), "what is undecided is in the band"
    assert (alpha[white & ~band] == 255).all() and (alpha[black & ~band] == 0).all()
    if reach != 0:
        assert not np.array_equal(alpha[band], as_mask(white)[band])


@pytest.mark.parametrize("view", VIEWS)
def test_a_larger_reach_has_all_of_a_smaller_ones_band(view: list[int] | None) -> None:
    layer, mask = composite(disc(700, 900)), as_mask(rough_disc(700, 900))
    mask[60:90, 300:340] = 128
    bands = [Refined(layer, mask, reach).band(view) for reach in REACHES]
    for smaller, larger in pairwise(bands):
        assert not (smaller & ~larger).any()
    assert bands[1].sum() < bands[2].sum() < bands[5].sum() < bands[6].sum() < bands[7].sum()
    white, black = plainly(mask, view)
    undecided = ~white & ~black
    assert np.array_equal(bands[0], undecided), "a reach of 0 leaves what is decided"


def test_distances_are_euclidean() -> None:
    marked = np.random.default_rng(0).random((30, 41)) > 0.99
    marked[3, 5] = True
    places = np.argwhere(marked)
    rows, columns = np.mgrid[:30, :41]
    expected = np.hypot(*(np.stack([rows, columns])[:, :, :, np.newaxis] - places.T[:, np.newaxis, np.newaxis])).min(-1)
    assert np.allclose(distances.to_nearest(marked, 100), expected, atol=1e-4)
    near = distances.to_nearest(marked, 4)
    assert np.allclose(near[expected <= 4], expected[expected <= 4], atol=1e-4)
    assert (near[expected > 4] > 4).all()


def test_a_reduced_mask_knows_every_grey_pixel() -> None:
    mask = np.zeros((300, 400), np.uint16)
    mask[150:] = 65535
    mask[7, 9] = 1
    mask[290, 399] = 65534
    reduced = constraints.reduce(mask, 75, 100)
    assert reduced.mixed[1, 2] and reduced.mixed[72, 99] and reduced.mixed[37].all()
    assert reduced.mixed.sum() == 102
    assert (reduced.alpha[:37][~reduced.mixed[:37]] == 0).all()
