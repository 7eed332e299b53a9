"""What belongs to nothing is cleared: haze far from the subject and doubt deep inside it. What is soft stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted.masking import rendering
from matted.masking.rendering.clearing import Clearing
from numpy.typing import NDArray

SIDE = 320
HAZE = np.float32(5 / 255)

Matte = NDArray[np.float32]


def grid(side: int = SIDE) -> tuple[Any, Any]:
    """Return y and x of each sample, 0..1."""
    y, x = (np.mgrid[0:side, 0:side] + 0.5) / side
    return y, x


def disc(side: int = SIDE, x: float = 0.3, radius: float = 0.2, softness: float = 0.02) -> Matte:
    """Return a disc at half the height with a soft edge, `softness` wide."""
    y, across = grid(side)
    distance = np.hypot(y - 0.5, across - x)
    return np.clip((radius - distance) / softness + 0.5, 0, 1).astype(np.float32)


def cleared(matte: Matte) -> Matte:
    return Clearing(matte, 1000, 1000).apply(matte)


@pytest.mark.parametrize("level", [1, 4, 8])
@pytest.mark.parametrize("side", [64, SIDE, 1024])
def test_haze_far_from_the_subject_is_cleared(level: int, side: int) -> None:
    subject = disc(side)
    result = cleared(np.maximum(subject, np.float32(level / 255)))
    y, x = grid(side)
    far = np.hypot(y - 0.5, x - 0.3) > 0.2 + 0.05
    assert result[far].max() == 0.0
    np.testing.assert_array_equal(result[subject > 0.1], subject[subject > 0.1])


@pytest.mark.parametrize("alpha", [254 / 255, 0.95, 0.8])
@pytest.mark.parametrize("side", [64, SIDE, 1024])
def test_doubt_deep_inside_the_subject_becomes_solid(alpha: float, side: int) -> None:
    subject = disc(side)
    result = cleared(np.minimum(subject, np.float32(alpha)))
    y, x = grid(side)
    deep = np.hypot(y - 0.5, x - 0.3) < 0.2 - 0.045
    assert result[deep].min() == 1.0
    assert result[subject == 0].max() == 0.0


def test_a_mask_without_haze_and_doubt_stays_as_it_is() -> None:
    subject = disc(softness=0.03)
    np.testing.assert_array_equal(cleared(subject), subject)


def test_what_is_soft_near_the_edge_stays_however_faint() -> None:
    y, x = grid()
    distance = np.hypot(y - 0.5, x - 0.3) - 0.2
    hair = np.where((distance > 0) & (distance < 0.018), np.float32(6 / 255), np.float32(0))
    matte = np.maximum(disc(softness=0.001), hair)
    np.testing.assert_array_equal(cleared(matte), matte)


def test_a_veil_that_begins_at_the_subject_stays_and_one_by_itself_goes() -> None:
    """Hysteresis: the same alpha, at the same distance, with and without a way to the subject."""
    y, x = grid()
    level = np.float32(0.2)
    alone = np.where((np.abs(y - 0.5) < 0.05) & (x > 0.65) & (x < 0.9), level, 0).astype(np.float32)
    leads_there = np.where((np.abs(y - 0.5) < 0.05) & (x > 0.45) & (x < 0.9), level, 0).astype(np.float32)
    there = np.s_[SIDE // 2 - 5 : SIDE // 2 + 5, int(0.7 * SIDE) : int(0.85 * SIDE)]
    assert cleared(np.maximum(disc(), alone))[:, SIDE * 6 // 10 :].max() == 0.0
    np.testing.assert_array_equal(cleared(np.maximum(disc(), leads_there))[there], level)


def test_the_way_from_a_veil_to_the_subject_may_be_winding() -> None:
    """A spiral around the subject: its outer end is connected along its whole length alone."""
    y, x = grid()
    angle, radius = np.arctan2(y - 0.5, x - 0.5), np.hypot(y - 0.5, x - 0.5)
    turns = (radius - angle / (2 * np.pi) * 0.09) / 0.09
    spiral = (np.abs(turns - np.rint(turns)) < 0.2) & (radius > 0.06) & (radius < 0.48)
    subject = (radius < 0.06).astype(np.float32)
    matte = np.where(spiral, np.float32(0.2), subject)
    far = spiral & (radius > 0.35)
    assert (cleared(matte)[far] > 0).mean() > 0.95
    cut = matte * ~((angle > 0) & (angle < 0.6) & (radius > 0.1) & (radius < 0.2))
    assert cleared(cut.astype(np.float32))[far].max() == 0.0


@pytest.mark.parametrize("alpha", [0.2, 0.4])
@pytest.mark.parametrize("gap", [0.005, 0.008, 0.0125, 0.016, 0.021, 0.03])
@pytest.mark.parametrize("side", [SIDE, 777, 1000])
def test_a_veil_at_the_subject_stays_whole_whatever_lies_beside_it(side: int, gap: float, alpha: float) -> None:
    """What clears a thing is spread to its surroundings, which must end before the veil."""
    y, x = grid(side)
    veil = (x > 0.45) & (x < 0.8) & (np.abs(y - 0.5) < 0.05)
    beside = (x > 0.65) & (x < 0.72) & (y > 0.55 + gap) & (y < 0.62 + gap)
    matte = np.maximum(disc(side), np.where(veil, np.float32(alpha), np.where(beside, np.float32(0.15), 0)))
    result = cleared(matte.astype(np.float32))
    np.testing.assert_array_equal(result[veil], matte[veil])
    if gap > 0.02:
        assert result[beside].max() == 0.0


@settings(max_examples=60)
@given(side=st.integers(20, 400), things=st.integers(1, 60), seed=st.integers(0, 1000))
def test_what_is_clearly_seen_is_never_taken_away(side: int, things: int, seed: int) -> None:
    """Faint and clear things, beside and over each other; one of them is the subject."""
    random = np.random.default_rng(seed)
    matte = np.zeros((side, side), np.float32)
    for alpha in (1.0, *random.choice([0.02, 0.1, 0.2, 0.26, 0.45], things)):
        top, left = random.integers(0, side, 2)
        matte[top : top + random.integers(1, 9), left : left + random.integers(1, 30)] = alpha
    seen = (matte >= 0.25) & (matte < 0.5)
    np.testing.assert_array_equal(cleared(matte)[seen], matte[seen])


@pytest.mark.parametrize("alpha", [0.3, 0.49])
@pytest.mark.parametrize("side", [64, SIDE, 1000])
def test_a_thing_by_itself_that_is_clearly_seen_stays(side: int, alpha: float) -> None:
    """It has a faint rim, which stays with it."""
    y, x = grid(side)
    distance = np.hypot(y - 0.5, x - 0.8)
    thing = np.where(distance < 0.06, np.float32(alpha), np.where(distance < 0.1, np.float32(0.1), np.float32(0)))
    matte = np.maximum(disc(side), thing)
    np.testing.assert_array_equal(cleared(matte), matte)


@pytest.mark.parametrize("at", [0.650, 0.6515, 0.653, 0.6545])
@pytest.mark.parametrize("alpha", [0.2, 0.45])
def test_a_small_gap_does_not_end_a_strand(alpha: float, at: float) -> None:
    """12 of 1000 pixels that are too faint to be seen: the gap is cleared, what lies beyond is not."""
    y, x = grid(1000)
    strand = (x > 0.45) & (x < 0.95) & (np.abs(y - 0.5) < 0.004)
    gap = (x > at) & (x < at + 0.012)
    matte = np.maximum(disc(1000), np.where(strand, np.where(gap, np.float32(8 / 255), np.float32(alpha)), 0))
    result = cleared(matte.astype(np.float32))
    np.testing.assert_array_equal(result[strand & ~gap], matte[strand & ~gap])
    assert result[strand & gap].max() == 0.0


def test_a_narrow_gap_inside_stays_and_a_broad_place_of_the_same_alpha_becomes_solid() -> None:
    y, x = grid()
    subject = disc(x=0.5, radius=0.4)
    alpha = np.float32(0.85)
    narrow, broad = np.abs(x - 0.5) < 0.008, np.abs(x - 0.5) < 0.06
    inside = np.abs(y - 0.5) < 0.15
    with_gap = np.where(narrow & inside, alpha, subject)
    np.testing.assert_array_equal(cleared(with_gap)[narrow & inside], alpha)
    result = cleared(np.where(broad & inside, alpha, subject))
    assert result[np.abs(y - 0.5) < 0.3].min(initial=1.0, where=np.abs(x - 0.5)[np.abs(y - 0.5) < 0.3] < 0.2) == 1.0


@pytest.mark.parametrize("turns", range(4))
def test_a_gap_at_the_border_of_the_picture_is_as_narrow_as_inside(turns: int) -> None:
    """A close-up that fills the picture: what lies beyond the border is unknown, not more of the gap."""
    y, x = grid(1000)
    alpha, solid = np.float32(0.8), np.float32(1)
    narrow = np.rot90((x < 0.012) & (np.abs(y - 0.5) < 0.3), turns)
    matte = np.where(narrow, alpha, solid)
    np.testing.assert_array_equal(cleared(matte), matte)
    broad = np.rot90((x < 0.06) & (np.abs(y - 0.5) < 0.3), turns)
    assert cleared(np.where(broad, alpha, solid)).min() == 1.0


def test_glass_that_is_clearly_seen_through_stays() -> None:
    y, x = grid()
    pane = (np.abs(x - 0.5) < 0.15) & (np.abs(y - 0.5) < 0.15)
    matte = np.where(pane, np.float32(0.5), disc(x=0.5, radius=0.4))
    np.testing.assert_array_equal(cleared(matte)[pane], np.float32(0.5))


def test_where_there_is_no_subject_nothing_is_cleared() -> None:
    matte = disc() * np.float32(0.4)
    np.testing.assert_array_equal(cleared(matte), matte)


def test_levels_keep_their_order() -> None:
    """A rising ramp inside a subject stays a rising ramp."""
    matte = disc(x=0.5, radius=0.45)
    ramp = np.linspace(0.4, 1.0, 200, dtype=np.float32)
    matte[100:220, 60:260] = ramp
    assert np.diff(cleared(matte)[160, 60:260]).min() >= 0.0


@pytest.mark.parametrize("depth", [8, 16])
def test_rendering_brings_no_haze_back(depth: int) -> None:
    """Lanczos and the rounding of a ragged veil would: its own alpha ends between two samples."""
    noise = np.random.default_rng(5).uniform(0.0, 0.06, (SIDE, SIDE)).astype(np.float32)
    matte = np.maximum(disc(), noise)
    clearing = Clearing(matte, 1000, 800)
    mask = rendering.render(clearing.apply(matte), 1000, 800, depth, clearing=clearing)
    y, x = np.mgrid[0:800, 0:1000]
    far = np.hypot((y - 400) / 800, (x - 300) / 1000) > 0.2 + 0.0625
    levels = mask[far] / (2**depth - 1) * 255
    assert not ((levels > 0) & (levels < 8.5)).any()
    assert mask[380:420, 280:320].min() == 2**depth - 1


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    seed=st.integers(0, 1000),
)
def test_any_shape_of_matte_and_picture_gives_a_matte(shape: tuple[int, int], size: tuple[int, int], seed: int) -> None:
    matte = np.random.default_rng(seed).random(shape, np.float32)
    before = matte.copy()
    clearing = Clearing(matte, *size)
    result = clearing.apply(matte)
    assert result.shape == shape and result.dtype == np.float32
    assert 0.0 <= result.min() and result.max() <= 1.0
    np.testing.assert_array_equal(matte, before)
    mask = rendering.render(result, *size, 8, clearing=clearing)
    assert mask.shape == size[::-1]
