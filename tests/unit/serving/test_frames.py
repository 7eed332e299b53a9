"""Sequences with a fake engine: order and turns, what the first frame decides, cancels, crashes, what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import wait_for
from fakes import Gate, disc, drawn, model
from matted.inference.engines.engine import EngineDied
from matted.masking import rendering
from matted.serving.kept.sequences import MOST_OF_A_CLIENT
from matted.serving.kept.store import IDLE_SECONDS
from matted_client import messages
from matted_client.messages import Cancel, Close, Done, Failure, MaskRequest, MaskResult, Message
from service_harness import ME, OTHER, SIDE, SPECS, Daemon, pretend_installed, refused

FILM = model("film", states=(("r1i", "r1o"), ("r2i", "r2o")))
MODELS = {**SPECS, "film": FILM, "plate": model("plate", inputs="image+plate")}
CRASH = EngineDied("it crashed")


def pixels(tag: int) -> bytes:
    """A frame. tag: the highest level of its blue, by which `Engines.seen` tells it from others."""
    picture = np.frombuffer(disc(SIDE), np.uint8).reshape(SIDE, SIDE, 3).copy()
    picture[..., 2] = tag
    return picture.tobytes()


class Film(Daemon):
    """A service whose clients send frames: those of a sequence are told apart by tags, which are their ids, too."""

    def frame(
        self, tag: int, *frames: bytes, sequence: int = 1, peer: bytes = ME, picture: bytes | None = None, **fields: Any
    ) -> list[Message]:
        """Send a frame. frames: those behind its pixels."""
        fields = {"width": SIDE, "height": SIDE, "format": "RGB8", "model": "film", "edges": "off", **fields}
        request = MaskRequest(sequence=sequence, **fields)
        return self.ask(tag, request, picture or pixels(tag), *frames, peer=peer)

    def info(self, tag: int) -> MaskResult:
        """Wait for the mask of a frame, and return what is said of it."""
        message = self.finished.of(tag).message
        assert isinstance(message, MaskResult), message
        return message

    @property
    def tags(self) -> list[int]:
        """The frames that were inferred, in order."""
        return [tag for tag, _ in self.engines.seen]

    @property
    def memories(self) -> dict[int, float]:
        """How many frames the model remembered at each one."""
        return dict(self.engines.seen)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Film]:
    pretend_installed(monkeypatch)
    one = Film(tmp_path, MODELS)
    yield one
    one.end()


# -- order and turns ---------------------------------------------------------------------------------------------------


def test_a_model_remembers_the_frames_before_and_nothing_of_a_picture_by_itself(daemon: Film) -> None:
    for tag in (1, 2, 3):
        assert daemon.frame(tag) == []
    assert [daemon.info(tag).frame for tag in (1, 2, 3)] == [1, 2, 3]
    daemon.mask(4, "film")
    assert daemon.info(4).frame == 0
    daemon.frame(5)
    assert daemon.info(5).frame == 4
    assert [memory for _, memory in daemon.engines.seen] == [0, 1, 2, 0, 3]


def test_frames_go_in_order_sequences_take_turns_and_a_click_goes_between(daemon: Film) -> None:
    gate = daemon.engines.close_inferring("film")
    first, second = range(1, 7), range(11, 17)
    for tag in first:
        daemon.frame(tag)
    assert gate.reached.wait(60)
    for tag in second:
        daemon.frame(tag, sequence=2)
    daemon.ask(99, MaskRequest(SIDE, SIDE, "RGB8", model="film", edges="off"), pixels(99), peer=OTHER)
    gate.open()
    for tag in (*first, *second, 99):
        daemon.info(tag)
    tags = daemon.tags
    assert [tag for tag in tags if tag in first] == list(first)
    assert [tag for tag in tags if tag in second] == list(second)
    assert tags.index(11) < tags.index(3) and tags.index(99) < max(map(tags.index, (6, 16)))
    memories = daemon.memories
    assert [memories[tag] for tag in (*first, *second)] == [*range(6), *range(6)] and memories[99] == 0


def test_one_frame_is_finished_while_the_next_is_inferred(daemon: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a film would take as long as both together."""
    daemon.frame(1)
    daemon.info(1)
    finishing, render = Gate(), rendering.render
    monkeypatch.setattr(rendering, "render", lambda *given: (finishing.wait(), render(*given))[1])
    finishing.close()
    daemon.frame(2)
    daemon.frame(3)
    wait_for(lambda: daemon.tags == [1, 2, 3], "the inference of the next frame")
    finishing.open()
    assert [daemon.info(tag).frame for tag in (2, 3)] == [2, 3]


def test_two_clients_may_call_their_sequences_alike(daemon: Film) -> None:
    daemon.frame(1)
    daemon.frame(2, peer=OTHER)
    daemon.frame(3)
    daemon.frame(4, peer=OTHER)
    assert [daemon.info(tag).frame for tag in (1, 2, 3, 4)] == [1, 1, 2, 2]
    assert daemon.memories == {1: 0, 2: 0, 3: 1, 4: 1}


# -- cancels and crashes -----------------------------------------------------------------------------------------------


def cancelled(daemon: Film, tag: int) -> bool:
    """Cancel a frame. Returns whether it was alive."""
    done = daemon.ask(100 + tag, Cancel(tag))[0]
    assert isinstance(done, Done)
    return done.found


def test_a_frame_that_is_cancelled_gives_up_its_turn_and_leaves_no_trace(daemon: Film) -> None:
    daemon.frame(1)
    daemon.info(1)
    gate = daemon.engines.close_inferring("film")
    for tag in (2, 3, 4):
        daemon.frame(tag)
    assert gate.reached.wait(60)
    assert cancelled(daemon, 3) and cancelled(daemon, 2), "one waits, one is in the middle of its inference"
    assert daemon.failure_of(2) == messages.CANCELLED
    gate.open()
    assert daemon.info(4).frame == 4
    assert daemon.memories == {1: 0, 4: 1}


def test_after_a_crash_in_a_frame_it_is_done_again_with_the_same_memory(daemon: Film) -> None:
    daemon.engines.infer_errors["film"] = [None, None, CRASH, None, None]
    for tag in range(1, 5):
        daemon.frame(tag)
    assert [daemon.info(tag).frame for tag in range(1, 5)] == [1, 2, 3, 4]
    assert daemon.engines.seen == [(1, 0), (2, 1), (3, 2), (4, 3)] and len(daemon.engines.made) == 2


def test_an_engine_that_dies_between_frames_takes_no_memory_with_it(daemon: Film) -> None:
    daemon.frame(1)
    daemon.info(1)
    daemon.engines.made[0].die()
    daemon.frame(2)
    assert daemon.info(2).frame == 2 and daemon.memories == {1: 0, 2: 1}


def test_a_frame_that_fails_is_the_only_one(daemon: Film) -> None:
    daemon.engines.infer_errors["film"] = [None, RuntimeError("no"), None]
    for tag in (1, 2, 3):
        daemon.frame(tag)
    daemon.info(1)
    assert daemon.failure_of(2) == messages.INTERNAL
    assert daemon.info(3).frame == 3 and daemon.memories == {1: 0, 3: 1}


# -- what the first frame decides --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"width": SIDE // 2, "height": SIDE * 2}, f"{SIDE} x {SIDE} pixels of RGB8, and this one has 48 x 192"),
        ({"width": SIDE // 2, "height": SIDE * 3 // 2, "format": "RGBA8"}, "of RGBA8"),
        ({"model": "small"}, "'film', and this one has 'small'"),
        ({"edges": "fine"}, "'edges': 'off'"),
        ({"steady": False}, "'steady': True"),
    ],
)
def test_a_frame_that_does_not_go_with_those_before_is_refused_in_a_sentence(
    daemon: Film, fields: dict[str, Any], words: str
) -> None:
    daemon.frame(1)
    (refusal,) = daemon.frame(2, **fields)
    assert isinstance(refusal, Failure) and refusal.code == messages.BAD_REQUEST and words in refusal.message
    daemon.frame(3)
    assert daemon.info(3).frame == 2, "nothing is left of the one that was refused"


def test_a_first_frame_that_is_refused_begins_nothing(daemon: Film) -> None:
    assert refused(daemon.frame(1, model="unknown")) == messages.MODEL_NOT_FOUND
    assert refused(daemon.frame(2, model="plate")) == messages.PLATE_NEEDED
    daemon.frame(3)
    assert daemon.info(3).frame == 1


def test_a_plate_holds_until_another_comes(daemon: Film) -> None:
    daemon.frame(1, disc(SIDE), model="plate", plate=True)
    daemon.frame(2, model="plate")
    daemon.frame(3, pixels(30), model="plate", plate=True)
    daemon.frame(4, model="plate")
    assert [daemon.info(tag).frame for tag in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_whether_a_flat_ground_makes_the_masks_is_decided_by_the_first_frame(daemon: Film) -> None:
    for tag, sequence, picture in ((1, 1, drawn()), (2, 1, disc()), (3, 2, disc()), (4, 2, drawn())):
        daemon.frame(tag, model="default", sequence=sequence, picture=picture)
    assert [daemon.info(tag).model for tag in (1, 2, 3, 4)] == ["flat", "flat", "small", "small"]


def test_a_reload_in_the_middle_changes_no_sequence(daemon: Film) -> None:
    daemon.frame(1, model="default", picture=disc())
    assert daemon.info(1).model == "small"
    daemon.setup = daemon.setup._replace(config=daemon.config.__class__(**{**vars(daemon.config), "model": "large"}))
    daemon.service.reload()
    daemon.frame(2, model="default", picture=disc())
    daemon.frame(3, model="default", picture=disc(), sequence=2)
    assert [daemon.info(tag).model for tag in (2, 3)] == ["small", "large"]


def test_a_frame_without_a_subject_has_an_empty_mask(daemon: Film) -> None:
    black = bytes(SIDE * SIDE * 3)
    daemon.ask(9, MaskRequest(SIDE, SIDE, "RGB8", model="film", edges="off"), black)
    assert daemon.failure_of(9) == messages.NO_SUBJECT
    daemon.frame(1, picture=black)
    daemon.frame(2)
    daemon.frame(3, picture=black)
    assert [daemon.info(tag).coverage > 0.1 for tag in (1, 2, 3)] == [False, True, False]
    assert daemon.info(3).coverage == 0 and not any(daemon.mask_of(3))


def test_mattes_are_settled_of_models_without_a_memory_or_a_plate_unless_that_is_switched_off(daemon: Film) -> None:
    daemon.frame(1, model="small")
    daemon.frame(2, model="small")
    daemon.frame(3, model="small", sequence=2, steady=False)
    daemon.frame(4, sequence=3)
    daemon.frame(5, disc(SIDE), model="plate", plate=True, sequence=4)
    daemon.frame(6, model="default", picture=drawn(), sequence=5)
    daemon.mask(7)
    assert [daemon.info(tag).steadied for tag in range(1, 8)] == [True, True, *[False] * 5]


# -- what is forgotten -------------------------------------------------------------------------------------------------


def test_a_sequence_ends_when_it_is_closed_and_frames_on_their_way_go_on(daemon: Film) -> None:
    gate = daemon.engines.close_inferring("film")
    daemon.frame(1)
    daemon.frame(2)
    assert gate.reached.wait(60)
    assert daemon.ask(50, Close(sequence=1)) == [Done()]
    assert daemon.ask(51, Close(sequence=1)) == [Done(found=False)]
    daemon.frame(3)
    gate.open()
    assert [daemon.info(tag).frame for tag in (1, 2, 3)] == [1, 2, 1]
    assert daemon.memories == {1: 0, 2: 1, 3: 0}


def test_a_sequence_is_forgotten_with_its_connection_and_when_it_is_idle(daemon: Film) -> None:
    def begun() -> int:
        (status,) = daemon.ask(77, messages.StatusRequest())
        assert isinstance(status, messages.StatusReply)
        return int(status.status["sequences"])

    daemon.frame(1)
    daemon.frame(2, peer=OTHER)
    daemon.info(1), daemon.info(2)
    assert begun() == 2
    daemon.service.leave(OTHER)
    assert begun() == 1 and not daemon.service.expire()
    daemon.engines.clock.now += IDLE_SECONDS
    assert daemon.service.seconds_to_expiry() == 0 and daemon.service.expire() and begun() == 0
    daemon.frame(3)
    assert daemon.info(3).frame == 1 and daemon.memories[3] == 0


def test_a_sequence_stays_while_a_frame_of_it_waits_for_long(daemon: Film) -> None:
    gate = daemon.engines.close_inferring("film")
    daemon.frame(1)
    assert gate.reached.wait(60)
    daemon.engines.clock.now += IDLE_SECONDS
    assert not daemon.service.expire()
    gate.open()
    daemon.info(1)
    daemon.frame(2)
    assert daemon.info(2).frame == 2 and daemon.memories[2] == 1


def test_a_client_that_begins_too_many_loses_the_one_that_it_used_least_recently(daemon: Film) -> None:
    for sequence in range(MOST_OF_A_CLIENT):
        daemon.frame(1 + sequence, sequence=sequence)
    daemon.frame(20, sequence=0)
    daemon.frame(21, sequence=100)
    daemon.frame(22, sequence=0)
    daemon.frame(23, sequence=1)
    assert [daemon.info(tag).frame for tag in (20, 21, 22, 23)] == [2, 1, 3, 1]
