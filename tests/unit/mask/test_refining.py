"""Refining a mask that is there, as requests ask for it: the band alone, what a person says, what is remembered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matted.inference.timing import Stopwatch
from matted.mask import matting
from matted.mask.finishing import Outcome
from matted.mask.matting import constraints
from matted.mask.picture import Picture
from matted.mask.refining import Refining
from matted.system.task import Task
from matted_client import Rejected
from matted_client.messages import RefineRequest
from numpy.typing import NDArray

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
