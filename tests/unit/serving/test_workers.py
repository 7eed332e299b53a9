"""The workers with a fake engine: order of replies, loads beside masks, cancels at each point, errors."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_for
from fakes import Engines, FakeStore, Finished, disc, model
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.engines.engine import EngineDied
from matted.inference.predictor import Predictor
from matted.mask.picture import Picture
from matted.mask.pipeline import Outcome, Pipeline
from matted.models.catalogue import Catalogue
from matted.serving.jobs import Job, JobQueue
from matted.serving.workers import WORKERS, Setup, Workers
from matted.settings import config
from matted.settings.target import Target
from matted_client.messages import Done, Failure, Load, MaskRequest, MaskResult

SPECS = {name: model(name) for name in ("small", "large", "third")}
SIDE = 96
GIGANTIC = 1 << 40


class Harness:
    """Workers with fakes around them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.engines, self.store = Engines(), FakeStore()
        self.clock = self.engines.clock
        self.queue = JobQueue(32, GIGANTIC)
        self.cache = ModelCache(GIGANTIC, lambda: GIGANTIC, self.clock)
        predictor = Predictor(
            self.store.as_store, self.cache, CompiledFiles(folder, 0), Target("CPU"), self.engines, self.clock
        )
        defaults = config.Config(folder, folder, folder, folder, model="small", **settings)
        setup = Setup(defaults, Catalogue(SPECS))
        self.woken = 0
        self.workers = Workers(setup, self.queue, self.cache, predictor, self._wake)
        self.finished = Finished(self.workers.collect)

    def _wake(self) -> None:
        self.woken += 1

    def mask(self, request_id: int, name: str = "small", peer: bytes = b"me", **fields: Any) -> Job:
        request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model=name, edges="off", **fields)
        picture = Picture(SIDE, SIDE, "RGB8", [memoryview(disc(SIDE))])
        return self.submit(Job(peer, request_id, request, picture, self.clock.now))

    def load(self, request_id: int, name: str = "small", **fields: Any) -> Job:
        return self.submit(Job(b"me", request_id, Load(name, **fields), submitted=self.clock.now))

    def submit(self, job: Job) -> Job:
        self.queue.submit(job)
        return job

    def end(self) -> None:
        self.queue.close()
        for gate in [*self.engines.loading.values(), *self.engines.inferring.values(), self.store.downloading]:
            gate.open()
        wait_for(lambda: self.workers.collect() is not None and self.workers.ended(), "the end of the workers")


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
    assert [job.id for job in harness.queue._waiting[b"me"]] == [2, 3, 4, 5]  # none of them holds a thread
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
