"""The workers with a fake engine: order of replies, loads beside masks, cancels at each point, errors."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_for
from fakes import Gate, disc, drawn, model
from matted.inference.engines.engine import EngineDied
from matted.inference.layer import Layer
from matted.masking import ground
from matted.masking.ground import Ground
from matted.masking.keyer import Keyed
from matted.masking.picture import Picture
from matted.masking.pipeline import Outcome, Pipeline
from matted.models import catalogue
from matted.serving.jobs import Job
from matted.serving.workers import WORKERS
from matted_client.messages import Done, Failure, Load, MaskRequest, MaskResult, RefineRequest
from worker_harness import WorkerHarness

SPECS = {name: model(name) for name in ("small", "large", "third")}
SPECS["plate"] = model("plate", inputs="image+plate")
SPECS["refiner"] = model("refiner", inputs="image+trimap", fit="letterbox")
FLAT = catalogue.load().find("flat")
SIDE = 96


class Harness(WorkerHarness):
    """Workers with models of every kind, and questions for them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, {**SPECS, FLAT.id: FLAT}, **settings)

    def mask(self, request_id: int, name: str = "small", peer: bytes = b"me", **fields: Any) -> Job:
        return self.mask_of(disc(SIDE), request_id, name, peer, **fields)

    def mask_of(self, pixels: bytes, request_id: int, name: str = "default", peer: bytes = b"me", **fields: Any) -> Job:
        """Ask for the mask of a picture: SIDE x SIDE, RGB8."""
        return self.about(Picture(SIDE, SIDE, "RGB8", [memoryview(pixels)]), request_id, name, peer, **fields)

    def about(
        self, picture: Picture, request_id: int, name: str = "default", peer: bytes = b"me", **fields: Any
    ) -> Job:
        fields = {"edges": "off", **fields}
        request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model=name, **fields)
        return self.submit(Job(peer, request_id, request, picture, next(self.times)))

    def refine(self, request_id: int, pixels: bytes | None = None, **fields: Any) -> Job:
        """Ask for the refinement of a mask of a picture: a square a little larger than the disc."""
        hint = bytearray(SIDE * SIDE)
        for row in range(SIDE // 5, SIDE - SIDE // 5):
            hint[row * SIDE + SIDE // 5 : (row + 1) * SIDE - SIDE // 5] = b"\xff" * (SIDE - 2 * (SIDE // 5))
        frames = [memoryview(pixels or disc(SIDE)), memoryview(hint)]
        request = RefineRequest(width=SIDE, height=SIDE, format="RGB8", hint=True, **fields)
        picture = Picture(SIDE, SIDE, "RGB8", frames, hint=True)
        return self.submit(Job(b"me", request_id, request, picture, next(self.times)))

    def made(self, name: str) -> list[Any]:
        """Return the engines of a model that were made."""
        return [engine for engine in self.engines.made if engine.spec.id == name]

    def load(self, request_id: int, name: str = "small", **fields: Any) -> Job:
        return self.submit(Job(b"me", request_id, Load(name, **fields), submitted=self.clock.now))

    def submit(self, job: Job) -> Job:
        self.queue.submit(job)
        return job


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    one = Harness(tmp_path)
    yield one
    one.end()


def result(reply: Any) -> MaskResult:
    assert isinstance(reply.message, MaskResult), reply.message
    return reply.message


def failure(reply: Any) -> Failure:
    assert isinstance(reply.message, Failure), reply.message
    return reply.message


def test_a_mask_request_becomes_a_result_and_its_pixels(harness: Harness) -> None:
    harness.mask(7)
    reply = harness.finished.of(7)
    assert result(reply).model == "small" and (reply.peer, reply.id) == (b"me", 7)
    (mask,) = reply.frames
    assert len(mask) == SIDE * SIDE and mask[SIDE * SIDE // 2 + SIDE // 2] > 200 and mask[0] == 0


def test_the_default_model_is_that_of_the_settings(harness: Harness) -> None:
    harness.mask(1, "default")
    assert result(harness.finished.of(1)).model == "small"


def test_a_load_is_done_when_the_model_is_in_memory(harness: Harness) -> None:
    harness.load(1)
    assert isinstance(harness.finished.of(1).message, Done)
    assert harness.cache.holds(SPECS["small"]) and harness.engines.made[0].inferences == 0


# -- loads beside masks ------------------------------------------------------------------------------------------------


def test_masks_of_a_warm_model_are_made_while_others_load_and_download(harness: Harness) -> None:
    """With more loads than workers: if a load took a worker, none would be left."""
    harness.load(1)
    harness.finished.of(1)
    loading = harness.engines.close_loading("large")
    harness.store.missing.add("third")
    harness.store.downloading.close()
    slow = [harness.load(2, "large"), harness.mask(3, "large"), harness.load(4, "third", download=True)]
    assert loading.reached.wait(60) and harness.store.downloading.reached.wait(60)
    assert len(slow) > WORKERS
    harness.mask(5)
    assert result(harness.finished.of(5))
    assert [reply.id for reply in harness.finished.replies] == [1, 5]
    loading.open()
    harness.store.downloading.open()
    assert result(harness.finished.of(3)) and harness.finished.of(2) and harness.finished.of(4)


def test_requests_for_a_model_that_is_being_loaded_wait_in_the_queue_and_are_loaded_once(harness: Harness) -> None:
    loading = harness.engines.close_loading("small")
    for request_id in range(1, 6):
        harness.mask(request_id)
    assert loading.reached.wait(60)
    waiting = [job.id for _, job in harness.queue.unfinished()]
    assert waiting == [1, 2, 3, 4, 5]
    assert [thread.name for thread in threading.enumerate()].count("loads small") == 1
    assert [job.id for job in harness.queue._waiting[(b"me", None)]] == [2, 3, 4, 5]  # none of them holds a thread
    loading.open()
    assert all(result(harness.finished.of(request_id)) for request_id in range(1, 6))
    assert len(harness.engines.made) == 1


def test_a_load_takes_a_worker_where_the_system_has_no_more_threads(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    harness.mask(1)
    assert result(harness.finished.of(1))
    harness.mask(2)
    assert result(harness.finished.of(2))


def test_requests_do_not_wait_for_the_mask_of_the_request_that_loaded_their_model(harness: Harness) -> None:
    inferring = harness.engines.close_inferring("small")
    harness.mask(1)
    harness.load(2)
    assert inferring.reached.wait(60)
    assert isinstance(harness.finished.of(2).message, Done)
    inferring.open()
    assert result(harness.finished.of(1))


def test_after_a_load_that_failed_the_next_request_tries_again(harness: Harness) -> None:
    harness.engines.load_errors["small"] = [RuntimeError("no"), RuntimeError("no")]
    harness.mask(1)
    harness.mask(2)
    outcomes = {type(harness.finished.of(request_id).message) for request_id in (1, 2)}
    assert outcomes == {Failure, MaskResult}


def test_no_more_masks_are_made_at_once_than_there_are_workers(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that loads a model also makes the mask of its request."""
    making, most, lock = 0, 0, threading.Lock()
    render = Pipeline.run

    def counted(pipeline: Pipeline, model: Any) -> Outcome:
        nonlocal making, most
        with lock:
            making += 1
            most = max(most, making)
        try:
            return render(pipeline, model)
        finally:
            with lock:
                making -= 1

    monkeypatch.setattr(Pipeline, "run", counted)
    gates = [harness.engines.close_inferring(name) for name in SPECS]
    for number, name in enumerate(SPECS, 1):
        harness.mask(number, name)
    wait_for(lambda: making == WORKERS, "the masks")
    assert len(harness.cache.resident()) == WORKERS  # the third would only take room, and could not make any
    for gate in gates:
        gate.open()
    assert all(result(harness.finished.of(number)) for number in (1, 2, 3))
    assert most == WORKERS < len(SPECS)


# -- order and ends ----------------------------------------------------------------------------------------------------


def test_a_job_is_over_before_its_reply_can_be_sent(harness: Harness) -> None:
    """So no progress message follows its result."""
    for request_id in range(1, 30):
        harness.mask(request_id)
    seen = 0

    def look() -> bool:
        nonlocal seen
        for reply in harness.workers.collect():
            seen += 1
            assert not harness.queue.contains(reply.peer, reply.id)
        return seen == 29

    wait_for(look, "all replies")


def test_what_waits_when_the_queue_closes_never_runs_and_what_runs_is_finished(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    loading = harness.engines.close_loading("small")
    harness.mask(1)
    assert loading.reached.wait(60)
    harness.mask(2)
    assert [job.id for job in harness.queue.close()] == [2]
    assert not harness.workers.ended()
    loading.open()
    assert result(harness.finished.of(1))
    wait_for(harness.workers.ended, "the end of the workers")
    assert [reply.id for reply in harness.finished.replies] == [1]


# -- cancelling --------------------------------------------------------------------------------------------------------


def test_a_cancel_while_loading_fails_that_request_alone(harness: Harness) -> None:
    loading = harness.engines.close_loading("small")
    job = harness.mask(1)
    assert loading.reached.wait(60)
    harness.mask(2)
    job.cancel()
    assert failure(harness.finished.of(1)).code == "cancelled"
    assert result(harness.finished.of(2))


def test_a_cancel_while_inferring(harness: Harness) -> None:
    inferring = harness.engines.close_inferring("small")
    job = harness.mask(1)
    assert inferring.reached.wait(60)
    job.cancel()
    assert failure(harness.finished.of(1)).code == "cancelled"
    harness.mask(2)
    assert result(harness.finished.of(2)) and len(harness.engines.made) == 1


def test_a_cancel_while_waiting_for_another_inference(harness: Harness) -> None:
    inferring = harness.engines.close_inferring("small")
    harness.mask(1)
    assert inferring.reached.wait(60)
    job = harness.mask(2, threshold=0.5)
    wait_for(lambda: job.progress.stage == "preparing" or job.progress.stage == "waiting", "the second to be taken")
    job.cancel()
    inferring.open()
    assert result(harness.finished.of(1))
    reply = harness.finished.of(2)
    assert failure(reply).code == "cancelled"


# -- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (MemoryError(), "out_of_memory", "There is not enough memory for this picture."),
        (OSError(28, "No space left on device"), "internal", "No space left on device"),
        (ValueError("a fault of ours"), "internal", "The matted daemon failed on this request"),
        (RuntimeError("a fault of OpenVINO's"), "internal", "OpenVINO cannot run SMALL: a fault of OpenVINO's."),
    ],
)
def test_an_error_becomes_a_message_and_the_next_request_works(
    harness: Harness, error: Exception, code: str, sentence: str
) -> None:
    harness.engines.infer_errors["small"] = [error]
    harness.mask(1)
    reported = failure(harness.finished.of(1))
    assert reported.code == code and sentence in reported.message and reported.hint
    harness.mask(2)
    assert result(harness.finished.of(2))


def test_a_crash_is_tried_once_more(harness: Harness) -> None:
    harness.engines.infer_errors["small"] = [EngineDied("a crash")]
    harness.mask(1)
    assert result(harness.finished.of(1)) and len(harness.engines.made) == 2


def test_an_unknown_model_is_refused(harness: Harness) -> None:
    harness.mask(1, "unheard-of")
    assert failure(harness.finished.of(1)).code == "model_not_found"


# -- how long models stay ----------------------------------------------------------------------------------------------


def expires_in(harness: Harness) -> float:
    (resident,) = harness.cache.resident()
    return resident.expires_in


def test_a_model_stays_for_the_time_of_the_settings_whatever_a_client_asks(harness: Harness) -> None:
    harness.mask(1, keep_alive=5.0)
    harness.finished.of(1)
    assert expires_in(harness) == 600.0


def test_a_client_may_ask_for_another_time_where_the_settings_allow_it(tmp_path: Path) -> None:
    harness = Harness(tmp_path, client_keep_alive=True)
    harness.mask(1, keep_alive=5.0)
    harness.finished.of(1)
    assert expires_in(harness) == 5.0
    harness.end()


def test_the_preloaded_model_stays_for_good(tmp_path: Path) -> None:
    harness = Harness(tmp_path, preload="small")
    harness.mask(1)
    harness.finished.of(1)
    assert expires_in(harness) == math.inf
    harness.end()


def test_an_unused_model_is_unloaded_when_its_time_is_up(harness: Harness) -> None:
    harness.mask(1)
    harness.finished.of(1)
    harness.clock.now += 601
    harness.queue.wake_worker()
    wait_for(lambda: harness.engines.made[0].closed, "the model to be unloaded")


# -- flat grounds ------------------------------------------------------------------------------------------------------


class Looks:
    """The searches for grounds. A gate is passed before each; count: how many there were."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.count = 0
        self.error: Exception | None = None
        self._find = ground.find

    def __call__(self, layer: Layer) -> Ground | None:
        self.count += 1
        self.gate.wait()
        if self.error is not None:
            raise self.error
        return self._find(layer)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    counted = Looks()
    monkeypatch.setattr(ground, "find", counted)
    return counted


def drawing() -> Picture:
    return Picture(SIDE, SIDE, "RGB8", [memoryview(drawn(SIDE))])


def photograph() -> Picture:
    return Picture(SIDE, SIDE, "RGB8", [memoryview(disc(SIDE))])


def test_a_flat_ground_needs_no_model(harness: Harness) -> None:
    harness.store.missing.add("small")
    harness.store.licences.refused.add("small")
    harness.mask_of(drawn(SIDE), 1)
    reply = harness.finished.of(1)
    info = result(reply)
    assert (info.model, info.device, info.chosen) == ("flat", "", True)
    assert (info.ground, info.ground_colour) == ("colour", [255, 255, 255])
    mask = reply.frames[0]
    assert mask[SIDE * SIDE // 2 + SIDE // 2] == 255 and mask[0] == 0
    assert harness.engines.made == [] and harness.cache.resident() == []
    assert harness.workers.chosen == {
        "model": "flat",
        "ground": "colour",
        "ground_colour": [255, 255, 255],
        "chosen": True,
        "reason": "",
    }


def test_a_photograph_gets_the_model_and_is_looked_at_once(harness: Harness, looks: Looks) -> None:
    picture = photograph()
    for request_id in (1, 2):
        harness.about(picture, request_id)
        info = result(harness.finished.of(request_id))
        assert (info.model, info.ground, info.ground_colour, info.chosen) == ("small", "", [], False)
    assert looks.count == 1 and len(harness.engines.made) == 1
    said = {"model": "small", "ground": "", "ground_colour": [], "chosen": False, "reason": ""}
    assert harness.workers.chosen == said


def test_who_names_a_model_gets_that_one_and_nobody_looks(harness: Harness, looks: Looks) -> None:
    harness.mask_of(drawn(SIDE), 1, "small")
    info = result(harness.finished.of(1))
    assert (info.model, info.chosen) == ("small", False) and looks.count == 0


def test_who_names_flat_gets_that_and_did_not_have_it_chosen(harness: Harness) -> None:
    harness.mask_of(drawn(SIDE), 1, "flat")
    info = result(harness.finished.of(1))
    assert (info.model, info.ground, info.chosen) == ("flat", "colour", False) and harness.engines.made == []


def test_nobody_looks_where_the_setting_says_so(tmp_path: Path, looks: Looks) -> None:
    harness = Harness(tmp_path, flat_ground="off")
    harness.mask_of(drawn(SIDE), 1)
    assert result(harness.finished.of(1)).model == "small" and looks.count == 0
    harness.end()


def test_where_flat_is_the_default_model_it_was_not_chosen(harness: Harness) -> None:
    harness.reload(model="flat")
    harness.mask_of(drawn(SIDE), 1)
    info = result(harness.finished.of(1))
    assert (info.model, info.chosen) == ("flat", False)


def test_nobody_looks_at_a_picture_with_a_plate(tmp_path: Path, looks: Looks) -> None:
    harness = Harness(tmp_path)
    harness.reload(model="plate")
    pixels = memoryview(drawn(SIDE))
    request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", plate=True, edges="off")
    harness.submit(Job(b"me", 1, request, Picture(SIDE, SIDE, "RGB8", [pixels, pixels], plate=True)))
    assert result(harness.finished.of(1)).model == "plate" and looks.count == 0
    harness.end()


def test_a_drawing_does_not_wait_while_the_model_loads(harness: Harness) -> None:
    loading = harness.engines.close_loading("small")
    harness.mask_of(disc(SIDE), 1)
    assert loading.reached.wait(60)
    for request_id in (2, 3):
        harness.mask_of(disc(SIDE), request_id)
    harness.mask_of(drawn(SIDE), 4)
    assert result(harness.finished.of(4)).chosen
    assert [reply.id for reply in harness.finished.replies] == [4]
    loading.open()
    assert all(result(harness.finished.of(request_id)).model == "small" for request_id in (1, 2, 3))
    assert len(harness.engines.made) == 1


def test_a_photograph_that_was_looked_at_keeps_its_turn(harness: Harness, looks: Looks) -> None:
    """Two clients ask for three masks each, while all of the workers look at the first two."""
    looks.gate.close()
    for number in range(3):
        harness.mask_of(disc(SIDE), 10 + number, peer=b"one")
        harness.mask_of(disc(SIDE), 20 + number, peer=b"two")
    wait_for(lambda: looks.count == WORKERS, "the looks")
    loading = harness.engines.close_loading("small")
    looks.gate.open()
    assert loading.reached.wait(60)
    wait_for(lambda: looks.count == 6, "the looks at all of them")
    wait_for(lambda: len(harness.queue._running) == 1, "all but the one that loads the model to wait again")
    first, *others = [(job.peer, job.id) for _, job in harness.queue.unfinished()]
    assert first in [(b"one", 10), (b"two", 20)]
    for peer in (b"one", b"two"):
        numbers = [number for each, number in [first, *others] if each == peer]
        assert numbers == sorted(numbers)
    assert [peer for peer, _ in others[:4]].count(b"one") == 2
    loading.open()
    assert all(result(harness.finished.of(each)) for each in (10, 11, 12, 20, 21, 22))


def test_a_cancel_while_the_ground_is_looked_for(harness: Harness, looks: Looks) -> None:
    looks.gate.close()
    jobs = [harness.mask_of(disc(SIDE), 1), harness.mask_of(drawn(SIDE), 2)]
    wait_for(lambda: looks.count == 2, "the looks")
    harness.queue.cancel(lambda job: job in jobs)
    looks.gate.open()
    assert [failure(harness.finished.of(each)).code for each in (1, 2)] == ["cancelled"] * 2
    assert harness.engines.made == [] and harness.queue.unfinished() == []


def test_a_shutdown_while_the_ground_is_looked_for(tmp_path: Path, looks: Looks) -> None:
    """A flat picture is finished. Another would have to wait for its model."""
    harness = Harness(tmp_path)
    looks.gate.close()
    harness.mask_of(disc(SIDE), 1)
    harness.mask_of(drawn(SIDE), 2)
    wait_for(lambda: looks.count == 2, "the looks")
    assert harness.queue.close() == []
    looks.gate.open()
    assert failure(harness.finished.of(1)).code == "shutting_down"
    assert result(harness.finished.of(2)).chosen
    wait_for(harness.workers.ended, "the end of the workers")
    assert harness.engines.made == []


def test_a_reload_while_the_ground_is_looked_for_changes_nothing_for_that_picture(
    harness: Harness, looks: Looks
) -> None:
    looks.gate.close()
    harness.mask_of(drawn(SIDE), 1)
    wait_for(lambda: looks.count == 1, "the look")
    harness.reload(flat_ground="off")
    looks.gate.open()
    assert result(harness.finished.of(1)).model == "flat"
    harness.mask_of(drawn(SIDE), 2)
    assert result(harness.finished.of(2)).model == "small"
    harness.reload(flat_ground="auto")
    harness.mask_of(drawn(SIDE), 3)
    assert result(harness.finished.of(3)).model == "flat"


def test_an_even_ground_alone_is_no_subject_and_no_model_is_asked(harness: Harness) -> None:
    harness.mask_of(bytes([255]) * (SIDE * SIDE * 3), 1)
    assert failure(harness.finished.of(1)).code == "no_subject"
    assert harness.engines.made == [] and harness.workers.chosen is None


def test_an_error_while_the_ground_is_looked_for_is_answered(harness: Harness, looks: Looks) -> None:
    looks.error = MemoryError()
    harness.mask_of(drawn(SIDE), 1)
    assert failure(harness.finished.of(1)).code == "out_of_memory"
    looks.error = None
    harness.mask_of(drawn(SIDE), 2)
    assert result(harness.finished.of(2)).chosen


def test_flat_does_not_prolong_the_life_of_a_model(harness: Harness) -> None:
    harness.mask(1)
    harness.finished.of(1)
    harness.clock.now += 500
    harness.mask_of(drawn(SIDE), 2)
    assert result(harness.finished.of(2)).model == "flat"
    assert expires_in(harness) == 100.0


def test_no_more_masks_of_flat_grounds_are_made_at_once_than_there_are_workers(harness: Harness, looks: Looks) -> None:
    """The masks of models are at work in threads of their own."""
    gates = [harness.engines.close_inferring(name) for name in ("small", "large")]
    for request_id, name in enumerate(("small", "large"), 1):
        harness.mask(request_id, name)
    wait_for(lambda: harness.workers._here.taken == WORKERS, "the masks of the models")
    harness.mask_of(drawn(SIDE), 3)
    harness.queue.recheck()
    assert looks.count == 0 and [job.id for job in harness.queue._waiting[(b"me", None)]] == [3]
    for gate in gates:  # one of them infers, whichever was loaded first, and the other waits for it
        gate.open()
    assert result(harness.finished.of(3)).chosen
    assert result(harness.finished.of(1)) and result(harness.finished.of(2))


def test_a_flat_ground_that_does_not_suffice_is_left_to_the_model(
    harness: Harness, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That takes a closer look, as much work as a mask."""
    monkeypatch.setattr(Keyed, "suffices", property(lambda keyed: False))
    picture = drawing()
    looks.gate.close()
    harness.about(picture, 1)
    wait_for(lambda: looks.count == 1, "the look")
    assert harness.workers._here.taken == 1
    looks.gate.open()
    assert result(harness.finished.of(1)).model == "small"
    harness.about(picture, 2)
    assert not result(harness.finished.of(2)).chosen
    assert looks.count == 1 and len(harness.engines.made) == 1


def test_a_flat_picture_is_looked_at_once_whatever_is_asked_of_it(harness: Harness, looks: Looks) -> None:
    picture = drawing()
    for request_id, fields in enumerate(({}, {"holes": "keep"}, {"view": [0, 0, 48, 48, 24, 24]}), 1):
        harness.about(picture, request_id, **fields)
        assert result(harness.finished.of(request_id)).chosen
    assert looks.count == 1


# -- a model that refines ----------------------------------------------------------------------------------------------


def test_hair_and_masks_that_are_there_are_refined_by_the_model_that_is_there(harness: Harness) -> None:
    harness.mask(1, edges="hair")
    hair = result(harness.finished.of(1))
    assert (hair.model, hair.refined_by) == ("small", "refiner")
    assert hair.timings.keys() >= {"inference", "refining"}
    harness.refine(2)
    refined = result(harness.finished.of(2))
    assert (refined.model, refined.refined_by) == ("", "refiner")
    harness.mask(3, edges="fine")
    assert result(harness.finished.of(3)).refined_by == ""
    harness.refine(4, band=True)
    assert result(harness.finished.of(4)).refined_by == ""
    (engine,) = harness.made("refiner")
    assert engine.inferences >= 2


def test_where_none_is_there_or_wanted_matted_refines_by_itself(tmp_path: Path) -> None:
    harness = Harness(tmp_path, refiner="off")
    harness.mask(1, edges="hair")
    harness.refine(2)
    assert result(harness.finished.of(1)).refined_by == result(harness.finished.of(2)).refined_by == ""
    harness.reload(refiner="auto")
    harness.store.missing.add("refiner")
    harness.mask(3, edges="hair")
    assert result(harness.finished.of(3)).refined_by == ""
    harness.store.missing.clear()
    harness.store.licences.refused.add("refiner")
    harness.refine(4)
    assert result(harness.finished.of(4)).refined_by == "" and not harness.made("refiner")
    harness.end()


def test_the_settings_may_name_one(tmp_path: Path) -> None:
    harness = Harness(tmp_path, refiner="refiner")
    harness.mask(1, edges="hair")
    assert result(harness.finished.of(1)).refined_by == "refiner"
    harness.store.missing.add("third")
    for number, (name, code) in enumerate([("small", "bad_request"), ("nonesuch", "model_not_found")], 2):
        harness.reload(refiner=name)
        harness.refine(number)
        assert failure(harness.finished.of(number)).code == code
        harness.mask(number + 10, edges="fine")
        assert isinstance(harness.finished.of(number + 10).message, MaskResult), "what needs none is made all the same"
    harness.end()


def test_one_that_the_settings_name_has_to_be_there(tmp_path: Path) -> None:
    harness = Harness(tmp_path, refiner="refiner")
    harness.store.missing.add("refiner")
    harness.refine(1)
    assert failure(harness.finished.of(1)).code == "model_not_installed"
    harness.end()


def test_other_masks_are_made_while_it_loads(harness: Harness) -> None:
    harness.load(1)
    harness.finished.of(1)
    loading = harness.engines.close_loading("refiner")
    waiting = [harness.refine(2), harness.refine(3), harness.mask(4, edges="hair")]
    assert loading.reached.wait(60)
    for number in range(5, 8):
        harness.mask(number)
        assert result(harness.finished.of(number)).model == "small"
    assert not {reply.id for reply in harness.finished.replies} & {job.id for job in waiting}
    loading.open()
    assert {result(harness.finished.of(job.id)).refined_by for job in waiting} == {"refiner"}
    assert len(harness.made("refiner")) == 1


def test_a_cancel_while_it_loads_ends_the_request(harness: Harness) -> None:
    loading = harness.engines.close_loading("refiner")
    job = harness.refine(1)
    assert loading.reached.wait(60)
    job.cancel()
    assert failure(harness.finished.of(1)).code == "cancelled"
    loading.open()
    harness.refine(2)
    assert result(harness.finished.of(2)).refined_by == "refiner"


def test_a_flat_ground_does_not_have_it_loaded(harness: Harness) -> None:
    harness.refine(1, drawn(SIDE))
    reply = result(harness.finished.of(1))
    assert reply.ground and reply.refined_by == "" and not harness.made("refiner")


def test_what_was_refined_once_is_not_asked_again(harness: Harness) -> None:
    picture = Picture(SIDE, SIDE, "RGB8", [memoryview(disc(SIDE))])
    for number, fields in enumerate([{}, {"feather": 2.0}, {"grow": 3}, {"view": [0, 0, SIDE, SIDE, 24, 24]}], 1):
        harness.about(picture, number, "small", edges="hair", **fields)
        assert result(harness.finished.of(number)).refined_by == "refiner"
        if number == 1:
            (engine,) = harness.made("refiner")
            inferences = engine.inferences
    assert engine.inferences == inferences


@pytest.mark.parametrize("how", ["spoilt", "cut_short"])
@pytest.mark.parametrize("setting", ["auto", "refiner"])
def test_one_that_is_damaged_is_gone_without_unless_the_settings_name_it(
    tmp_path: Path, setting: str, how: str
) -> None:
    harness = Harness(tmp_path, refiner=setting)
    getattr(harness.store, how).add("refiner")
    harness.mask(1, edges="hair")
    harness.refine(2)
    for number in (1, 2):
        if setting == "refiner":
            assert failure(harness.finished.of(number)).code == "model_not_installed"
        else:
            reply = result(harness.finished.of(number))
            assert reply.refined_by == ""
            assert reply.warnings == ["The model refiner is damaged. The edge was refined without it."]
    harness.end()


def test_without_memory_for_it_the_mask_is_made_all_the_same(harness: Harness) -> None:
    harness.engines.load_errors["refiner"] = [EngineDied("no memory", killed=True)]
    harness.mask(1, edges="hair")
    reply = result(harness.finished.of(1))
    assert reply.refined_by == "" and reply.model == "small"
    assert any("refined without it" in warning for warning in reply.warnings)
