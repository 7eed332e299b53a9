"""The server of the settings, by REST and by gRPC, on real sockets: what it has, its faults, and what is done then."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import wait_for
from fakes import SIDE, clickable, decoded, model
from kserve_servers import (
    ENDLESS,
    GARBAGE,
    GONE,
    NOT_FINITE,
    NOT_READY,
    OUT_OF_MEMORY,
    REDIRECT,
    SHORT,
    SLOW,
    Authority,
    Behaviour,
    Listener,
    ServedModel,
    mattes,
    rest_server,
    rpc_server,
    tensor,
)
from letting_go import lets_go
from matted.inference.engines.kserve import connection
from matted.inference.engines.kserve.connection import ServerError, Tensor, TooSlow
from matted.inference.engines.kserve.engine import RemoteEngine
from matted.inference.engines.kserve.server import Server
from matted.models import catalogue
from matted.models.arithmetic import FITS
from matted.models.spec import DECODER, ModelSpec
from matted.settings import server as server_settings

SMALL, LARGE = model("small"), model("large")
PLANES = np.arange(3 * SIDE * SIDE, dtype=np.uint32).reshape(3, SIDE, SIDE).astype(np.uint8)

Run = Callable[..., AbstractContextManager[str]]
Ways = pytest.mark.parametrize("run", [rest_server, rpc_server], ids=["rest", "grpc"])


def behaviour(**options: Any) -> Behaviour:
    return Behaviour({"small": ServedModel.of_side(SIDE)}, **options)


class Harness:
    """Servers, and what matted knows of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = ExitStack()
        self.changes = 0

    def start(
        self, run: Run, what: Behaviour, *specs: ModelSpec, tls: dict[str, Any] | None = None, **table: Any
    ) -> Server:
        url = self.stack.enter_context(run(what, **(tls or {})))
        return self.know(url, *specs, **table)

    def know(self, url: str, *specs: ModelSpec, first_pause: float = 0.02, **table: Any) -> Server:
        """Return what matted knows of the server there, once it has asked it."""
        settings = server_settings.parse({"url": url, **table}, self.folder)
        known = {spec.id: spec for spec in specs or (SMALL, LARGE)}
        server = Server(settings, known, self._count, first_pause=first_pause)
        self.stack.callback(server.close)
        wait_for(lambda: not server.knows_not_yet(), "an answer")
        return server

    def _count(self) -> None:
        self.changes += 1


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[Harness]:
    made = Harness(tmp_path)
    with made.stack:
        yield made


class TimedOut:
    """A call that has waited for its whole timeout."""

    def result(self) -> list[Any]:
        raise connection.slow(600.0)

    def cancel(self) -> None:
        pass


def engine_of(server: Server, spec: ModelSpec = SMALL) -> RemoteEngine:
    found = server.engine(spec)
    assert found is not None, (server.standing.failure, server.standing.failures)
    return found


def infer(server: Server, spec: ModelSpec = SMALL, planes: Any = PLANES) -> list[Any]:
    return engine_of(server, spec).inference([planes]).run()


def failure(server: Server) -> ServerError:
    """Infer, which fails."""
    with pytest.raises(ServerError) as caught:
        infer(server)
    return caught.value


# -- what it has -------------------------------------------------------------------------------------------------------


@Ways
def test_a_model_that_the_server_has_is_run_there(harness: Harness, run: Run) -> None:
    server = harness.start(run, behaviour())
    engine = engine_of(server)
    assert mattes(infer(server), PLANES)
    assert engine.device == f"{server.settings.url} (small)" and engine.size == (SIDE, SIDE) and engine.memory() == 0
    assert server.engine(LARGE) is None and server.failure(LARGE) is None


@Ways
def test_foreground_colours_come_behind_the_matte_whatever_their_place(harness: Harness, run: Run) -> None:
    spec = model("small", outputs=("alpha", "foreground"))
    server = harness.start(run, Behaviour({"small": ServedModel.of_side(SIDE, colours=True)}), spec)
    outputs = infer(server, spec)
    assert mattes(outputs, PLANES) and np.array_equal(outputs[1], PLANES)


def test_an_answer_without_the_binary_extension_is_read(harness: Harness) -> None:
    assert mattes(infer(harness.start(rest_server, behaviour(binary=False))), PLANES)


@pytest.mark.parametrize("refusal", [400, 415, 422, 500])
def test_a_server_that_knows_no_binary_extension_is_sent_json(harness: Harness, refusal: int) -> None:
    what = behaviour(binary=False, refusal=refusal)
    server = harness.start(rest_server, what)
    assert mattes(infer(server), PLANES) and mattes(infer(server), PLANES)
    assert what.asked("infer") == 3  # it is tried once in the form that it does not know


def test_an_inference_that_fails_once_the_extension_was_understood_is_not_sent_again(harness: Harness) -> None:
    what = behaviour()
    server = harness.start(rest_server, what)
    infer(server)
    what.fault = OUT_OF_MEMORY
    assert "not enough memory" in failure(server).message and what.asked("infer") == 2


@Ways
def test_a_server_without_an_index_is_asked_for_each_model(harness: Harness, run: Run) -> None:
    server = harness.start(run, behaviour(has_index=False))
    assert set(server.standing.engines) == {"small"} and not server.standing.failures


@Ways
def test_the_settings_say_how_the_server_calls_a_model(harness: Harness, run: Run) -> None:
    what = Behaviour({"matting": ServedModel.of_side(SIDE)})
    server = harness.start(run, what, models={"small": "matting"})
    assert mattes(infer(server), PLANES) and engine_of(server).device.endswith("(matting)")


@Ways
def test_a_model_of_the_settings_that_the_server_lacks_is_told_of(harness: Harness, run: Run) -> None:
    server = harness.start(run, behaviour(), models=["small", "large", "none"])
    assert "does not have this model" in str(server.failure(LARGE))
    assert "no such model" in str(server.standing.failures["none"]) and server.engine(SMALL) is not None


@Ways
def test_a_model_of_any_size_gives_mattes_of_the_size_of_its_input(harness: Harness, run: Run) -> None:
    any_size = ServedModel([tensor("image", "UINT8", -1, 3, -1, -1)], [tensor("matte", "FP32", -1, 1, -1, -1)])
    spec = model("small", side=0, fit="own")
    server = harness.start(run, Behaviour({"small": any_size}), spec)
    planes = PLANES[:, : SIDE // 2]
    assert engine_of(server, spec).size is None and mattes(infer(server, spec, planes), planes)


@pytest.mark.parametrize(
    ("inputs", "outputs", "differs"),
    [
        ([tensor("image", "FP32", 1, 3, SIDE, SIDE)], None, "FP32, not UINT8"),
        ([tensor("image", "UINT8", 1, 4, SIDE, SIDE)], None, "1 x 4 x"),
        ([tensor("image", "UINT8", 1, SIDE, SIDE, 3)], None, "not 1 x 3 x height x width"),
        ([tensor("image", "UINT8", 1, 3, 7, 7)], None, "7 x 7 pixels"),
        ([tensor("a", "UINT8", 1, 3, SIDE, SIDE)] * 2, None, "2 inputs, not 1"),
        (None, [tensor("matte", "FP64", 1, 1, SIDE, SIDE)], "FP64"),
        (None, [], "its outputs are none"),
    ],
)
@Ways
def test_a_model_that_differs_from_its_spec_is_not_used(
    harness: Harness, run: Run, inputs: Any, outputs: Any, differs: str
) -> None:
    right = ServedModel.of_side(SIDE)
    wrong = ServedModel(right.inputs if inputs is None else inputs, right.outputs if outputs is None else outputs)
    what = Behaviour({"small": wrong})
    server = harness.start(run, what)
    assert server.engine(SMALL) is None and differs in str(server.failure(SMALL))
    assert not what.asked("nfer")


# -- models with more than a picture and a matte -----------------------------------------------------------------------

FILM = model("small", states=(("before", "after"),))
CLICKS = clickable("small")
LARGER = CLICKS.side  # of the encoder's input
ROWS = LARGER // 4  # of a raw mask


def film(shape: tuple[int, ...] = (1, 2, 4, 4)) -> ServedModel:
    """A model that counts the frames in its state, and gives the count, 0..1, as the matte. shape: of the state."""

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        after = np.broadcast_to(given["before"].max() + np.float32(1), shape)
        return {"matte": np.full((1, 1, SIDE, SIDE), after.max() / 8, np.float32), "after": after}

    inputs = [tensor("before", "FP32", 1, -1, -1, -1), tensor("image", "UINT8", 1, 3, SIDE, SIDE)]
    outputs = [tensor("after", "FP32", 1, -1, -1, -1), tensor("matte", "FP32", 1, 1, SIDE, SIDE)]
    return ServedModel(inputs, outputs, compute)


def encoder() -> ServedModel:
    """A model that gives its red plane, 0..1, as its features."""

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        return {"features": given["image"][:, :1].astype(np.float32) / 255}

    inputs = [tensor("image", "UINT8", 1, 3, LARGER, LARGER)]
    return ServedModel(inputs, [tensor("features", "FP32", 1, 1, LARGER, LARGER)], compute)


def decoder(scores: int = 2) -> ServedModel:
    """A decoder that answers as `decoded`. scores: how many it gives."""

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        masks, found = decoded(*(given[name][0] for name in ("features", "points", "labels", "mask", "there")))
        return {"masks": masks[np.newaxis], "scores": found[np.newaxis, :scores]}

    inputs = [
        tensor("labels", "FP32", 1, -1),
        tensor("points", "FP32", 1, -1, 2),
        tensor("features", "FP32", 1, 1, LARGER, LARGER),
        tensor("there", "FP32", 1),
        tensor("mask", "FP32", 1, 1, ROWS, ROWS),
    ]
    return ServedModel(inputs, [tensor("scores", "FP32", 1, -1), tensor("masks", "FP32", 1, -1, ROWS, ROWS)], compute)


def prompted(features: Any) -> list[Any]:
    """Return a decoder's inputs for a click."""
    point = np.array([[40.0, 40.0]], np.float32)
    return [features, point, np.ones(1, np.float32), np.zeros((1, ROWS, ROWS), np.float32), np.float32(0)]


@Ways
def test_what_a_model_remembers_travels_with_each_frame(harness: Harness, run: Run) -> None:
    server = harness.start(run, Behaviour({"small": film()}), FILM)
    state = np.zeros((1, 1, 1), np.float32)
    for number in (1, 2, 3):
        matte, state = engine_of(server, FILM).inference([PLANES, state]).run()
        assert matte.shape == (1, SIDE, SIDE) and np.all(matte == number / 8)
        assert state.shape == (2, 4, 4) and np.all(state == number)


@pytest.mark.parametrize(("before", "shape"), [((1, 1, 1), (1, 1, 2048, 2048)), ((2, 4, 4), (1, 2, 5, 4))])
@Ways
def test_a_state_that_cannot_be_one_is_not_taken(harness: Harness, run: Run, before: Any, shape: Any) -> None:
    server = harness.start(run, Behaviour({"small": film(shape)}), FILM)
    with pytest.raises(ServerError, match=r"'after'|more than what was asked for"):
        engine_of(server, FILM).inference([PLANES, np.ones(before, np.float32)]).run()


@Ways
def test_a_model_that_takes_clicks_is_asked_in_both_its_graphs(harness: Harness, run: Run) -> None:
    what = Behaviour({"small": encoder(), "small-decoder": decoder()})
    engine = engine_of(harness.start(run, what, CLICKS), CLICKS)
    planes = np.random.default_rng(1).integers(0, 256, (3, LARGER, LARGER), np.uint8)
    (features,) = engine.inference([planes]).run()
    assert np.array_equal(features, planes[:1].astype(np.float32) / 255)
    found = engine.inference(prompted(features), DECODER).run()
    for ours, right in zip(found, decoded(*prompted(features)), strict=True):
        assert np.array_equal(ours, right)


def test_the_settings_say_how_the_server_calls_both_graphs(harness: Harness) -> None:
    what = Behaviour({"sam": encoder(), "sam-of-clicks": decoder()})
    named = {"small": ["sam:2", "sam-of-clicks:3"]}
    engine = engine_of(harness.start(rest_server, what, CLICKS, models=named), CLICKS)
    engine.inference(prompted(np.zeros((1, LARGER, LARGER), np.float32)), DECODER).run()
    assert engine.device.endswith("(sam:2)")
    assert what.asked("sam/versions/2") and what.questions[-1].endswith("sam-of-clicks/versions/3/infer")


@pytest.mark.parametrize(
    ("decoders", "why"),
    [
        ({}, "The server has small, but not its decoder, small-decoder."),
        ({"small-decoder": encoder()}, "its decoder has 1 inputs, not 5"),
        ({"small-decoder": replace(decoder(), outputs=[])}, "it has no output 'masks'"),
        (
            {"small-decoder": replace(decoder(), outputs=[tensor("masks", "FP32", 1, 2, 7, 7)])},
            f"its output 'masks' is FP32 1 x 2 x 7 x 7, not FP32 1 x any x {ROWS} x {ROWS}",
        ),
    ],
)
@Ways
def test_without_its_decoder_a_model_is_not_used(harness: Harness, run: Run, decoders: Any, why: str) -> None:
    server = harness.start(run, Behaviour({"small": encoder(), **decoders}), CLICKS)
    assert server.engine(CLICKS) is None and why in str(server.failure(CLICKS))


@Ways
def test_a_decoder_without_a_score_for_each_mask_is_not_believed(harness: Harness, run: Run) -> None:
    server = harness.start(run, Behaviour({"small": encoder(), "small-decoder": decoder(scores=1)}), CLICKS)
    question = prompted(np.zeros((1, LARGER, LARGER), np.float32))
    with pytest.raises(ServerError, match="2 masks, and 1 scores"):
        engine_of(server, CLICKS).inference(question, DECODER).run()


@Ways
def test_the_size_of_the_picture_in_the_image_is_told(harness: Harness, run: Run) -> None:
    spec = model("small", fit="letterbox-on-mean")
    seen: list[Any] = []

    def compute(given: dict[str, Any]) -> dict[str, Any]:
        seen.append(given["size"])
        return {"matte": given["image"][:, :1].astype(np.float32) / np.float32(255)}

    plain = ServedModel.of_side(SIDE)
    served = ServedModel([*plain.inputs, tensor("size", "INT64", 1, 2)], plain.outputs, compute)
    server = harness.start(run, Behaviour({"small": served}), spec)
    assert mattes(engine_of(server, spec).inference([PLANES, np.array([20, 32])]).run(), PLANES)
    assert seen[0].dtype == np.int64 and seen[0].tolist() == [[20, 32]]


# -- what is too large -------------------------------------------------------------------------------------------------


@Ways
def test_a_model_whose_answers_would_not_be_read_is_not_asked(harness: Harness, run: Run) -> None:
    spec = model("small", side=8192)
    server = harness.start(run, Behaviour({"small": ServedModel.of_side(8192)}), spec)
    error = server.failure(spec)
    assert "may take 269 MB here, and matted reads 134 MB at most" in str(error) and error is not None and error.hint


@Ways
def test_a_picture_whose_answer_would_not_be_read_is_not_sent(harness: Harness, run: Run) -> None:
    any_size = ServedModel([tensor("image", "UINT8", -1, 3, -1, -1)], [tensor("matte", "FP32", -1, 1, -1, -1)])
    spec, what = model("small", side=0, fit="own"), Behaviour({"small": any_size})
    server = harness.start(run, what, spec)
    huge = np.broadcast_to(np.uint8(0), (3, 8192, 8192))
    with pytest.raises(ServerError, match="may take 269 MB here") as caught:
        infer(server, spec, huge)
    assert caught.value.kind == connection.OF_MODEL and not what.asked("nfer")
    assert mattes(infer(server, spec), PLANES), "the next one is smaller"


def test_the_largest_answers_of_the_catalogue_are_read() -> None:
    for spec in catalogue.load().specs.values():
        height, width = (spec.side, spec.side) if spec.side else (2160, 3840)
        if FITS[spec.fit].flexible and spec.side:
            height, width = FITS[spec.fit].fit((100, 10000), (spec.side, spec.side), spec.multiple).size
        outputs = [Tensor("matte", "FP32", (1, 1, height, width)), Tensor("foreground", "UINT8", (1, 3, height, width))]
        others = [Tensor(name, "FP32", (1, -1, -1, -1)) for _, name in spec.states]
        connection.require_readable([*outputs[: len(spec.outputs)], *others])


@Ways
def test_a_question_that_is_too_long_for_the_server_is_told_of(harness: Harness, run: Run) -> None:
    what = behaviour(longest=1000)
    server = harness.start(run, what)
    error = failure(server)
    assert "more than the server takes" in error.message and "grpc_max_message_length" in error.hint


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (GARBAGE, "does not understand"),
        (ENDLESS, "more than what was asked for"),
        (SHORT, "does not understand"),
        (NOT_FINITE, "not finite"),
        (OUT_OF_MEMORY, "not enough memory: CUDA out of memory. Tried to allocate 2 GiB"),
        (NOT_READY, "not ready"),
    ],
)
@Ways
def test_a_fault_of_an_inference_is_a_sentence_and_the_server_is_used_again(
    harness: Harness, run: Run, fault: str, said: str
) -> None:
    what = behaviour()
    server = harness.start(run, what)
    what.fault = fault
    error = failure(server)
    assert said in error.message and error.message.endswith(".") and error.hint
    what.fault = ""
    wait_for(lambda: server.engine(SMALL) is not None, "the model to be back")
    assert mattes(infer(server), PLANES)


@pytest.mark.parametrize("fault", [GARBAGE, OUT_OF_MEMORY, GONE, SLOW])
@Ways
def test_a_fault_keeps_no_picture_while_the_server_is_away(harness: Harness, run: Run, fault: str) -> None:
    what = behaviour()
    server = harness.start(run, what, first_pause=3600.0, timeout="1s")
    infer(server)
    what.fault = fault
    assert lets_go(PLANES.copy, lambda planes: infer(server, planes=planes), ServerError)
    assert server.failure(SMALL) is not None


@Ways
def test_a_fault_keeps_no_engine_that_another_one_has_replaced(harness: Harness, run: Run) -> None:
    what = behaviour()
    server = harness.start(run, what)
    infer(server)
    what.fault = OUT_OF_MEMORY

    def fail(engine: RemoteEngine) -> None:
        with suppress(ServerError):
            engine.inference([PLANES]).run()
        what.fault = ""
        wait_for(lambda: server.engine(SMALL) is not None, "the model to be back")
        raise ServerError("It was replaced.")

    assert lets_go(lambda: engine_of(server), fail, ServerError)


def test_a_connection_that_ends_in_the_middle_of_an_answer_is_told_of(harness: Harness) -> None:
    what = behaviour()
    server = harness.start(rest_server, what)
    what.fault = GONE
    assert "cannot be reached" in failure(server).message


def test_what_sends_elsewhere_is_not_followed(harness: Harness) -> None:
    server = harness.start(rest_server, behaviour(fault=REDIRECT))
    assert "sends this computer elsewhere" in str(server.failure(SMALL))


@Ways
def test_a_server_that_takes_too_long_is_away_until_it_answers_again(harness: Harness, run: Run) -> None:
    what = behaviour()
    server = harness.start(run, what, timeout="0.3s")
    what.fault = SLOW
    assert "did not answer within 0.3 s" in failure(server).message
    what.fault = ""
    wait_for(lambda: server.engine(SMALL) is not None, "the model to be back")


@Ways
def test_where_one_inference_was_too_slow_the_others_wait_no_longer(harness: Harness, run: Run) -> None:
    """The timeout is longer than the test may take."""
    what = behaviour(fault=SLOW)
    server = harness.start(run, what, timeout="600s")
    engine = engine_of(server)
    raised: list[ServerError] = []

    def ask() -> None:
        with pytest.raises(ServerError) as caught:
            engine.inference([PLANES]).run()
        raised.append(caught.value)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_for(lambda: what.inferring == 3, "inferences to begin")
    with pytest.raises(TooSlow):
        engine._flights.wait(TimedOut())
    for thread in threads:
        thread.join(30)
    assert [type(each) for each in raised] == [TooSlow] * 3
    asked = what.asked("nfer")
    with pytest.raises(TooSlow):  # one that has waited for its turn meanwhile
        engine.inference([PLANES]).run()
    assert what.asked("nfer") == asked
    what.fault = ""
    what.go_on.set()
    wait_for(lambda: server.engine(SMALL) not in (None, engine), "the model to be back")
    assert mattes(infer(server), PLANES)


@Ways
def test_nobody_waits_for_a_server_that_failed_last(harness: Harness, run: Run) -> None:
    what = behaviour()
    server = harness.start(run, what, timeout="0.3s", first_pause=3600.0)
    what.fault = SLOW
    failure(server)
    assert server.engine(SMALL) is None and "did not answer" in str(server.failure(SMALL))
    assert harness.changes == 2


@Ways
def test_a_cancel_ends_an_inference_at_once(harness: Harness, run: Run) -> None:
    what = behaviour(fault=SLOW)
    server = harness.start(run, what)
    inference = engine_of(server).inference([PLANES])
    raised: list[ServerError] = []

    def ask() -> None:
        with pytest.raises(ServerError) as caught:
            inference.run()
        raised.append(caught.value)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for(lambda: what.inferring == 1, "inferences to begin")
    inference.cancel()
    thread.join(10)
    assert not thread.is_alive() and raised[0].kind == connection.CANCELLED
    assert server.engine(SMALL) is not None  # it has done nothing wrong


@Ways
def test_a_cancel_that_comes_early_is_not_lost(harness: Harness, run: Run) -> None:
    what = behaviour()
    inference = engine_of(harness.start(run, what)).inference([PLANES])
    inference.cancel()
    with pytest.raises(ServerError):
        inference.run()
    assert not what.asked("nfer")


@Ways
def test_a_server_that_is_away_is_asked_again_until_it_is_there(harness: Harness, run: Run) -> None:
    listener = Listener()
    listener.close()
    scheme = "grpc" if run is rpc_server else "http"
    server = harness.know(f"{scheme}://127.0.0.1:{listener.port}")
    assert "cannot be reached" in str(server.failure(SMALL)) and server.failure(SMALL) == server.failure(LARGE)


def test_a_server_that_is_restarted_is_used_again(harness: Harness) -> None:
    what = behaviour()
    with rpc_server(what) as url:
        server = harness.know(url)
        infer(server)
    assert "cannot be reached" in failure(server).message
    with rpc_server(what, port=int(url.rpartition(":")[2])):
        wait_for(lambda: server.engine(SMALL) is not None, "the model to be back")
        assert mattes(infer(server), PLANES)


@Ways
def test_what_is_no_such_server_is_told_of_in_time(harness: Harness, run: Run) -> None:
    listener = Listener()
    harness.stack.callback(listener.close)
    scheme = "grpc" if run is rpc_server else "http"
    server = harness.know(f"{scheme}://127.0.0.1:{listener.port}", timeout="0.5s")
    assert server.failure(SMALL) is not None


# -- who is who --------------------------------------------------------------------------------------------------------


@Ways
def test_a_token_is_shown_and_read_again_after_it_was_refused(harness: Harness, run: Run) -> None:
    what = behaviour(token="right")
    (harness.folder / "token").write_text("wrong\n")
    server = harness.start(run, what, token_file="token")
    assert "refuses the token" in str(server.failure(SMALL))
    (harness.folder / "token").write_text("right\n")
    wait_for(lambda: server.engine(SMALL) is not None, "the model to be back")
    assert mattes(infer(server), PLANES)


@Ways
def test_files_that_cannot_be_used_are_named(harness: Harness, run: Run) -> None:
    assert "cannot be read" in str(harness.start(run, behaviour(), token_file="none").failure(SMALL))


@Ways
def test_a_certificate_of_the_authority_is_trusted(harness: Harness, run: Run) -> None:
    authority = Authority(harness.folder)
    tls = {"certificate": authority.certificate("127.0.0.1")}
    assert mattes(infer(harness.start(run, behaviour(), tls=tls, ca_file="authority.pem")), PLANES)


@pytest.mark.parametrize("wrong", ["another authority", "another name", "no authority"])
@Ways
def test_with_a_wrong_certificate_nothing_is_sent(harness: Harness, run: Run, wrong: str) -> None:
    (harness.folder / "other").mkdir()
    authority, other = Authority(harness.folder), Authority(harness.folder / "other")
    names = "elsewhere.example" if wrong == "another name" else "127.0.0.1"
    what = behaviour()
    tls = {"certificate": authority.certificate(names)}
    files = {"another authority": {"ca_file": str(other.file)}, "another name": {"ca_file": "authority.pem"}}
    server = harness.start(run, what, tls=tls, timeout="5s", **files.get(wrong, {}))
    assert "certificate is not trusted" in str(server.failure(SMALL)), server.failure(SMALL)
    assert not what.questions


@Ways
def test_a_client_certificate_is_shown(harness: Harness, run: Run) -> None:
    authority = Authority(harness.folder)
    authority.certificate("desk.example")
    tls = {"certificate": authority.certificate("127.0.0.1"), "authority": authority.file}
    files = {"ca_file": "authority.pem", "client_certificate": "desk.example.pem"}
    assert mattes(infer(harness.start(run, behaviour(), tls=tls, **files)), PLANES)


@Ways
def test_without_the_client_certificate_the_server_is_away(harness: Harness, run: Run) -> None:
    authority = Authority(harness.folder)
    what = behaviour()
    tls = {"certificate": authority.certificate("127.0.0.1"), "authority": authority.file}
    assert harness.start(run, what, tls=tls, ca_file="authority.pem").failure(SMALL) is not None
    assert not what.questions


# -- load --------------------------------------------------------------------------------------------------------------


@Ways
def test_several_inferences_are_in_flight_at_the_same_time(harness: Harness, run: Run) -> None:
    what = behaviour(fault=SLOW)
    engine = engine_of(harness.start(run, what))
    threads = [threading.Thread(target=engine.inference([PLANES]).run) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_for(lambda: what.inferring == 4, "inferences to begin")
    what.go_on.set()
    for thread in threads:
        thread.join(30)
    assert what.most == 4
