"""What a scene keeps from frame to frame: its flat ground, and whether there is a subject."""

from __future__ import annotations

import numpy as np
from fakes import drawn
from matted.inference.layer import Layer
from matted.masking.scene import Frame, Scene

SIDE = 96
WHITE, GREY = (255, 255, 255), (200, 204, 208)


def frame(ground: tuple[int, int, int], noise: int = 0, seed: int = 0) -> Layer:
    """Return a red disc on a ground of this colour, with noise of so many levels either way."""
    picture = np.frombuffer(drawn(SIDE), np.uint8).reshape(SIDE, SIDE, 3).astype(int)
    picture += np.array(ground) - 255
    picture += np.random.default_rng(seed).integers(-noise, noise + 1, picture.shape)
    return Layer(picture.clip(0, 255).astype(np.uint8))


def busy() -> Layer:
    return Layer(np.random.default_rng(5).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8))


def colours(scene: Scene, *frames: Layer) -> list[tuple[int, int, int] | None]:
    found = [scene.find_ground(each) for each in frames]
    return [None if ground is None else ground.field.mean for ground in found]


def test_the_ground_of_the_first_frame_stays_to_the_last_digit_whatever_the_noise() -> None:
    scene = Scene()
    first, *others = [scene.find_ground(frame(GREY, noise=3, seed=seed)) for seed in range(6)]
    assert first is not None and all(other is first for other in others)


def test_a_ground_that_is_surely_another_one_takes_its_place() -> None:
    assert colours(Scene(), frame(WHITE), frame(GREY), frame(GREY), frame(WHITE)) == [WHITE, GREY, GREY, WHITE]


def test_a_frame_whose_own_ground_is_not_seen_has_that_of_the_scene() -> None:
    assert colours(Scene(), frame(WHITE), busy(), frame(WHITE)) == [WHITE] * 3


def test_a_scene_whose_first_frame_has_no_ground_has_none() -> None:
    assert colours(Scene(), busy(), frame(WHITE)) == [None, None]


def test_a_subject_that_came_stays_until_it_is_hardly_seen() -> None:
    scene = Scene()
    shown = [scene.shows_subject(confidence, 0.4) for confidence in (0.3, 0.5, 0.3, 0.2, 0.1, 0.3, 0.4)]
    assert shown == [False, True, True, True, False, False, True]


def test_a_turn_that_is_over_is_told_once() -> None:
    told: list[int] = []
    one = Frame(Scene(), 1, True, lambda: told.append(1))
    assert not one.passed
    one.pass_on()
    assert one.passed and told == [1]
