"""Films whose files are cut short: what is there is read, and that something is missing is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import film_clips
import pytest
from matted.files import wholeness
from matted.files.films import forms, plates
from matted.files.films.animated import Numbered
from matted.files.films.forms import FilmError
from matted.files.films.source import Span
from PIL import Image

FRAMES = film_clips.squares(40)


def with_head_first(path: Path, fragments: bool = False) -> Path:
    """Write an MP4 as for the web: its table of frames before them, or in front of each of its fragments."""
    whole = film_clips.write(path.with_name("whole.mp4"), FRAMES, codec="libx264", sound="aac")
    flags = "frag_keyframe+empty_moov+default_base_moof" if fragments else "+faststart"
    with av.open(str(whole)) as source, av.open(str(path), "w", format="mp4", options={"movflags": flags}) as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path


def moving(path: Path) -> Path:
    first, *others = (Image.fromarray(frame) for frame in FRAMES)
    how = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=others, duration=40, **how)
    return path


def write(path: Path) -> Path:
    """Write a film of FRAMES in the format of its name."""
    if path.suffix in (".gif", ".png", ".webp"):
        return moving(path)
    if path.suffix == ".mp4":
        return with_head_first(path, path.stem == "fragments")
    return film_clips.write(path, FRAMES, sound="aac" if path.stem == "sound" else "")


NAMES = ["a.mkv", "sound.mkv", "a.avi", "a.mp4", "fragments.mp4", "a.gif", "a.png", "a.webp"]


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_file_is_not_cut_short_and_any_shorter_one_is(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    content = path.read_bytes()
    assert not wholeness.is_cut_short(path)
    path.write_bytes(content + b"something that a program has put behind it")
    assert not wholeness.is_cut_short(path)
    for end in range(100, len(content), 97):
        path.write_bytes(content[:end])
        cut = wholeness.is_cut_short(path)
        assert cut or name == "fragments.mp4", "between two fragments nothing says that another one comes"
    path.write_bytes(content[:-1])
    assert wholeness.is_cut_short(path)


def test_what_announces_no_length_is_not_said_to_be_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"", b"\x1a", b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x00ftypisom", b"RIFF\0\0\0\0AVI ", b"G" * 50):
        path.write_bytes(content)
        assert not wholeness.is_cut_short(path)
    live = b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(9)
    path.write_bytes(live)
    assert not wholeness.is_cut_short(path), "as of a film that is sent while it is made"
    assert not wholeness.is_cut_short(tmp_path / "missing")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0.9, 0.6, 0.3])
def test_a_film_that_is_cut_short_has_its_frames_and_a_warning(tmp_path: Path, name: str, part: float) -> None:
    path = write(tmp_path / name)
    whole = plates.open_film(path)
    assert len(list(whole.frames(lambda _: False))) == 40 and not whole.faults
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    if name == "a.webp":
        with pytest.raises(FilmError, match=r"a\.webp cannot be read: the end of its file is missing\."):
            plates.open_film(path)
        return
    film = plates.open_film(path)
    seen = list(film.frames(lambda index: index == 0))
    (said,) = film.faults
    if name == "a.gif":
        assert forms.is_film(path), "and no picture"
        assert said == f"The film ends early: {len(seen)} frames are there, and the end of its file is missing."
        assert 5 <= len(seen) < 40
    elif len(seen) < (film.about.count or 0):
        about = film.about.count
        assert said == (
            f"The film ends early: {len(seen)} of about {about} frames are there, and the end of its file is missing."
        )
        assert 5 <= len(seen)
    else:
        assert said.startswith("The end of the film's file is missing") and part == 0.9
        assert name in ("a.avi", "fragments.mp4"), "whose index lies behind the frames"
    within = plates.open_film(path, Span(None, Fraction(1, 10)))
    assert 2 <= len(list(within.frames(lambda _: False))) <= 3 and not within.faults, "what is taken is whole"


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([1, 2, 3, 5, 6], "1 frame is missing, behind f3.png: those that follow are seen at once."),
        (
            [9, 10, 11, 20, 21, 25],
            "11 frames are missing, the first behind f11.png: those that follow are seen at once.",
        ),
        ([10, 20, 30, 60], "2 frames are missing, behind f30.png: those that follow are seen at once."),
        ([1, 2, 3], ""),
        ([10, 20, 30], ""),
        ([1], ""),
        ([5, 5000, 123456, 123460, 99999999], ""),
    ],
)
def test_frames_that_are_missing_by_their_numbers_are_told_of(tmp_path: Path, numbers: list[int], said: str) -> None:
    files = [tmp_path / f"f{number}.png" for number in numbers]
    Image.new("RGB", (8, 8)).save(files[0])
    assert Numbered(tmp_path, files, Fraction(25)).about.notes == ((said,) if said else ())
