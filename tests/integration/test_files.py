"""`matted remove` on files of many kinds, with a real daemon: depth, profile, pages, formats, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from conftest import Daemon
from matted.files import pictures
from matted.files.formats import known
from peers import disc
from PIL import Image
from profiles import LINEAR, WIDE

WIDTH, HEIGHT = 240, 180


def subject(dtype: type = np.uint16) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    """A picture with a subject, with grain below 8 bits."""
    rgb = np.frombuffer(disc(WIDTH, HEIGHT), np.uint8).reshape(HEIGHT, WIDTH, 4)[:, :, :3]
    grain = np.random.default_rng(7).integers(0, 256, rgb.shape)
    return (rgb.astype(np.uint16) * 256 + grain).astype(dtype)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_16_bits_in_a_wide_profile_come_out_as_they_went_in(daemon: Daemon, tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.tif", tmp_path / f"out{suffix}"
    own = subject()
    tifffile.imwrite(source, own, photometric="rgb", iccprofile=WIDE, metadata=None)
    done = daemon.run("remove", str(source), "-o", str(target))
    assert (done.returncode, done.stderr) == (0, "")
    result = pictures.read(target)
    assert result.own is not None and result.own.alpha is not None
    full = result.own.alpha == 65535
    assert full.mean() > 0.05
    np.testing.assert_array_equal(result.own.colours[full], own[full])
    assert result.metadata["icc_profile"] == WIDE
    soft = result.own.alpha[(result.own.alpha > 0) & ~full]
    assert (soft % 257 != 0).any(), "the mask has 16 bits"


def test_floats_in_linear_light_come_out_as_floats(daemon: Daemon, tmp_path: Path) -> None:
    own = (subject() / 65535).astype(np.float32) ** 2
    tifffile.imwrite(tmp_path / "in.tif", own, photometric="rgb", iccprofile=LINEAR, metadata=None)
    done = daemon.run("remove", str(tmp_path / "in.tif"), "--format", "tiff")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'in-cutout.tif'}\n"), done.stderr
    found = tifffile.imread(tmp_path / "in-cutout.tif")
    full = found[:, :, 3] == 1
    assert found.dtype == np.float32 and full.mean() > 0.05
    np.testing.assert_array_equal(found[:, :, :3][full], own[full])


def test_a_folder_goes_into_another_format(daemon: Daemon, tmp_path: Path) -> None:
    shown = Image.frombytes("RGBA", (WIDTH, HEIGHT), disc(WIDTH, HEIGHT)).convert("RGB")
    for name in ("a.bmp", "b.gif", "c.tga", "d.jp2", "e.png"):
        shown.save(tmp_path / name)
    shown.convert("CMYK").save(tmp_path / "f.tif")
    done = daemon.run("remove", str(tmp_path), "--format", "webp", "--quality", "70")
    assert (done.returncode, done.stdout) == (0, "6 of 6 pictures done.\n"), done.stderr
    assert done.stderr == "1 of them was in CMYK, which results cannot be: its result is in sRGB.\n"
    for path in (tmp_path / "cutouts").iterdir():
        with Image.open(path) as image:
            assert (path.suffix, image.format, image.mode) == (".webp", "WEBP", "RGBA")
    again = daemon.run("remove", str(tmp_path), "--format", "webp", "--skip-existing")
    assert again.stdout == "6 of 6 pictures done, 6 of them in an earlier run.\n"


def test_a_page_is_cut_out(daemon: Daemon, tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        for page in (np.zeros_like(subject()), subject()):
            file.write(page, photometric="rgb", metadata=None)
    refused = daemon.run("remove", str(tmp_path / "in.tif"))
    assert refused.returncode == 1 and "--page, 1 to 2" in refused.stderr
    done = daemon.run("remove", str(tmp_path / "in.tif"), "--page", "2")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "jpeg"], "A JPEG cannot be transparent"),
        (["--format", "webp", "-o", "out.png"], "would be a WebP file"),
        (["--quality", "80"], "PNG has no --quality"),
        (["--quality", "101", "--format", "webp"], "1 to 100"),
        (["--page", "3"], "has no page 3"),
    ],
)
def test_what_cannot_be_is_said(daemon: Daemon, tmp_path: Path, words: list[str], said: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "in.png")
    done = daemon.run("remove", "in.png", *words, cwd=tmp_path)
    assert done.returncode != 0 and said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.png"]


def test_the_formats_of_this_installation_are_listed(daemon: Daemon) -> None:
    text = daemon.run("formats").stdout
    assert "  HEIC" in text and "  avif" in text and "Not installed" not in text
    listed = json.loads(daemon.run("formats", "--json").stdout)
    assert {suffix: name for name, suffixes in listed["read"].items() for suffix in suffixes} == known.suffixes()
    assert [form["format"] for form in listed["written"]] == list(known.FORMS)
    assert listed["missing"] == {}


def test_a_shop_gets_a_white_square_jpeg_with_what_the_photograph_says(daemon: Daemon, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x8298: "Anna", 0x9003: "2024:05:01 10:00:00"})
    exif.get_ifd(0x8769).update({0xA002: WIDTH, 0xA003: HEIGHT})  # the size, which is no longer true
    shown = Image.frombytes("RGBA", (WIDTH, HEIGHT), disc(WIDTH, HEIGHT)).convert("RGB")
    shown.save(tmp_path / "in.jpg", quality=95, exif=exif, icc_profile=WIDE, dpi=(300, 300))
    words = ["--background", "white", "--crop", "5%", "--size", "150x150", "--square", "--add-shadow"]
    done = daemon.run("remove", str(tmp_path / "in.jpg"), "-o", str(tmp_path / "shop.jpg"), *words)
    assert (done.returncode, done.stderr) == (0, "")
    with Image.open(tmp_path / "shop.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (150, 150))
        assert image.info["icc_profile"] == WIDE and image.info["dpi"] == (300, 300)
        found = image.getexif()
        assert found[0x8298] == "Anna" and found.get(0x0112, 1) == 1
        assert not {0xA002, 0xA003} & set(found.get_ifd(0x8769))
        corners = [image.getpixel(place) for place in ((0, 0), (149, 0), (0, 149), (149, 149))]
        assert min(min(corner) for corner in corners) >= 253  # type: ignore[type-var, arg-type]
        assert max(image.getpixel((75, 75))) < 250  # type: ignore[arg-type, type-var]


def test_a_mask_is_framed_as_its_cut_out(daemon: Daemon, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", subject(), photometric="rgb", metadata=None)
    words = ["--crop", "--size", "100x80"]
    for more, name in (([], "cut.png"), (["--mask"], "mask.png")):
        done = daemon.run("remove", str(tmp_path / "in.tif"), "-o", str(tmp_path / name), *words, *more)
        assert (done.returncode, done.stderr) == (0, "")
    cut, mask = pictures.read(tmp_path / "cut.png").samples, pictures.read(tmp_path / "mask.png").samples
    assert cut.alpha is not None and cut.alpha.shape == (80, 100)
    np.testing.assert_array_equal(cut.alpha, mask.colours[:, :, 0])
    assert (cut.alpha[0].max() > 0 and cut.alpha[-1].max() > 0) or (cut.alpha[:, 0].max() > 0)


def test_a_background_and_a_blur_leave_nothing_transparent(daemon: Daemon, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "in.tif", subject(), photometric="rgb", iccprofile=WIDE, metadata=None)
    Image.new("RGB", (31, 77), (10, 60, 200)).save(tmp_path / "blue.png")
    for background in (str(tmp_path / "blue.png"), "blur"):
        target = tmp_path / "out.tif"
        done = daemon.run("remove", str(tmp_path / "in.tif"), "-o", str(target), "--background", background, "--force")
        assert (done.returncode, done.stderr) == (0, "")
        result = pictures.read(target)
        assert result.own is not None and result.own.alpha is None and result.own.colours.dtype == np.uint16
        assert result.metadata["icc_profile"] == WIDE
        if background != "blur":
            np.testing.assert_allclose(np.asarray(result.image)[0, 0], (10, 60, 200), atol=8)
