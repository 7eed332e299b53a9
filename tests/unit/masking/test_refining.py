"""Refining a mask that is there, as requests ask for it: the band alone, what a person says, what is remembered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matted.inference.timing import Stopwatch
from matted.masking import matting
from matted.masking.finishing import Outcome
from matted.masking.matting import constraints
from matted.masking.picture import Picture
from matted.masking.refining import Refining
from matted.system.task import Task
from matted_client import Rejected
from matted_client.messages import RefineRequest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SIZE = WIDTH, HEIGHT = 900, 700
DISC = np.hypot(*np.ogrid[-350:350, -450:450]) < 200
VIEW = [0, 0, *SIZE, WIDTH // 2, HEIGHT // 2]


@pytest.fixture
def picture() -> Picture:
    grain = np.random.default_rng(3).integers(0, 12, (HEIGHT, WIDTH, 3))
    pixels = (np.where(DISC[:, :, np.newaxis], [190, 90, 60], [50, 90, 150]) + grain).astype(np.uint8)
    hint = DISC * np.uint8(255)
    return Picture(*SIZE, "RGB8", [pixels.reshape(-1).data, hint.reshape(-1).data], hint=True)


def ask(picture: Picture, task: Task | None = None, **fields: Any) -> Outcome:
    request = RefineRequest(picture=1, **fields)
    return Refining(task or Task(), request, picture, Stopwatch(time.monotonic())).run()


def band(picture: Picture, **fields: Any) -> NDArray[np.bool_]:
    outcome = ask(picture, band=True, **fields)
    assert set(np.unique(outcome.mask)) <= {0, np.iinfo(outcome.mask.dtype).max}
    assert (outcome.info.height, outcome.info.width) == outcome.mask.shape
    shown: NDArray[np.bool_] = outcome.mask > 0
    return shown


@pytest.mark.parametrize("reach", [5.0, 60.0, None])
def test_a_band_comes_without_any_alpha(picture: Picture, reach: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = band(picture, view=VIEW, reach=reach)

    def fail(*arguments: object) -> None:
        raise AssertionError("alpha was fitted")

    monkeypatch.setattr(matting, "fit", fail)
    picture.answers.clear()
    assert np.array_equal(band(picture, view=VIEW, reach=reach), expected) and expected.any()


@pytest.mark.parametrize(
    "said", [{}, {"keep": [[450, 40]], "drop": [[450, 350], [5, 5]]}, {"box": [300, 100, 640, 600]}]
)
@pytest.mark.parametrize("view", [None, VIEW])
def test_the_band_is_where_the_refined_mask_may_differ(
    picture: Picture, view: list[int] | None, said: dict[str, Any]
) -> None:
    """Differ from the mask that is there, with what the person said in it."""
    shown = band(picture, view=view, reach=12.0, **said)
    refined = ask(picture, view=view, reach=12.0, **said).mask
    assert set(np.unique(refined[~shown])) == {0, 255}
    step = 1 if view is None else 2
    given = DISC[::step, ::step] * np.uint8(255)
    rows, columns = np.mgrid[:HEIGHT:step, :WIDTH:step]
    marks = {(x, y) for points in (said.get("keep", []), said.get("drop", [])) for x, y in points}
    far = np.ones(given.shape, bool)
    for x, y in marks:
        far &= np.hypot(rows - y, columns - x) > 20
        assert not shown[y // step, x // step], "what a person says of a pixel is not made anew"
        assert shown[np.hypot(rows - y, columns - x) < 20].any() or (x, y) == (5, 5), "but the surroundings may be"
    left, top, right, bottom = said.get("box", (0, 0, *SIZE))
    inside = (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)
    assert not shown[~inside].any()
    assert np.array_equal(refined[far & ~shown], np.where(inside, given, 0)[far & ~shown])


def test_tuning_and_the_foreground_have_no_effect_on_the_band(picture: Picture) -> None:
    plain = ask(picture, band=True, view=VIEW, reach=9.0)
    tuned = ask(
        picture, band=True, view=VIEW, reach=9.0, grow=20, feather=9.0, threshold=0.2, invert=True, foreground=True
    )
    assert np.array_equal(plain.mask, tuned.mask) and tuned.foreground is None and not tuned.info.foreground
    assert plain.info.coverage == pytest.approx(plain.mask.mean() / 255, abs=1e-6)


def test_a_band_has_the_depth_that_is_asked_for(picture: Picture) -> None:
    shallow, deep = (ask(picture, band=True, view=VIEW, reach=9.0, depth=depth).mask for depth in (8, 16))
    assert deep.dtype == "<u2" and np.array_equal(deep, shallow * np.uint16(257))


def test_another_reach_does_not_look_at_the_mask_again(
    picture: Picture, counted: Callable[[object, str], list[None]]
) -> None:
    reductions = counted(constraints, "reduce")
    for reach in (2.0, 30.0, None, 31.0):
        band(picture, view=VIEW, reach=reach)
        ask(picture, view=VIEW, reach=reach)
    assert len(reductions) == 1
    band(picture, view=VIEW, reach=2.0, keep=[[9, 9]])
    assert len(reductions) == 2, "a mark is in the mask"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], list[None]]:
    """Return a list that gets longer whenever a function of a module is called."""

    def count(module: object, name: str) -> list[None]:
        calls: list[None] = []
        function = getattr(module, name)

        def call(*arguments: object) -> object:
            calls.append(None)
            return function(*arguments)

        monkeypatch.setattr(module, name, call)
        return calls

    return count


def test_a_band_that_nobody_waits_for_is_not_made(picture: Picture) -> None:
    task = Task()
    task.overtake()
    with pytest.raises(Rejected) as refusal:
        ask(picture, task, band=True, view=VIEW)
    assert refusal.value.code == "cancelled"


# -- a flat ground -----------------------------------------------------------------------------------------------------

RING = ((DISC & (np.hypot(*np.ogrid[-350:350, -450:450]) > 90)) * 1.0).astype(np.float32)
SPOT = (np.hypot(*np.ogrid[-60:640, -60:840]) < 30.0).astype(np.float32)


def drawing(rough: NDArray[np.bool_]) -> tuple[Picture, NDArray[np.float32]]:
    """Return a ring and a spot on white, anti-aliased, with a rough mask, and the alpha of each pixel."""
    shape = Image.fromarray((np.maximum(RING, SPOT) * 255).astype(np.uint8))
    alpha = np.asarray(shape.filter(ImageFilter.BoxBlur(1))) / np.float32(255)
    pixels = 255 + alpha[:, :, np.newaxis] * (np.array([190, 20, 60], np.float32) - 255)
    frames = [np.rint(pixels).astype(np.uint8).reshape(-1).data, (rough * np.uint8(255)).reshape(-1).data]
    return Picture(*SIZE, "RGB8", frames, hint=True), alpha


def keyed(picture: Picture, **fields: Any) -> Outcome:
    request = RefineRequest(picture=1, **fields)
    return Refining(Task(), request, picture, Stopwatch(time.monotonic()), keys=True).run()


def test_a_rough_mask_of_a_drawing_gets_its_alpha_and_leaves_out_what_it_does_not_cover() -> None:
    picture, alpha = drawing(np.hypot(*np.ogrid[-350:350, -450:450]) < 215)
    outcome = keyed(picture)
    wanted = alpha.copy()
    wanted[:200, :200] = 0  # the spot
    wanted[np.hypot(*np.ogrid[-350:350, -450:450]) < 120] = 1  # the rough mask has no hole
    assert outcome.info.ground == "colour" and outcome.info.model == ""
    assert np.abs(outcome.mask / 255 - wanted).max() <= 2 / 255


def test_a_hole_in_a_rough_mask_stays_a_hole() -> None:
    distance = np.hypot(*np.ogrid[-350:350, -450:450])
    picture, alpha = drawing((distance < 215) & (distance > 70))
    wanted = alpha.copy()
    wanted[:200, :200] = 0
    assert np.abs(keyed(picture).mask / 255 - wanted).max() <= 2 / 255
    assert np.abs(keyed(picture, depth=16).mask / 65535 - wanted).max() <= 2 / 255


def test_beyond_a_reach_the_mask_that_is_there_stays() -> None:
    distance = np.hypot(*np.ogrid[-350:350, -450:450])
    rough = (distance < 240) & (distance > 70)
    picture, alpha = drawing(rough)
    shown = keyed(picture, reach=10.0, band=True).mask > 0
    refined = keyed(picture, reach=10.0).mask
    assert np.array_equal(refined[~shown], rough[~shown] * np.uint8(255)) and not shown.all()
    assert np.abs(refined[shown] / 255 - alpha[shown]).max() <= 2 / 255
    assert keyed(picture, band=True).mask.all(), "with its own reach, all may be made anew"


def test_a_view_of_a_keyed_mask_is_the_mean_of_the_whole() -> None:
    picture, _ = drawing(np.hypot(*np.ogrid[-350:350, -450:450]) < 215)
    whole = keyed(picture).mask.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3))
    assert np.abs(keyed(picture, view=VIEW).mask - whole).max() <= 1
