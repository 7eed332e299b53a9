"""A preview without any window, in front of a real daemon: what is seen, what OK gives, and what is left behind."""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from conftest import Daemon, wait_for
from matted_client.client import Session
from matted_client.filling import Filling
from matted_client.options import LayerOptions
from matted_client.pictures import Mask
from matted_client.preview.camera import View
from matted_client.preview.conversation import Conversation, Layer
from matted_client.preview.presenter import RIGHT, Presenter, Widget, ask_for_mask
from matted_client.translations import ENGLISH
from peers import disc

SIZE = (900, 600)
WINDOW = (450, 300)
PATIENCE = 60.0  # seconds


class Dialog(Widget):
    """Has the presenter's thread be this one: `until` runs what was posted."""

    def __init__(self, daemon: Daemon, layer: Layer) -> None:
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()
        self.stages: dict[str, float] = {}  # of the latest answer, with their seconds
        self.conversation = Conversation(lambda on_progress, cancelled: daemon.session(), layer, self.posted.put)
        self.presenter = Presenter(self, self.conversation, SIZE, self._ask, ENGLISH)
        self.conversation.start()

    def _ask(self, *question: Any) -> Mask:
        mask = ask_for_mask(*question)
        self.stages = mask.info.timings
        return mask

    def redraw(self) -> None:
        pass

    say = redraw

    def want_image(self, view: View) -> None:
        self.presenter.image_came(view, "image")

    def limit(self, view: View) -> None:
        return None

    def later(self, milliseconds: int, act: Callable[[], None]) -> None:
        pass

    def answered(self) -> bytes:
        """Wait for the newest answer. Returns the mask that is seen."""
        while self.presenter.is_busy:
            self.posted.get(timeout=PATIENCE)()
        ((frame, _place),) = self.presenter.frames()
        assert frame.alpha is not None, self.presenter.status
        return frame.alpha


def fields(**options: Any) -> dict[str, Any]:
    chosen = LayerOptions(**options).request()
    del chosen["box"]
    return chosen


def pictures(daemon: Daemon) -> int:
    with daemon.session() as session:
        return int(session.status()["pictures"])


@pytest.fixture
def dialog(daemon: Daemon) -> Iterator[Dialog]:
    pixels = Filling(len(disc(*SIZE)))
    made = Dialog(daemon, Layer(pixels, *SIZE, "RGBA8"))
    made.presenter.change(fields())
    made.presenter.resize(*WINDOW)
    for start in range(0, len(pixels), 100_000):
        pixels.add(disc(*SIZE)[start : start + 100_000])
    yield made
    made.presenter.close()
    made.conversation.close()
    wait_for(lambda: pictures(daemon) == 0, "end of the picture")


def whole(dialog: Dialog) -> bytes:
    """What OK asks for."""
    question = dialog.presenter.question()

    def ask(picture: Any, on_progress: Any, cancelled: Any) -> Mask:
        mask: Mask = picture.mask(on_progress=on_progress, cancelled=cancelled, **question)
        return mask

    return bytes(dialog.conversation.mask(ask, lambda progress: None, lambda: False).alpha)


def expected(session: Session, **options: Any) -> bytes:
    return bytes(session.mask(disc(*SIZE), *SIZE, "RGBA8", **options).alpha)


def test_ok_gives_the_mask_of_the_same_question_byte_for_byte(daemon: Daemon, dialog: Dialog) -> None:
    first = dialog.answered()
    x, y = SIZE[0] // 4, SIZE[1] // 4
    dialog.presenter.press(SIZE[0] / 4, SIZE[1] / 4, RIGHT)  # the middle of the disc, in a window of half its size
    dialog.presenter.release(SIZE[0] / 4, SIZE[1] / 4, RIGHT)
    clicked = dialog.answered()
    assert clicked != first
    seen = np.frombuffer(clicked, np.uint8).reshape(WINDOW[1], WINDOW[0])
    assert seen[y, x] == 0
    with daemon.session() as session:
        assert whole(dialog) == expected(session, drop=[[2 * x, 2 * y]])
        dialog.presenter.undo()
        assert dialog.answered() == first
        assert whole(dialog) == expected(session)


def test_what_is_chosen_is_seen_and_a_part_is_as_sharp_as_the_layer(dialog: Dialog) -> None:
    first = dialog.answered()
    dialog.presenter.change(fields(invert=True))
    assert dialog.answered() == bytes(255 - value for value in first)
    dialog.presenter.change(fields())
    dialog.answered()
    dialog.presenter.actual()
    part = np.frombuffer(dialog.answered(), np.uint8).reshape(WINDOW[1], WINDOW[0])
    all_of_it = np.frombuffer(whole(dialog), np.uint8).reshape(SIZE[1], SIZE[0])
    view = dialog.presenter.camera.view()
    difference = part.astype(int) - all_of_it[view.top : view.bottom, view.left : view.right]
    assert abs(difference).max() <= 3


@pytest.fixture
def another_model(daemon: Daemon, u2netp_file: Path, tmp_path: Path) -> str:
    """One with the weights of u2netp, in a file that is not its own."""
    graph = onnx.load(str(u2netp_file))
    graph.doc_string = "another"
    onnx.save(graph, str(tmp_path / "another.onnx"))
    added = daemon.run("models", "add", str(tmp_path / "another.onnx"), "--like", "u2netp", "--id", "another")
    assert added.returncode == 0, added.stderr
    return "another"


def test_a_model_that_is_chosen_again_is_not_asked_again(another_model: str, daemon: Daemon, dialog: Dialog) -> None:
    """Not even where it is no longer in memory: what it saw is remembered with the picture."""
    first = dialog.answered()
    dialog.presenter.change(fields(model=another_model))
    assert dialog.answered() == first and "inference" in dialog.stages, "the weights are the same"
    for gone in (False, True):
        if gone:
            with daemon.session() as session:
                assert session.unload(another_model) and session.unload()
        for model in ("default", another_model):
            dialog.presenter.change(fields(model=model))
            assert dialog.answered() == first
            assert not {"loading", "inference", "edges"} & set(dialog.stages), dialog.stages


def test_ok_does_not_notice_that_the_daemon_was_restarted(daemon: Daemon, dialog: Dialog) -> None:
    dialog.answered()
    with daemon.session() as session:
        expected_mask = expected(session)
    session_of_the_dialog = dialog.conversation._session
    assert session_of_the_dialog is not None
    session_of_the_dialog._socket.shutdown(socket.SHUT_RDWR)  # as it is seen from here
    assert whole(dialog) == expected_mask


def test_a_slider_that_is_moved_all_the_time_shows_something_all_the_time(dialog: Dialog) -> None:
    dialog.answered()
    seen = set()
    for step in range(40):
        dialog.presenter.change(fields(feather=1.0 + step, output="layer"))
        end = time.monotonic() + 0.02
        while (left := end - time.monotonic()) > 0:
            with suppress(queue.Empty):
                dialog.posted.get(timeout=left)()
        ((frame, _place),) = dialog.presenter.frames()
        seen.add(frame.alpha)
    assert len(seen) > 3
