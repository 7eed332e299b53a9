"""The README's pictures, made anew in the real GIMP and Krita: `make pictures` puts them into docs/pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Daemon
from hosts import readme, roots
from hosts.gimp.pictures import MESSAGE, WINDOW, Picture
from hosts.gimp.session import Gimp, new_profile
from hosts.installed import Installed, until
from hosts.krita.session import KritaSession, krita_session
from PIL import Image

GAP = 24  # pixels between a photograph and its cut-out
ONE_CLICK_KEYS = ["alt+r", "c"]  # Filters > Remove Background
GIMP_WINDOW = (1060, 680)
CANVAS, DOCK = (200, 40, 800, 640), (820, 360, 1060, 640)  # left, top, right, bottom in it: the picture, its layers


def test_a_photograph_and_its_cut_out(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.run("remove", str(readme.PHOTOGRAPH), "-o", str(tmp_path / "cut-out.png"))
    assert done.returncode == 0, done.stderr
    before = readme.photograph()
    with Image.open(tmp_path / "cut-out.png") as cut_out:
        assert cut_out.size == before.size
        after = readme.chequered(cut_out.size)
        after.paste(cut_out, mask=cut_out.getchannel("A"))
    both = Image.new("RGB", (2 * before.width + GAP, before.height), "white")
    both.paste(before, (0, 0))
    both.paste(after, (before.width + GAP, 0))
    readme.keep(both, "cut-out.webp", tmp_path)


@pytest.fixture
def fresh_gimp(wheel: Path, u2netp_file: Path, tmp_path: Path) -> Iterator[tuple[Installed, Gimp]]:
    """A GIMP with windows and a profile that no other test has used."""
    if readme.SUITE not in roots.SUITES:
        pytest.skip(f"the README shows the GIMP of {readme.SUITE}")
    installed = Installed(roots.get(readme.SUITE, wheel), u2netp_file)
    new_profile(installed)
    installed.matted("install", "gimp")
    gimp = Gimp(installed, True, tmp_path)
    yield installed, gimp
    assert gimp.close() == 0, gimp.log()
    installed.remove()


def test_gimp_with_the_mask(fresh_gimp: tuple[Installed, Gimp], tmp_path: Path) -> None:
    installed, desktop = fresh_gimp
    coffee = Picture(desktop, installed.put(readme.photograph()))
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
    readme.keep(after, "gimp.webp", tmp_path)
    desktop.close_image(coffee.id)


@pytest.fixture
def krita(wheel: Path, u2netp_file: Path) -> Iterator[KritaSession]:
    if readme.SUITE not in roots.SUITES:
        pytest.skip(f"the README shows the Krita of {readme.SUITE}")
    with krita_session(roots.get(readme.SUITE, wheel), u2netp_file, {}) as session:
        readme.photograph().save(session.folder / "photograph.png")
        session.show()
        yield session


def test_krita_with_the_dialog(krita: KritaSession, tmp_path: Path) -> None:
    seen = krita.run(tmp_path / "krita.log")["picture"]
    assert "failure" not in seen, seen["failure"]
    window, dialog = (as_box(*seen[name]) for name in ("window", "dialog"))
    assert window[0] < dialog[0] and window[1] < dialog[1] and dialog[2] < window[2] and dialog[3] < window[3]
    with Image.open(krita.folder / "readme-before.png") as before, Image.open(krita.folder / "readme.png") as after:
        assert before.convert("RGB").crop(dialog) != after.convert("RGB").crop(dialog)
        readme.keep(after.crop(window), "krita.webp", tmp_path)


def as_box(left: int, top: int, width: int, height: int) -> tuple[int, int, int, int]:
    return left, top, left + width, top + height
