"""The pictures of the README and of docs/flat-grounds.md, made anew in the real GIMP and Krita.

`make pictures` puts them into docs/pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import document_pictures as documents
import flat_pictures
import pytest
from conftest import PHOTOGRAPHS, Daemon
from hosts import roots
from hosts.gimp.pictures import (
    DIALOG,
    MESSAGE,
    WINDOW,
    WITH_DIALOG,
    Picture,
    asked,
)
from hosts.gimp.preview import RIGHT, Preview
from hosts.gimp.session import Gimp, new_profile
from hosts.installed import PATIENCE, Installed, until
from hosts.krita.session import krita_session
from PIL import Image
from sheet import as_image

PHOTOGRAPH = PHOTOGRAPHS / "coffee.jpg"
SUITE = "trixie"  # the Debian whose GIMP and Krita are shown
ONE_CLICK_KEYS = ["alt+r", "c"]  # Filters > Remove Background
GIMP_WINDOW = (1060, 680)
FACE, SUIT, WALL = (225, 110), (150, 400), (400, 30)  # places in woman()
FLAG = (5, 232), (18, 290), (10, 440), (12, 480)
CANVAS, DOCK = (200, 40, 800, 640), (820, 360, 1060, 640)  # left, top, right, bottom in it: the picture, its layers


def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as picture:
        return picture.convert("RGB")


def woman() -> Image.Image:
    with Image.open(PHOTOGRAPHS / "astronaut.jpg") as picture:
        return picture.convert("RGB")


def test_a_photograph_and_its_cut_out(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.run("remove", str(PHOTOGRAPH), "-o", str(tmp_path / "cut-out.png"))
    assert done.returncode == 0, done.stderr
    before = photograph()
    with Image.open(tmp_path / "cut-out.png") as cut_out:
        assert cut_out.size == before.size
        both = documents.side_by_side(before, documents.on_chequers(cut_out))
    documents.keep(both, "cut-out.webp", tmp_path)


@pytest.fixture
def fresh_gimp(wheel: Path, u2netp_file: Path, tmp_path: Path) -> Iterator[tuple[Installed, Gimp]]:
    """A GIMP with windows and a profile that no other test has used."""
    if SUITE not in roots.SUITES:
        pytest.skip(f"the README shows the GIMP of {SUITE}")
    installed = Installed(roots.get(SUITE, wheel), u2netp_file)
    new_profile(installed)
    installed.matted("install", "gimp")
    gimp = Gimp(installed, True, tmp_path)
    yield installed, gimp
    assert gimp.close() == 0, gimp.log()
    installed.remove()


def test_gimp_with_the_mask(fresh_gimp: tuple[Installed, Gimp], tmp_path: Path) -> None:
    installed, desktop = fresh_gimp
    coffee = Picture(desktop, installed.put(photograph()))
    desktop.show(coffee.id)
    until(lambda: desktop.windows(WINDOW), "window with the photograph")
    desktop.resize(WINDOW, *GIMP_WINDOW)
    desktop.press(WINDOW, "shift+ctrl+j")  # fits the picture into the window
    before = desktop.picture_of(WINDOW, tmp_path / "readme-before.png")
    desktop.press(WINDOW, *ONE_CLICK_KEYS)
    until(lambda: coffee.mask(), "mask")
    after = desktop.picture_of(WINDOW, tmp_path / "readme.png")
    assert desktop.windows(MESSAGE) == []
    assert after.size == GIMP_WINDOW
    for part in (CANVAS, DOCK):  # what is removed is gone, and the list has the mask
        assert before.crop(part) != after.crop(part)
    documents.keep(after, "gimp.webp", tmp_path)
    desktop.close_image(coffee.id)


def test_gimp_with_the_dialog(fresh_gimp: tuple[Installed, Gimp], tmp_path: Path) -> None:
    """A flag is dropped, and the woman before it stays."""
    installed, desktop = fresh_gimp
    installed.ensure_daemon()
    picture = Picture(desktop, installed.put(woman()))
    desktop.show(picture.id)
    until(lambda: desktop.windows(WINDOW), "window with the picture")
    with asked(picture, WITH_DIALOG) as called:
        preview = Preview(desktop, DIALOG, woman().size, tmp_path / "dialog-screen.png")
        seen = preview.until_seen(stays=[FACE, SUIT, FLAG[0]], goes=[WALL])
        for place in FLAG:
            preview.click(*place, RIGHT)
            seen = preview.until_unlike(seen)
        preview.click(*SUIT)
        preview.until_unlike(seen)
        preview.until_seen(stays=[FACE, (SUIT[0] + 20, SUIT[1])], goes=[WALL, (FLAG[2][0], FLAG[2][1] + 20)])
        documents.keep(desktop.picture_of(DIALOG, tmp_path / "dialog-screen.png"), "dialog.webp", tmp_path)
        desktop.press(DIALOG, "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    desktop.close_image(picture.id)


def test_gimp_with_a_drawing(fresh_gimp: tuple[Installed, Gimp], tmp_path: Path) -> None:
    """The ring and the letters of a logo are open, and the dialog says why."""
    installed, desktop = fresh_gimp
    installed.ensure_daemon()
    logo = as_image(flat_pictures.logo())
    picture = Picture(desktop, installed.put(logo))
    desktop.show(picture.id)
    until(lambda: desktop.windows(WINDOW), "window with the picture")
    with asked(picture, WITH_DIALOG) as called:
        preview = Preview(desktop, DIALOG, logo.size, tmp_path / "dialog-screen.png")
        middle, across = flat_pictures.RING
        preview.until_seen(stays=[(middle - sum(flat_pictures.RING_RADII) // 2, across)], goes=[(middle, across)])
        documents.keep(desktop.picture_of(DIALOG, tmp_path / "dialog-screen.png"), "flat-gimp.webp", tmp_path)
        desktop.press(DIALOG, "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    desktop.close_image(picture.id)


@pytest.fixture(scope="module")
def krita(
    wheel: Path, u2netp_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder with what a Krita showed, and what it says of that."""
    if SUITE not in roots.SUITES:
        pytest.skip(f"the documents show the Krita of {SUITE}")
    with krita_session(roots.get(SUITE, wheel), u2netp_file, {}) as session:
        photograph().save(session.folder / "photograph.png")
        as_image(flat_pictures.sticker()).save(session.folder / "drawing.png")
        session.show()
        yield session.folder, session.run(tmp_path_factory.mktemp("krita") / "krita.log")


@pytest.mark.parametrize(("name", "picture"), [("photograph", "krita.webp"), ("drawing", "flat-krita.webp")])
def test_krita_with_the_dialog(krita: tuple[Path, dict[str, Any]], tmp_path: Path, name: str, picture: str) -> None:
    folder, results = krita
    seen = results[name]
    assert "failure" not in seen, seen["failure"]
    window, dialog = (as_box(*seen[part]) for part in ("window", "dialog"))
    assert window[0] < dialog[0] and window[1] < dialog[1] and dialog[2] < window[2] and dialog[3] < window[3]
    with Image.open(folder / f"readme-{name}-before.png") as before, Image.open(folder / f"readme-{name}.png") as after:
        assert before.convert("RGB").crop(dialog) != after.convert("RGB").crop(dialog)
        documents.keep(after.crop(window), picture, tmp_path)


def as_box(left: int, top: int, width: int, height: int) -> tuple[int, int, int, int]:
    return left, top, left + width, top + height
