"""Settling mattes over frames: what moves is followed, what flickers is settled, and nothing trails."""

from __future__ import annotations

import numpy as np
import pytest
from matted.inference.layer import Layer
from matted.masking.steadying import Steadier, motion
from matted.masking.steadying.sampling import blurred, moved
from numpy.typing import NDArray

Floats = NDArray[np.float32]
SIZE = 120, 160


def texture(seed: int, low: float, high: float) -> Floats:
    noise = np.random.default_rng(seed).standard_normal((3, *SIZE)).astype(np.float32)
    smooth = blurred(noise, 2.0)
    return np.asarray(low + (high - low) * (0.5 + smooth / smooth.std() / 6).clip(0, 1), np.float32)


def scene(left: int, noise: float = 0.0, seed: int = 0, still: bool = True) -> tuple[Layer, Floats]:
    """A textured square of 50 pixels before a textured ground, and its alpha. still: whether the ground is."""
    back = texture(1, 0, 120)
    if not still:
        back = np.roll(back, left // 2, axis=2)
    alpha = np.zeros(SIZE, np.float32)
    alpha[40:90, left : left + 50] = 1
    front = np.roll(texture(2, 130, 255), left, axis=2)
    picture = np.where(alpha > 0, front, back) + np.random.default_rng(seed).normal(0, noise, (3, *SIZE))
    return Layer(np.ascontiguousarray(picture.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))), alpha


def test_a_known_translation_is_found() -> None:
    now = texture(3, 0, 255)[0]
    before = np.roll(now, (-3, 5), axis=(0, 1))
    found = motion.find(now, before, np.ones(SIZE, np.float32))[:, 20:-20, 20:-20]
    assert np.abs(found[0] + 3).mean() < 0.2
    assert np.abs(found[1] - 5).mean() < 0.2


def test_planes_are_moved_between_samples() -> None:
    plane = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    half = np.stack([np.zeros((3, 4), np.float32), np.full((3, 4), 0.5, np.float32)])
    assert moved(plane, half)[0, 0].tolist() == [0.5, 1.5, 2.5, 3.0]


def test_the_first_matte_stays_as_it_is() -> None:
    layer, alpha = scene(20)
    assert np.array_equal(Steadier().settle(layer, alpha), alpha)


def test_noise_is_settled_where_nothing_moves() -> None:
    steadier, before, after = Steadier(), [], []
    for frame in range(12):
        layer, alpha = scene(40, noise=4, seed=frame)
        flicker = np.random.default_rng(frame).uniform(0, 0.4, SIZE).astype(np.float32)
        matte = np.abs(alpha - blurred(flicker, 3.0))
        before.append(matte)
        after.append(steadier.settle(layer, matte))
    changes = [np.abs(np.diff(np.stack(each[4:]), axis=0)).mean() for each in (before, after)]
    assert changes[1] < 0.4 * changes[0]


@pytest.mark.parametrize("still", [True, False])
@pytest.mark.parametrize("step", [2, 5])
def test_what_moves_is_followed_and_leaves_no_trail(still: bool, step: int) -> None:
    steadier = Steadier()
    for frame in range(8):
        layer, alpha = scene(10 + step * frame, noise=2, seed=frame, still=still)
        settled = steadier.settle(layer, alpha)
        behind = settled[:, : 10 + step * frame - 2]
        assert behind.max() < 0.1
        assert np.abs(settled - alpha).mean() < 0.01


def test_a_hole_of_one_frame_is_filled_though_the_subject_moves() -> None:
    steadier = Steadier()
    for frame in range(6):
        layer, alpha = scene(10 + 3 * frame, noise=2, seed=frame)
        hole = alpha.copy()
        if frame == 5:
            hole[55:75, 40:60] = 0
        settled = steadier.settle(layer, hole)
    assert settled[58:72, 43:57].min() > 0.6


def test_after_a_cut_it_begins_anew() -> None:
    steadier = Steadier()
    layer, alpha = scene(20)
    steadier.settle(layer, alpha)
    other = Layer(np.ascontiguousarray(texture(9, 0, 255).astype(np.uint8).transpose(1, 2, 0)))
    matte = np.zeros(SIZE, np.float32)
    matte[:, 100:] = 1
    assert np.array_equal(steadier.settle(other, matte), matte)


def test_soft_alpha_that_does_not_flicker_stays() -> None:
    steadier = Steadier()
    for frame in range(6):
        layer, alpha = scene(40, noise=3, seed=frame)
        soft = blurred(alpha, 4.0)
        settled = steadier.settle(layer, soft)
    assert np.abs(settled - soft).max() < 0.02


def test_mattes_of_changing_size_and_what_it_holds() -> None:
    steadier = Steadier()
    assert steadier.memory == 0
    for frame, side in enumerate((64, 200, 90)):
        layer, _ = scene(40, seed=frame)
        matte = np.full((side, side + 7), 0.5, np.float32)
        assert np.allclose(steadier.settle(layer, matte), matte, atol=1e-3)
    assert steadier.memory == 3 * SIZE[0] * SIZE[1] * 4 + matte.nbytes
    steadier.forget()
    assert steadier.memory == 0


def test_a_picture_of_another_size_begins_anew_and_tiny_ones_are_no_trouble() -> None:
    steadier = Steadier()
    for height, width in ((120, 160), (1, 1), (1, 1), (3, 40), (3, 40)):
        layer = Layer(np.full((height, width, 3), 90, np.uint8))
        matte = np.full((8, 8), 0.25, np.float32)
        assert np.allclose(steadier.settle(layer, matte), 0.25, atol=1e-3)
