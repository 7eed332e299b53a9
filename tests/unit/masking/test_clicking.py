"""What a model that takes clicks is asked, which of its masks is taken, and what becomes of it beside another model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from asker import Asker
from fakes import clickable, disc, model
from matted.inference.asking.held import Encoded
from matted.inference.asking.prompts import Prompt
from matted.masking.interactive import Hints
from matted.masking.picture import Findings, Picture
from matted.masking.subject import clicking
from matted.models.arithmetic import Fit
from matted.models.spec import ModelSpec
from matted_client import Rejected
from numpy.typing import NDArray

SIDE = 96  # of the picture: a red disc on a dark ground
MIDDLE, CORNER = [48, 48], [3, 3]
SPEC, CLICKS = model("small"), clickable("clicks")


@pytest.fixture
def asker(tmp_path: Path) -> Asker:
    return Asker(tmp_path, SPEC, Picture(SIDE, SIDE, "RGB8", [memoryview(disc(SIDE))]), CLICKS)


def subject(mask: NDArray[np.uint8 | np.uint16]) -> NDArray[np.bool_]:
    return mask > 127


def inside(radius: float) -> NDArray[np.bool_]:
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    result: NDArray[np.bool_] = np.hypot(x - SIDE / 2, y - SIDE / 2) < radius
    return result


def test_a_click_is_answered_by_the_model_that_takes_clicks(asker: Asker) -> None:
    outcome = asker.ask(keep=[MIDDLE], edges="off")
    assert (outcome.info.model, outcome.info.clicks_by) == (SPEC.id, CLICKS.id)
    assert outcome.info.confidence == pytest.approx(0.9)
    assert (subject(outcome.mask) == inside(SIDE / 3)).mean() > 0.97
    assert (asker.inferences, asker.decodings) == (2, 1), "each model has seen the picture once"


def test_a_further_click_costs_the_decoder_alone(asker: Asker) -> None:
    asker.ask(keep=[MIDDLE])
    asker.ask(keep=[MIDDLE, [50, 40]])
    assert (asker.inferences, asker.decodings) == (2, 2), "the mask of the first click is known"
    asker.ask(keep=[MIDDLE, [50, 40]], drop=[CORNER])
    assert (asker.inferences, asker.decodings) == (2, 3)
    asker.ask(box=[20, 20, 90, 90])
    assert (asker.inferences, asker.decodings) == (2, 4), "no model is shown the box"
    asker.ask(box=[20, 20, 90, 90], grow=2)
    assert (asker.inferences, asker.decodings) == (2, 4), "what was found for the same hints is known"


def test_what_the_other_model_took_for_the_subject_is_left_out_without_a_trace(asker: Asker) -> None:
    outcome = asker.ask(keep=[CORNER], edges="off")
    assert not subject(outcome.mask)[inside(SIDE / 3 - 3)].any()
    assert subject(outcome.mask)[~inside(SIDE / 3 + 3)].mean() > 0.9
    assert outcome.mask[inside(SIDE / 3 - 4)].max() < 30, "no ring of the disc's own soft edge is left"


def test_nothing_is_outside_the_box_and_clicks_are_heeded(asker: Asker) -> None:
    outcome = asker.ask(box=[10, 10, 60, 90], drop=[MIDDLE], keep=[[30, 48]])
    mask = outcome.mask
    assert mask[48, 48] == 0 and mask[48, 30] == 255
    assert not mask[:, 60:].any() and not mask[:10].any()


@pytest.mark.parametrize("fields", [{}, {"drop": [CORNER]}])
def test_who_says_nothing_that_belongs_to_the_subject_is_answered_as_without(
    asker: Asker, fields: dict[str, list[list[int]]]
) -> None:
    outcome = asker.ask(**fields)
    assert outcome.info.clicks_by == "" and asker.decodings == 0


def test_a_hint_that_decides_pixels_is_left_to_what_understands_it(asker: Asker) -> None:
    known = np.full((SIDE, SIDE), 128, np.uint8)
    known[:4] = 0
    asker.picture = asker.picture.hinted(memoryview(known.tobytes()))
    outcome = asker.ask(keep=[MIDDLE])
    assert outcome.info.clicks_by == "" and asker.decodings == 0 and not outcome.mask[:4].any()


def test_alone_it_makes_the_mask_by_itself(tmp_path: Path) -> None:
    asker = Asker(tmp_path, CLICKS, Picture(SIDE, SIDE, "RGB8", [memoryview(disc(SIDE))]), CLICKS)
    outcome = asker.ask(keep=[MIDDLE], drop=[CORNER])
    assert (outcome.info.model, outcome.info.clicks_by) == (CLICKS.id, CLICKS.id)
    assert (subject(outcome.mask) == inside(SIDE / 3)).mean() > 0.97
    assert outcome.mask[48, 48] == 255 and outcome.mask[3, 3] == 0
    assert asker.inferences == 1


def test_a_model_that_cannot_be_used_is_gone_without(asker: Asker) -> None:
    from matted.inference.timing import Stopwatch
    from matted.masking.pipeline import Pipeline
    from matted.system.task import Task
    from matted_client.messages import MaskRequest

    pipeline = Pipeline(
        SPEC, Task(), MaskRequest(picture=1, keep=[MIDDLE]), asker.picture, Stopwatch(0.0), clicks=CLICKS
    )
    assert pipeline.needed == CLICKS
    pipeline.go_without(CLICKS, Rejected("out_of_memory", "Too little memory."))
    outcome = asker.ask(keep=[MIDDLE])
    assert outcome.info.clicks_by == "" and asker.decodings == 0
    assert outcome.info.warnings == ["CLICKS was not asked: Too little memory."]


# -- which of several masks --------------------------------------------------------------------------------------------


class Scripted:
    """A ClickModel with given answers. asked: the labels of each prompt, and whether there was an earlier mask."""

    def __init__(self, masks: list[NDArray[np.float32]], scores: list[float], spec: ModelSpec = CLICKS) -> None:
        self.spec = spec
        self.asked: list[tuple[list[float], bool]] = []
        self._answer = [np.stack(masks), np.float32(scores)]

    def encode(self, layer: object) -> Encoded:
        return Encoded([np.zeros((1, 4, 4), np.float32)], Fit((128, 128), (128, 128)), SIDE, SIDE, "CPU", "")

    def decode(
        self, encoded: Encoded, prompt: Prompt, earlier: NDArray[np.float32] | None
    ) -> list[NDArray[np.float32]]:
        self.asked.append((prompt.labels.tolist(), earlier is not None))
        return self._answer


def plain(*values: float) -> list[NDArray[np.float32]]:
    return [np.full((32, 32), value, np.float32) for value in values]


def found(scripted: Scripted, hints: Hints) -> clicking.Clicked:
    layer = Picture(SIDE, SIDE, "RGB8", [memoryview(disc(SIDE))]).layers[0]
    return clicking.find(scripted, layer, hints, Findings())[0]


def chosen(scripted: Scripted, hints: Hints) -> float:
    """Return the raw value of the mask that was taken."""
    matte = found(scripted, hints).matte
    return float(np.log(matte / (1 - matte)).mean())


def test_of_one_clicks_masks_the_best_by_its_own_score_is_taken() -> None:
    assert chosen(Scripted(plain(1, 2, 3), [0.2, 0.9, 0.5]), Hints(keep=((5, 5),))) == pytest.approx(2, abs=1e-3)


def test_of_four_masks_the_first_is_for_more_than_a_place() -> None:
    four = Scripted(plain(1, 2, 3, 4), [0.99, 0.2, 0.9, 0.5])
    assert chosen(four, Hints(keep=((5, 5),))) == pytest.approx(3, abs=1e-3)
    assert chosen(four, Hints(box=(5, 5, 60, 60))) == pytest.approx(1, abs=1e-3)
    assert chosen(four, Hints(keep=((5, 5), (9, 9)))) == pytest.approx(1, abs=1e-3)


def test_a_mask_that_contradicts_a_click_is_not_taken() -> None:
    left, right = plain(-2)[0], plain(-3)[0]
    left[:, :16], right[:, 16:] = 2, 3
    scripted = Scripted([left, right, *plain(4)], [0.5, 0.9, 0.95])
    matte = found(scripted, Hints(keep=((5, 5),), drop=((90, 5),))).matte
    assert matte[5, 5] > 0.8 and matte[5, -5] < 0.2


def test_the_answer_to_the_first_click_goes_with_the_others() -> None:
    scripted = Scripted(plain(1, 2), [0.2, 0.9])
    found(scripted, Hints(keep=((5, 5), (9, 9)), drop=((50, 50),)))
    assert scripted.asked == [([1], False), ([1, 1, 0], True)]
    boxed = Scripted(plain(1, 2), [0.2, 0.9])
    found(boxed, Hints(box=(5, 5, 60, 60), drop=((50, 50),)))
    assert boxed.asked == [([2, 3], False), ([2, 3, 0], True)]


def test_what_is_beyond_the_picture_is_no_part_of_the_matte() -> None:
    wide = Scripted([np.where(np.arange(32)[:, np.newaxis] < 24, 5, -5) * np.ones((32, 32), np.float32)], [0.5])
    wide.encode = lambda layer: Encoded([], Fit((128, 128), (96, 128)), 4, 3, "CPU", "")  # type: ignore[method-assign]
    layer = Picture(4, 3, "GRAY8", [memoryview(bytes(12))]).layers[0]
    matte = clicking.find(wide, layer, Hints(keep=((1, 1),)), Findings())[0].matte
    assert matte.shape == (48, 64) and matte.min() > 0.4
