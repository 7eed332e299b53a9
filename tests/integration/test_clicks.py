"""Models that take clicks in a real daemon: graphs with known answers, in the tensors of each published export."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import PHOTOGRAPHS, Daemon, wait_for
from graphs import clickable
from matted.inference import model_io
from matted.inference.asking import prompts
from matted.inference.layer import Layer
from matted.models import catalogue
from matted.models.spec import ModelSpec
from matted_client import MattedError, Rejected, messages
from matted_client.client import Session
from numpy.typing import NDArray
from PIL import Image

CLICKABLE = [spec for spec in catalogue.load().specs.values() if spec.takes_clicks]
WIDTH, HEIGHT = 640, 480
ONE, OTHER, DROPPED = [150, 240], [500, 120], [160, 250]
BOX = [120, 80, 520, 400]
OFF = {"edges": "off"}


def noise() -> NDArray[np.uint8]:
    """Return a picture, height x width x 3, with a black stripe, which belongs to nothing."""
    pixels = np.random.default_rng(5).integers(60, 256, (HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, 300:330] = 0
    return pixels


PIXELS = noise()


def pull(daemon: Daemon, spec: ModelSpec) -> None:
    folder = daemon.folder / spec.id
    folder.mkdir()
    clickable.write(spec, folder / spec.file)
    done = daemon.run("models", "pull", spec.id, "--from", str(folder), "--trust")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=CLICKABLE, ids=lambda spec: spec.id)
def spec(request: pytest.FixtureRequest) -> ModelSpec:
    found: ModelSpec = request.param
    return found


@pytest.fixture(scope="module")
def daemon(spec: ModelSpec, tmp_path_factory: pytest.TempPathFactory, u2netp_file: Path) -> Iterator[Daemon]:
    """A daemon that has one model that takes clicks, beside the real u2netp."""
    running = Daemon(tmp_path_factory.mktemp("daemon"), u2netp_file)
    pull(running, spec)
    running.start()
    yield running
    running.end()


@pytest.fixture
def session(daemon: Daemon) -> Iterator[Session]:
    with daemon.session() as made:
        yield made


def expected(spec: ModelSpec, box: Any = None, keep: Sequence[Any] = (), drop: Sequence[Any] = ()) -> NDArray[np.bool_]:
    """Return what belongs to the subject, height x width, computed without the model."""
    assert spec.decoder is not None
    fit = model_io.choose_fit(WIDTH, HEIGHT, spec, (1024, 1024))
    bright = clickable.brightness(model_io.prepare(Layer(PIXELS), spec, fit))
    of_four = spec.family == "sam"

    def answer(radius: float, earlier: NDArray[np.float32] | None, **said: Any) -> NDArray[np.float32]:
        prompt = prompts.make(spec.decoder, fit, WIDTH, HEIGHT, **said)  # type: ignore[arg-type]
        places = [(x, y, int(label)) for (x, y), label in zip(prompt.points, prompt.labels, strict=True)]
        return clickable.raw_mask(bright, places, radius, earlier)

    many = clickable.SINGLE if of_four else clickable.BEST
    if box is None:
        raw = answer(clickable.BEST, None, keep=keep[:1])
    else:
        raw = answer(many, None, box=box)
    if len(keep) + len(drop if spec.decoder.background else ()) > (0 if box else 1):
        raw = answer(many, raw if spec.decoder.earlier else None, box=box, keep=keep, drop=drop)
    rows, columns = (side / 4 for side in fit.content)
    whole = Image.fromarray(raw).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, (0, 0, columns, rows))
    return np.asarray(whole) > 0


def asked(session: Session, **fields: Any) -> tuple[NDArray[np.bool_], Any]:
    mask = session.mask(PIXELS.tobytes(), WIDTH, HEIGHT, "RGB8", **OFF, **fields)
    return np.frombuffer(mask.alpha, np.uint8).reshape(HEIGHT, WIDTH) > 127, mask.info


def has_ended(engine: psutil.Process) -> bool:
    """Return whether a killed process has ended, all its threads included."""
    threads = Path(f"/proc/{engine.pid}/task")
    return not engine.is_running() or (engine.status() == psutil.STATUS_ZOMBIE and len(list(threads.glob("*"))) == 1)


def agree(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


SAID = [
    {"keep": [ONE]},
    {"keep": [ONE, OTHER]},
    {"box": BOX},
    {"box": BOX, "keep": [OTHER]},
    {"keep": [ONE, OTHER], "drop": [DROPPED]},
    {"box": BOX, "drop": [DROPPED]},
]


@pytest.mark.parametrize("said", SAID, ids=lambda said: "+".join(said))
def test_the_mask_is_what_the_clicks_point_at(session: Session, spec: ModelSpec, said: dict[str, Any]) -> None:
    subject, result = asked(session, model=spec.id, **said)
    wanted = expected(spec, **said)
    if "box" in said:
        left, top, right, bottom = said["box"]
        within = np.zeros_like(wanted)
        within[top:bottom, left:right] = wanted[top:bottom, left:right]
        wanted = within
    if spec.decoder is not None and not spec.decoder.background and "drop" in said:
        assert agree(subject, wanted) > 0.95 and not subject[DROPPED[1], DROPPED[0]]
    else:
        assert agree(subject, wanted) > 0.98
    assert (result.model, result.clicks_by) == (spec.id, spec.id)
    for x, y in said.get("keep", []):
        assert subject[y, x] or ((x, y) == tuple(OTHER) and "box" in said)
    assert not subject[:, 305:325].any() or "drop" in said, "the picture counts, too"


def test_beside_another_model_it_chooses_the_subject(session: Session, spec: ModelSpec) -> None:
    subject, result = asked(session, keep=[ONE])
    assert (result.model, result.clicks_by) == ("u2netp", spec.id)
    assert agree(subject, expected(spec, keep=[ONE])) > 0.97
    _, result = asked(session, anyway=True)
    assert result.clicks_by == "", "nothing was said"
    _, result = asked(session, drop=[ONE])
    assert result.clicks_by == "", "nothing was said to belong to the subject"


def test_a_second_click_runs_the_decoder_alone(session: Session, spec: ModelSpec) -> None:
    with session.open(PIXELS.tobytes(), WIDTH, HEIGHT, "RGB8") as picture:
        first = picture.mask(keep=[OTHER], **OFF).info.timings
        assert "inference" in first or "clicks" in first
        second = picture.mask(keep=[OTHER, ONE], **OFF).info.timings
        assert "clicks" in second and "inference" not in second and "loading" not in second
        third = picture.mask(keep=[OTHER, ONE], grow=2, **OFF).info.timings
        assert "clicks" not in third, "the answer is known"


def test_named_without_a_click_it_says_what_it_needs(session: Session, spec: ModelSpec, daemon: Daemon) -> None:
    for said in ({}, {"drop": [ONE]}):
        with pytest.raises(Rejected) as refused:
            asked(session, model=spec.id, **said)
        assert refused.value.code == messages.CLICKS_NEEDED and spec.title in refused.value.message
    done = daemon.run(
        "remove", str(PHOTOGRAPHS / "coffee.jpg"), "--model", spec.id, "-o", str(daemon.folder / "no.png")
    )
    assert done.returncode == 1 and "--keep" in done.stderr


def test_an_engine_that_is_killed_in_between_is_started_again(
    session: Session, spec: ModelSpec, daemon: Daemon
) -> None:
    with session.open(PIXELS.tobytes(), WIDTH, HEIGHT, "RGB8") as picture:
        before = picture.mask(model=spec.id, keep=[ONE], **OFF).alpha
        for engine in daemon.engines():
            engine.kill()
            wait_for(partial(has_ended, engine), "the end of the engine")
        after = picture.mask(model=spec.id, keep=[ONE, OTHER], **OFF)
        subject = np.frombuffer(after.alpha, np.uint8).reshape(HEIGHT, WIDTH) > 127
        assert agree(subject, expected(spec, keep=[ONE, OTHER])) > 0.98
        assert picture.mask(model=spec.id, keep=[ONE], **OFF).alpha == before


def test_a_cancelled_click_leaves_the_next_one_its_answer(session: Session, spec: ModelSpec) -> None:
    left = threading.Event()
    left.set()
    with session.open(PIXELS.tobytes(), WIDTH, HEIGHT, "RGB8") as picture:
        with pytest.raises(MattedError):
            picture.mask(model=spec.id, keep=[OTHER], cancelled=left.is_set, **OFF)
        mask = picture.mask(model=spec.id, keep=[OTHER], **OFF)
    subject = np.frombuffer(mask.alpha, np.uint8).reshape(HEIGHT, WIDTH) > 127
    assert agree(subject, expected(spec, keep=[OTHER])) > 0.98


def test_what_the_encoder_made_of_pictures_is_bounded_and_forgotten(session: Session, spec: ModelSpec) -> None:
    def bytes_of_pictures() -> int:
        return int(session.status()["picture_bytes"])

    bare = bytes_of_pictures()
    with session.open(PIXELS.tobytes(), WIDTH, HEIGHT, "RGB8") as picture:
        for number in range(60):
            picture.mask(model=spec.id, keep=[[10 + 10 * number, 200]], **OFF)
        assert bytes_of_pictures() - bare < PIXELS.nbytes * 3 + 110_000_000
    wait_for(lambda: bytes_of_pictures() == bare, "the picture to be forgotten")


def test_both_graphs_are_loaded_and_unloaded_together(session: Session, spec: ModelSpec, daemon: Daemon) -> None:
    asked(session, model=spec.id, keep=[ONE])
    assert spec.id in [model["id"] for model in session.status()["loaded"]]
    facts = next(facts for facts in session.models() if facts["id"] == spec.id)
    assert facts["clicks"] and facts["installed"] and facts["loaded"]
    before = len(daemon.engines())
    session.unload(spec.id)
    wait_for(lambda: len(daemon.engines()) == before - 1, "the end of its engine")


@pytest.mark.parametrize("clicks", ["off", "mobile-sam"])
def test_the_settings_decide(new_daemon: Any, clicks: str) -> None:
    best, named = CLICKABLE[0], catalogue.load().specs["mobile-sam"]
    running = new_daemon()
    for each in (best, named):
        pull(running, each)
    running.start()
    with running.session() as session:
        assert asked(session, keep=[ONE])[1].clicks_by == best.id
        running.write_settings(f'clicks = "{clicks}"')
        session.reload()
        assert asked(session, keep=[ONE])[1].clicks_by == ("" if clicks == "off" else clicks)
        running.write_settings('clicks = "u2netp"')
        with pytest.raises(MattedError, match="clicks cannot be 'u2netp'"):
            session.reload()


def test_a_damaged_decoder_is_found_and_so_is_one_that_is_gone(new_daemon: Any) -> None:
    spec, running = CLICKABLE[0], new_daemon()
    pull(running, spec)
    decoder = running.data / "models" / spec.id / "decoder.bin"
    content = decoder.read_bytes()
    decoder.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "damaged" in running.run("models", "verify").stdout
    decoder.unlink()
    said = f"its files are damaged, get it again with: matted models pull {spec.id}"
    assert said in " ".join(running.run("models").stdout.split())
