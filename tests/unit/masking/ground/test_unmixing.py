"""Unmixing gives back what was mixed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matted.masking.ground import unmixing
from numpy.typing import NDArray

Floats = NDArray[np.float32]

COUNT = 8
COLOURS = arrays.arrays(np.float32, (COUNT, 3), elements=st.integers(0, 255))
SHARES = arrays.arrays(np.float32, (COUNT,), elements=st.integers(0, 255).map(lambda level: level / 255))
ROUNDING = 1e-3  # levels that float32 may be off by


def mixed(alpha: Floats, subject: Floats, ground: Floats) -> Floats:
    shares = alpha[:, np.newaxis].astype(np.float64)
    return np.asarray(shares * subject + (1 - shares) * ground, np.float32)


@given(COLOURS, COLOURS, SHARES)
def test_the_way_from_the_ground_to_the_subject_is_alpha(ground: Floats, subject: Floats, alpha: Floats) -> None:
    colours = mixed(alpha, subject, ground)
    found = unmixing.along(colours, ground, subject)
    apart = np.linalg.norm(subject - ground, axis=1)
    assert found.shape == (COUNT,) and (np.abs(found - alpha) * apart <= ROUNDING).all()
    assert (unmixing.off(colours, ground, subject, found) <= ROUNDING).all()


@given(COLOURS, COLOURS, COLOURS)
def test_no_other_mixture_is_nearer(colours: Floats, ground: Floats, subject: Floats) -> None:
    found = unmixing.along(colours, ground, subject)
    assert ((found >= 0) & (found <= 1)).all()
    missed = np.linalg.norm(colours - mixed(found, subject, ground), axis=1)
    for other in (0.0, 0.25, 0.5, 0.75, 1.0):
        shares = np.full(COUNT, other, np.float32)
        assert (missed <= np.linalg.norm(colours - mixed(shares, subject, ground), axis=1) + ROUNDING).all()


@given(COLOURS, COLOURS)
def test_the_least_alpha_explains_the_pixel_and_no_less_does(colours: Floats, ground: Floats) -> None:
    alpha = unmixing.least(colours, ground)
    assert ((alpha >= 0) & (alpha <= 1)).all()
    there = alpha > 0
    np.testing.assert_array_equal(there, (colours != ground).any(axis=1))
    colours, ground, alpha = colours[there], ground[there], alpha[there]
    subject = unmixing.foreground(colours, ground, alpha)
    assert (np.abs(mixed(alpha, subject, ground) - colours) <= ROUNDING).all()
    less = (0.95 * alpha)[:, np.newaxis]
    needed = (colours - (1 - less) * ground) / less  # of which a channel is no colour
    assert ((needed < 0) | (needed > 255)).any(axis=1).all()


@given(COLOURS, COLOURS, st.integers(0, 40))
def test_with_noise_the_least_alpha_misses_by_no_more(colours: Floats, ground: Floats, noise: int) -> None:
    alpha = unmixing.least(colours, ground, noise)
    assert (alpha <= unmixing.least(colours, ground)).all()
    there = alpha > 0
    within = np.abs(colours - ground).max(axis=1) <= noise
    assert not alpha[within].any()
    subject = unmixing.foreground(colours[there], ground[there], alpha[there])
    missed = np.abs(mixed(alpha[there], subject, ground[there]) - colours[there])
    assert (missed <= noise + ROUNDING).all()


@given(COLOURS, COLOURS, SHARES)
def test_the_foreground_is_what_was_mixed(ground: Floats, subject: Floats, alpha: Floats) -> None:
    there = alpha > 0
    colours = mixed(alpha, subject, ground)[there]
    found = unmixing.foreground(colours, ground[there], alpha[there])
    assert found.shape == colours.shape
    assert (np.abs(found - subject[there]) * alpha[there][:, np.newaxis] <= ROUNDING).all()


@given(COLOURS, COLOURS, SHARES)
def test_a_foreground_of_a_rounded_picture_gives_it_again(ground: Floats, subject: Floats, alpha: Floats) -> None:
    """The picture has whole levels, and so has the foreground: over the ground they differ by half a level at most."""
    there = alpha > 0
    colours = np.rint(mixed(alpha, subject, ground)[there])
    found = np.rint(unmixing.foreground(colours, ground[there], alpha[there]))
    assert (np.abs(mixed(alpha[there], found, ground[there]) - colours) <= 0.5 + ROUNDING).all()


def test_a_subject_in_the_grounds_colour_is_nowhere_on_the_way() -> None:
    white = np.full((1, 3), 255, np.float32)
    assert unmixing.along(white, white, white).tolist() == [0]
    assert unmixing.least(white, white).tolist() == [0]


def test_black_on_white_and_white_on_black_are_the_least_of_all() -> None:
    half = np.full((1, 3), 51, np.float32)
    white, black = np.full((1, 3), 255, np.float32), np.zeros((1, 3), np.float32)
    np.testing.assert_allclose(unmixing.least(half, white), [0.8], atol=1e-6)
    np.testing.assert_allclose(unmixing.least(half, black), [0.2], atol=1e-6)


def test_the_greatest_channel_is_taken_of_any_shape() -> None:
    values = np.arange(24, dtype=np.float32).reshape(2, 4, 3)[..., ::-1]
    np.testing.assert_array_equal(unmixing.greatest(values), values.max(axis=-1))
