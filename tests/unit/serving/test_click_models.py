"""Workers with a fake engine and models that take clicks: which one is asked, in which order, and what if it fails."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_for
from fakes import clickable, disc, model
from matted.inference.engines.engine import EngineDied
from matted.masking.picture import Picture
from matted.serving.jobs import Job
from matted_client import Rejected, messages
from matted_client.messages import Failure, MaskRequest, MaskResult
from worker_harness import WorkerHarness

SPECS = {name: model(name) for name in ("small", "other")}
SPECS |= {name: clickable(name) for name in ("best", "second")}
SPECS["plate"] = model("plate", inputs="image+plate")
SIDE, MIDDLE = 96, [48, 48]


class Harness(WorkerHarness):
    """Workers with two models that take clicks, and questions about one picture."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SPECS)
        self.picture = Picture(SIDE, SIDE, "RGB8", [memoryview(disc(SIDE))])
        self.numbers = itertools.count()

    def ask(self, name: str = "default", **fields: Any) -> Job:
        request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model=name, edges="off", **fields)
        job = Job(b"me", next(self.numbers), request, self.picture, next(self.times))
        self.queue.submit(job)
        return job

    def answer(self, name: str = "default", **fields: Any) -> Any:
        return self.finished.of(self.ask(name, **fields).id).message

    @property
    def loaded(self) -> list[str]:
        return [engine.spec.id for engine in self.engines.made]


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    one = Harness(tmp_path)
    yield one
    one.end()


def test_the_best_one_that_is_there_answers_and_the_model_of_the_request_after_it(harness: Harness) -> None:
    said = harness.answer(keep=[MIDDLE])
    assert isinstance(said, MaskResult) and (said.model, said.clicks_by) == ("small", "best")
    assert harness.loaded == ["best", "small"], "never both are held by a request that still loads"
    assert {"inference", "clicks", "hints"} <= said.timings.keys(), "of both"
    harness.store.missing.add("best")
    assert harness.answer("other", keep=[MIDDLE]).clicks_by == "second"
    harness.store.licences.refused.add("second")
    assert harness.answer("other", box=[9, 9, 90, 90]).clicks_by == ""


def test_nothing_is_loaded_for_who_points_at_nothing(harness: Harness) -> None:
    assert harness.answer().clicks_by == "" and harness.answer(drop=[[1, 1]]).clicks_by == ""
    assert harness.loaded == ["small"]


@pytest.mark.parametrize(("setting", "asked"), [("off", ""), ("second", "second")])
def test_the_settings_name_it(harness: Harness, setting: str, asked: str) -> None:
    harness.reload(clicks=setting)
    assert harness.answer(keep=[MIDDLE]).clicks_by == asked


def test_one_that_is_named_makes_the_mask_alone_whatever_the_settings_say(harness: Harness) -> None:
    harness.reload(clicks="off")
    said = harness.answer("second", keep=[MIDDLE])
    assert (said.model, said.clicks_by) == ("second", "second") and harness.loaded == ["second"]


@pytest.mark.parametrize("named", [False, True])
def test_without_memory_for_it_all_is_as_without_it_unless_it_is_named(harness: Harness, named: bool) -> None:
    if named:
        harness.reload(clicks="best")
    harness.engines.load_errors["best"] = [EngineDied("killed", killed=True)] * 2
    said = harness.answer(keep=[MIDDLE])
    if named:
        assert isinstance(said, Failure) and said.code == messages.OUT_OF_MEMORY
        return
    assert isinstance(said, MaskResult) and said.clicks_by == ""
    (warning,) = said.warnings
    assert warning.startswith("BEST was not asked: ")
    again = harness.answer(keep=[MIDDLE], grow=1)
    assert again.clicks_by == "" and harness.loaded.count("best") == 1, "it is not tried again for this picture"


def test_one_that_was_cut_short_gives_way_to_the_next_that_is_whole(harness: Harness) -> None:
    harness.store.cut_short.add("best")
    assert harness.answer(keep=[MIDDLE]).clicks_by == "second"


@pytest.mark.parametrize("how", ["spoilt", "cut_short"])
def test_one_that_is_damaged_is_not_asked_and_the_result_says_so(harness: Harness, how: str) -> None:
    getattr(harness.store, how).add("best")
    harness.store.missing.add("second")
    said = harness.answer(keep=[MIDDLE])
    assert isinstance(said, MaskResult) and (said.model, said.clicks_by) == ("small", "")
    assert said.warnings == ["BEST was not asked: The model best is damaged."]


def test_a_cancel_while_the_decoder_runs_ends_the_request_and_the_next_is_answered(harness: Harness) -> None:
    harness.answer(keep=[MIDDLE])
    gate = harness.engines.close_inferring("best")
    job = harness.ask(keep=[MIDDLE, [50, 50]])
    wait_for(gate.reached.is_set, "the decoder to begin")
    harness.queue.cancel(lambda each: each is job)
    ended = harness.finished.of(job.id).message
    assert isinstance(ended, Failure) and ended.code == messages.CANCELLED
    gate.open()
    assert harness.answer(keep=[MIDDLE, [50, 50]]).clicks_by == "best"
    assert sum(engine.inferences for engine in harness.engines.made) == 2, "each model saw the picture once"


def test_an_engine_that_has_died_since_is_loaded_anew_and_what_it_saw_is_still_known(harness: Harness) -> None:
    harness.answer(keep=[MIDDLE])
    harness.engines.made[0].die()
    said = harness.answer(keep=[MIDDLE, [50, 50]])
    assert said.clicks_by == "best" and harness.loaded == ["best", "small", "best"]
    assert harness.engines.made[-1].inferences == 0 and harness.engines.made[-1].decodings == 1


def test_a_picture_with_a_plate_is_left_to_what_compares(harness: Harness) -> None:
    pixels = memoryview(disc(SIDE))
    harness.picture = Picture(SIDE, SIDE, "RGB8", [pixels, memoryview(bytes(len(pixels)))], plate=True)
    assert harness.answer("plate", keep=[MIDDLE]).clicks_by == "" and harness.loaded == ["plate"]


def test_admission_wants_something_that_belongs_to_the_subject() -> None:
    from matted.serving import admission

    for fields in ({}, {"drop": [[1, 1]]}):
        with pytest.raises(Rejected) as refused:
            admission.check_clicks(MaskRequest(picture=1, **fields), SPECS["best"])
        assert refused.value.code == messages.CLICKS_NEEDED
    admission.check_clicks(MaskRequest(picture=1, keep=[[1, 1]]), SPECS["best"])
    admission.check_clicks(MaskRequest(picture=1, box=[1, 1, 5, 5]), SPECS["best"])
    admission.check_clicks(MaskRequest(picture=1), SPECS["small"])


@pytest.mark.parametrize("edges", ["off", "hair"])
def test_a_model_of_the_settings_that_takes_no_clicks_is_told_as_that(harness: Harness, edges: str) -> None:
    harness.reload(clicks="other")
    request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model="small", edges=edges, keep=[MIDDLE])
    harness.queue.submit(Job(b"me", 90, request, harness.picture, next(harness.times)))
    said = harness.finished.of(90).message
    assert isinstance(said, Failure) and said.code == "bad_request"
    assert said.message == "The settings name other for clicks, but it takes none."
    harness.reload(clicks="gone")
    said = harness.answer(keep=[MIDDLE])
    assert isinstance(said, Failure) and said.code == "model_not_found"
    assert harness.answer().clicks_by == "", "who points at nothing is not concerned"
