"""A server that others wrote runs the model: the masks in the real GIMP and Krita are those of this computer.

GIMP's daemon asks MLServer, Krita's asks Triton. Neither computer's user has the model.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import Daemon
from hosts import roots
from hosts.gimp.pictures import DIALOG, MESSAGE, REMOVE, SUCCESS, WINDOW, WITH_DIALOG, Picture, asked, photograph
from hosts.gimp.session import Gimp
from hosts.installed import PATIENCE, Installed, until
from hosts.krita.kinds import TITLES
from hosts.krita.session import Results, krita_session
from hosts.seen import artefacts_folder
from real_servers import export, running

MODEL = "u2netp"
ONE_CLICK_KEYS = ["alt+r", "c"]  # Filters > Remove Background
TESTED = [suite for suite in TITLES if suite in roots.SUITES]


@pytest.fixture(scope="module")
def expected(daemon: Daemon) -> bytes:
    """The mask of the photograph."""
    with daemon.session() as session:
        picture = photograph().convert("RGBA")
        return bytes(session.mask(picture.tobytes(), *picture.size, "RGBA8", model=MODEL).alpha)


def url_of(server: str, daemon: Daemon, folder: Path) -> Iterator[str]:
    """A server that has the model. folder: for what it reads and says."""
    with running(server, export(daemon, MODEL, folder / server, server), folder) as real:
        yield real.url("http")


@pytest.fixture(scope="module")
def mlserver(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from url_of("mlserver", daemon, tmp_path_factory.mktemp("mlserver"))


@pytest.fixture(scope="module")
def triton(daemon: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from url_of("triton-python", daemon, tmp_path_factory.mktemp("triton"))


def assert_alike(mask: bytes | None, expected: bytes) -> None:
    """The server's mask differs from that of this computer by 1 of 255 at most."""
    assert mask is not None
    found, wanted = (np.frombuffer(each, np.uint8).astype(int) for each in (mask, expected))
    assert found.max() == 255 and np.abs(found - wanted).max() <= 1


# -- GIMP --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def by_server(installed: Installed, mlserver: str) -> Iterator[str]:
    """The daemon has a server instead of the model."""
    models = installed.outside(f"{installed.home}/.local/share/matted/models")
    settings = installed.outside(f"{installed.home}/.config/matted/config.toml")
    settings.parent.mkdir(parents=True, exist_ok=True)
    before = settings.read_text() if settings.exists() else None
    aside = models.rename(models.with_name("models aside"))
    settings.write_text(f'[server]\nurl = "{mlserver}"\nmodels = ["{MODEL}"]\n')
    installed.kill()
    yield mlserver
    installed.kill()
    shutil.rmtree(models, ignore_errors=True)
    aside.rename(models)
    if before is None:
        settings.unlink()
    else:
        settings.write_text(before)


def test_a_click_in_gimp(by_server: str, desktop: Gimp, installed: Installed, shown: Picture, expected: bytes) -> None:
    desktop.press(WINDOW, *ONE_CLICK_KEYS)
    until(lambda: shown.mask(), "mask")
    assert_alike(shown.mask(), expected)
    assert desktop.windows(MESSAGE) == []
    assert installed.answer_to(photograph()).info.device == f"{by_server} ({MODEL})"
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: shown.mask() is None, "undo")


def test_the_dialog_of_gimp(
    by_server: str, desktop: Gimp, shown: Picture, forgetful: None, expected: bytes, artefacts: Path
) -> None:
    with asked(shown, WITH_DIALOG) as called:
        desktop.screenshot(artefacts / "studio dialog.png")
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    assert_alike(shown.mask(), expected)


# -- Krita -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=TESTED, ids=[f"krita-{TITLES[suite]}" for suite in TESTED])
def seen(
    request: pytest.FixtureRequest,
    wheel: Path,
    u2netp_file: Path,
    triton: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Results]:
    artefacts = artefacts_folder(tmp_path_factory)
    with krita_session(roots.get(request.param, wheel), u2netp_file, {}) as session:
        photograph().save(session.folder / "photograph.png")
        session.ask_server(triton, MODEL)
        results = session.run(tmp_path_factory.mktemp("krita") / "krita.log")
        for shot in [*session.folder.glob("studio*.png"), *session.folder.glob("failure*.png")]:
            shutil.copy(shot, artefacts / f"krita-{TITLES[request.param]}-{shot.name}")
        yield Results(session, results)


def test_a_click_in_krita(seen: Results, triton: str, expected: bytes) -> None:
    clicked = seen["clicked"]
    assert clicked["messages"] == [] and clicked["server"]["url"] == triton
    assert_alike((seen.session.folder / "clicked.mask").read_bytes(), expected)


def test_the_dialog_of_krita_says_where_the_model_runs(seen: Results, triton: str, expected: bytes) -> None:
    dialog = seen["dialog"]
    assert dialog["messages"] == []
    said = f"It runs on the server {triton} ({MODEL}), which is sent a small copy of the picture."
    assert any(said in text for text in dialog["texts"]), dialog["texts"]
    assert_alike((seen.session.folder / "dialog.mask").read_bytes(), expected)
