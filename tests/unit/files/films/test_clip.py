"""Films that are read: their frames, times, colours and rotation, and what is said of those that cannot be read."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import film_clips
import numpy as np
import pytest
from matted.files.films.clip import Clip
from matted.files.films.forms import FilmError
from matted.files.films.source import Frame, Span

TIMES = [0, 100, 900, 1000, 4000, 4100, 4900, 5000, 7000, 9000]


def pixels(frame: Frame) -> film_clips.Pixels:
    assert frame.picture is not None
    return np.asarray(frame.picture.image)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_colours_are_read_by_the_films_own_matrix_and_range(tmp_path: Path, matrix: int, full: bool) -> None:
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 256, (16, 24, 3), np.uint8)]
    clip = Clip(film_clips.write(tmp_path / "a.mkv", frames, matrix=matrix, full=full))
    (frame,) = clip.frames()
    difference = np.abs(pixels(frame).astype(int) - frames[0])
    assert difference.max() <= 2 and difference.mean() < 0.6, "8 bits of luma and chroma keep no more"
    assert (clip.about.colours.matrix, clip.about.colours.full) == (matrix, full)


@pytest.mark.parametrize(("size", "matrix"), [((64, 48), 6), ((1280, 720), 1)])
def test_a_film_that_says_nothing_of_its_colours_is_read_as_players_do(
    tmp_path: Path, size: tuple[int, int], matrix: int
) -> None:
    frame = np.full((size[1], size[0], 3), (200, 30, 60), np.uint8)
    path = film_clips.write(tmp_path / "a.mkv", [frame], matrix=matrix)
    bare = tmp_path / "bare.avi"  # which has no place for it
    with av.open(str(path)) as source, av.open(str(bare), "w", format="avi") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    (read,) = Clip(bare).frames()
    assert np.abs(pixels(read).astype(int) - frame).max() <= 2


@pytest.mark.parametrize(("rotation", "turns"), [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_frames_are_upright(tmp_path: Path, rotation: int, turns: int) -> None:
    frames = film_clips.squares(2)
    clip = Clip(film_clips.write(tmp_path / "a.mp4", frames, codec="libx264", rotation=rotation, aspect=Fraction(4, 3)))
    seen = [pixels(frame) for frame in clip.frames()]
    upright = [np.rot90(frame, turns) for frame in frames]  # against the clock, as FFmpeg counts
    assert len(seen) == 2 and clip.about.size == (upright[0].shape[1], upright[0].shape[0])
    for shown, right in zip(seen, upright, strict=True):
        assert np.abs(shown.astype(int) - right).max() <= 2
    assert clip.about.aspect == (Fraction(3, 4) if turns % 2 else Fraction(4, 3))


def test_frames_come_at_their_own_times_in_the_order_in_which_they_are_seen(tmp_path: Path) -> None:
    frames = film_clips.squares(10)
    clip = Clip(film_clips.write(tmp_path / "a.mp4", frames, TIMES, codec="libx264"))  # with B-frames
    seen = list(clip.frames())
    assert [frame.time for frame in seen] == [time * film_clips.TICK for time in TIMES]
    assert [frame.duration for frame in seen[:-1]] == [
        (later - time) * film_clips.TICK for time, later in pairwise(TIMES)
    ]
    assert [frame.index for frame in seen] == list(range(10)) and clip.about.count == 10
    for shown, right in zip(seen, frames, strict=True):
        assert np.abs(pixels(shown).astype(int) - right).max() <= 2


def test_a_span_is_from_its_start_to_before_its_end(tmp_path: Path) -> None:
    frames = film_clips.squares(10)
    path = film_clips.write(tmp_path / "a.mp4", frames, TIMES, codec="libx264", sound="aac")
    span = Span(1000 * film_clips.TICK, 5000 * film_clips.TICK)
    clip = Clip(path, span)
    seen = list(clip.frames())
    assert [frame.time / film_clips.TICK for frame in seen] == [0, 3000, 3100, 3900]
    assert np.abs(pixels(seen[0]).astype(int) - frames[3]).max() <= 2
    assert clip.offset() == span.start
    assert next(iter(Clip(path, Span(Fraction(1, 2), None)).frames())).time == 0


def test_only_frames_that_are_wanted_are_made_pictures(tmp_path: Path) -> None:
    clip = Clip(film_clips.write(tmp_path / "a.mkv", film_clips.squares(6)))
    assert [frame.picture is not None for frame in clip.frames(lambda index: index % 2 == 1)] == [False, True] * 3


def test_transparent_films_keep_their_alpha(tmp_path: Path) -> None:
    rgba = np.dstack([film_clips.squares(1)[0], np.full((48, 64), 255, np.uint8)])
    rgba[:, :32, 3] = 0
    vp9 = film_clips.write(tmp_path / "a.webm", [rgba] * 2, codec="libvpx-vp9", pixels="yuva420p")
    prores = film_clips.write(tmp_path / "a.mov", [rgba] * 2, codec="prores_ks", pixels="yuva444p10le")
    for path in (prores, vp9):
        clip = Clip(path)
        seen = [pixels(frame) for frame in clip.frames()]
        assert clip.about.alpha and all((each[:, :28, 3] < 6).all() and (each[:, 36:, 3] > 250).all() for each in seen)


def test_what_results_cannot_keep_is_said(tmp_path: Path) -> None:
    deep = film_clips.write(tmp_path / "a.mkv", film_clips.squares(1), pixels="yuv444p10le", transfer=16)
    notes = Clip(deep).about.notes
    assert any("HDR (PQ)" in note for note in notes) and any("10 bits a channel" in note for note in notes)
    assert not Clip(film_clips.write(tmp_path / "b.mkv", film_clips.squares(1))).about.notes


def sound_alone(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def cut_short(path: Path) -> Path:
    whole = film_clips.write(path.with_name("whole.mp4"), film_clips.squares(4), codec="libx264").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def no_film(path: Path) -> Path:
    path.write_text("no film")
    return path


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    for path, said in (
        (missing, f"{missing} cannot be read: No such file or directory."),
        (sound_alone(tmp_path / "s.mp4"), f"{tmp_path / 's.mp4'} has no pictures: it holds sound alone."),
        (cut_short(tmp_path / "c.mp4"), f"{tmp_path / 'c.mp4'} cannot be read: the end of its file is missing."),
        (no_film(tmp_path / "p.mp4"), f"{tmp_path / 'p.mp4'} is not a film that matted can read, or is damaged."),
        (tmp_path, f"{tmp_path} cannot be read: Is a directory."),
    ):
        with pytest.raises(FilmError) as caught:
            Clip(path)
        assert caught.value.message == said


def test_a_span_beyond_the_end_has_no_frames(tmp_path: Path) -> None:
    path = film_clips.write(tmp_path / "a.mp4", film_clips.squares(4), codec="libx264")
    assert list(Clip(path, Span(Fraction(100), None)).frames()) == []


def test_damage_in_the_middle_says_when(tmp_path: Path) -> None:
    path = film_clips.write(tmp_path / "a.mkv", film_clips.squares(30))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = bytes(4000)
    path.write_bytes(content)
    try:
        count = len(list(Clip(path).frames()))
    except FilmError as error:
        assert f"{path} is damaged after 0:" in error.message and "--end" in error.hint
    else:
        assert count < 30, "what cannot be found any more is not there"


def test_damaged_frames_are_counted(tmp_path: Path) -> None:
    """H.264 hides what it cannot decode, and says so."""
    path = film_clips.write(tmp_path / "a.mkv", film_clips.squares(40), codec="libx264", pixels="yuv420p")
    clip = Clip(path)
    assert len(list(clip.frames())) == 40 and clip.faults == ()
    content = bytearray(path.read_bytes())
    for place in (len(content) // 3, len(content) // 2):
        content[place : place + 60] = bytes((7 * byte + 13) % 256 for byte in content[place : place + 60])
    path.write_bytes(content)
    clip = Clip(path)
    assert len(list(clip.frames())) == 40
    assert clip.faults == ("2 frames are damaged in the film.",)
