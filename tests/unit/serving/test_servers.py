"""The service with a server that runs models, on a real socket: where masks are made, and what if it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import wait_for
from fakes import SIDE as MODEL_SIDE
from fakes import Engines, clickable, decoded, disc, model
from kserve_servers import GARBAGE, OUT_OF_MEMORY, SLOW, Behaviour, ServedModel, rest_server, rpc_server, tensor
from matted.inference.engines.kserve import server as servers
from matted.models.catalogue import Catalogue
from matted.models.store import Store
from matted.serving.service import Identity, Service
from matted.serving.setup import Setup
from matted.settings import server as server_settings
from matted.settings.config import Config
from matted_client import messages
from matted_client.messages import Cancel, Failure, Load, MaskRequest, MaskResult, ModelsRequest, Open, StatusRequest
from service_harness import SIDE, Daemon

SPECS = {
    "small": model("small", quality=30, work=1.0),
    "large": model("large", quality=60, work=50.0, automatic=False),
    "film": model("film", states=(("before", "after"),), quality=0, automatic=False),
    "clicks": replace(clickable("clicks"), quality=0, automatic=False),
}


class Desk(Daemon):
    """A service whose server has some models, and whose own computer has others. url: of the server."""

    def __init__(self, folder: Path, url: str, model: str = "small", **table: Any) -> None:
        settings = server_settings.parse({"url": url, **table}, folder)
        super().__init__(folder, SPECS, model=model, server=settings)
        wait_for(lambda: self.status["server"]["asked"], "the server's answer")

    def begin(self, request_id: int, name: str = "small", number: int = 0, **fields: Any) -> None:
        """Ask for a mask of a picture. number: another one for each, as the answers are remembered."""
        request = MaskRequest(width=SIDE, height=SIDE, format="RGB8", model=name, edges="off", **fields)
        picture = bytearray(disc(SIDE))
        picture[:3] = bytes([number % 256]) * 3
        picture[: 3 * SIDE : 3] = bytes([number % 256]) * SIDE
        assert self.ask(request_id, request, bytes(picture)) == []

    def result(self, request_id: int, name: str = "small", **fields: Any) -> MaskResult:
        self.begin(request_id, name, request_id, **fields)
        reply = self.finished.of(request_id).message
        assert isinstance(reply, MaskResult), reply
        return reply

    def failure(self, request_id: int, name: str = "small", **fields: Any) -> Failure:
        self.begin(request_id, name, request_id, **fields)
        reply = self.finished.of(request_id).message
        assert isinstance(reply, Failure), reply
        return reply

    @property
    def status(self) -> dict[str, Any]:
        (reply,) = self.ask(9999, StatusRequest())
        assert isinstance(reply, messages.StatusReply)
        return reply.status

    def facts(self, name: str) -> dict[str, Any]:
        (reply,) = self.ask(9998, ModelsRequest())
        assert isinstance(reply, messages.ModelsReply)
        return next(facts for facts in reply.models if facts["id"] == name)


def film() -> ServedModel:
    """What FakeEngine is with a state: it counts the frames, and its matte is the red plane."""

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        return {"matte": given["image"][:, :1].astype(np.float32) / np.float32(255), "after": given["before"] + 1}

    plain = ServedModel.of_side(MODEL_SIDE)
    state = tensor("before", "FP32", 1, -1, -1, -1)
    return ServedModel([*plain.inputs, state], [*plain.outputs, {**state, "name": "after"}], compute)


def encoder() -> ServedModel:
    """What FakeEngine is with a decoder: its red plane is what it gives to that."""

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        return {"features": given["image"][:, :1].astype(np.float32) / np.float32(255)}

    side = 4 * MODEL_SIDE
    features = tensor("features", "FP32", 1, 1, side, side)
    return ServedModel([tensor("image", "UINT8", 1, 3, side, side)], [features], compute)


def decoder() -> ServedModel:
    """A decoder that answers as FakeEngine's, `decoded`."""

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        masks, scores = decoded(*(given[name][0] for name in ("features", "points", "labels", "mask", "there")))
        return {"masks": masks[np.newaxis], "scores": scores[np.newaxis]}

    side, rows = 4 * MODEL_SIDE, MODEL_SIDE
    inputs = [tensor("features", "FP32", 1, 1, side, side), tensor("points", "FP32", 1, -1, 2)]
    inputs += [tensor("labels", "FP32", 1, -1), tensor("mask", "FP32", 1, 1, rows, rows), tensor("there", "FP32", 1)]
    return ServedModel(inputs, [tensor("masks", "FP32", 1, -1, rows, rows), tensor("scores", "FP32", 1, -1)], compute)


Start = Callable[..., tuple[Desk, Behaviour]]


@pytest.fixture(params=[rest_server, rpc_server], ids=["rest", "grpc"])
def start(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """start(there, here): a daemon; ids of the models that its server has, and of those on this computer."""
    here: set[str] = set()
    monkeypatch.setattr(servers, "FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(Store, "obtain", lambda *arguments: False)
    monkeypatch.setattr(Store, "installed", lambda store, spec: spec.id in here)
    monkeypatch.setattr(Store, "installed_of", lambda store, specs: {spec.id for spec in specs if spec.id in here})
    with ExitStack() as stack:

        def begin(there: set[str], on_this: set[str], **options: Any) -> tuple[Desk, Behaviour]:
            here.update(on_this)
            special = {"film": film, "clicks": encoder, "clicks-decoder": decoder}
            served = {name: special[name]() if name in special else ServedModel.of_side(MODEL_SIDE) for name in there}
            behaviour = Behaviour(served)
            daemon = Desk(tmp_path, stack.enter_context(request.param(behaviour)), **options)
            stack.callback(daemon.end)
            stack.callback(behaviour.go_on.set)
            return daemon, behaviour

        yield begin


def test_a_model_of_the_server_is_run_there_and_the_result_says_so(start: Start) -> None:
    daemon, behaviour = start({"small"}, set())
    result = daemon.result(1)
    place = f"{daemon.config.server.url} (small)"  # type: ignore[union-attr]
    assert result.device == place and not result.warnings and behaviour.asked("nfer") == 1
    assert not daemon.engines.made and daemon.status["loaded"] == []
    assert daemon.status["server"]["models"] == {"small": place}
    facts = daemon.facts("small")
    assert facts["installed"] and facts["server"] == place and facts["measured"]


def test_other_models_are_run_here(start: Start) -> None:
    daemon, _ = start({"small"}, {"large"})
    assert daemon.result(1, "large").device == "AUTO"
    assert daemon.facts("large")["server"] == ""


def test_masks_are_the_same_there_and_here(start: Start) -> None:
    daemon, _ = start({"small"}, {"large"})
    daemon.begin(1, "small")
    daemon.begin(2, "large")
    there, here = daemon.finished.of(1), daemon.finished.of(2)
    assert bytes(there.frames[0]) == bytes(here.frames[0])


def test_a_load_of_a_model_that_the_server_has_downloads_nothing(start: Start) -> None:
    daemon, _ = start({"small"}, set())
    assert daemon.ask(1, Load("small", download=True)) == [messages.Done()]
    assert not daemon.engines.made


@pytest.mark.parametrize("fault", [GARBAGE, OUT_OF_MEMORY])
def test_where_the_server_fails_this_computer_does_it_and_the_result_says_so(start: Start, fault: str) -> None:
    daemon, behaviour = start({"small"}, {"small"})
    behaviour.fault = fault
    result = daemon.result(1)
    assert result.device == "AUTO" and len(result.warnings) == 1
    assert result.warnings[0].startswith("The server") and result.warnings[0].endswith("instead.")
    behaviour.fault = ""
    wait_for(lambda: "small" in daemon.status["server"]["models"], "the server's return")
    assert "://" in daemon.result(2).device


def test_the_next_click_does_not_wait_for_a_server_that_was_too_slow(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, behaviour = start({"small"}, {"small"}, timeout="0.3s")
    behaviour.fault = SLOW
    assert "did not answer" in daemon.result(1).warnings[0]
    asked = behaviour.asked("nfer")
    server = daemon.service._predictor.server
    assert server is not None
    monkeypatch.setattr(server, "engine", lambda spec: None)  # as before it has answered once more
    monkeypatch.setattr(server, "failure", lambda spec: servers.connection.slow(0.3))
    assert "did not answer" in daemon.result(2).warnings[0] and behaviour.asked("nfer") == asked


def test_without_the_model_here_the_failure_is_a_sentence(start: Start) -> None:
    daemon, behaviour = start({"small"}, set())
    behaviour.fault = GARBAGE
    failed = daemon.failure(1)
    assert failed.code == messages.SERVER_FAILED and failed.message.endswith("is not on this computer.")
    assert failed.hint


def test_the_settings_may_forbid_that_this_computer_does_it(start: Start) -> None:
    daemon, behaviour = start({"small"}, {"small"}, fallback=False)
    behaviour.fault = GARBAGE
    assert daemon.failure(1).code == messages.SERVER_FAILED and not daemon.engines.made


def test_a_model_of_the_server_can_be_chosen_by_itself_and_one_of_this_computer_when_that_fails(start: Start) -> None:
    daemon, behaviour = start({"large"}, {"small"}, model="auto")
    assert daemon.result(1, "default").model == "large"
    behaviour.fault = GARBAGE
    result = daemon.result(2, "default")
    assert result.model == "small" and result.chosen and any("The server" in each for each in result.warnings)


def test_frames_keep_the_model_that_was_chosen_when_the_server_fails(start: Start) -> None:
    daemon, behaviour = start({"large"}, {"small"}, model="auto")
    assert daemon.result(1, "default", sequence=7).model == "large"
    behaviour.fault = GARBAGE
    assert daemon.failure(2, "default", sequence=7).code == messages.SERVER_FAILED
    assert daemon.result(3, "default", sequence=8).model == "small", "another scene begins with what there is"


def test_a_film_goes_on_here_where_the_server_has_failed(start: Start) -> None:
    daemon, behaviour = start({"film"}, {"film"})
    for number in (1, 2):
        assert "://" in daemon.result(number, "film", sequence=7).device
    behaviour.fault = OUT_OF_MEMORY
    for number in (3, 4):
        assert daemon.result(number, "film", sequence=7).device == "AUTO"
    assert [state for _, state in daemon.engines.seen] == [2.0, 3.0], "what it remembers is the server's"


def test_clicks_on_what_the_server_has_seen_are_answered_here_where_it_has_failed(start: Start) -> None:
    daemon, behaviour = start({"clicks", "clicks-decoder"}, {"clicks"})
    middle, other = [SIDE // 2, SIDE // 2], [SIDE // 2 + 9, SIDE // 2]
    assert daemon.ask(1, Open(1, SIDE, SIDE, "RGB8"), disc(SIDE)) == [messages.Done()]

    def click(number: int, *keep: list[int]) -> MaskResult:
        request = MaskRequest(picture=1, model="clicks", edges="off", keep=list(keep))
        assert daemon.ask(number, request) == []
        reply = daemon.finished.of(number).message
        assert isinstance(reply, MaskResult), reply
        return reply

    first = click(2, middle)
    assert first.clicks_on == first.device and "://" in first.clicks_on and not daemon.engines.made
    behaviour.fault = OUT_OF_MEMORY
    second = click(3, middle, other)
    (engine,) = daemon.engines.made
    assert (engine.inferences, engine.decodings) == (0, 1), "the picture need not be shown once more"
    assert second.coverage == pytest.approx(first.coverage, abs=0.02)


def test_a_cancel_ends_a_request_that_waits_for_the_server(start: Start) -> None:
    daemon, behaviour = start({"small"}, {"small"})
    behaviour.fault = SLOW
    daemon.begin(1)
    wait_for(lambda: behaviour.inferring == 1, "the inference")
    daemon.ask(2, Cancel(1))
    reply = daemon.finished.of(1).message
    assert isinstance(reply, Failure) and reply.code == messages.CANCELLED and not daemon.engines.made


def test_several_requests_are_in_flight_and_no_more_than_the_settings_say(start: Start) -> None:
    daemon, behaviour = start({"small"}, {"large"}, max_in_flight=3)
    behaviour.fault = SLOW
    for number in range(1, 8):
        daemon.begin(number, number=number)
    wait_for(lambda: behaviour.inferring == 3, "three inferences")
    assert daemon.result(20, "large").device == "AUTO"  # what is done here does not wait for them
    behaviour.go_on.set()
    for number in range(1, 8):
        assert isinstance(daemon.finished.of(number).message, MaskResult)
    assert behaviour.most == 3


def test_a_reload_without_the_section_ends_all_that(start: Start) -> None:
    daemon, _ = start({"small"}, {"small"})
    folder = daemon.config.folder
    config = Config(folder, folder, folder, folder, model="small")
    daemon.setup = Setup(config, daemon.setup.catalogue)
    daemon.service.reload()
    assert daemon.result(1).device == "AUTO" and daemon.status["server"] is None


def test_a_server_takes_no_memory_and_no_connection_for_a_daemon_without_one(tmp_path: Path) -> None:
    identity = Identity("tcp://127.0.0.1:1", "connection.json", bytes(32))
    config = Config(tmp_path, tmp_path, tmp_path, tmp_path, model="small")
    setup = Setup(config, Catalogue(dict(SPECS)))
    engines = Engines()
    before = len(psutil.Process().net_connections("inet"))
    service = Service(setup, lambda: setup, identity, lambda: None, engines, engines.clock)
    assert len(psutil.Process().net_connections("inet")) == before
    service.stop()
    wait_for(lambda: service.collect() is not None and service.finished(), "the end of the service")
    service.close()
