"""Jobs become replies, with a fake engine: their order, loads beside masks, cancels at each point, what goes wrong."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_for
from fakes import Engines, Finished, Shelf, disc, model
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.engines.engine import EngineDied
from matted.inference.predictor import Predictor
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


class Office:
    """Workers with fakes around them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.engines, self.shelf = Engines(), Shelf()
        self.clock = self.engines.clock
        self.queue = JobQueue(32, GIGANTIC)
        self.cache = ModelCache(GIGANTIC, lambda: GIGANTIC, self.clock)
        predictor = Predictor(
            self.shelf.as_store, self.cache, CompiledFiles(folder, 0), Target("CPU"), self.engines, self.clock
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
        return self.submit(Job(peer, request_id, request, [memoryview(disc(SIDE))], self.clock.now))

    def load(self, request_id: int, name: str = "small", **fields: Any) -> Job:
        return self.submit(Job(b"me", request_id, Load(name, **fields), submitted=self.clock.now))

    def submit(self, job: Job) -> Job:
        self.queue.submit(job)
        return job

    def end(self) -> None:
        self.queue.close()
        for gate in [*self.engines.loading.values(), *self.engines.inferring.values(), self.shelf.downloading]:
            gate.open()
        wait_for(lambda: self.workers.collect() is not None and self.workers.ended(), "the end of the workers")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    one = Office(tmp_path)
    yield one
    one.end()


def result(reply: Any) -> MaskResult:
    assert isinstance(reply.message, MaskResult), reply.message
    return reply.message


def failure(reply: Any) -> Failure:
    assert isinstance(reply.message, Failure), reply.message
    return reply.message


def test_a_mask_request_becomes_a_result_and_its_pixels(office: Office) -> None:
    office.mask(7)
    reply = office.finished.of(7)
    assert result(reply).model == "small" and (reply.peer, reply.id) == (b"me", 7)
    (mask,) = reply.frames
    assert len(mask) == SIDE * SIDE and mask[SIDE * SIDE // 2 + SIDE // 2] > 200 and mask[0] == 0


def test_the_default_model_is_that_of_the_settings(office: Office) -> None:
    office.mask(1, "default")
    assert result(office.finished.of(1)).model == "small"


def test_a_load_is_done_when_the_model_is_in_memory(office: Office) -> None:
    office.load(1)
    assert isinstance(office.finished.of(1).message, Done)
    assert office.cache.holds("small") and office.engines.made[0].inferences == 0


# -- loads beside masks ------------------------------------------------------------------------------------------------


def test_masks_of_a_warm_model_are_made_while_others_load_and_download(office: Office) -> None:
    """More loads than there are workers, so that none would be left if a load took one."""
    office.load(1)
    office.finished.of(1)
    loading = office.engines.shut_loading("large")
    office.shelf.missing.add("third")
    office.shelf.downloading.shut()
    slow = [office.load(2, "large"), office.mask(3, "large"), office.load(4, "third", download=True)]
    assert loading.reached.wait(60) and office.shelf.downloading.reached.wait(60)
    assert len(slow) > WORKERS
    office.mask(5)
    assert result(office.finished.of(5))
    assert [reply.id for reply in office.finished.replies] == [1, 5]
    loading.open()
    office.shelf.downloading.open()
    assert result(office.finished.of(3)) and office.finished.of(2) and office.finished.of(4)


def test_requests_for_a_model_that_is_being_loaded_wait_in_the_queue_and_are_loaded_once(office: Office) -> None:
    loading = office.engines.shut_loading("small")
    for request_id in range(1, 6):
        office.mask(request_id)
    assert loading.reached.wait(60)
    waiting = [job.id for _, job in office.queue.alive()]
    assert waiting == [1, 2, 3, 4, 5]
    loading.open()
    assert all(result(office.finished.of(request_id)) for request_id in range(1, 6))
    assert len(office.engines.made) == 1


def test_who_waits_for_a_model_is_not_held_up_by_the_mask_of_who_loaded_it(office: Office) -> None:
    inferring = office.engines.shut_inferring("small")
    office.mask(1)
    office.load(2)
    assert inferring.reached.wait(60)
    assert isinstance(office.finished.of(2).message, Done)
    inferring.open()
    assert result(office.finished.of(1))


def test_after_a_load_that_failed_the_next_request_tries_again(office: Office) -> None:
    office.engines.load_errors["small"] = [RuntimeError("no"), RuntimeError("no")]
    office.mask(1)
    office.mask(2)
    outcomes = {type(office.finished.of(request_id).message) for request_id in (1, 2)}
    assert outcomes == {Failure, MaskResult}


def test_no_more_masks_are_made_at_once_than_there_are_workers(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model's loader makes its request's mask as well, in its own thread."""
    making, most, lock = 0, 0, threading.Lock()
    render = Pipeline.run

    def counted(pipeline: Pipeline) -> Outcome:
        nonlocal making, most
        with lock:
            making += 1
            most = max(most, making)
        try:
            return render(pipeline)
        finally:
            with lock:
                making -= 1

    monkeypatch.setattr(Pipeline, "run", counted)
    gates = [office.engines.shut_inferring(name) for name in SPECS]
    for number, name in enumerate(SPECS, 1):
        office.mask(number, name)
    wait_for(lambda: all(office.cache.holds(name) for name in SPECS) and making == WORKERS, "the loads")
    for gate in gates:
        gate.open()
    assert all(result(office.finished.of(number)) for number in (1, 2, 3))
    assert most == WORKERS < len(SPECS)


# -- order and ends ----------------------------------------------------------------------------------------------------


def test_a_job_is_over_before_its_reply_can_be_sent(office: Office) -> None:
    """So no progress of it follows its result."""
    for request_id in range(1, 30):
        office.mask(request_id)
    seen = 0

    def look() -> bool:
        nonlocal seen
        for reply in office.workers.collect():
            seen += 1
            assert not office.queue.find(reply.peer, reply.id)
        return seen == 29

    wait_for(look, "all replies")


def test_what_waits_when_the_queue_closes_never_runs_and_what_runs_is_finished(tmp_path: Path) -> None:
    office = Office(tmp_path)
    loading = office.engines.shut_loading("small")
    office.mask(1)
    assert loading.reached.wait(60)
    office.mask(2)
    assert [job.id for job in office.queue.close()] == [2]
    assert not office.workers.ended()
    loading.open()
    assert result(office.finished.of(1))
    wait_for(office.workers.ended, "the end of the workers")
    assert [reply.id for reply in office.finished.replies] == [1]


# -- cancelling --------------------------------------------------------------------------------------------------------


def test_a_cancel_while_loading_fails_that_request_alone(office: Office) -> None:
    loading = office.engines.shut_loading("small")
    job = office.mask(1)
    assert loading.reached.wait(60)
    office.mask(2)
    job.cancel()
    assert failure(office.finished.of(1)).code == "cancelled"
    assert result(office.finished.of(2))


def test_a_cancel_while_inferring(office: Office) -> None:
    inferring = office.engines.shut_inferring("small")
    job = office.mask(1)
    assert inferring.reached.wait(60)
    job.cancel()
    assert failure(office.finished.of(1)).code == "cancelled"
    office.mask(2)
    assert result(office.finished.of(2)) and len(office.engines.made) == 1


def test_a_cancel_while_waiting_for_another_inference(office: Office) -> None:
    inferring = office.engines.shut_inferring("small")
    office.mask(1)
    assert inferring.reached.wait(60)
    job = office.mask(2, threshold=0.5)
    wait_for(lambda: job.progress.stage == "preparing" or job.progress.stage == "waiting", "the second to be taken")
    job.cancel()
    inferring.open()
    assert result(office.finished.of(1))
    reply = office.finished.of(2)
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
def test_what_goes_wrong_is_a_sentence_and_the_next_request_works(
    office: Office, error: Exception, code: str, sentence: str
) -> None:
    office.engines.infer_errors["small"] = [error]
    office.mask(1)
    told = failure(office.finished.of(1))
    assert told.code == code and sentence in told.message and told.hint
    office.mask(2)
    assert result(office.finished.of(2))


def test_a_crash_costs_nothing_but_a_second_try(office: Office) -> None:
    office.engines.infer_errors["small"] = [EngineDied("a crash")]
    office.mask(1)
    assert result(office.finished.of(1)) and len(office.engines.made) == 2


def test_a_model_that_nobody_knows_is_told(office: Office) -> None:
    office.mask(1, "unheard-of")
    assert failure(office.finished.of(1)).code == "model_not_found"


# -- how long models stay ----------------------------------------------------------------------------------------------


def stay(office: Office) -> float:
    (resident,) = office.cache.resident()
    return resident.expires_in


def test_a_model_stays_for_the_time_of_the_settings_whatever_a_client_asks(office: Office) -> None:
    office.mask(1, keep_alive=5.0)
    office.finished.of(1)
    assert stay(office) == 600.0


def test_a_client_may_ask_for_another_time_where_the_settings_allow_it(tmp_path: Path) -> None:
    office = Office(tmp_path, client_keep_alive=True)
    office.mask(1, keep_alive=5.0)
    office.finished.of(1)
    assert stay(office) == 5.0
    office.end()


def test_the_preloaded_model_stays_for_good(tmp_path: Path) -> None:
    office = Office(tmp_path, preload="small")
    office.mask(1)
    office.finished.of(1)
    assert stay(office) == math.inf
    office.end()


def test_an_unused_model_is_unloaded_when_its_time_is_up(office: Office) -> None:
    office.mask(1)
    office.finished.of(1)
    office.clock.now += 601
    office.queue.nudge()
    wait_for(lambda: office.engines.made[0].closed, "the model to be unloaded")
