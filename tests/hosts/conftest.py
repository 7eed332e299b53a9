"""A real GIMP for the tests, with and without windows, and a picture that is open in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphs import small
from hosts import roots
from hosts.gimp.pictures import MESSAGE, Picture, in_a_window, photograph
from hosts.gimp.session import VERSIONS, Gimp, new_profile, plugin
from hosts.installed import Installed
from hosts.seen import artefacts_folder
from PIL import Image

TESTED = [suite for suite in VERSIONS if suite in roots.SUITES]


@pytest.fixture(scope="session", params=TESTED, ids=[f"gimp-{VERSIONS[suite]}" for suite in TESTED])
def installed(request: pytest.FixtureRequest, wheel: Path, u2netp_file: Path) -> Iterator[Installed]:
    matted = Installed(roots.get(request.param, wheel), u2netp_file)
    new_profile(matted)
    matted.matted("install", "gimp")
    yield matted
    matted.remove()


@pytest.fixture(scope="session")
def artefacts(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots and logs stay."""
    return artefacts_folder(tmp_path_factory, f"gimp-{VERSIONS[installed.root.suite]}")


@pytest.fixture(scope="session")
def gimp(installed: Installed, artefacts: Path) -> Iterator[Gimp]:
    """GIMP without windows, as in a batch."""
    yield from _running(installed, windows=False, logs=artefacts / "console")


@pytest.fixture(scope="session")
def desktop(installed: Installed, artefacts: Path) -> Iterator[Gimp]:
    """GIMP with its windows. Every error opens one, also when a script was the caller: whoever causes it closes it."""
    yield from _running(installed, windows=True, logs=artefacts / "desktop")


def _running(installed: Installed, windows: bool, logs: Path) -> Iterator[Gimp]:
    logs.mkdir(exist_ok=True)
    running = Gimp(installed, windows, logs)
    yield running
    assert running.close() == 0, running.log()


@pytest.fixture(autouse=True)
def no_complaints(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves a CRITICAL or a WARNING in the log of a GIMP that it uses."""
    used = {"gimp", "desktop"} & set(request.fixturenames)
    running = [request.getfixturevalue(name) for name in sorted(used)]
    for each in running:
        each.complaints()  # of whoever came before
    yield
    for each in running:
        assert each.complaints() == []


@pytest.fixture
def opened(gimp: Gimp, installed: Installed) -> Iterator[Callable[..., Picture]]:
    """Open what Pillow made as a PNG: opened(), or opened(picture)."""
    pictures: list[Picture] = []

    def open_in_gimp(picture: Image.Image | None = None) -> Picture:
        pictures.append(Picture(gimp, installed.put(picture or photograph())))
        return pictures[-1]

    yield open_in_gimp
    for picture in pictures:
        gimp.close_image(picture.id)


@pytest.fixture(scope="session")
def photograph_mask(installed: Installed) -> bytes:
    return installed.mask_of(photograph())


@pytest.fixture(scope="module")
def keyer(installed: Installed) -> Iterator[str]:
    """A model that compares with a plate, by colour alone."""
    model, file = "background-matting-mobilenetv2", f"{installed.home}/keyer.onnx"
    small.keyer(installed.outside(file))
    installed.matted("models", "pull", model, "--from", file, "--trust")
    yield model
    installed.matted("models", "remove", model)


@pytest.fixture
def shown(desktop: Gimp, installed: Installed) -> Iterator[Picture]:
    """The photograph in GIMP's window."""
    with in_a_window(desktop, installed, photograph()) as picture:
        assert desktop.windows(MESSAGE) == []
        yield picture


@pytest.fixture
def forgetful(desktop: Gimp) -> Iterator[None]:
    """What is chosen in a dialog does not reach the next test."""
    yield
    desktop.forget()


@pytest.fixture
def browser(installed: Installed) -> Iterator[Path]:
    """A web browser that only writes down what it was asked to open."""
    shown = installed.outside(f"{installed.home}/opened.txt")
    program = installed.outside(f"{installed.home}/browser")
    script = 'echo "$1" > opened.part && mv opened.part opened.txt'
    program.write_text(f"#!/bin/sh\ncd {installed.home} && {script}\n")
    program.chmod(0o755)
    entry = installed.outside(f"{installed.home}/.local/share/applications/browser.desktop")
    entry.parent.mkdir(parents=True, exist_ok=True)
    kinds = "text/html;x-scheme-handler/file;x-scheme-handler/https;"
    entry.write_text(f"[Desktop Entry]\nType=Application\nName=B\nExec={installed.home}/browser %u\nMimeType={kinds}\n")
    chosen = installed.outside(f"{installed.home}/.config/mimeapps.list")
    defaults = "".join(f"{kind}=browser.desktop\n" for kind in kinds.split(";") if kind)
    chosen.write_text(f"[Default Applications]\n{defaults}")
    yield shown
    for path in (shown, program, entry, chosen):
        path.unlink(missing_ok=True)


@pytest.fixture
def no_daemon_can_start(installed: Installed) -> Iterator[None]:
    """As after matted was removed without its plug-in."""
    settings = plugin(installed) / "matted.json"
    before = settings.read_text()
    settings.write_text(json.dumps({**json.loads(before), "command": ["/opt/gone/python", "-m", "matted"]}))
    installed.kill()
    yield
    settings.write_text(before)
