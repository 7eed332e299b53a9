"""The service with a fake engine and clock: what it answers at once, queues and refuses, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import wait_for
from fakes import Gate, disc, drawn, model
from matted.evaluation import int8
from matted.inference import paces
from matted.inference.engines.engine import EngineDied
from matted.masking import ground
from matted.masking.edges import matting as hair
from matted.masking.edges import tiles
from matted.models.catalogue import Catalogue
from matted.models.spec import ModelSpec, Source
from matted.models.store import Store
from matted.serving import admission, questions
from matted.serving.kept.open_pictures import MOST_OF_A_CLIENT
from matted.serving.kept.store import IDLE_SECONDS
from matted.serving.setup import Setup
from matted.settings.target import Target
from matted_client import MattedError, Rejected, messages
from matted_client.messages import Close, Done, Failure, MaskRequest, MaskResult, Message, Open, Progress, RefineRequest
from service_harness import FLAT, ME, OTHER, SIDE, SPECS, Daemon, pretend_installed, refused


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_installed(monkeypatch)


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
    assert isinstance(models, messages.ModelsReply)
    assert [each["id"] for each in models.models] == ["small", "large", "flat"]
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


def test_a_licence_is_accepted_with_the_load_of_its_model(
    tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SPECS, "strict", model("strict", accept=True, licence="theirs"))
    daemon = Daemon(tmp_path)

    def accept() -> bool:
        (reply,) = daemon.ask(1, messages.ModelsRequest())
        assert isinstance(reply, messages.ModelsReply)
        return bool(next(facts["accept"] for facts in reply.models if facts["id"] == "strict"))

    assert accept() is True
    assert refused(daemon.ask(2, messages.Load("strict", download=True))) == "licence_not_accepted"
    wrong = messages.Load("strict", download=True, accept_licence="another")
    assert refused(daemon.ask(3, wrong)) == "licence_not_accepted" and accept() is True
    assert daemon.ask(4, messages.Load("strict", download=True, accept_licence="theirs")) == []
    assert daemon.finished.of(4).message == Done()
    assert accept() is False
    daemon.end()


def test_a_better_model_is_offered_once(daemon: Daemon) -> None:
    assert daemon.ask(1, messages.Offer("large")) == [Done()]
    assert daemon.ask(2, messages.Offer("large"), peer=OTHER) == [Done(False)]


@pytest.mark.parametrize("model", ["", "gone"])
def test_what_is_no_model_is_not_offered(daemon: Daemon, model: str) -> None:
    assert refused(daemon.ask(1, messages.Offer(model))) == "model_not_found"
    assert daemon.ask(2, messages.Offer("large")) == [Done()], "the one offer is still to be made"


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


# -- pictures that stay ------------------------------------------------------------------------------------------------

VIEW = [0, 0, SIDE, SIDE, SIDE // 2, SIDE // 2]
HINT = bytes([0, 128, 255] * (SIDE * SIDE // 3))


def status(daemon: Daemon) -> dict[str, Any]:
    (reply,) = daemon.ask(99_999, messages.StatusRequest())
    assert isinstance(reply, messages.StatusReply)
    return reply.status


def test_a_question_about_an_open_picture_has_the_answer_of_one_that_brings_it(daemon: Daemon) -> None:
    assert daemon.open(1) == [Done()]
    daemon.mask(2)
    assert daemon.about(3) == []
    assert daemon.mask_of(2) == daemon.mask_of(3)
    assert status(daemon)["pictures"] == 1 and status(daemon)["picture_bytes"] > SIDE * SIDE * 3
    assert daemon.ask(4, Close(1)) == [Done(found=True)]
    assert daemon.ask(5, Close(1)) == [Done(found=False)]
    assert refused(daemon.about(6)) == "picture_forgotten"
    assert status(daemon)["pictures"] == 0


def test_a_client_does_not_see_the_pictures_of_another(daemon: Daemon) -> None:
    daemon.open(1)
    assert refused(daemon.about(2, peer=OTHER)) == "picture_forgotten"
    assert daemon.ask(3, Close(1), peer=OTHER) == [Done(found=False)]
    assert daemon.about(4) == []
    daemon.mask_of(4)


@pytest.mark.parametrize(
    ("frames", "fields"),
    [([], {}), ([12], {}), ([SIDE * SIDE * 3] * 2, {}), ([SIDE * SIDE * 3] * 2, {"hint": True})],
)
def test_a_picture_whose_frames_do_not_fit_is_refused(
    daemon: Daemon, frames: list[int], fields: dict[str, Any]
) -> None:
    opening = Open(1, SIDE, SIDE, "RGB8", **fields)
    assert refused(daemon.ask(1, opening, *map(bytes, frames))) == "bad_request"
    assert status(daemon)["pictures"] == 0


def test_a_picture_that_is_too_large_is_refused(daemon: Daemon) -> None:
    assert refused(daemon.ask(1, Open(1, 65_535, 65_535, "RGB8"), b"")) == "too_large"


@pytest.mark.parametrize(
    "fields",
    [
        {"keep": [[SIDE, 0]]},
        {"drop": [[0, SIDE]]},
        {"box": [0, 0, SIDE + 1, 1]},
        {"view": [0, 0, SIDE, SIDE + 1, 1, 1]},
    ],
)
def test_what_lies_outside_the_picture_is_a_bad_request(daemon: Daemon, fields: dict[str, Any]) -> None:
    daemon.open(1)
    (answer,) = daemon.about(2, **fields)
    assert refused([answer]) == "bad_request" and isinstance(answer, Failure) and "outside" in answer.message
    assert refused(daemon.mask(3, **fields)) == "bad_request"


def test_a_hint_of_another_size_is_a_bad_request(daemon: Daemon) -> None:
    daemon.open(1)
    assert refused(daemon.about(2, HINT[:-1])) == "bad_request"
    assert refused(daemon.ask(3, RefineRequest(picture=1, hint=True), HINT, HINT)) == "bad_request"
    assert refused(daemon.ask(4, RefineRequest(SIDE, SIDE, "RGB8", hint=True), HINT)) == "bad_request"


def test_a_question_brings_a_hint_in_the_place_of_the_one_that_was_opened(daemon: Daemon) -> None:
    daemon.open(1, 1, ME, HINT, hint=True)
    daemon.ask(2, RefineRequest(picture=1))
    daemon.ask(3, RefineRequest(picture=1, hint=True), bytes(SIDE * SIDE))
    daemon.ask(4, RefineRequest(picture=1))
    daemon.ask(5, RefineRequest(SIDE, SIDE, "RGB8", hint=True), disc(SIDE), HINT)
    refined = daemon.mask_of(2)
    assert daemon.mask_of(3) == bytes(SIDE * SIDE) != refined
    assert daemon.mask_of(4) == daemon.mask_of(5) == refined


def test_refine_needs_a_hint_and_no_model(daemon: Daemon) -> None:
    daemon.open(1)
    assert refused(daemon.ask(2, RefineRequest(picture=1))) == "bad_request"
    loading = daemon.engines.close_loading("small")
    daemon.mask(3)
    assert loading.reached.wait(60)
    daemon.ask(4, RefineRequest(picture=1, hint=True), HINT)
    reply = daemon.finished.of(4).message  # while the only model is still being loaded
    assert isinstance(reply, MaskResult) and reply.model == reply.device == ""
    loading.open()
    daemon.mask_of(3)


def test_a_plate_comes_with_the_picture(tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPECS, "compares", model("compares", inputs="image+plate"))
    daemon = Daemon(tmp_path)
    daemon.open(1)
    daemon.open(2, 2, ME, disc(SIDE), plate=True)
    assert refused(daemon.about(3, name=1, model="compares")) == "plate_needed"
    assert refused(daemon.about(4, name=2)) == "bad_request"
    assert daemon.about(5, name=2, model="compares") == []
    daemon.mask_of(5)
    daemon.end()


def test_pictures_that_are_opened_and_never_closed_are_bounded(daemon: Daemon) -> None:
    for number in range(3 * MOST_OF_A_CLIENT):
        assert daemon.open(number, number) == [Done()]
    assert status(daemon)["pictures"] == MOST_OF_A_CLIENT
    assert refused(daemon.about(1, name=0)) == "picture_forgotten"


def test_their_bytes_are_bounded_too(tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    size = SIDE * SIDE * 3
    total = 100 * (6 * size) // questions.OPEN_PERCENT + 100
    real = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(total=total))
    daemon = Daemon(tmp_path)
    for peer in (b"1", b"2", b"3", b"4"):
        for number in range(10):
            daemon.open(number, number, peer)
    assert status(daemon)["picture_bytes"] == 6 * size
    assert refused(daemon.about(50, name=9, peer=b"1")) == "picture_forgotten"
    assert daemon.about(51, name=7, peer=b"4") == []
    daemon.mask_of(51)
    daemon.end()


def test_a_picture_that_nobody_asks_about_is_forgotten(daemon: Daemon) -> None:
    assert daemon.service.seconds_to_expiry() == math.inf
    daemon.open(1)
    assert daemon.service.seconds_to_expiry() == IDLE_SECONDS and not daemon.service.expire()
    daemon.engines.clock.now += IDLE_SECONDS
    assert daemon.service.expire() and not daemon.service.expire()
    assert refused(daemon.about(2)) == "picture_forgotten"


def test_a_request_without_memory_gets_that_of_pictures_that_no_job_is_about(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, size = psutil.virtual_memory(), SIDE * SIDE
    free = 1 << 30
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=free))
    gate = daemon.engines.close_inferring("small")
    for name in (1, 2, 3, 4):
        daemon.open(name, name)
    daemon.about(11, name=1)
    assert gate.reached.wait(60)
    free = 16 * size
    assert daemon.mask(12) == []  # the frame, which is there, and 17 more bytes a pixel: one picture has to go
    assert status(daemon)["pictures"] == 3
    assert refused(daemon.about(13, name=2)) == "picture_forgotten"
    free = 10 * size
    assert refused(daemon.mask(14)) == "out_of_memory"
    assert status(daemon)["pictures"] == 3, "nothing is forgotten for what cannot be done"
    assert daemon.about(15, name=4, view=VIEW) == [], "a view needs less"
    gate.open()
    for request_id in (11, 12, 15):
        daemon.mask_of(request_id)


def test_a_daemon_that_ends_keeps_no_new_pictures(tmp_path: Path, installed: None) -> None:
    daemon = Daemon(tmp_path)
    daemon.open(1)
    daemon.service.stop()
    assert refused(daemon.open(2, 2)) == "shutting_down"
    assert refused(daemon.about(3)) == "shutting_down"
    assert daemon.ask(4, Close(1)) == [Done()]
    daemon.end()


def test_the_end_of_a_connection_forgets_its_pictures_and_ends_its_requests(daemon: Daemon) -> None:
    gate = daemon.engines.close_inferring("small")
    daemon.open(1)
    daemon.open(2, peer=OTHER)
    for request_id in (3, 4, 5, 6):
        daemon.about(request_id)
    daemon.about(7, peer=OTHER)
    assert gate.reached.wait(60)
    daemon.service.leave(ME)
    assert daemon.failure_of(3) == "cancelled"
    assert status(daemon)["pictures"] == 1
    assert refused(daemon.about(8)) == "picture_forgotten"
    gate.open()
    daemon.mask_of(7)
    assert not {4, 5, 6} & {reply.id for reply in daemon.finished.replies if isinstance(reply.message, MaskResult)}


# -- overtaking --------------------------------------------------------------------------------------------------------


def ended(daemon: Daemon, message: Message) -> list[int]:
    """Send a message, and return which other requests are answered at once with `cancelled`."""
    replies = daemon.service.handle(ME, [memoryview(message.to_wire(1000))])
    others = [reply for reply in replies if reply.id != 1000]
    assert all(refused([reply.message]) == "cancelled" for reply in others)
    return [reply.id for reply in others]


def busy(daemon: Daemon) -> Any:
    """Have both workers at work for another client. Returns the gate that ends that."""
    gate = daemon.engines.close_inferring("small")
    for request_id in (101, 102):
        daemon.mask(request_id, peer=OTHER)
    assert gate.reached.wait(60)
    wait_for(lambda: sum(job["stage"] != "waiting" for job in status(daemon)["jobs"]) == 2, "the second")
    return gate


def test_a_view_that_waits_is_overtaken_by_the_next_question_about_its_picture(daemon: Daemon) -> None:
    daemon.open(1, 1)
    daemon.open(2, 2)
    gate = busy(daemon)
    assert daemon.about(3, view=VIEW) == [] == daemon.about(4, name=2, view=VIEW)
    assert ended(daemon, MaskRequest(picture=1, view=VIEW, edges="off")) == [3]
    assert ended(daemon, RefineRequest(picture=2, hint=False)) == [], "a question that is refused overtakes nothing"
    gate.open()
    assert len(daemon.mask_of(1000)) == len(daemon.mask_of(4)) == SIDE * SIDE // 4


def test_the_whole_mask_is_never_overtaken(daemon: Daemon) -> None:
    daemon.open(1)
    gate = busy(daemon)
    daemon.about(3)
    assert ended(daemon, MaskRequest(picture=1, edges="off")) == []
    assert ended(daemon, Close(1)) == []
    gate.open()
    assert len(daemon.mask_of(3)) == len(daemon.mask_of(1000)) == SIDE * SIDE


def test_a_view_at_work_is_overtaken_and_its_inference_serves_the_next_question(daemon: Daemon) -> None:
    daemon.open(1)
    gate = daemon.engines.close_inferring("small")
    daemon.about(2, view=VIEW)
    assert gate.reached.wait(60)
    daemon.about(3, view=VIEW, threshold=0.5)
    gate.open()
    assert daemon.failure_of(2) == "cancelled"
    daemon.mask_of(3)
    assert daemon.engines.made[0].inferences == 1


@pytest.mark.parametrize("stage", ["loading", "inferring"])
def test_a_view_that_is_overtaken_by_a_question_to_another_model_ends_at_once(daemon: Daemon, stage: str) -> None:
    """Else the other model's inference would wait for the one that nobody needs."""
    daemon.open(1)
    gate = daemon.engines.close_loading("small") if stage == "loading" else daemon.engines.close_inferring("small")
    daemon.about(2, view=VIEW)
    assert gate.reached.wait(60)
    daemon.about(3, view=VIEW, model="large")
    assert len(daemon.mask_of(3)) == SIDE * SIDE // 4  # nobody has opened the gate but the cancel
    assert daemon.failure_of(2) == "cancelled"
    daemon.about(4, view=VIEW)
    daemon.mask_of(4)


def test_a_view_goes_on_beside_what_another_model_saw_before(daemon: Daemon) -> None:
    """Who goes back and forth between two models waits for each of them once."""
    daemon.open(1)
    daemon.about(2, view=VIEW, model="large")
    known = daemon.mask_of(2)
    gate = daemon.engines.close_inferring("small")
    daemon.about(3, view=VIEW)
    assert gate.reached.wait(60)
    daemon.about(4, view=VIEW, model="large")
    assert daemon.mask_of(4) == known  # the gate is still closed
    daemon.about(5, view=VIEW)
    gate.open()
    assert daemon.failure_of(3) == "cancelled"
    daemon.mask_of(5)
    assert [each.inferences for each in daemon.engines.made] == [1, 1]


def test_hair_that_is_overtaken_delays_nothing_and_ends_with_the_tiles_at_work(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = Gate(), []
    gate.close()
    solve_part = hair._solve_part

    def held(*arguments: Any) -> Any:
        begun.append(None)
        gate.wait()
        return solve_part(*arguments)

    monkeypatch.setattr(hair, "_solve_part", held)
    monkeypatch.setattr(tiles, "_TILE", 8)
    daemon.open(1)
    daemon.ask(2, MaskRequest(picture=1, model="small", edges="hair", view=VIEW))
    assert gate.reached.wait(60)
    daemon.about(3, view=VIEW)
    assert len(daemon.mask_of(3)) == SIDE * SIDE // 4  # the gate is still closed
    gate.open()
    assert daemon.failure_of(2) == "cancelled"
    overtaken = len(begun)
    daemon.ask(4, MaskRequest(picture=1, model="small", edges="hair", view=VIEW))
    daemon.mask_of(4)
    assert len(begun) - overtaken > 2 * overtaken, "most tiles were not solved for the first one"


@pytest.mark.parametrize("how", ["close", "open"])
def test_views_of_a_picture_that_is_closed_or_replaced_end_at_once(daemon: Daemon, how: str) -> None:
    daemon.open(1)
    gate = daemon.engines.close_inferring("small")
    daemon.about(2, view=VIEW)
    assert gate.reached.wait(60)
    assert (daemon.ask(3, Close(1)) if how == "close" else daemon.open(3)) == [Done()]
    assert daemon.failure_of(2) == "cancelled"  # the gate is still closed
    gate.open()


def test_a_client_overtakes_nothing_of_another(daemon: Daemon) -> None:
    daemon.open(1)
    daemon.open(2, peer=OTHER)
    gate = busy(daemon)
    daemon.about(3, view=VIEW)
    daemon.about(4, view=VIEW, peer=OTHER)
    daemon.ask(5, Close(1), peer=OTHER)
    gate.open()
    daemon.mask_of(3)


# -- a quicker form of a model that was downloaded ---------------------------------------------------------------------

VARIANT = model("small-int8", made_from="small")
KEPT = int8.Comparison(1.0, 0.4, 40, 20, 0.01, 0.99, 1, kept=True)


class Making:
    """What stands in for `int8.make_known`. gate: passed by it; then it calls `check`, and has the outcome."""

    def __init__(self, daemon: Daemon, outcome: int8.Comparison | MattedError | None) -> None:
        self.gate = Gate()
        self.asked: list[str] = []
        self._daemon = daemon
        self._outcome = outcome

    def __call__(
        self,
        spec: ModelSpec,
        known: Catalogue,
        own_file: Path,
        store: Store,
        show: Callable[[str], None],
        target: Target,
        check: Callable[[], None],
        gives_way: bool,
    ) -> int8.Comparison | None:
        assert gives_way and own_file == self._daemon.config.folder / "models.toml"
        self.asked.append(spec.id)
        show("Comparing the masks")
        self.gate.wait()
        check()
        if isinstance(self._outcome, MattedError):
            raise self._outcome
        if self._outcome is not None and self._outcome.kept:
            catalogue = Catalogue(self._daemon.setup.catalogue.shipped, {VARIANT.id: VARIANT})
            self._daemon.setup = self._daemon.setup._replace(catalogue=catalogue)
        return self._outcome


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each model downloaded by a request that wants it."""
    monkeypatch.setattr(Store, "obtain", lambda *arguments: arguments[-1])


def making(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, outcome: int8.Comparison | MattedError | None = KEPT
) -> Making:
    made = Making(daemon, outcome)
    monkeypatch.setattr(int8, "make_known", made)
    return made


def listed(daemon: Daemon, request_id: int) -> list[str]:
    (reply,) = daemon.ask(request_id, messages.ModelsRequest())
    assert isinstance(reply, messages.ModelsReply)
    return [each["id"] for each in reply.models]


def test_a_quicker_form_of_a_downloaded_model_is_listed_before_the_answer(
    daemon: Daemon, downloads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = making(daemon, monkeypatch)
    made.gate.close()
    assert daemon.ask(1, messages.Load("small", download=True)) == []
    assert made.gate.reached.wait(60)
    (progress,) = [reply.message for reply in daemon.service.progress()]
    assert progress == Progress("quantizing", detail="SMALL")
    assert "small-int8" not in listed(daemon, 2)
    made.gate.open()
    assert daemon.finished.of(1).message == Done()
    assert "small-int8" in listed(daemon, 3)
    assert status(daemon)["loaded"][0]["id"] == "small", "what was asked for is loaded"


@pytest.mark.parametrize("outcome", [None, replace(KEPT, kept=False), MattedError("There is too little memory.")])
def test_without_a_quicker_form_the_model_is_as_good(
    daemon: Daemon, downloads: None, monkeypatch: pytest.MonkeyPatch, outcome: int8.Comparison | MattedError | None
) -> None:
    made = making(daemon, monkeypatch, outcome)
    daemon.ask(1, messages.Load("small", download=True))
    assert daemon.finished.of(1).message == Done()
    assert made.asked == ["small"] and "small-int8" not in listed(daemon, 2)
    daemon.mask(3)
    assert isinstance(daemon.finished.of(3).message, MaskResult)


def test_a_cancel_while_it_is_made_ends_the_request_and_leaves_the_model(
    daemon: Daemon, downloads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = making(daemon, monkeypatch)
    made.gate.close()
    daemon.ask(1, messages.Load("small", download=True))
    assert made.gate.reached.wait(60)
    assert daemon.ask(2, messages.Cancel(1)) == [Done(found=True)]
    made.gate.open()
    assert daemon.failure_of(1) == "cancelled"
    assert "small-int8" not in listed(daemon, 3)
    daemon.mask(4)
    assert isinstance(daemon.finished.of(4).message, MaskResult)


def test_nothing_is_made_that_exists_or_that_nobody_has_asked_for(
    daemon: Daemon, downloads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = making(daemon, monkeypatch)
    daemon.ask(1, messages.Load("large"))
    assert daemon.finished.of(1).message == Done()
    assert made.asked == []
    daemon.setup = daemon.setup._replace(catalogue=Catalogue({**SPECS, FLAT.id: FLAT}, {VARIANT.id: VARIANT}))
    assert daemon.ask(2, messages.Reload()) == [Done()]
    daemon.ask(3, messages.Load("small", download=True))
    assert daemon.finished.of(3).message == Done()
    assert made.asked == []


def test_settings_that_cannot_be_read_then_leave_those_that_hold(
    daemon: Daemon, downloads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    making(daemon, monkeypatch)

    def fail() -> Setup:
        raise MattedError("config.toml cannot be read.")

    monkeypatch.setattr(daemon.service, "_reread", fail)
    daemon.ask(1, messages.Load("small", download=True))
    assert daemon.finished.of(1).message == Done()
    daemon.mask(2)
    assert isinstance(daemon.finished.of(2).message, MaskResult)


# -- a model that is a part of matted ----------------------------------------------------------------------------------


def test_what_has_no_weights_is_loaded_at_once_and_never_by_an_engine(daemon: Daemon) -> None:
    assert daemon.ask(1, messages.Load("flat", download=True)) == [Done()]
    assert daemon.ask(2, messages.Unload("flat")) == [Done(False)]
    assert daemon.engines.made == [] and not daemon.service.working()


def test_it_is_listed_as_installed(daemon: Daemon) -> None:
    (listed,) = daemon.ask(1, messages.ModelsRequest())
    assert isinstance(listed, messages.ModelsReply)
    (flat,) = (facts for facts in listed.models if facts["id"] == "flat")
    state = {"installed": True, "loaded": False, "default": False, "chosen": "", "seconds": None, "measured": False}
    assert flat == {**FLAT.facts(), **state, "automatic": False, "accept": False, "server": ""}


def test_it_takes_no_plate(daemon: Daemon) -> None:
    request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model="flat", plate=True)
    answer = daemon.ask(1, request, disc(SIDE), disc(SIDE))
    assert refused(answer) == "bad_request" and answer[0].message == "Flat ground takes no plate."


def test_it_can_be_preloaded(tmp_path: Path, installed: None) -> None:
    daemon = Daemon(tmp_path, preload="flat")
    wait_for(lambda: not daemon.service.working(), "the end of the preload")
    assert daemon.engines.made == []
    daemon.end()


# -- flat grounds ------------------------------------------------------------------------------------------------------


def status_of(daemon: Daemon) -> dict[str, Any]:
    (reply,) = daemon.ask(999, messages.StatusRequest())
    assert isinstance(reply, messages.StatusReply)
    return reply.status


def test_status_says_what_made_the_latest_mask(daemon: Daemon) -> None:
    assert status_of(daemon)["chosen"] is None and status_of(daemon)["flat_ground"] == "auto"
    daemon.ask(1, MaskRequest(width=SIDE, height=SIDE, format="RGB8"), drawn(SIDE))
    daemon.mask_of(1)
    told = {"model": "flat", "ground": "colour", "ground_colour": [255, 255, 255], "chosen": True, "reason": ""}
    assert status_of(daemon)["chosen"] == told
    daemon.mask(2)
    daemon.mask_of(2)
    told = {"model": "small", "ground": "", "ground_colour": [], "chosen": False, "reason": ""}
    assert status_of(daemon)["chosen"] == told
    hint = bytes(SIDE * SIDE // 2) + bytes([255]) * (SIDE * SIDE // 2)
    daemon.ask(3, RefineRequest(width=SIDE, height=SIDE, format="RGB8", hint=True), disc(SIDE), hint)
    daemon.mask_of(3)
    assert status_of(daemon)["chosen"] == {**told, "model": ""}


def test_a_reload_decides_whether_open_pictures_are_looked_at(daemon: Daemon) -> None:
    daemon.ask(1, Open(1, SIDE, SIDE, "RGB8"), drawn(SIDE))
    for request_id, flat_ground, maker in ((2, "auto", "flat"), (3, "off", "small"), (4, "auto", "flat")):
        daemon.setup = daemon.setup._replace(config=replace(daemon.config, flat_ground=flat_ground))
        assert daemon.ask(900 + request_id, messages.Reload()) == [Done()]
        assert daemon.about(request_id, model="default") == []
        daemon.mask_of(request_id)
        assert (status_of(daemon)["chosen"] or {})["model"] == maker
        assert status_of(daemon)["flat_ground"] == flat_ground


def test_a_client_that_leaves_while_its_picture_is_looked_at_leaves_nothing_behind(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, find = Gate(), ground.find
    monkeypatch.setattr(ground, "find", lambda layer: (gate.wait(), find(layer))[1])
    gate.close()
    daemon.open(1)
    daemon.about(2, model="default")
    assert gate.reached.wait(60)
    daemon.service.leave(ME)
    gate.open()
    assert daemon.failure_of(2) == "cancelled"
    assert not daemon.service.working() and daemon.engines.made == []


def test_a_later_view_overtakes_one_whose_picture_is_looked_at(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, find = Gate(), ground.find
    monkeypatch.setattr(ground, "find", lambda layer: (gate.wait(), find(layer))[1])
    gate.close()
    daemon.open(1)
    daemon.about(2, model="default", view=[0, 0, SIDE, SIDE, 24, 24])
    assert gate.reached.wait(60)
    daemon.about(3, model="default", view=[0, 0, SIDE, SIDE, 32, 32])
    gate.open()
    assert daemon.failure_of(2) == "cancelled"
    assert len(daemon.mask_of(3)) == 32 * 32


def test_a_view_needs_memory_to_look_at_all_of_a_picture_until_it_is_known_not_to_be_flat(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, needed = psutil.virtual_memory(), SIDE * SIDE * admission.KEYED_BYTES + 64 * admission.WHOLE_BYTES
    free = needed
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=free))
    view = [0, 0, 8, 8, 8, 8]
    for request_id, pixels, flat in ((1, disc(SIDE), False), (11, drawn(SIDE), True)):
        daemon.ask(request_id, Open(1, SIDE, SIDE, "RGB8"), pixels)  # one picture: others could be forgotten
        free = needed - 1
        for each, name in ((2, "default"), (3, "flat")):
            assert refused(daemon.about(request_id + each, model=name, view=view)) == "out_of_memory"
        free = needed
        assert daemon.about(request_id + 4, model="default", view=view) == []
        daemon.mask_of(request_id + 4)
        free = needed - 1
        answer = daemon.about(request_id + 5, model="default", view=view)
        if flat:
            assert refused(answer) == "out_of_memory"
        else:
            daemon.mask_of(request_id + 5)


# -- a model that nobody names -----------------------------------------------------------------------------------------

# An inference takes a second; each is estimated to take what it does at first.
GRADED = {
    "small": model("small", quality=28, work=160.0),
    "good": model("good", quality=46, work=160.0),
    "best": model("best", quality=64, work=800.0, peak_bytes=2_000_000),
}


@pytest.fixture
def choosing(tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    monkeypatch.setattr(paces, "_cores", lambda: 2)
    one = Daemon(tmp_path, GRADED, model="auto")
    yield one
    one.end()


def result_of(daemon: Daemon, request_id: int) -> MaskResult:
    reply = daemon.finished.of(request_id)
    assert isinstance(reply.message, MaskResult), reply.message
    return reply.message


def reload(daemon: Daemon, **settings: Any) -> None:
    daemon.setup = daemon.setup._replace(config=replace(daemon.config, **settings))
    daemon.service.reload()


def auto(daemon: Daemon) -> dict[str, Any]:
    (message,) = daemon.ask(999, messages.StatusRequest())
    assert isinstance(message, messages.StatusReply)
    found: dict[str, Any] = message.status["auto"]
    return found


@pytest.mark.parametrize("requested", ["default", "auto"])
def test_the_best_within_the_patience_makes_the_mask_and_the_result_says_why(choosing: Daemon, requested: str) -> None:
    choosing.mask(1, requested)
    made = result_of(choosing, 1)
    assert (made.model, made.chosen, made.reason) == ("good", True, "patience")
    choosing.mask(2, "small")
    made = result_of(choosing, 2)
    assert (made.model, made.chosen, made.reason) == ("small", False, "")


def test_auto_may_be_asked_for_where_the_settings_name_a_model(tmp_path: Path, installed: None) -> None:
    one = Daemon(tmp_path, GRADED, model="small", patience=60.0)
    one.mask(1, "default")
    assert not result_of(one, 1).chosen
    one.mask(2, "auto")
    assert (result_of(one, 2).model, result_of(one, 2).reason) == ("best", "best")
    one.end()


def test_the_status_says_what_would_be_chosen_and_what_is_known_of_its_pace(choosing: Daemon) -> None:
    pace: dict[str, Any] = {"seconds": 1.0, "measured": False}
    before = {"model": "good", "reason": "patience", **pace, "better": None}
    assert auto(choosing) == before
    choosing.mask(1, "default")
    result_of(choosing, 1)
    assert auto(choosing) == {**before, "measured": True}
    (listed,) = choosing.ask(2, messages.ModelsRequest())
    assert isinstance(listed, messages.ModelsReply)
    seen = {facts["id"]: (facts["chosen"], facts["quality"], facts["measured"]) for facts in listed.models}
    assert seen["good"] == ("patience", 46, True) and seen["best"] == ("", 64, False) and seen["flat"][0] == ""
    assert not any(facts["default"] for facts in listed.models)


def test_settings_that_name_no_model_are_told_at_the_start_and_after_a_reload(
    tmp_path: Path, installed: None, caplog: pytest.LogCaptureFixture
) -> None:
    one = Daemon(tmp_path, GRADED, model="nonesuch")
    (said,) = status(one)["warnings"]
    assert said.startswith("The settings say model = 'nonesuch', and there is no such model.") and said in caplog.text
    reload(one, model="auto", refiner="off", preload="")
    assert status(one)["warnings"] == []
    reload(one, model="small", refiner="other", preload="off")
    assert [said.split(",")[0] for said in status(one)["warnings"]] == [
        "The settings say refiner = 'other'",
        "The settings say preload = 'off'",
    ]
    one.end()


def test_what_could_be_had_is_told_with_its_size_and_licence(
    tmp_path: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source("https", url="https://example.org/best.onnx", bytes=7_000_000, sha256="00")
    best = replace(GRADED["best"], automatic=False, sources=(source,))
    monkeypatch.setattr(Store, "installed", lambda store, entry: entry.id != "best")
    one = Daemon(tmp_path, {**GRADED, "best": best}, model="auto", patience=60.0)
    better = auto(one)["better"]
    assert (better["model"], better["bytes"], better["licence"], better["title"]) == (
        "best",
        7_000_000,
        "Apache-2.0",
        "BEST",
    )
    assert not better["measured"] and auto(one)["model"] == "good"
    one.end()


def test_a_measured_pace_changes_the_choice_and_the_next_daemon_knows_it(
    choosing: Daemon, tmp_path: Path, installed: None
) -> None:
    choosing.mask(1, "best")  # in a second, as it turns out
    result_of(choosing, 1)
    choosing.mask(2, "default")
    assert (result_of(choosing, 2).model, result_of(choosing, 2).reason) == ("best", "best")
    choosing.end()
    again = Daemon(tmp_path, GRADED, model="auto")
    assert auto(again)["model"] == "best" and auto(again)["measured"]
    again.end()


def test_patience_and_memory_of_the_settings_change_the_choice(choosing: Daemon) -> None:
    assert auto(choosing)["model"] == "good"
    reload(choosing, patience=60.0)
    assert auto(choosing)["model"] == "best"
    reload(choosing, patience=60.0, memory=1_000_000)
    assert (auto(choosing)["model"], auto(choosing)["reason"]) == ("good", "memory")


def test_what_is_asked_about_an_open_picture_keeps_its_model(choosing: Daemon) -> None:
    choosing.open(1)
    choosing.about(2, model="default", view=VIEW)
    assert result_of(choosing, 2).model == "good"
    choosing.mask(3, "best")
    result_of(choosing, 3)
    choosing.about(4, bytes(SIDE * SIDE), model="default", anyway=True)
    assert result_of(choosing, 4).model == "good"
    choosing.open(5, 2)
    choosing.about(6, name=2, model="default")
    assert result_of(choosing, 6).model == "best"
    reload(choosing)
    choosing.about(7, model="default")
    assert result_of(choosing, 7).model == "best", "the settings were read again"


def test_with_a_model_that_somebody_gets_an_open_picture_gets_a_new_choice(choosing: Daemon) -> None:
    choosing.open(1)
    choosing.about(2, model="default", view=VIEW)
    assert result_of(choosing, 2).model == "good"
    choosing.mask(3, "best")
    result_of(choosing, 3)
    assert choosing.ask(4, messages.Load("best")) == [Done()]  # it was there
    choosing.about(5, model="default", view=VIEW)
    assert result_of(choosing, 5).model == "good"
    choosing.ask(6, messages.Unload("best"))
    choosing.ask(7, messages.Load("best", download=True))
    assert choosing.finished.of(7).message == Done()
    choosing.about(8, model="default", view=VIEW)
    assert result_of(choosing, 8).model == "best"


def test_a_request_keeps_the_model_that_it_was_given(choosing: Daemon) -> None:
    gate = choosing.engines.close_inferring("good")
    choosing.mask(1, "default")
    assert gate.reached.wait(60)
    choosing.mask(2, "default")
    reload(choosing, patience=60.0)
    choosing.mask(3, "default")
    gate.open()
    assert [result_of(choosing, each).model for each in (1, 2, 3)] == ["good", "good", "best"]


def test_a_request_gets_a_smaller_model_where_memory_is_gone_when_its_own_is_loaded(
    choosing: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing.service._cache, "_free_memory", lambda: 1_000_000)
    reload(choosing, patience=60.0)
    gate = choosing.engines.close_loading("best")
    monkeypatch.setattr(choosing.service._selection, "_free_memory", iter([1 << 40, *[1_000_000] * 9]).__next__)
    choosing.mask(1, "default")
    assert (result_of(choosing, 1).model, result_of(choosing, 1).reason) == ("good", "memory")
    assert not gate.reached.is_set()


def test_a_model_that_was_named_is_not_replaced_where_memory_is_gone(
    choosing: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing.service._cache, "_free_memory", lambda: 1_000_000)
    choosing.mask(1, "best")
    assert choosing.failure_of(1) == "out_of_memory"


def test_a_model_that_was_chosen_and_cannot_be_used_is_passed_over_with_a_sentence(
    choosing: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    obtain = Store.obtain

    def damaged(store: Store, spec: ModelSpec, *more: Any) -> bool:
        if spec.id == "best":
            raise Rejected("model_not_installed", "The model best is damaged.", "Get it with: matted models pull best")
        return bool(obtain(store, spec, *more))

    monkeypatch.setattr(Store, "obtain", damaged)
    reload(choosing, patience=60.0)
    choosing.mask(1, "default")
    made = result_of(choosing, 1)
    assert (made.model, made.reason) == ("good", "best")
    said = "BEST is not used: The model best is damaged. Get it with: matted models pull best"
    assert made.warnings == [said] and auto(choosing)["model"] == "good"
    choosing.open(2)
    choosing.about(3, model="auto")
    assert result_of(choosing, 3).warnings == [said], "so is everybody who gets another one"
    assert choosing.ask(4, messages.Load("auto")) == [Done()]
    choosing.mask(5, "best")
    assert choosing.failure_of(5) == "model_not_installed"
    choosing.mask(6, "small")
    assert result_of(choosing, 6).warnings == []
    monkeypatch.undo()
    choosing.ask(7, messages.Unload("best"))  # as whoever has got it again does
    choosing.about(8, model="auto")
    assert (result_of(choosing, 8).model, result_of(choosing, 8).warnings) == ("best", [])


def test_a_chosen_model_that_openvino_cannot_run_is_passed_over_until_the_settings_are_read_again(
    choosing: Daemon,
) -> None:
    reload(choosing, patience=60.0)
    choosing.engines.load_errors["best"] = [RuntimeError("Broken"), RuntimeError("Broken")]
    assert choosing.ask(1, messages.Load("auto")) == []
    assert choosing.finished.of(1).message == Done()
    assert [each["id"] for each in status(choosing)["loaded"]] == ["good"]
    choosing.mask(2, "default")
    made = result_of(choosing, 2)
    assert made.model == "good" and made.warnings[0].startswith("BEST is not used: OpenVINO cannot run BEST")
    reload(choosing, patience=60.0)
    choosing.mask(3, "default")
    assert (result_of(choosing, 3).model, result_of(choosing, 3).warnings) == ("best", [])


def test_the_only_model_that_may_be_chosen_fails_with_its_own_error(tmp_path: Path, installed: None) -> None:
    one = Daemon(tmp_path, {"good": GRADED["good"]}, model="auto", patience=60.0)
    one.engines.load_errors["good"] = [RuntimeError("Broken"), RuntimeError("Broken")]
    one.mask(1, "default")
    assert one.failure_of(1) == "internal"
    one.mask(2, "default")
    assert (result_of(one, 2).model, result_of(one, 2).warnings) == ("good", [])
    one.end()


def test_a_flat_ground_goes_before_the_choice(choosing: Daemon) -> None:
    request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model="auto")
    choosing.ask(1, request, drawn(SIDE))
    made = result_of(choosing, 1)
    assert (made.model, made.chosen, made.reason) == ("flat", True, "") and choosing.engines.made == []


def test_what_is_chosen_can_be_loaded_and_unloaded(choosing: Daemon) -> None:
    assert choosing.ask(1, messages.Load("auto")) == []
    assert choosing.finished.of(1).message == Done()
    assert [engine.spec.id for engine in choosing.engines.made] == ["good"]
    assert choosing.ask(2, messages.Load("default")) == [Done()], "it is in memory"
    assert choosing.ask(3, messages.Unload("auto")) == [Done(True)]


def test_what_is_chosen_can_be_kept_from_the_start_on(tmp_path: Path, installed: None) -> None:
    one = Daemon(tmp_path, GRADED, model="auto", patience=60.0, preload="auto", keep_alive=1.0)
    wait_for(lambda: one.service._cache.holds(GRADED["best"]), "the preloaded model")
    wait_for(lambda: not one.service.working(), "the end of the load")
    one.engines.clock.now += 60
    one.service._queue.wake_worker()
    one.mask(1, "default")
    assert result_of(one, 1).model == "best" and len(one.engines.made) == 1
    one.end()


def test_a_model_that_is_to_be_preloaded_and_does_not_exist_stops_nothing(tmp_path: Path, installed: None) -> None:
    one = Daemon(tmp_path, GRADED, preload="gone")
    one.mask(1, "small")
    assert result_of(one, 1).model == "small"
    one.end()


def test_without_a_model_that_may_be_chosen_requests_say_so(tmp_path: Path, installed: None) -> None:
    one = Daemon(tmp_path, {"small": model("small", quality=0)}, model="auto")
    assert refused(one.mask(1, "default")) == "model_not_installed" and auto(one) is None
    one.mask(2, "small")
    assert result_of(one, 2).model == "small"
    one.end()
