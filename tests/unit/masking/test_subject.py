"""The confidence that a picture shows a subject, from the matte and from the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matted.inference import model_io
from matted.inference.layer import Layer
from matted.masking import subject
from matted.models import catalogue
from PIL import Image

SPEC = catalogue.load().find("u2netp")
LARGE = catalogue.load().find("isnet-general-use")
PLATE = catalogue.load().find("background-matting-mobilenetv2")


def planes_of(rgb: Any, spec: catalogue.ModelSpec = SPEC) -> Any:
    """Return what a model takes of a picture."""
    height, width = rgb.shape[:2]
    return model_io.prepare(Layer(rgb), spec, model_io.choose_fit(width, height, spec, None))


def disc(side: int, radius: float) -> Any:
    """Return 1 in a disc in the middle, else 0: side x side."""
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    return (np.hypot(x, y) <= radius * side).astype(np.float32)


def ball(side: int = 400, radius: float = 0.25) -> Any:
    """Return a picture of a red ball before a wall."""
    inside = disc(side, radius)[:, :, np.newaxis]
    return np.uint8(inside * [200, 40, 30] + (1 - inside) * [120, 130, 140])


def sky(side: int = 400) -> Any:
    """Return a gradient with soft white clouds."""
    clouds = np.random.default_rng(3).uniform(0, 1, (6, 6)).astype(np.float32)
    share = np.asarray(Image.fromarray(clouds).resize((side, side), Image.Resampling.BICUBIC))[:, :, np.newaxis]
    height = np.linspace(0, 1, side)[:, np.newaxis, np.newaxis]
    blue = (1 - height) * [70, 120, 200] + height * [190, 215, 240]
    return np.uint8(np.clip((1 - 0.8 * share) * blue + 0.8 * share * 250, 0, 255))


def noise(side: int = 400, cell: int = 1) -> Any:
    cells = np.random.default_rng(4).integers(0, 256, (side // cell, side // cell, 3)).astype(np.uint8)
    return np.repeat(np.repeat(cells, cell, axis=0), cell, axis=1)


SURE = disc(320, 0.25)


@pytest.mark.parametrize("spec", [SPEC, LARGE], ids=lambda spec: spec.id)
def test_a_sure_matte_of_a_clear_picture_shows_a_subject(spec: catalogue.ModelSpec) -> None:
    confidence = subject.confidence(disc(spec.side, 0.25), planes_of(ball(), spec), spec)
    assert confidence > 0.95
    assert subject.is_present(confidence, spec)


@pytest.mark.parametrize("radius", [0.02, 0.05, 0.45])
def test_the_size_of_the_subject_does_not_matter(radius: float) -> None:
    assert subject.confidence(disc(320, radius), planes_of(ball(radius=radius)), SPEC) > 0.95


@pytest.mark.parametrize("level", [0.0, 0.05, 0.3])
def test_a_matte_that_is_nowhere_sure_shows_no_subject(level: float) -> None:
    confidence = subject.confidence(SURE * np.float32(level), planes_of(ball()), SPEC)
    assert confidence == pytest.approx(level, abs=1e-3)
    assert not subject.is_present(confidence, SPEC)


def test_a_few_sure_pixels_in_a_haze_show_no_subject() -> None:
    haze = np.full((320, 320), 0.2, np.float32)
    haze[:4, :4] = 1.0
    assert not subject.is_present(subject.confidence(haze, planes_of(ball()), SPEC), SPEC)


@pytest.mark.parametrize("picture", [noise(), noise(cell=2), noise(cell=4), sky()], ids=["1", "2", "4", "sky"])
@pytest.mark.parametrize("spec", [SPEC, LARGE], ids=lambda spec: spec.id)
def test_a_sure_matte_of_noise_or_a_sky_shows_no_subject(picture: Any, spec: catalogue.ModelSpec) -> None:
    confidence = subject.confidence(disc(spec.side, 0.25), planes_of(picture, spec), spec)
    assert not subject.is_present(confidence, spec)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_sure_matte_of_a_flat_picture_shows_no_subject(level: int) -> None:
    flat = np.full((300, 400, 3), level, np.uint8)
    assert subject.confidence(SURE, planes_of(flat), SPEC) == 0.0


@pytest.mark.parametrize(("factor", "offset"), [(0.2, 0), (0.2, 150), (1.2, 0)])
def test_the_contrast_of_the_picture_does_not_matter(factor: float, offset: float) -> None:
    picture = np.uint8(np.clip(ball() * factor + offset, 0, 255))
    assert subject.confidence(SURE, planes_of(picture), SPEC) > 0.9


def test_a_grainy_picture_of_something_still_shows_it() -> None:
    grain = np.random.default_rng(5).normal(0, 20, (400, 400, 3))
    picture = np.uint8(np.clip(ball() + grain, 0, 255))
    assert subject.is_present(subject.confidence(SURE, planes_of(picture), SPEC), SPEC)


def test_a_difference_from_a_plate_needs_no_help_from_the_picture() -> None:
    picture = sky()
    assert subject.confidence(disc(400, 0.25), planes_of(picture, PLATE), PLATE) == 1.0


def test_a_picture_may_be_tiny_where_the_model_takes_any_size() -> None:
    any_size = replace(SPEC, side=0)
    tiny = np.zeros((3, 4, 4), np.uint8)
    assert subject.confidence(np.ones((4, 4), np.float32), tiny, any_size) == 0.0
    tiny[:, 0, 0] = 120
    assert 0.0 <= subject.confidence(np.ones((4, 4), np.float32), tiny, any_size) <= 1.0


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 50), (50, 2), (3, 3), (17, 15)])
def test_a_picture_of_a_few_pixels_is_judged_too(width: int, height: int) -> None:
    picture = np.random.default_rng(7).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert 0.0 <= subject.confidence(SURE, planes_of(picture), SPEC, min(width, height)) <= 1.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_matte_that_is_not_a_number_shows_no_subject(bad: float) -> None:
    raw = SURE.copy()
    raw[2, 2] = bad
    assert subject.confidence(raw, planes_of(ball()), SPEC) == 0.0


def test_mattes_beyond_0_and_1_count_as_these() -> None:
    raw = np.where(SURE > 0, 3.0, -2.0).astype(np.float32)
    assert subject.confidence(raw, planes_of(ball()), SPEC) == subject.confidence(SURE, planes_of(ball()), SPEC)


@pytest.mark.parametrize("level", [0.999999, 0.99999, 0.9999, 0.999])
@pytest.mark.parametrize("shape", [(320, 320), (1024, 1024), (2160, 3840)])
def test_a_subject_that_fills_the_frame_is_no_surer_than_sure(level: float, shape: tuple[int, int]) -> None:
    full = np.random.default_rng(8).uniform(level, 1.0, shape).astype(np.float32)
    planes = planes_of(ball(), PLATE)
    for matte in (full, np.full(shape, level, np.float32)):
        assert level - 1e-6 <= subject.confidence(matte, planes, PLATE) <= 1.0


def test_each_model_has_its_own_floor() -> None:
    strict = replace(SPEC, subject_floor=0.9)
    assert subject.is_present(0.8, SPEC)
    assert not subject.is_present(0.8, strict)
    assert subject.is_present(0.9, strict)
