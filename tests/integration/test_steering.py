"""What a person says of a picture on the command line, and masks that are refined, with a real daemon."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOGRAPHS, Daemon
from matted.cli.main import main
from matted_client.client import Session
from matted_client.pictures import Mask
from numpy.typing import NDArray
from PIL import Image, ImageFilter

CHELSEA, COFFEE = PHOTOGRAPHS / "chelsea.jpg", PHOTOGRAPHS / "coffee.jpg"
WIDTH, HEIGHT = 600, 400  # of COFFEE
REACH = 12


@pytest.fixture
def asked(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `main` asks the daemon for, in this process: the fields of each request. It is asked all the same."""
    requests: list[dict[str, Any]] = []

    def spied(method: Callable[..., Mask]) -> Callable[..., Mask]:
        def ask(session: Session, pixels: bytes, width: int, height: int, format: str, **fields: Any) -> Mask:
            requests.append({"size": (width, height), "bytes": len(pixels), **fields})
            return method(session, pixels, width, height, format, **fields)

        return ask

    for name in ("mask", "refine"):
        monkeypatch.setattr(Session, name, spied(getattr(Session, name)))
    for name in ("HOME", "MATTED_STATE_DIR", "MATTED_DATA_DIR", "MATTED_CACHE_DIR", "MATTED_CONFIG_DIR"):
        monkeypatch.setenv(name, daemon.environ[name])
    return requests


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def turned(path: Path, target: Path) -> Path:
    """Write a picture that is to be turned by a quarter when it is shown, and return its path."""
    with Image.open(path) as photograph:
        exif = photograph.getexif()
        exif[0x0112] = 6
        photograph.save(target, exif=exif)
    return target


# -- matted remove with hints ------------------------------------------------------------------------------------------


def test_what_a_person_says_reaches_the_daemon(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    hint, known = tmp_path / "hint.png", np.full((HEIGHT, WIDTH), 128, np.uint8)
    known[:20] = 0
    Image.fromarray(known).save(hint)
    places = ["--box", "20,10,590,390", "--keep", "330,120", "--keep=300,300", "--drop", "25,15"]
    assert main(["remove", str(COFFEE), "--mask", "-o", str(tmp_path / "out.png"), *places, "--hint", str(hint)]) == 0
    [request] = asked
    assert (request["size"], request["bytes"]) == ((WIDTH, HEIGHT), WIDTH * HEIGHT * 3)
    assert request["box"] == [20, 10, 590, 390]
    assert (request["keep"], request["drop"]) == ([[330, 120], [300, 300]], [[25, 15]])
    assert request["hint"] == known.tobytes()


@pytest.mark.parametrize(("paint", "said"), [("black", 0), ("white", 255)])
def test_a_stroke_in_one_colour_leaves_the_rest_to_the_model(
    asked: list[dict[str, Any]], tmp_path: Path, paint: str, said: int
) -> None:
    stroke, known = Image.new("RGBA", (WIDTH, HEIGHT)), np.full((HEIGHT, WIDTH), 128, np.uint8)
    stroke.paste(paint, (4, 4, 500, 20))
    known[4:20, 4:500] = said
    stroke.save(tmp_path / "stroke.png")
    words = ["remove", str(COFFEE), "--mask", "-o", str(tmp_path / "out.png"), "--hint", str(tmp_path / "stroke.png")]
    assert main(words) == 0
    assert asked[0]["hint"] == known.tobytes()
    mask = read(tmp_path / "out.png")
    assert (mask[4:20, 4:500] == said).all() and mask[205, 278] == 255, "the cup is the subject, as without a stroke"
    if paint == "black":
        assert mask[390, 590] == 0


def test_a_hint_that_leaves_all_undecided_does_not_make_a_subject(daemon: Daemon, tmp_path: Path) -> None:
    for name in ("empty", "hint"):
        Image.new("L", (80, 60), 128).save(tmp_path / f"{name}.png")
    done = daemon.run("remove", "empty.png", "--hint", "hint.png", cwd=tmp_path)
    assert done.returncode == 1 and "No subject was found" in done.stderr
    assert not (tmp_path / "empty-cutout.png").exists()


def test_who_says_nothing_is_asked_for_nothing(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    assert main(["remove", str(COFFEE), "--mask", "-o", str(tmp_path / "out.png")]) == 0
    assert asked[0].keys().isdisjoint({"box", "keep", "drop", "hint"})


def test_places_are_those_of_the_picture_as_it_is_seen(asked: list[dict[str, Any]], tmp_path: Path) -> None:
    upright = turned(COFFEE, tmp_path / "turned.jpg")
    inside, outside = f"{HEIGHT - 1},{WIDTH - 1}", f"{WIDTH - 1},{HEIGHT - 1}"
    assert main(["remove", str(upright), "--drop", inside, "-o", str(tmp_path / "out.png")]) == 0
    assert (asked[0]["size"], asked[0]["drop"]) == ((HEIGHT, WIDTH), [[HEIGHT - 1, WIDTH - 1]])
    assert main(["remove", str(upright), "--drop", outside, "-o", str(tmp_path / "other.png")]) == 1
    assert len(asked) == 1 and not (tmp_path / "other.png").exists()


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (["--keep", "600,10"], "600 x 400 pixels: the point 600,10 of --keep lies outside."),
        (["--drop", "0,400"], "600 x 400 pixels: the point 0,400 of --drop lies outside."),
        (["--box", "0,0,601,400"], "600 x 400 pixels: the box 0,0,601,400 goes beyond."),
        (["--hint", str(CHELSEA)], "chelsea.jpg has 451 x 300 pixels, the picture"),
        (["--hint", str(COFFEE)], "coffee.jpg is in colour, and a mask is grey."),
        (["--hint", "missing.png"], "missing.png cannot be read: No such file"),
    ],
)
def test_what_does_not_fit_the_picture_is_refused_before_anything_is_sent(
    new_daemon: Callable[..., Daemon], tmp_path: Path, hint: list[str], words: str
) -> None:
    idle = new_daemon()
    done = idle.run("remove", str(COFFEE), "-o", str(tmp_path / "out.png"), *hint, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "") and words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out.png").exists()
    assert not idle.connection_file.exists(), "a daemon was started"


# -- matted refine -----------------------------------------------------------------------------------------------------


@pytest.fixture
def rough(tmp_path: Path) -> Path:
    """A mask of the cup and its saucer, as somebody draws it who does not look closely."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    ellipse = ((columns - 278) / 205) ** 2 + ((rows - 205) / 188) ** 2
    path = tmp_path / "rough.png"
    Image.fromarray(np.where(ellipse < 1, 255, 0).astype(np.uint8)).save(path)
    return path


def far_from_its_edge(mask: NDArray[np.uint8], reach: int) -> NDArray[np.bool_]:
    """Mark the pixels in whose square of twice the reach nothing else lies."""
    image, side = Image.fromarray(mask), 2 * (reach + 1) + 1
    lowest, highest = (np.asarray(image.filter(kind(side))) for kind in (ImageFilter.MinFilter, ImageFilter.MaxFilter))
    return np.asarray(lowest == highest)


def test_a_refined_mask_differs_near_the_edge_alone(daemon: Daemon, rough: Path, tmp_path: Path) -> None:
    target = tmp_path / "refined.png"
    done = daemon.run("refine", str(COFFEE), str(rough), "--mask", "--reach", str(REACH), "-o", str(target))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{target}\n", "")
    before, after = read(rough), read(target)
    assert after.dtype == np.uint8 and after.shape == before.shape
    far = far_from_its_edge(before, REACH)
    np.testing.assert_array_equal(after[far], before[far])
    assert 0.05 < (after[~far] != before[~far]).mean()


def test_a_cut_out_is_a_mask_to_be_refined(daemon: Daemon, tmp_path: Path) -> None:
    shutil.copy(CHELSEA, tmp_path / "cat.jpg")
    assert daemon.run("remove", "cat.jpg", cwd=tmp_path).returncode == 0
    assert daemon.run("remove", "cat.jpg", "--mask", cwd=tmp_path).returncode == 0
    before = (tmp_path / "cat-cutout.png").read_bytes()
    for mask in ("cat-cutout.png", "cat-mask.png"):
        done = daemon.run("refine", "cat.jpg", mask, "--mask", "--force", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "cat-refined-mask.png\n"), done.stderr
        shutil.copy(tmp_path / "cat-refined-mask.png", tmp_path / f"of-{mask}")
    np.testing.assert_array_equal(read(tmp_path / "of-cat-cutout.png"), read(tmp_path / "of-cat-mask.png"))
    assert daemon.run("refine", "cat.jpg", "cat-mask.png", cwd=tmp_path).stdout == "cat-refined.png\n"
    cut_out = read(tmp_path / "cat-refined.png")
    np.testing.assert_array_equal(cut_out[:, :, 3], read(tmp_path / "of-cat-mask.png"))
    np.testing.assert_array_equal(cut_out[:, :, :3][cut_out[:, :, 3] == 255], read(CHELSEA)[cut_out[:, :, 3] == 255])
    assert (tmp_path / "cat-cutout.png").read_bytes() == before


@pytest.mark.parametrize(("alpha", "words"), [(0, "is wholly transparent"), (255, "holds black alone")])
def test_a_mask_that_says_too_little_is_refused(
    new_daemon: Callable[..., Daemon], tmp_path: Path, alpha: int, words: str
) -> None:
    layer = Image.new("RGBA", (WIDTH, HEIGHT))
    layer.paste((0, 0, 0, alpha), (4, 4, 500, 20))
    layer.save(tmp_path / "layer.png")
    idle = new_daemon()
    done = idle.run("refine", str(COFFEE), "layer.png", "-o", "out.png", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "") and f"layer.png {words}" in done.stderr
    assert not (tmp_path / "out.png").exists() and not idle.connection_file.exists()


def test_a_refined_mask_can_be_tuned(asked: list[dict[str, Any]], rough: Path, tmp_path: Path) -> None:
    tuned = tmp_path / "tuned.png"
    words = ["refine", str(COFFEE), str(rough), "--mask", "-o", str(tuned), "--threshold", "0.5", "--invert"]
    assert main([*words, "--reach", "3"]) == 0
    assert (asked[0]["reach"], asked[0]["threshold"], asked[0]["invert"]) == (3.0, 0.5, True)
    assert (asked[0]["foreground"], asked[0]["hint"]) == (False, read(rough).tobytes())
    mask = read(tuned)
    assert set(np.unique(mask)) == {0, 255} and mask[205, 278] == 0 and mask[2, 2] == 255


def test_stages_are_timed_without_a_model(daemon: Daemon, rough: Path, tmp_path: Path) -> None:
    done = daemon.run("refine", str(COFFEE), str(rough), "--mask", "-o", str(tmp_path / "out.png"), "--timings")
    assert done.returncode == 0, done.stderr
    [target, stages] = done.stdout.splitlines()
    assert target.endswith("out.png") and " s" in stages and " on " not in stages


def test_a_folder_is_refined_by_a_folder_of_masks(daemon: Daemon, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for photograph in (CHELSEA, COFFEE):
        shutil.copy(photograph, photos)
    assert daemon.run("remove", "photos", "--mask", cwd=tmp_path).returncode == 0
    shutil.copy(COFFEE, photos / "later.jpg")
    (photos / "masks" / "coffee.png").rename(photos / "masks" / "coffee-mask.png")
    done = daemon.run("refine", "photos", "photos/masks", "--mask", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "2 of 3 pictures done.\n")
    assert done.stderr == f"Without a mask: {Path('photos', 'later.jpg')}.\n"
    assert sorted(path.name for path in (photos / "refined-masks").iterdir()) == ["chelsea.png", "coffee.png"]
    (photos / "later.jpg").unlink()
    again = daemon.run("refine", "photos", "photos/masks", "--mask", "--skip-existing", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "2 of 2 pictures done, 2 of them in an earlier run.\n")


def test_a_mask_that_does_not_fit_fails_for_its_picture_alone(daemon: Daemon, tmp_path: Path) -> None:
    photos, masks = tmp_path / "photos", tmp_path / "alpha"
    for folder in (photos, masks):
        folder.mkdir()
    for photograph in (CHELSEA, COFFEE):
        shutil.copy(photograph, photos)
        Image.new("L", (WIDTH, HEIGHT), 255).save(masks / f"{photograph.stem}.png")
    Image.fromarray(np.tile(np.repeat(np.uint8([0, 255]), 300), (HEIGHT, 1))).save(masks / "coffee.png")
    done = daemon.run("refine", str(photos), str(masks), "-o", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (1, "1 of 2 pictures done.\n")
    assert "chelsea.png has 600 x 400 pixels, the picture" in done.stderr and "451 x 300." in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["coffee.png"]


def test_a_picture_and_its_mask_that_were_swapped_are_told_so(
    new_daemon: Callable[..., Daemon], rough: Path, tmp_path: Path
) -> None:
    idle = new_daemon()
    done = idle.run("refine", str(rough), str(COFFEE), "-o", str(tmp_path / "out.png"))
    assert done.returncode == 1
    assert f"{rough} looks like a mask, and {COFFEE} like a picture." in done.stderr
    same = idle.run("refine", str(COFFEE), str(COFFEE))
    assert same.returncode == 1 and "both as the picture and as its mask" in same.stderr
    assert not idle.connection_file.exists(), "a daemon was started"
