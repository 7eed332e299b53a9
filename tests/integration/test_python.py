"""`from matted import remove, mask, refine, Session` with a real daemon and a real model: all kinds of pictures."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from conftest import PATIENCE, PHOTOGRAPHS, Daemon, wait_for
from matted import MattedError, Rejected, Session, Unavailable, mask, refine, remove
from matted.files import pictures
from peers import disc
from PIL import Image
from PIL.ExifTags import Base
from profiles import WIDE

WIDTH, HEIGHT = 240, 180
RGBA = np.frombuffer(disc(WIDTH, HEIGHT), np.uint8).reshape(HEIGHT, WIDTH, 4)
RGB = np.ascontiguousarray(RGBA[:, :, :3])


@pytest.fixture(autouse=True)
def found(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process find that daemon, and not the user's."""
    use(daemon, monkeypatch)


def use(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in daemon.environ.items():
        monkeypatch.setenv(name, value)


def encoded(image: Image.Image, format: str, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **how)
    return file.getvalue()


def test_every_kind_of_picture_has_the_same_mask(daemon: Daemon, tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    Image.fromarray(RGB).save(path)
    expected = np.asarray(mask(path))
    assert 0.1 < (expected == 255).mean() < 0.9
    np.testing.assert_array_equal(mask(RGB), expected)
    np.testing.assert_array_equal(np.asarray(mask(Image.fromarray(RGB))), expected)
    with Image.open(io.BytesIO(mask(path.read_bytes()))) as image:
        np.testing.assert_array_equal(np.asarray(image), expected)
    for deep in (RGB.astype(np.uint16) * 257, RGB / 255.0, (RGB / 255).astype(np.float32)):
        full = 1.0 if deep.dtype.kind == "f" else 65535
        assert np.abs(mask(deep) / full - expected / 255).max() < 0.01
    for view in (RGB[:, ::-1], RGB[::-1], RGB.transpose(1, 0, 2), RGB[:, :, ::-1]):
        np.testing.assert_array_equal(mask(view), mask(view.copy()))
    daemon.run("remove", str(path), "-o", str(tmp_path / "own.png"), "--mask")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "own.png")), expected)


def test_a_cut_out_keeps_every_sample_of_the_subject(tmp_path: Path) -> None:
    deep = RGB.astype(np.uint16) * 256 + np.random.default_rng(2).integers(0, 256, RGB.shape).astype(np.uint16)
    for picture in (RGB, deep, deep / 65535.0, (deep / 65535).astype(np.float32)):
        result = remove(picture)
        full = result[:, :, 3] == (1.0 if picture.dtype.kind == "f" else np.iinfo(picture.dtype).max)
        assert full.mean() > 0.05
        np.testing.assert_array_equal(result[full][:, :3], picture[full])
        assert not result[:4, :4].any(), "far from the subject nothing is left of the picture"
    tifffile.imwrite(tmp_path / "in.tif", deep, photometric="rgb", iccprofile=WIDE, metadata=None)
    written = pictures.read(remove(tmp_path / "in.tif", tmp_path / "out.png"))
    assert written.own is not None and written.own.alpha is not None and written.metadata["icc_profile"] == WIDE
    full = written.own.alpha == 65535
    np.testing.assert_array_equal(written.own.colours[full], deep[full])


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_a_file_its_bytes_and_its_image_are_turned_upright(tmp_path: Path, format: str) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    data = encoded(Image.fromarray(RGB), format, exif=exif)
    path = tmp_path / "in"
    path.write_bytes(data)
    with Image.open(path) as image:
        results = [remove(path), Image.open(io.BytesIO(remove(data))), remove(image)]
    assert {result.size for result in results} == {(HEIGHT, WIDTH)}
    for result in results[1:]:
        np.testing.assert_array_equal(np.asarray(result), np.asarray(results[0]))


@pytest.mark.parametrize("mode", ["CMYK", "P", "L", "LA", "RGBA"])
def test_images_and_files_of_every_mode_are_cut_out(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RGBA).convert("RGB" if mode in ("CMYK", "P") else "RGBA").convert(mode)
    path = tmp_path / "in.tif"
    image.save(path)
    for result in (remove(image), remove(path)):
        assert (result.mode, result.size) == ("RGBA", (WIDTH, HEIGHT))
        low, high = result.getchannel("A").getextrema()
        assert (low, high) == (0, 255)


def test_the_options_do_what_they_say() -> None:
    with Session() as session:
        hard = session.mask(RGB, threshold=0.5)
        assert set(np.unique(hard)) == {0, 255}
        assert session.info is not None and session.info.model == "u2netp" and session.info.timings
        grown = session.mask(RGB, threshold=0.5, grow=4)
        assert (grown == 255).sum() > (hard == 255).sum()
        box = session.mask(RGB, box=(0, 0, WIDTH // 2, HEIGHT))
        assert not box[:, WIDTH // 2 :].any() and box[:, : WIDTH // 2].any()
        refined = session.refine(RGB, grown, reach=8)
        assert ((refined > 127) != (hard > 127)).sum() < ((grown > 127) != (hard > 127)).sum() / 4
        known = session.mask(RGB, hint=np.where(hard > 0, 255, 0).astype(np.uint8))
        assert np.abs(known.astype(int) - hard).mean() < 10
        white = session.remove(RGB, background="white", crop="5%")
        assert white.shape[2] == 3 and white.shape[0] < HEIGHT and (white[0, 0] == 255).all()


def test_an_open_picture_answers_several_questions(daemon: Daemon) -> None:
    with Session() as session, session.open(PHOTOGRAPHS / "coffee.jpg") as picture:
        first = picture.mask()
        dropped = picture.mask(drop=[(300, 200)])
        assert first.size == dropped.size == (600, 400)
        assert first.getpixel((300, 200)) == 255 and dropped.getpixel((300, 200)) == 0
        np.testing.assert_array_equal(np.asarray(picture.mask()), np.asarray(first))
        assert picture.remove().mode == "RGBA" and picture.refine(first).mode == "L"
        np.testing.assert_array_equal(np.asarray(first), np.asarray(session.mask(PHOTOGRAPHS / "coffee.jpg")))


def test_threads_share_a_session() -> None:
    shifted = [np.roll(RGB, 7 * step, axis=1) for step in range(6)]
    expected = [mask(picture) for picture in shifted]
    results: dict[int, Any] = {}
    with Session() as session:

        def work(number: int) -> None:
            results[number] = session.mask(shifted[number])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(len(shifted))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    for number, result in enumerate(expected):
        np.testing.assert_array_equal(results[number], result)


def test_progress_is_told_and_a_call_is_cancelled() -> None:
    stages: list[str] = []
    noise = np.random.default_rng(4).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    mask(noise, anyway=True, progress=lambda progress: stages.append(progress.stage))
    assert "preparing" in stages or "inference" in stages
    with Session() as session:
        with pytest.raises(Rejected) as refusal:
            session.mask(noise[::-1], cancelled=lambda: True)
        assert refusal.value.code == "cancelled"
        assert session.mask(RGB).shape == (HEIGHT, WIDTH), "the session goes on"


def test_what_the_daemon_refuses_is_an_error_with_its_code() -> None:
    with Session() as session:
        with pytest.raises(Rejected, match="no_such_model") as refusal:
            session.mask(RGB, model="no_such_model")
        assert refusal.value.code == "model_not_found" and refusal.value.hint
        with pytest.raises(Rejected) as refusal:
            session.mask(RGB, box=(0, 0, WIDTH + 1, HEIGHT))
        assert refusal.value.code == "bad_request"
        with pytest.raises(Rejected) as refusal:
            session.remove(np.full((64, 64, 3), 127, np.uint8))
        assert refusal.value.code == "no_subject"
        assert session.mask(RGB).any(), "the session goes on"


def test_a_daemon_that_ends_in_between_is_started_again(
    new_daemon: Callable[..., Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = new_daemon()
    use(daemon, monkeypatch)
    with Session() as session, session.open(RGB) as picture:
        first = session.mask(RGB)  # which starts it
        opened = picture.mask()
        pid = daemon.pid()
        assert daemon.run("stop").returncode == 0
        wait_for(lambda: not daemon.connection_file.exists(), "the end of the daemon")
        np.testing.assert_array_equal(session.mask(RGB), first)
        np.testing.assert_array_equal(picture.mask(), opened)
        assert daemon.pid() != pid


def test_where_no_daemon_can_start_that_is_said(
    new_daemon: Callable[..., Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = new_daemon()
    daemon.write_settings("model = 7\n")
    use(daemon, monkeypatch)
    with pytest.raises(Unavailable, match="did not start") as failure:
        remove(RGB)
    assert isinstance(failure.value, MattedError) and failure.value.hint == "Run: matted serve"


def test_the_functions_need_no_session() -> None:
    assert remove(RGB).shape == (HEIGHT, WIDTH, 4)
    assert refine(RGB, mask(RGB)).shape == (HEIGHT, WIDTH)
