"""A daemon whose models run on servers that others wrote: the same masks, whatever becomes of the server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import OFFLINE, PHOTOGRAPHS, Daemon, real_weights, wait_for
from gates import Gate, rest_gate, rpc_gate
from graphs import stand_ins
from kserve_servers import Authority
from matted.inference import exporting
from matted.models import catalogue, sources
from matted.models.sources import local as local_files
from matted.models.store import Store
from matted_client import Rejected, messages
from matted_client.client import Session
from numpy.typing import NDArray
from PIL import Image
from real_servers import STARTABLE, RealServer, export, running

MODEL = "u2netp"
PLATE, FILM, CLICKS, REFINER = "background-matting-mobilenetv2", "rvm-mobilenetv3", "mobile-sam", "vitmatte-small"
KINDS = (PLATE, FILM, CLICKS, REFINER)
SPECS = catalogue.load().specs
WIDTH, HEIGHT, FRAMES = 320, 256, 4
WAYS = [(server, protocol) for server in STARTABLE for protocol in ("http", "grpc")]
IDS = ["-".join(way) for way in WAYS]
TOKEN = "a-token-of-the-studio"

NewDesk = Callable[..., "Desk"]


@pytest.fixture(scope="module")
def models(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of models of each server."""
    return {each: export(daemon, MODEL, tmp_path_factory.mktemp("models") / each, each) for each in STARTABLE}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, u2netp_file: Path) -> Iterator[Daemon]:
    """A daemon that has a model of each kind itself: the real one for films, else stand-ins; and no server."""
    daemon = Daemon(tmp_path_factory.mktemp("studio"), u2netp_file)
    store = Store(daemon.data / "models")
    for model in KINDS:
        spec = SPECS[model]
        folder = tmp_path_factory.mktemp("weights")
        if model == FILM:
            shutil.copy(real_weights(model), folder / spec.file)
        else:
            stand_ins.write(spec, folder / spec.file, spec.side)
        store.pull(spec, [local_files.source(str(folder), spec)], sources.Monitor(), trust=True)
    yield daemon.start()
    daemon.end()


@pytest.fixture(scope="module")
def servers(
    models: dict[str, Path], studio: Daemon, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, RealServer]]:
    """Each server, with a model of each kind."""
    store, logs = Store(studio.data / "models"), tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        started = {}
        for server in STARTABLE:
            folder = shutil.copytree(models[server], tmp_path_factory.mktemp("kinds") / server)
            for model in KINDS:
                exporting.export(SPECS[model], store.path(SPECS[model]), folder, exporting.SERVERS[server])
            started[server] = stack.enter_context(running(server, folder, logs))
        yield started


class Desk:
    """A running daemon with a server in its settings, and a picture that is another one each time."""

    def __init__(self, daemon: Daemon, url: str, settings: str = "") -> None:
        daemon.environ.update(OFFLINE)
        named = "" if "models" in settings else f'models = ["{MODEL}"]\n'
        daemon.write_settings(f'[server]\nurl = "{url}"\n{named}{settings}')
        self.daemon = daemon.start()
        self.session = daemon.session()
        self._asked = 0

    def mask(self, picture: NDArray[np.uint8] | None = None, **options: Any) -> tuple[NDArray[np.uint8], Any]:
        """Return a mask and what is said of it. picture: without it one that was never asked for before."""
        if picture is None:
            self._asked += 1
            picture = photograph()
            picture[0, 0] = self._asked
        height, width = picture.shape[:2]
        made = self.session.mask(picture.tobytes(), width, height, "RGB8", model=MODEL, **options)
        return np.frombuffer(made.alpha, np.uint8).reshape(height, width), made.info

    def has_server(self) -> bool:
        return MODEL in self.session.status()["server"]["models"]


@pytest.fixture
def new_desk(new_daemon: Callable[..., Daemon]) -> Iterator[NewDesk]:
    """new_desk(url) makes a desk that has the model, too; new_desk(url, settings, weights=None) one that does not."""
    with ExitStack() as stack:

        def make(url: str, settings: str = "", **options: Any) -> Desk:
            desk = Desk(new_daemon(**options), url, settings)
            stack.callback(desk.session.close)
            return desk

        yield make


def photograph() -> NDArray[np.uint8]:
    with Image.open(PHOTOGRAPHS / "astronaut.jpg") as image:
        return np.array(image.convert("RGB"))


@pytest.mark.parametrize(("server", "protocol"), WAYS, ids=IDS)
def test_masks_are_the_same_as_on_this_computer(
    servers: dict[str, RealServer], daemon: Daemon, new_desk: NewDesk, server: str, protocol: str
) -> None:
    picture = photograph()
    height, width = picture.shape[:2]
    with daemon.session() as session:
        made = session.mask(picture.tobytes(), width, height, "RGB8", model=MODEL)
    expected = np.frombuffer(made.alpha, np.uint8).reshape(height, width)
    url = servers[server].url(protocol)
    desk = new_desk(url, weights=None)

    mask, info = desk.mask(picture)

    assert np.abs(mask.astype(int) - expected).max() <= 1
    assert mask.max() == 255 and mask.min() == 0
    assert info.device == f"{url} ({MODEL})" and not info.warnings
    assert not desk.daemon.engines() and not (desk.daemon.data / "models" / MODEL).exists()


def by_all_kinds(session: Session) -> dict[str, Sequence[Any]]:
    """Return the masks that a model of each kind makes of a photograph, by the model."""
    with Image.open(PHOTOGRAPHS / "astronaut.jpg") as image:
        picture = np.asarray(image.convert("RGB").resize((WIDTH + 8 * FRAMES, HEIGHT)))
    frames = [picture[:, 8 * number :][:, :WIDTH].tobytes() for number in range(FRAMES)]
    plate = bytes(reversed(frames[0]))
    size = WIDTH, HEIGHT, "RGB8"
    found: dict[str, Sequence[Any]] = {}
    found[PLATE] = [session.mask(frames[0], *size, model=PLATE, plate=plate, edges="off")]
    with session.scene(*size, model=FILM, edges="off", steady=False) as scene:
        found[FILM] = list(scene.masks(frames))
    with session.open(frames[0], *size) as opened:
        said: list[dict[str, Any]] = [{"keep": [[160, 200]]}, {"keep": [[160, 200], [150, 80]], "drop": [[20, 20]]}]
        said += [{"box": [60, 20, 280, 250]}]
        found[CLICKS] = [opened.mask(model=CLICKS, edges="off", **each) for each in said]
    found[REFINER] = [session.mask(frames[0], *size, model=MODEL, edges="hair")]
    return found


@pytest.fixture(scope="module")
def made_here(studio: Daemon) -> dict[str, Sequence[Any]]:
    """What `by_all_kinds` makes on this computer."""
    with studio.session() as session:
        return by_all_kinds(session)


@pytest.mark.parametrize(("server", "protocol"), WAYS, ids=IDS)
def test_every_kind_of_model_does_the_same_there(
    servers: dict[str, RealServer],
    made_here: dict[str, Sequence[Any]],
    new_desk: NewDesk,
    server: str,
    protocol: str,
) -> None:
    url = servers[server].url(protocol)
    desk = new_desk(url, f'models = {[MODEL, *KINDS]}\ntimeout = "60s"\n', weights=None)
    wait_for(desk.has_server, "the server's first answer")

    found = by_all_kinds(desk.session)

    for kind, masks in found.items():
        for number, (there, here) in enumerate(zip(masks, made_here[kind], strict=True)):
            ours, theirs = (np.frombuffer(each.alpha, np.uint8).astype(int) for each in (there, here))
            assert np.abs(ours - theirs).max() <= 1, (kind, number)
            assert np.ptp(theirs) > 200 and not there.info.warnings
            model = MODEL if kind == REFINER else kind
            assert there.info.device == f"{url} ({model})"
    assert not np.array_equal(found[FILM][0].alpha, found[FILM][-1].alpha)
    assert [each.info.clicks_by for each in found[CLICKS]] == [CLICKS] * 3
    (refined,), (here,) = found[REFINER], made_here[REFINER]
    assert refined.info.refined_by == here.info.refined_by == REFINER
    assert (refined.info.refined_on, here.info.refined_on) == (f"{url} ({REFINER})", "CPU")
    assert {each.info.clicks_on for each in found[CLICKS]} == {f"{url} ({CLICKS})"}
    assert not desk.daemon.engines()


@pytest.mark.parametrize(("server", "protocol"), WAYS, ids=IDS)
def test_a_server_that_is_killed_is_done_without_and_comes_back(
    models: dict[str, Path], new_desk: NewDesk, tmp_path: Path, server: str, protocol: str
) -> None:
    with running(server, models[server], tmp_path) as real:
        desk = new_desk(real.url(protocol))
        assert desk.mask()[1].device.startswith(real.url(protocol))
        for _ in range(2):
            real.kill()
            mask, info = desk.mask()
            assert info.device == "CPU" and mask.max() == 255
            assert any("server" in warning for warning in info.warnings)
            real.start()
            wait_for(desk.has_server, "the server's return")
            assert desk.mask()[1].device.startswith(real.url(protocol))


@pytest.mark.parametrize(("server", "protocol"), WAYS, ids=IDS)
def test_a_server_that_hangs_is_waited_for_no_longer_than_said(
    models: dict[str, Path], new_desk: NewDesk, tmp_path: Path, server: str, protocol: str
) -> None:
    with running(server, models[server], tmp_path) as real:
        desk = new_desk(real.url(protocol), 'timeout = "1s"\n')
        wait_for(desk.has_server, "the server's first answer")
        real.stop()
        mask, info = desk.mask()
        assert info.device == "CPU" and mask.max() == 255
        assert any("server" in warning for warning in info.warnings)
        real.resume()
        wait_for(desk.has_server, "the server's return")
        mask, info = desk.mask()
        assert mask.max() == 255


@pytest.mark.parametrize(("server", "protocol"), WAYS, ids=IDS)
def test_cancel_does_not_wait_for_a_server_that_hangs(
    models: dict[str, Path], new_desk: NewDesk, tmp_path: Path, server: str, protocol: str
) -> None:
    """The timeout is longer than the test may take."""
    with running(server, models[server], tmp_path) as real:
        desk = new_desk(real.url(protocol), 'timeout = "10m"\n', weights=None)
        wait_for(desk.has_server, "the server's first answer")
        real.stop()
        said: list[str] = []

        def on_progress(*progress: Any) -> None:
            said.append(str(progress))

        with pytest.raises(Rejected) as stopped:
            desk.mask(on_progress=on_progress, cancelled=lambda: any("inference" in each for each in said))
        assert stopped.value.code == messages.CANCELLED
        real.resume()
        assert desk.mask()[1].device.startswith(real.url(protocol))


@pytest.mark.parametrize(("server", "protocol"), WAYS, ids=IDS)
def test_a_proxy_with_tls_and_a_token_stands_before_it(
    servers: dict[str, RealServer], new_desk: NewDesk, tmp_path: Path, server: str, protocol: str
) -> None:
    authority, gate, real = Authority(tmp_path), Gate(TOKEN), servers[server]
    certificate = authority.certificate("localhost", "127.0.0.1")
    behind, through = (real.rest, rest_gate) if protocol == "http" else (real.grpc, rpc_gate)
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "wrong").write_text("another-token\n")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "wrong").chmod(0o600)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stranger = Authority(elsewhere)
    with through(behind, gate, certificate) as port:
        url = f"{protocol}s://localhost:{port}"
        token, trusted = f'token_file = "{tmp_path / "token"}"\n', f'ca_file = "{authority.file}"\n'

        untrusting = new_desk(url, f'{token}ca_file = "{stranger.file}"\n')
        mask, info = untrusting.mask()
        assert info.device == "CPU" and any("certificate" in each for each in info.warnings), info.warnings
        assert gate.let_in == gate.refused == 0, "nothing was said to a server with a wrong certificate"

        refused = new_desk(url, f'{trusted}token_file = "{tmp_path / "wrong"}"\n')
        mask, info = refused.mask()
        assert info.device == "CPU" and any("token" in each for each in info.warnings), info.warnings
        assert gate.let_in == 0 < gate.refused

        let_in = new_desk(url, token + trusted, weights=None)
        mask, info = let_in.mask()
        assert info.device == f"{url} ({MODEL})" and not info.warnings
        assert mask.max() == 255 and gate.let_in > 0
