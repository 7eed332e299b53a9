"""Sequences in a real daemon: Robust Video Matting's memory is ONNX Runtime's own loop, also across a crash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
from conftest import Daemon, real_weights, wait_for
from matted.files.films import conversation
from matted.files.films.conversation import Conversation
from matted.files.pictures import Picture
from matted.inference.engines.comparison import PHOTOGRAPH
from matted.models import catalogue
from matted.serving.kept.sequences import MOST_OF_A_CLIENT
from matted_client.client import Session
from matted_client.errors import SceneForgotten
from matted_client.pictures import ignore
from numpy.typing import NDArray
from PIL import Image

MODEL = "rvm-mobilenetv3"
SPEC = catalogue.load().specs[MODEL]
SAME = 2e-3
HALF_LEVEL = 0.5 / 65535  # that a 16-bit mask is rounded by
FRAMES = 10
WIDTH, HEIGHT = 320, 256
OPTIONS = {"model": MODEL, "edges": "off", "depth": 16}


def film(step: int) -> list[NDArray[np.uint8]]:
    """Return frames, height x width x 3: a window that goes over the photograph. step: pixels from one to the next."""
    with Image.open(PHOTOGRAPH) as image:
        photograph = np.asarray(image.convert("RGB").resize((400, 320)))
    return [
        np.ascontiguousarray(photograph[2 * n : 2 * n + HEIGHT, step * n : step * n + WIDTH]) for n in range(FRAMES)
    ]


def remembered(frames: list[NDArray[np.uint8]]) -> list[NDArray[Any]]:
    """Return the alpha of each frame as ONNX Runtime computes it, given what it returned with the frame before."""
    session = onnxruntime.InferenceSession(str(real_weights(MODEL)))
    states = dict.fromkeys((given for given, _ in SPEC.states), np.zeros((1, 1, 1, 1), np.float32))
    found = []
    for frame in frames:
        planes = frame.transpose(2, 0, 1)[np.newaxis].astype(np.float32) / 255
        given = {"src": planes, "downsample_ratio": np.ones(1, np.float32), **states}
        alpha, *returned = session.run(["pha", *(name for _, name in SPEC.states)], given)
        states = dict(zip(states, returned, strict=True))
        found.append(np.clip(alpha[0, 0], 0, 1))
    return found


def alpha(mask: Any) -> NDArray[Any]:
    return np.frombuffer(mask.alpha, "<u2").reshape(HEIGHT, WIDTH) / 65535


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    one = Daemon(tmp_path_factory.mktemp("daemon"), real_weights())
    pulled = one.run("models", "pull", MODEL, "--from", str(real_weights(MODEL)))
    assert pulled.returncode == 0, pulled.stderr
    one.start()
    yield one
    one.end()


def masks(session: Session, frames: list[NDArray[np.uint8]]) -> list[NDArray[Any]]:
    with session.scene(WIDTH, HEIGHT, "RGB8", **OPTIONS) as scene:
        return [alpha(mask) for mask in scene.masks(frame.tobytes() for frame in frames)]


def test_the_frames_of_a_sequence_are_the_published_networks_own_loop(daemon: Daemon) -> None:
    frames = film(6)
    right = remembered(frames)
    with daemon.session() as session:
        found = masks(session, frames)
        alone = [
            alpha(session.mask(frame.tobytes(), WIDTH, HEIGHT, "RGB8", **OPTIONS)) for frame in (frames[0], frames[-1])
        ]
    assert all(np.abs(one - other).max() <= SAME for one, other in zip(found, right, strict=True))
    assert np.abs(found[0] - alone[0]).max() <= HALF_LEVEL, "there was nothing before the first"
    assert np.abs(found[-1] - alone[1]).max() > 10 * SAME, "it remembers"


def kill(daemon: Daemon, session: Session) -> None:
    """Kill the engine, and wait until the daemon can see that it is dead."""
    (engine,) = daemon.engines()
    engine.kill()
    wait_for(lambda: session.status()["loaded"] == [], "the end of the engine")


def test_an_engine_that_is_killed_between_frames_changes_no_mask(daemon: Daemon) -> None:
    frames = film(6)
    with daemon.session() as session:
        right = masks(session, frames)
        with session.scene(WIDTH, HEIGHT, "RGB8", **OPTIONS) as scene:
            found = []
            for number, frame in enumerate(frames):
                scene.send(frame.tobytes())
                found.append(alpha(scene.receive()))
                if number in (2, 5):
                    kill(daemon, session)
    assert all(np.array_equal(one, other) for one, other in zip(found, right, strict=True))


def test_two_sequences_in_turn_are_as_each_by_itself(daemon: Daemon) -> None:
    films = film(6), film(2)
    with daemon.session() as session, daemon.session() as other:
        right = [masks(session, frames) for frames in films]
        scenes = [each.scene(WIDTH, HEIGHT, "RGB8", **OPTIONS) for each in (session, other)]
        for pair in zip(*films, strict=True):
            for scene, frame in zip(scenes, pair, strict=True):
                scene.send(frame.tobytes())
        found = [[alpha(scene.receive()) for _ in range(FRAMES)] for scene in scenes]
    for one, alone in zip(found, right, strict=True):
        assert all(np.array_equal(mask, expected) for mask, expected in zip(one, alone, strict=True))


def test_a_model_without_a_memory_sees_each_frame_as_a_picture_by_itself(daemon: Daemon) -> None:
    options = {**OPTIONS, "model": "u2netp", "second_look": False}
    with daemon.session() as session:
        with session.scene(WIDTH, HEIGHT, "RGB8", steady=False, **options) as scene:
            found = list(scene.masks(frame.tobytes() for frame in film(6)))
        alone = [session.mask(frame.tobytes(), WIDTH, HEIGHT, "RGB8", **options) for frame in film(6)]
    assert [bytes(mask.alpha) for mask in found] == [bytes(mask.alpha) for mask in alone]
    assert [mask.info.frame for mask in found] == [*range(1, FRAMES + 1)]
    assert not any(mask.info.steadied for mask in found)


def crowd_out(session: Session) -> None:
    """Begin as many scenes as a client may have: those before are forgotten."""
    for _ in range(MOST_OF_A_CLIENT):
        scene = session.scene(2, 2, "GRAY8", model="u2netp", anyway=True, edges="off")
        scene.send(bytes(4))
        scene.receive()


def test_a_scene_that_the_daemon_forgot_is_an_error_and_never_other_masks(daemon: Daemon) -> None:
    frames = film(6)
    with daemon.session() as session:
        scene = session.scene(WIDTH, HEIGHT, "RGB8", **OPTIONS)
        for frame in frames[:3]:
            scene.send(frame.tobytes())
            scene.receive()
        crowd_out(session)
        scene.send(frames[3].tobytes())
        with pytest.raises(SceneForgotten):
            scene.receive()


@pytest.mark.parametrize("what", ["forgotten", "restarted"])
def test_a_film_goes_on_with_the_same_masks_where_the_daemon_knows_nothing_of_it_any_more(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """With two frames on their way, as all frames before are shown to it once more."""
    frames = film(6)
    with daemon.session() as session:
        right = masks(session, frames)
    monkeypatch.setattr(conversation, "connect", lambda *_args, **_words: daemon.session())
    pictures = [Picture(Image.fromarray(frame), {}) for frame in frames]
    options = {name: value for name, value in OPTIONS.items() if name != "depth"}
    found = []
    with Conversation(options, None, False, ignore) as asked:
        for number, picture in enumerate(pictures):
            asked.send(picture)
            if number == 5:
                if what == "forgotten":
                    assert asked._session is not None
                    crowd_out(asked._session)
                else:
                    assert daemon.run("stop").returncode == 0
                    daemon.start()
            if number >= 1:
                found.append(asked.receive())
        found.append(asked.receive())
    for one, other in zip(found, right, strict=True):
        seen = np.frombuffer(one.alpha, np.uint8).reshape(HEIGHT, WIDTH) / 255
        assert np.abs(seen - other).max() <= 1 / 255
