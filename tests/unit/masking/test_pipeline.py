"""The pipeline with a fake engine: stages in their order, the second look, cancels in between, the held model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import TARGET, Engines, FakeStore, disc, model, paces
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.predictor import Predictor
from matted.inference.timing import Stopwatch
from matted.masking.finishing import Outcome
from matted.masking.picture import Picture
from matted.masking.pipeline import Pipeline
from matted.models.spec import ModelSpec
from matted.system.task import Task
from matted_client import Rejected
from matted_client.formats import BYTES_PER_PIXEL
from matted_client.messages import MaskRequest, Progress

SIDE = 96
SPEC = model("small")


class Recorder(Task):
    """A task that records its stages, and is cancelled at one of them."""

    def __init__(self, cancel_at: str = "") -> None:
        self.stages: list[str] = []
        self.cancel_at = cancel_at
        super().__init__()

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "progress" and isinstance(value, Progress):
            self.stages.append(value.stage)
            if value.stage == self.cancel_at:
                self.cancel()


class Harness:
    """Runs requests through a pipeline with a fake engine."""

    def __init__(self, folder: Path) -> None:
        self.engines = Engines()
        self.cache = ModelCache(1 << 40, lambda: 1 << 40, self.engines.clock)
        self.predictor = Predictor(
            FakeStore().as_store,
            self.cache,
            CompiledFiles(folder, 0),
            paces(folder),
            TARGET,
            self.engines,
            self.engines.clock,
        )

    def run(
        self,
        pixels: bytes | None = None,
        spec: ModelSpec = SPEC,
        task: Task | None = None,
        format: str = "RGB8",
        hint: bytes | None = None,
        **fields: Any,
    ) -> Outcome:
        """Make the mask of a square picture."""
        pixels = pixels or disc(SIDE)
        side = math.isqrt(len(pixels) // BYTES_PER_PIXEL[format])
        request = MaskRequest(width=side, height=side, format=format, **fields)
        task = task or Task()
        stopwatch = Stopwatch(self.engines.clock.now, self.engines.clock)
        with self.predictor.hold(task, spec, 60.0, stopwatch) as held:
            frames = [memoryview(pixels)] + ([] if hint is None else [memoryview(hint)])
            picture = Picture(side, side, format, frames, hint=hint is not None)
            return Pipeline(spec, task, request, picture, stopwatch).run(held)


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path)


def small_disc(side: int) -> bytes:
    """A disc that fills little of a picture, at its left upper corner."""
    picture = np.random.default_rng(2).integers(0, 20, (side, side, 3), np.uint8)
    size = side * 2 // 5
    picture[40 : 40 + size, 40 : 40 + size] = np.frombuffer(disc(size), np.uint8).reshape(size, size, 3)
    return picture.tobytes()


def test_the_mask_has_the_size_and_depth_that_were_asked_for(harness: Harness) -> None:
    eight, sixteen = harness.run(depth=8), harness.run(depth=16)
    assert (eight.mask.dtype, sixteen.mask.dtype) == (np.uint8, np.dtype("<u2"))
    assert eight.mask.shape == sixteen.mask.shape == (SIDE, SIDE)
    np.testing.assert_array_equal(eight.mask, np.rint(sixteen.mask / 257.0))
    assert eight.info.model == "small" and eight.info.confidence > 0.35 and not eight.info.second_look


def hazy_disc(side: int) -> bytes:
    """A disc that the fake model is not quite sure of, on a ground that it is not quite sure of either."""
    picture = np.frombuffer(disc(side), np.uint8).reshape(side, side, 3).copy()
    picture[..., 0] = np.clip(picture[..., 0], 6, 240)
    return picture.tobytes()


@pytest.mark.parametrize("depth", [8, 16])
def test_haze_and_doubt_are_cleared_for_every_depth_unless_the_models_own_answer_is_wanted(
    harness: Harness, depth: int
) -> None:
    side, full = 480, 2**depth - 1
    y, x = np.mgrid[0:side, 0:side]
    distance = np.hypot(x - side / 2, y - side / 2) - side / 3
    far, deep = distance > 0.09 * side, distance < -0.09 * side  # a sample of the fake model is 3 % of the side
    mask = harness.run(hazy_disc(side), depth=depth).mask
    assert mask[far].max() == 0 and mask[deep].min() == full
    own = harness.run(hazy_disc(side), depth=depth, edges="off").mask
    assert own[far].min() > 0 and own[deep].max() < full


def test_stages_are_reported_in_their_order_and_timed(harness: Harness) -> None:
    task = Recorder()
    outcome = harness.run(task=task, feather=2.0, foreground=True)
    order = [stage for index, stage in enumerate(task.stages) if index == 0 or task.stages[index - 1] != stage]
    assert order == ["waiting", "loading", "preparing", "inference", "edges", "mask", "colours"]
    stages = {"loading", "preparing", "waiting", "inference", "edges", "mask", "tuning", "colours"}
    assert set(outcome.info.timings) == stages and outcome.info.timings["inference"] == 1.0


def test_a_small_subject_gets_a_second_look_with_the_same_model(harness: Harness) -> None:
    outcome = harness.run(small_disc(800))
    (engine,) = harness.engines.made
    assert engine.inferences == 2 and outcome.info.second_look and "second_look" in outcome.info.timings
    once = harness.run(small_disc(800), second_look=False)
    assert engine.inferences == 2 and not once.info.second_look


def test_the_model_is_given_back_before_the_mask_is_rendered(harness: Harness) -> None:
    lent: list[bool] = []

    class Watcher(Recorder):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            if name == "progress" and value.stage == "mask":
                lent.append(harness.cache.resident()[0].expires_in == float("inf"))

    harness.run(task=Watcher(), edges="off")
    assert lent == [False]


def test_without_a_subject_there_is_no_mask_unless_it_is_wanted_anyway(harness: Harness) -> None:
    grey = bytes([90]) * (SIDE * SIDE * 3)
    with pytest.raises(Rejected) as refusal:
        harness.run(grey)
    assert refusal.value.code == "no_subject"
    assert harness.run(grey, anyway=True).info.confidence < 0.35


@pytest.mark.parametrize("level", [1, 128, 254])
def test_a_hint_that_leaves_all_undecided_says_nothing(harness: Harness, level: int) -> None:
    grey, undecided = bytes([90]) * (SIDE * SIDE * 3), bytes([level]) * (SIDE * SIDE)
    with pytest.raises(Rejected) as refusal:
        harness.run(grey, hint=undecided)
    assert refusal.value.code == "no_subject"
    for said in (0, 255):
        assert harness.run(grey, hint=bytes([said]) + undecided[1:]).mask.shape == (SIDE, SIDE)
    picture = small_disc(800)
    np.testing.assert_array_equal(harness.run(picture, hint=bytes([level]) * 800 * 800).mask, harness.run(picture).mask)


@pytest.mark.parametrize("stage", ["preparing", "edges", "mask", "colours"])
def test_a_cancel_at_any_stage_ends_the_request_and_gives_the_model_back(harness: Harness, stage: str) -> None:
    harness.run()
    with pytest.raises(Rejected) as refusal:
        harness.run(small_disc(800), task=Recorder(stage), foreground=True, grow=2, edges="fine")
    assert refusal.value.code == "cancelled"
    assert harness.cache.resident()[0].expires_in == 60.0


def test_invert_keeps_the_background(harness: Harness) -> None:
    kept, hidden = harness.run(edges="off").mask, harness.run(edges="off", invert=True).mask
    np.testing.assert_array_equal(hidden, 255 - kept)


def test_a_models_own_colours_are_used_but_not_for_the_background(harness: Harness) -> None:
    coloured = model("coloured", outputs=("alpha", "foreground"))
    outcome = harness.run(spec=coloured, foreground=True)
    assert outcome.foreground is not None and outcome.foreground.shape == (SIDE, SIDE, 4)
    middle = np.frombuffer(disc(SIDE), np.uint8).reshape(SIDE, SIDE, 3)[40:56, 40:56].mean(axis=(0, 1))
    np.testing.assert_allclose(outcome.foreground[40:56, 40:56, :3].mean(axis=(0, 1)), middle, atol=2)
    np.testing.assert_array_equal(outcome.foreground[:, :, 3], outcome.mask)
    inverted = harness.run(spec=coloured, foreground=True, invert=True)
    assert inverted.foreground is not None
    assert np.abs(inverted.foreground.astype(int) - outcome.foreground.astype(int)).max() > 20


def test_a_cut_out_comes_in_tiles_where_its_other_colours_are_the_pictures(harness: Harness) -> None:
    in_tiles, whole = harness.run(foreground=True, tiles=True), harness.run(foreground=True)
    assert in_tiles.info.tiles and in_tiles.tiles is not None and not whole.info.tiles and whole.tiles is None
    assert in_tiles.tiles.any() and in_tiles.foreground is not None
    np.testing.assert_array_equal(in_tiles.mask, whole.mask)
    assert not harness.run(tiles=True).info.tiles  # no colours are wanted
    own_colours = harness.run(spec=model("coloured", outputs=("alpha", "foreground")), foreground=True, tiles=True)
    assert not own_colours.info.tiles and own_colours.tiles is None


@pytest.mark.parametrize(("format", "order"), [("RGBA8", [0, 1, 2]), ("BGRA8", [2, 1, 0])])
def test_a_cut_out_has_the_order_and_the_transparency_of_the_picture(
    harness: Harness, format: str, order: list[int]
) -> None:
    rgb = np.frombuffer(disc(SIDE), np.uint8).reshape(SIDE, SIDE, 3)
    own = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE), np.uint8)
    pixels = np.dstack([rgb[:, :, order], own]).tobytes()
    plain, made = harness.run(foreground=True), harness.run(pixels, format=format, foreground=True)
    assert plain.foreground is not None and made.foreground is not None
    np.testing.assert_array_equal(plain.mask, made.mask)
    np.testing.assert_array_equal(plain.foreground[:, :, :3], made.foreground[:, :, order])
    np.testing.assert_array_equal(made.foreground[:, :, 3], np.rint(own.astype(float) * made.mask / 255))
