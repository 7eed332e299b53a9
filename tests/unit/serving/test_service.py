"""The service with a fake engine and clock: what it answers at once, queues and refuses, and in which order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import wait_for
from fakes import Engines, Finished, disc, model
from matted.inference.engines.engine import EngineDied
from matted.models.catalogue import Catalogue
from matted.models.store import Store
from matted.serving.service import Identity, Service
from matted.serving.workers import Setup
from matted.settings.config import Config
from matted_client import MattedError, messages
from matted_client.messages import Done, Failure, MaskRequest, MaskResult, Message, Progress

SPECS = {name: model(name) for name in ("small", "large")}
SIDE = 96
ME, OTHER = b"me", b"other"


class Daemon:
    """A service with a fake engine. `finished` collects the replies that are not due at once."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.engines = Engines()
        self.config = Config(folder, folder, folder, folder, model="small", **settings)
        self.setup = Setup(self.config, Catalogue(SPECS))
        identity = Identity("tcp://127.0.0.1:1", "connection.json", bytes(32))
        self.service = Service(self.setup, lambda: self.setup, identity, lambda: None, self.engines, self.engines.clock)
        self.finished = Finished(self.service.collect)

    def ask(self, request_id: int, message: Message, *frames: bytes, peer: bytes = ME) -> list[Message]:
        """Send a message, and return what is answered at once."""
        parts = [memoryview(message.to_wire(request_id)), *map(memoryview, frames)]
        replies = self.service.handle(peer, parts)
        assert all(reply.peer == peer for reply in replies)
        return [reply.message for reply in replies if reply.id == request_id]

    def mask(self, request_id: int, name: str = "small", peer: bytes = ME, **fields: Any) -> list[Message]:
        request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model=name, edges="off", **fields)
        return self.ask(request_id, request, disc(SIDE), peer=peer)

    def end(self) -> None:
        self.service.stop()
        for gate in [*self.engines.loading.values(), *self.engines.inferring.values()]:
            gate.open()
        wait_for(lambda: self.service.collect() is not None and self.service.finished(), "the end of the service")
        self.service.close()


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that every model is installed: test_store.py tests the store with files."""
    monkeypatch.setattr(Store, "obtain", lambda *arguments: False)
    monkeypatch.setattr(Store, "installed", lambda *arguments: True)


@pytest.fixture
def daemon(tmp_path: Path, installed: None) -> Iterator[Daemon]:
    one = Daemon(tmp_path)
    yield one
    one.end()


@pytest.fixture
def obliging(tmp_path: Path, installed: None) -> Iterator[Daemon]:
    """One whose clients may say how long a model stays."""
    one = Daemon(tmp_path, client_keep_alive=True)
    yield one
    one.end()


def refused(answer: list[Message]) -> str:
    (message,) = answer
    assert isinstance(message, Failure)
    return message.code


def test_a_mask_is_answered_when_it_is_made(daemon: Daemon) -> None:
    assert daemon.mask(1) == []
    assert isinstance(daemon.finished.of(1).message, MaskResult)
    assert not daemon.service.working()


def test_progress_names_the_stage_of_each_request_and_how_many_are_before_it(daemon: Daemon) -> None:
    loading = daemon.engines.close_loading("small")
    for request_id in (1, 2, 3):
        daemon.mask(request_id)
    assert loading.reached.wait(60)
    reports = {reply.id: reply.message for reply in daemon.service.progress()}
    assert isinstance(reports[1], Progress) and reports[1].stage == "loading"
    assert [(reports[each].stage, reports[each].place) for each in (2, 3)] == [("waiting", 1), ("waiting", 2)]
    loading.open()
    for request_id in (1, 2, 3):
        daemon.finished.of(request_id)
    assert daemon.service.progress() == []


def test_status_and_models_are_answered_while_a_model_loads(daemon: Daemon) -> None:
    loading = daemon.engines.close_loading("large")
    daemon.mask(1, "large")
    assert loading.reached.wait(60)
    (status,) = daemon.ask(2, messages.StatusRequest())
    assert isinstance(status, messages.StatusReply)
    assert [job["stage"] for job in status.status["jobs"]] == ["loading"] and status.status["loaded"] == []
    (models,) = daemon.ask(3, messages.ModelsRequest())
    assert isinstance(models, messages.ModelsReply) and [each["id"] for each in models.models] == ["small", "large"]
    loading.open()
    daemon.finished.of(1)
    (status,) = daemon.ask(4, messages.StatusRequest())
    assert isinstance(status, messages.StatusReply)
    assert [(each["id"], each["arithmetic"]) for each in status.status["loaded"]] == [("large", "f32")]


def test_a_warm_click_is_answered_while_others_wait_for_a_load(daemon: Daemon) -> None:
    daemon.mask(1)
    daemon.finished.of(1)
    loading = daemon.engines.close_loading("large")
    for request_id in (2, 3, 4):
        daemon.mask(request_id, "large", OTHER)
    assert loading.reached.wait(60)
    daemon.mask(5)
    daemon.finished.of(5)
    assert [reply.id for reply in daemon.finished.replies] == [1, 5]
    loading.open()


def test_a_load_of_a_model_in_memory_is_answered_while_masks_take_all_threads(daemon: Daemon) -> None:
    gate = daemon.engines.close_inferring("small")
    for request_id in (2, 3, 4):
        daemon.mask(request_id)
    assert gate.reached.wait(60)
    assert daemon.ask(5, messages.Load("small")) == [Done()]
    gate.open()
    for request_id in (2, 3, 4):
        daemon.finished.of(request_id)


def test_a_load_of_a_model_in_memory_can_shorten_its_time(obliging: Daemon) -> None:
    """The workers wait for the next model's time: they have to hear of the new one."""
    daemon = obliging
    daemon.ask(1, messages.Load("small", keep_alive=math.inf))
    daemon.finished.of(1)
    assert daemon.ask(2, messages.Load("small", keep_alive=0.0)) == [Done()]
    wait_for(lambda: daemon.engines.made[0].closed, "the unloading")


@pytest.mark.parametrize("point", ["loading", "inference"])
def test_a_request_that_is_worked_on_is_cancelled_at_once(daemon: Daemon, point: str) -> None:
    gate = daemon.engines.close_loading("small") if point == "loading" else daemon.engines.close_inferring("small")
    daemon.mask(1)
    assert gate.reached.wait(60)
    assert daemon.ask(2, messages.Cancel(target=1)) == [Done(found=True)]
    reply = daemon.finished.of(1).message  # the gate is still closed
    assert isinstance(reply, Failure) and reply.code == "cancelled"
    gate.open()
    daemon.mask(3)
    assert isinstance(daemon.finished.of(3).message, MaskResult)


def test_a_request_that_waits_is_cancelled_with_the_answer(daemon: Daemon) -> None:
    loading = daemon.engines.close_loading("small")
    daemon.mask(1)
    assert loading.reached.wait(60)
    daemon.mask(2)
    done, cancelled = daemon.service.handle(ME, [memoryview(messages.Cancel(target=2).to_wire(3))])
    assert (done.id, done.message) == (3, Done(found=True))
    assert cancelled.id == 2 and isinstance(cancelled.message, Failure) and cancelled.message.code == "cancelled"
    loading.open()
    assert isinstance(daemon.finished.of(1).message, MaskResult)
    assert [reply.id for reply in daemon.finished.replies] == [1]


def test_cancel_of_what_is_over_finds_nothing(daemon: Daemon) -> None:
    daemon.mask(1)
    daemon.finished.of(1)
    assert daemon.ask(2, messages.Cancel(target=1)) == [Done(found=False)]
    assert daemon.ask(3, messages.Cancel(target=99)) == [Done(found=False)]


def test_a_client_cancels_nothing_of_another(daemon: Daemon) -> None:
    loading = daemon.engines.close_loading("small")
    daemon.mask(1, peer=OTHER)
    assert loading.reached.wait(60)
    assert daemon.ask(2, messages.Cancel(target=1)) == [Done(found=False)]
    loading.open()
    assert isinstance(daemon.finished.of(1).message, MaskResult)


def test_an_id_in_use_is_refused_and_its_request_goes_on(daemon: Daemon) -> None:
    loading = daemon.engines.close_loading("small")
    daemon.mask(1)
    assert loading.reached.wait(60)
    assert refused(daemon.mask(1)) == "bad_request"
    loading.open()
    assert isinstance(daemon.finished.of(1).message, MaskResult)


def test_a_full_queue_is_busy_and_says_how_long_it_takes(tmp_path: Path, installed: None) -> None:
    daemon = Daemon(tmp_path, queue=2)
    daemon.mask(1)  # an inference takes a second of the clock
    daemon.finished.of(1)
    daemon.ask(2, messages.Unload("small"))
    wait_for(lambda: daemon.engines.made[0].closed, "the model to be unloaded")
    loading = daemon.engines.close_loading("small")
    daemon.mask(3)
    assert loading.reached.wait(60)
    assert daemon.mask(4) == daemon.mask(5) == []
    (answer,) = daemon.mask(6)
    assert isinstance(answer, Failure) and answer.code == "busy" and answer.hint == "Try again in about 3 s."
    loading.open()
    assert all(isinstance(daemon.finished.of(request_id).message, MaskResult) for request_id in (3, 4, 5))
    daemon.end()


def test_stop_refuses_what_waits_and_new_requests_and_finishes_what_runs(tmp_path: Path, installed: None) -> None:
    daemon = Daemon(tmp_path)
    loading = daemon.engines.close_loading("small")
    daemon.mask(1)
    assert loading.reached.wait(60)
    daemon.mask(2)
    (reply,) = daemon.service.stop()
    assert reply.id == 2 and isinstance(reply.message, Failure) and reply.message.code == "shutting_down"
    assert refused(daemon.mask(3)) == "shutting_down" and not daemon.service.finished()
    loading.open()
    assert isinstance(daemon.finished.of(1).message, MaskResult)
    wait_for(daemon.service.finished, "the end of the service")
    daemon.service.close()
    assert all(engine.closed for engine in daemon.engines.made)


def test_unload_gives_memory_back_after_the_work(daemon: Daemon) -> None:
    daemon.mask(1)
    daemon.finished.of(1)
    assert daemon.ask(2, messages.Unload("small")) == [Done(found=True)]
    wait_for(lambda: daemon.engines.made[0].closed, "the model to be unloaded")
    assert daemon.ask(3, messages.Unload("small")) == [Done(found=False)]


def test_reload_unloads_a_model_whose_spec_changed_and_keeps_the_others(daemon: Daemon) -> None:
    for request_id, name in enumerate(SPECS, 1):
        daemon.mask(request_id, name)
        daemon.finished.of(request_id)
    changed = {**SPECS, "large": replace(SPECS["large"], title="Another title")}
    daemon.setup = Setup(daemon.config, Catalogue(changed))
    assert daemon.ask(3, messages.Reload()) == [Done()]
    wait_for(lambda: [engine.closed for engine in daemon.engines.made] == [False, True], "the changed one to go")


def test_a_model_that_is_being_loaded_does_not_survive_a_reload_that_changes_it(daemon: Daemon) -> None:
    loading = daemon.engines.close_loading("large")
    daemon.mask(1, "large")
    assert loading.reached.wait(60)
    changed = {**SPECS, "large": replace(SPECS["large"], title="Another title")}
    daemon.setup = Setup(daemon.config, Catalogue(changed))
    assert daemon.ask(2, messages.Reload()) == [Done()]
    loading.open()
    assert isinstance(daemon.finished.of(1).message, MaskResult)  # what it has begun with holds until its end
    daemon.service._queue.wake_worker()
    wait_for(lambda: daemon.engines.made[0].closed, "the old one to go")
    daemon.mask(3, "large")
    daemon.finished.of(3)
    assert daemon.engines.made[1].spec.title == "Another title"


def test_unload_finds_a_model_that_is_being_loaded(daemon: Daemon) -> None:
    loading = daemon.engines.close_loading("small")
    daemon.mask(1)
    assert loading.reached.wait(60)
    assert daemon.ask(2, messages.Unload("small")) == [Done(found=True)]
    loading.open()
    assert isinstance(daemon.finished.of(1).message, MaskResult)
    daemon.service._queue.wake_worker()
    wait_for(lambda: daemon.engines.made[0].closed, "the model to be unloaded")


def test_a_reload_that_fails_leaves_everything_as_it_was(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Setup:
        raise MattedError("config.toml is damaged.", "Correct it.")

    monkeypatch.setattr(daemon.service, "_reread", fail)
    assert refused(daemon.ask(1, messages.Reload())) == "bad_request"
    daemon.mask(2)
    assert isinstance(daemon.finished.of(2).message, MaskResult)


def test_the_preloaded_model_is_in_memory_without_a_request(tmp_path: Path, installed: None) -> None:
    daemon = Daemon(tmp_path, preload="large")
    wait_for(lambda: [each.spec.id for each in daemon.engines.made] == ["large"], "the preloaded model")
    wait_for(lambda: not daemon.service.working(), "the end of the load")
    daemon.end()


def test_the_daemon_may_end_after_the_idle_time_without_a_request(tmp_path: Path, installed: None) -> None:
    daemon = Daemon(tmp_path, idle_exit=100.0)
    assert daemon.service.seconds_to_idle() == 100.0
    daemon.engines.clock.now += 99
    assert not daemon.service.idle()
    daemon.ask(1, messages.StatusRequest())
    assert daemon.service.seconds_to_idle() == 100.0
    daemon.engines.clock.now += 100
    assert daemon.service.idle()
    daemon.end()


def test_a_crash_of_the_engine_is_not_seen_by_the_client(daemon: Daemon) -> None:
    daemon.engines.infer_errors["small"] = [EngineDied("a crash")]
    daemon.mask(1)
    assert isinstance(daemon.finished.of(1).message, MaskResult)


def test_why_another_device_is_used_is_in_the_result_and_in_status(daemon: Daemon) -> None:
    daemon.engines.notes["small"] = "GPU.1 cannot be used (it computes wrong numbers); the CPU is used instead."
    daemon.mask(1)
    result = daemon.finished.of(1).message
    assert isinstance(result, MaskResult) and result.warnings == [daemon.engines.notes["small"]]
    (status,) = daemon.ask(2, messages.StatusRequest())
    assert isinstance(status, messages.StatusReply)
    assert [each["note"] for each in status.status["loaded"]] == result.warnings


def test_too_little_memory_is_told_as_such_for_as_long_as_it_lasts(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, free = psutil.virtual_memory(), 10_000
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=free))
    (welcome,) = daemon.ask(1, messages.Hello(messages.PROTOCOL, bytes(16)))
    assert isinstance(welcome, messages.Welcome) and welcome.max_pixels == messages.MAX_PIXELS
    (failure,) = daemon.mask(2)
    assert isinstance(failure, Failure) and failure.code == "out_of_memory"
    assert failure.message.startswith("This computer has too little free memory now: the picture needs 0.0 GB")
    assert failure.hint.startswith("Close other programs") and "too large" not in failure.message
    free = 100_000_000
    assert daemon.mask(3) == []
    assert isinstance(daemon.finished.of(3).message, MaskResult)


def test_out_of_memory_is_reported_and_the_next_request_works(daemon: Daemon) -> None:
    daemon.engines.infer_errors["small"] = [MemoryError()]
    daemon.mask(1)
    reply = daemon.finished.of(1).message
    assert isinstance(reply, Failure) and reply.code == "out_of_memory"
    daemon.mask(2)
    assert isinstance(daemon.finished.of(2).message, MaskResult)
