"""The matted command as a user runs it, with a real daemon."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PHOTOGRAPHS, Daemon
from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo
from png_files import png_claiming

CHELSEA = PHOTOGRAPHS / "chelsea.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the photographs."""
    for photograph in PHOTOGRAPHS.glob("*.jpg"):
        shutil.copy(photograph, tmp_path)
    return tmp_path


def test_a_cut_out_has_the_subjects_colours_and_the_mask_as_its_alpha(daemon: Daemon, tmp_path: Path) -> None:
    cut, mask = tmp_path / "cut.png", tmp_path / "mask.png"
    assert daemon.run("remove", str(CHELSEA), "-o", str(cut)).returncode == 0
    assert daemon.run("remove", str(CHELSEA), "-o", str(mask), "--mask").returncode == 0
    with Image.open(CHELSEA) as source, Image.open(cut) as result, Image.open(mask) as mask_file:
        assert result.getchannel("A").tobytes() == mask_file.tobytes()
        alpha, before, after = np.asarray(mask_file), np.asarray(source), np.asarray(result)[:, :, :3]
    np.testing.assert_array_equal(after[alpha == 255], before[alpha == 255])
    soft = (alpha > 25) & (alpha < 230)
    assert (after[soft] != before[soft]).any(axis=1).mean() > 0.5


def test_a_cut_out_can_keep_the_pictures_colours(daemon: Daemon, tmp_path: Path) -> None:
    cut, mask = tmp_path / "cut.png", tmp_path / "mask.png"
    assert daemon.run("remove", str(CHELSEA), "-o", str(cut), "--keep-colours").returncode == 0
    assert daemon.run("remove", str(CHELSEA), "-o", str(mask), "--mask").returncode == 0
    with Image.open(CHELSEA) as source, Image.open(cut) as result, Image.open(mask) as alpha:
        assert result.mode == "RGBA" and alpha.mode == "L" and result.format == alpha.format == "PNG"
        assert result.getchannel("A").tobytes() == alpha.tobytes()
        assert result.convert("RGB").tobytes() == source.convert("RGB").tobytes()
        assert 0.2 < np.asarray(alpha).mean() / 255 < 0.9


def test_the_mask_can_be_tuned(daemon: Daemon, tmp_path: Path) -> None:
    def mask(*options: str) -> np.ndarray[Any, np.dtype[np.int64]]:
        target = tmp_path / f"{len(list(tmp_path.iterdir()))}.png"
        done = daemon.run("remove", str(CHELSEA), "-o", str(target), "--mask", "--edges", "off", *options)
        assert done.returncode == 0, done.stderr
        with Image.open(target) as image:
            return np.asarray(image).astype(int)

    plain = mask()
    assert np.abs(mask("--invert") + plain - 255).max() <= 1
    assert set(np.unique(mask("--threshold", "0.5"))) == {0, 255}
    assert mask("--grow", "5").mean() > plain.mean() > mask("--grow", "-5").mean()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--threshold", "1.5", "a number from 0 to 1"),
        ("--threshold", "nan", "a number from 0 to 1"),
        ("--grow", "2.5", "a whole number from -100 to 100"),
        ("--feather", "soft", "a number from 0 to 250"),
        ("--edges", "rough", "one of off, fine, hair"),
    ],
)
def test_an_impossible_value_is_refused_before_any_work(daemon: Daemon, option: str, value: str, words: str) -> None:
    done = daemon.run("remove", str(CHELSEA), option, value)
    assert done.returncode == 2
    assert words in done.stderr


def test_without_an_output_the_result_lies_beside_the_picture(daemon: Daemon, folder: Path) -> None:
    done = daemon.run("remove", "chelsea.jpg", cwd=folder)
    assert done.returncode == 0 and done.stdout.strip() == "chelsea-cutout.png"
    assert (folder / "chelsea-cutout.png").exists()


def test_several_pictures_go_into_a_folder_that_is_made(daemon: Daemon, folder: Path) -> None:
    done = daemon.run("remove", "chelsea.jpg", "coffee.jpg", "-o", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["chelsea.png", "coffee.png"]
    assert "2 of 2 pictures done." in done.stdout


def test_a_folder_is_worked_through(daemon: Daemon, folder: Path) -> None:
    (folder / "notes.txt").write_text("not a picture")
    done = daemon.run("remove", ".", "--mask", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "masks").glob("*.png"))) == len(list(folder.glob("*.jpg"))) == 3


def test_nothing_is_overwritten_without_force(daemon: Daemon, folder: Path) -> None:
    target = folder / "chelsea-cutout.png"
    target.write_bytes(b"precious")
    refused = daemon.run("remove", "chelsea.jpg", cwd=folder)
    assert refused.returncode == 1 and "--force" in refused.stderr
    assert target.read_bytes() == b"precious"
    assert daemon.run("remove", "chelsea.jpg", "--force", cwd=folder).returncode == 0
    assert target.read_bytes()[:4] == b"\x89PNG"


def test_one_bad_picture_does_not_stop_the_others(daemon: Daemon, folder: Path) -> None:
    (folder / "broken.jpg").write_bytes(CHELSEA.read_bytes()[:5000])
    done = daemon.run("remove", ".", cwd=folder)
    assert done.returncode == 1
    assert "3 of 4 pictures done." in done.stdout
    assert "broken.jpg is damaged" in done.stderr
    assert len(list((folder / "cutouts").glob("*.png"))) == 3


def animation(path: Path) -> None:
    with Image.open(CHELSEA) as photograph:
        frames = [photograph.crop((left, 0, left + 240, 240)).resize((80, 80)) for left in (100, 104)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.png", None, "No such file"),
        ("empty.png", b"", "is empty"),
        ("text.jpg", b"hello", "not a picture"),
        ("cut.jpg", CHELSEA.read_bytes()[:3000], "damaged"),
        ("huge.png", png_claiming(20_000, 20_000, bytes(1000)), "too large"),
        ("picture.gif", b"GIF89a" + b"\0" * 50, "not a picture"),
    ],
)
def test_a_file_that_is_no_picture_is_reported(
    daemon: Daemon, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = daemon.run("remove", name, cwd=tmp_path)
    assert done.returncode == 1
    assert words in done.stderr and name in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*cutout*"))


def test_a_file_of_several_pages_is_refused_with_their_count(daemon: Daemon, tmp_path: Path) -> None:
    animation(tmp_path / "pages.tiff")
    done = daemon.run("remove", "pages.tiff", cwd=tmp_path)
    assert done.returncode == 1
    assert "has 2 pages" in done.stderr


@pytest.mark.parametrize(("name", "result"), [("moving.png", "cut.apng"), ("moving.webp", "cut.webp")])
def test_a_picture_that_moves_is_a_film_by_itself_and_no_photograph_of_a_folder(
    daemon: Daemon, tmp_path: Path, name: str, result: str
) -> None:
    (tmp_path / "folder").mkdir()
    animation(tmp_path / "folder" / name)
    done = daemon.run("remove", "folder", cwd=tmp_path)
    assert done.returncode == 1 and "has 2 frames" in done.stderr
    assert daemon.run("remove", f"folder/{name}", "-o", result, cwd=tmp_path).returncode == 0
    with Image.open(tmp_path / result) as film:
        assert film.n_frames == 2


def test_a_flat_picture_is_said_to_have_no_subject_and_writes_nothing(daemon: Daemon, tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (120, 120, 120)).save(tmp_path / "grey.png")
    done = daemon.run("remove", "grey.png", cwd=tmp_path)
    assert done.returncode == 1 and "No subject" in done.stderr
    assert not (tmp_path / "grey-cutout.png").exists()


def test_a_folder_that_cannot_be_written_is_said(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = daemon.run("remove", str(CHELSEA), "-o", "file/below/out.png", cwd=tmp_path)
    assert done.returncode == 1 and "cannot be written" in done.stderr


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "I;16", "RGBA", "LA", "1"])
def test_every_kind_of_picture_gets_a_cut_out(daemon: Daemon, tmp_path: Path, mode: str) -> None:
    name = "picture.tiff" if mode in ("CMYK", "I;16") else "picture.png"
    with Image.open(CHELSEA) as photograph:
        if mode == "I;16":
            Image.fromarray(np.asarray(photograph.convert("L")).astype(np.uint16) * 257).save(tmp_path / name)
        else:
            photograph.convert(mode).save(tmp_path / name)
    done = daemon.run("remove", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "picture-cutout.png") as result:
        grey = mode in ("L", "LA", "1")  # that of 16 bits has alpha, too, which Pillow reads as RGBA
        assert result.mode == ("LA" if grey else "RGBA") and result.size == (451, 300)


def test_orientation_is_applied_and_the_profile_kept(daemon: Daemon, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with Image.open(CHELSEA) as photograph:
        exif = photograph.getexif()
        exif[0x0112] = 6  # turned by a quarter
        photograph.save(tmp_path / "turned.jpg", exif=exif, icc_profile=profile)
    assert daemon.run("remove", "turned.jpg", cwd=tmp_path).returncode == 0
    with Image.open(tmp_path / "turned-cutout.png") as result:
        assert result.size == (300, 451)
        assert result.info["icc_profile"] == profile
        assert "exif" not in result.info or 0x0112 not in result.getexif()


def test_an_alpha_that_is_there_is_not_lost(daemon: Daemon, tmp_path: Path) -> None:
    with Image.open(CHELSEA) as photograph:
        picture = photograph.convert("RGBA")
    alpha = np.full((300, 451), 255, np.uint8)
    alpha[:, :200] = 0
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "half.png", pnginfo=PngInfo())
    assert daemon.run("remove", "half.png", cwd=tmp_path).returncode == 0
    with Image.open(tmp_path / "half-cutout.png") as result:
        cut = np.asarray(result.getchannel("A"))
    assert cut[:, :200].max() == 0 and cut[:, 200:].max() == 255


def test_timings_name_every_stage(daemon: Daemon, tmp_path: Path) -> None:
    with Image.open(CHELSEA) as photograph:  # one that the daemon has not seen before
        photograph.rotate(5).save(tmp_path / "cat.png")
    done = daemon.run("remove", str(tmp_path / "cat.png"), "-o", str(tmp_path / "out.png"), "--timings")
    assert "u2netp on CPU" in done.stdout and "inference" in done.stdout and "preparing" in done.stdout


def test_status_for_people_and_for_programs(daemon: Daemon) -> None:
    text = daemon.run("status").stdout
    assert (
        str(daemon.pid()) in text
        and str(daemon.connection_file) in text
        and "resident memory" in text
        and "0, 0 MB" in text
    )
    assert "needs no model" in text
    status = json.loads(daemon.run("status", "--json").stdout)
    assert status["running"] is True and status["pid"] == daemon.pid()
    assert status["flat_ground"] == "auto"


def test_status_says_what_made_the_latest_mask(new_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    fresh = new_daemon().start()
    assert "none yet" in fresh.run("status").stdout
    drawing = Image.new("RGB", (320, 240), "white")
    ImageDraw.Draw(drawing).ellipse((60, 40, 260, 200), outline="black", width=3)
    drawing.save(tmp_path / "drawing.png")
    done = fresh.run("remove", str(tmp_path / "drawing.png"), "-o", str(tmp_path / "out.png"))
    assert "Flat ground: white. No model was needed. For a model: --model ID" in done.stderr
    assert "flat, white ground (colour), chosen by itself" in fresh.run("status").stdout
    fresh.run("remove", str(CHELSEA), "-o", str(tmp_path / "cat.png"))
    why = "u2netp, chosen by itself. The only free model that you have for any subject."
    assert f"latest mask       {why}\n" in fresh.run("status").stdout
    fresh.run("remove", str(CHELSEA), "-o", str(tmp_path / "cat.png"), "--force", "--model", "u2netp")
    assert "latest mask       u2netp\n" in fresh.run("status").stdout


def test_models_for_people_and_for_programs(daemon: Daemon) -> None:
    assert "Apache-2.0 (free, also for commercial work)" in daemon.run("models").stdout
    assert json.loads(daemon.run("models", "--json").stdout)["models"][0]["id"] == "u2netp"


def test_an_unknown_model_is_an_error(daemon: Daemon, tmp_path: Path) -> None:
    done = daemon.run("remove", str(CHELSEA), "-o", str(tmp_path / "out.png"), "--model", "nonesuch")
    assert done.returncode == 1 and "u2netp" in done.stderr


def test_status_and_stop_without_a_daemon(new_daemon: Callable[..., Daemon]) -> None:
    idle = new_daemon()
    status = idle.run("status")
    assert status.returncode == 1 and "not running" in status.stderr
    assert json.loads(idle.run("status", "--json").stdout)["running"] is False
    stop = idle.run("stop")
    assert stop.returncode == 0 and "not running" in stop.stdout


def test_start_remove_stop(new_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    idle = new_daemon()
    assert "runs (pid" in idle.run("start").stdout
    assert idle.run("remove", str(CHELSEA), "-o", str(tmp_path / "out.png")).returncode == 0
    assert "has stopped" in idle.run("stop").stdout
    assert idle.run("status").returncode == 1
