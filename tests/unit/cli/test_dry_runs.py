"""What is refused before the daemon is asked: a dry run refuses it in the same words as a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from matted.cli.main import main
from PIL import Image

Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refusal:
    """refusal(*words) returns what `matted` says to words that it refuses, with --dry-run and without.

    In the folder are a.png, b.png, of another size, and in/a.png. No daemon can be started.
    """
    for name in ("STATE", "DATA", "CACHE"):
        monkeypatch.setenv(f"MATTED_{name}_DIR", str(tmp_path / "none" / name))
    monkeypatch.setenv("MATTED_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").touch()
    (tmp_path / "in").mkdir()
    for path, size in (("a.png", (40, 30)), ("b.png", (20, 30)), ("in/a.png", (40, 30))):
        Image.new("RGB", size, "white").save(path)

    def said(*words: str) -> str:
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        found = []
        for more in (["--dry-run"], []):
            assert main([*words, *more]) == 1
            captured = capfd.readouterr()
            assert captured.out == ""
            found.append(captured.err)
        assert found[0] == found[1]
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        return found[0]

    return said


@pytest.mark.parametrize("pictures", ["a.png", "in"])
def test_a_plate_is_read(refusal: Refusal, pictures: str) -> None:
    Path("damaged.png").write_bytes(Path("a.png").read_bytes()[:50])
    assert (
        refusal("remove", pictures, "--plate", "no.png")
        == "matted: no.png cannot be read: No such file or directory.\n"
    )
    assert "damaged.png is damaged" in refusal("remove", pictures, "--plate", "damaged.png")


def test_what_is_said_of_one_picture_is_compared_with_it(refusal: Refusal) -> None:
    assert "a.png has 40 x 30 pixels, the plate 20 x 30." in refusal("remove", "a.png", "--plate", "b.png")
    assert "no.png cannot be read" in refusal("remove", "a.png", "--hint", "no.png")
    assert "b.png has 20 x 30 pixels, the picture a.png 40 x 30." in refusal("remove", "a.png", "--hint", "b.png")
    assert "b.png has 20 x 30 pixels, the picture a.png 40 x 30." in refusal("refine", "a.png", "b.png")
    assert "the box 0,0,50,30 goes beyond." in refusal("remove", "a.png", "--box", "0,0,50,30")
    assert "the point 39,30 of --keep lies outside." in refusal("remove", "a.png", "--keep", "39,30")
    Path("empty.png").touch()
    assert "empty.png is empty" in refusal("remove", "empty.png")
    Image.new("RGB", (17_000, 2)).save("wide.png")
    assert "a side of a WebP has at most 16383" in refusal("remove", "wide.png", "--format", "webp")


def test_a_report_is_read_and_its_place_looked_at(refusal: Refusal) -> None:
    for content in ("of,another,program\n", "of,another,program\n1,2,3\n"):
        Path("other.csv").write_text(content)
        said = refusal("remove", "in", "--skip-existing", "--report", "other.csv")
        assert said.startswith("matted: other.csv is no report of matted.")
    assert "r.csv cannot be written: " in refusal("remove", "in", "--report", "a.png/r.csv")


def test_the_place_of_a_result_is_looked_at(refusal: Refusal) -> None:
    assert "cannot be written: " in refusal("remove", "a.png", "-o", "b.png/c/d.png")


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_nothing_that_is_read_is_replaced(refusal: Refusal, link: Callable[[str, str], None] | None) -> None:
    Image.new("RGB", (40, 30), "blue").save("read.png")
    target = "read.png"
    if link is not None:
        target = "link.png"
        link("read.png", target)
    rest = "-o", target, "--force"
    for name, what in (("background", "background"), ("plate", "plate"), ("hint", "mask")):
        assert f"{target} is itself a {what} that is read." in refusal(
            "remove", "a.png", f"--{name}", "read.png", *rest
        )
    assert f"{target} is itself a mask that is read." in refusal("refine", "a.png", "read.png", *rest)
    said = refusal("refine", "a.png", "b.png", "--background", "read.png", *rest)
    assert f"{target} is itself a background that is read." in said
    assert f"{target} is itself one of the pictures." in refusal("remove", "read.png", *rest)
    sheet = "--sheet", target, "-o", "out.png", "--force"
    said = refusal("remove", "a.png", "--background", "read.png", *sheet)
    assert f"{target} is itself a background that is read." in said
