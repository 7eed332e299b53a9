"""From film to film: every frame at its time, colours, alpha, sound; runs that are broken off and go on; what fails."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import film_clips
import numpy as np
import pytest
from matted.files import pictures
from matted.files.batches import naming
from matted.files.films import forms, plan, runner, sinks, source
from matted.files.films.conversation import REMEMBERED
from matted.files.films.forms import FilmError
from matted.files.films.runner import FilmOptions
from matted.files.films.source import WHOLE, Span
from matted.files.films.telling.outcomes import FilmOutcome
from matted.files.films.telling.records import Records
from matted.files.formats.known import PNG
from matted.files.framing import words
from matted.files.framing.frame import Frame
from matted_client import MattedError
from PIL import Image, ImageSequence

TIMES = [0, 100, 900, 1000, 4000, 4100, 4900, 5000, 7000, 9000]
FRAMES = film_clips.squares(len(TIMES))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film_clips.write(tmp_path / "clip.mp4", FRAMES, TIMES, codec="libx264", sound="aac")


def remove(source: Path, target: str | Path, mask: bool = False, span: Span = WHOLE, **options: Any) -> FilmOutcome:
    """Do what `matted remove SOURCE -o TARGET` does."""
    both = {name: options[name] for name in ("overwrite", "skip_existing") if name in options}
    kind = "mask" if mask else "cutout"
    request = {"foreground": not mask}
    form = options.pop("form", None)
    (film,) = plan.plan_films([source], str(target), kind, span, form, options.get("frame", plan.PLAIN), **both)
    return runner.run(film, FilmOptions(mask, False, request, span=span, **options))


def is_red(frame: film_clips.Pixels) -> Any:
    return frame[:, :, 0] > 128


def assert_cut_out(seen: Sequence[film_clips.Pixels], alpha: int, colour: float) -> None:
    """Compare cut-outs with FRAMES. alpha, colour: by how much they may differ, colour on average over the subject."""
    assert len(seen) == len(FRAMES)
    for shown, frame in zip(seen, FRAMES, strict=True):
        red = is_red(frame)
        assert np.abs(shown[:, :, 3].astype(int) - 255 * red).max() <= alpha
        assert np.abs(shown[red][:, :3].astype(int) - frame[red]).mean() <= colour


# What a codec leaves of the samples: of alpha at most, of the colours on average.
LOSSES = {"mov": (1, 2.0), "webm": (60, 9.0), "mkv": (0, 1.0)}


@pytest.mark.parametrize("suffix", LOSSES)
def test_a_film_keeps_frames_times_and_alpha(daemon: Any, clip: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out.{suffix}"
    remove(clip, target, quality=95 if suffix == "webm" else None)
    seen = film_clips.watch(target)
    exact = [time * film_clips.TICK for time in TIMES]
    if suffix == "mov":
        assert seen.times == exact and seen.layout == "yuva444p10le" and seen.length == 9614 * film_clips.TICK
    else:  # Matroska has whole milliseconds, and nothing before 0, where the sound of an MP4 begins
        times = [time - seen.times[0] for time in seen.times]
        assert all(abs(time - right) <= Fraction(1, 1000) for time, right in zip(times, exact, strict=True))
    assert_cut_out(seen.frames, *LOSSES[suffix])
    assert not list(tmp_path.glob(".*")), "nothing else is left"


def test_sound_is_copied_as_it_is(daemon: Any, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = film_clips.watch(clip)
    for suffix in ("mov", "mkv"):
        remove(clip, tmp_path / f"out.{suffix}")
        after = film_clips.watch(tmp_path / f"out.{suffix}")
        assert after.sound == before.sound and after.sound
        apart = [film.sound_from - film.times[0] for film in (before, after)]
        assert abs(apart[0] - apart[1]) <= Fraction(1, 1000), "what is heard is heard when it is seen"
    assert "sound" not in capsys.readouterr().err
    remove(clip, tmp_path / "out.webm")
    assert not film_clips.watch(tmp_path / "out.webm").sound
    assert "The sound is left out: a .webm takes no aac." in capsys.readouterr().err
    opus = film_clips.write(tmp_path / "opus.mkv", FRAMES, TIMES, sound="libopus")
    remove(opus, tmp_path / "opus.webm")
    assert film_clips.watch(tmp_path / "opus.webm").sound == film_clips.watch(opus).sound


def with_two_languages_and_subtitles(clip: Path, path: Path) -> Path:
    """Write the film with its sound twice, each with its language, and with subtitles."""
    words = path.with_suffix(".srt")
    words.write_text("1\n00:00:00,000 --> 00:00:00,100\nA square\n")
    with ExitStack() as stack:
        target = stack.enter_context(av.open(str(path), "w"))
        packets = []
        for source, kind, language in (
            (clip, "video", "und"),
            (clip, "audio", "ger"),
            (clip, "audio", "eng"),
            (words, "subtitles", "eng"),
        ):
            film = stack.enter_context(av.open(str(source)))
            stream = getattr(film.streams, kind)[0]
            copied = target.add_stream_from_template(stream)
            copied.metadata["language"] = language
            for packet in film.demux(stream):
                if packet.dts is not None:
                    packets.append((packet, copied))
        target.start_encoding()
        for packet, copied in packets:
            packet.stream = copied
            target.mux(packet)
    return path


@pytest.mark.parametrize("suffix", ["mov", "mkv"])
def test_two_streams_of_sound_keep_their_languages_and_subtitles_are_said_to_be_left_out(
    daemon: Any, clip: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    both = with_two_languages_and_subtitles(clip, tmp_path / "both.mkv")
    outcome = remove(both, tmp_path / f"out.{suffix}")
    with av.open(str(tmp_path / f"out.{suffix}")) as film:
        found = [(stream.type, stream.metadata.get("language")) for stream in film.streams]
    assert found[1:] == [("audio", "ger"), ("audio", "eng")] and found[0][0] == "video"
    assert outcome.warnings == ("The subtitles are left out.",)
    assert "The subtitles are left out." in capsys.readouterr().err


def test_tags_that_are_no_text_take_no_sound_away(
    daemon: Any, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged = clip.read_bytes()
    assert tagged.count(b"SoundHandler") == 1
    clip.write_bytes(tagged.replace(b"SoundHandler", b"\xffoundHandler"))
    remove(clip, tmp_path / "out.mkv")
    assert film_clips.watch(tmp_path / "out.mkv").sound
    assert "sound" not in capsys.readouterr().err


def test_a_span_takes_its_sound_along(daemon: Any, tmp_path: Path) -> None:
    clip = film_clips.write(tmp_path / "long.mov", film_clips.squares(100), codec="libx264", sound="pcm_s16le")
    remove(clip, tmp_path / "out.mov", span=Span(Fraction(1), Fraction(2)))
    seen, whole = film_clips.watch(tmp_path / "out.mov"), film_clips.watch(clip)
    inside = [time for time in whole.times if 1 <= time < 2]
    assert seen.times == [time - inside[0] for time in inside]
    assert seen.sound in whole.sound and abs(len(seen.sound) / (2 * 48000) - float(seen.length)) < 0.03
    first = next(number for number, time in enumerate(whole.times) if time >= 1)
    assert is_red(seen.frames[0]).nonzero()[1].min() == 3 * first % 48


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (1, True), (6, False), (6, True), (9, False)])
@pytest.mark.parametrize("suffix", ["mov", "webm"])
def test_colours_stay_in_the_films_own_matrix(
    daemon: Any, tmp_path: Path, suffix: str, matrix: int, full: bool
) -> None:
    clip = film_clips.write(tmp_path / "clip.mkv", FRAMES, TIMES, matrix=matrix, full=full)
    target = tmp_path / f"out.{suffix}"
    remove(clip, target, quality=95 if suffix == "webm" else None)
    seen = film_clips.watch(target)
    primaries = {1: 1, 6: 6, 9: 9}[matrix]
    assert seen.colours == (matrix, 1, primaries, 1), "the limited range, which players expect, and said"
    assert_cut_out(seen.frames, *LOSSES[suffix])


def test_a_film_that_is_turned_is_turned_once(daemon: Any, tmp_path: Path) -> None:
    turned = film_clips.write(
        tmp_path / "clip.mp4", FRAMES, TIMES, codec="libx264", rotation=-90, aspect=Fraction(4, 3)
    )
    remove(turned, tmp_path / "out.mov")
    seen = film_clips.watch(tmp_path / "out.mov")
    right = np.rot90(FRAMES[3], -1)
    np.testing.assert_array_equal(seen.frames[3][:, :, 3], 255 * is_red(right))
    assert seen.aspect == Fraction(3, 4)
    remove(tmp_path / "out.mov", tmp_path / "again.mov")
    assert film_clips.watch(tmp_path / "again.mov").frames[3].shape == (*right.shape[:2], 4), "no turn is left to do"


@pytest.mark.parametrize("suffix", ["apng", "webp", "gif"])
def test_pictures_that_move(daemon: Any, clip: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out.{suffix}"
    remove(clip, target, quality=100 if suffix == "webp" else None)
    with Image.open(target) as image:
        frames, durations = [], []
        for each in ImageSequence.Iterator(image):
            frames.append(np.asarray(each.convert("RGBA")))
            durations.append(each.info["duration"])
    ends = [*TIMES[1:], 9614]
    step = 10 if suffix == "gif" else 1
    right = [round(1000 * float((end - time) * film_clips.TICK)) for time, end in zip(TIMES, ends, strict=True)]
    assert all(abs(shown - wanted) <= step for shown, wanted in zip(durations, right, strict=True))
    assert_cut_out(frames, 0, 4.0 if suffix == "gif" else 1.0)
    assert all((frame[frame[:, :, 3] == 0] == 0).all() for frame in frames), "nothing shines through where it is clear"


@pytest.mark.parametrize("name", ["film.gif", "film.png", "film.webp"])
def test_pictures_that_move_are_films_too(daemon: Any, tmp_path: Path, name: str) -> None:
    first, *others = (Image.fromarray(frame) for frame in FRAMES)
    how = {"lossless": True} if name.endswith("webp") else {}
    first.save(tmp_path / name, save_all=True, append_images=others, duration=[40, 200] * 5, **how)
    assert forms.are_films([tmp_path / name], None, None)
    assert not forms.are_films([tmp_path / name], "picture.png", None), "one picture, of the first frame"
    remove(tmp_path / name, tmp_path / "out.mkv")
    seen = film_clips.watch(tmp_path / "out.mkv")
    assert seen.times == [Fraction(sum(([40, 200] * 5)[:number]), 1000) for number in range(10)]
    assert_cut_out(seen.frames, 0, 6.0)


def test_lossless_in_and_lossless_out(daemon: Any, tmp_path: Path) -> None:
    clip = film_clips.write(tmp_path / "clip.mkv", FRAMES, TIMES, pixels="bgr0")
    remove(clip, f"{tmp_path / 'frames'}/")
    remove(clip, tmp_path / "out.apng")
    with Image.open(tmp_path / "out.apng") as image:
        moving = [np.asarray(each.convert("RGBA")) for each in ImageSequence.Iterator(image)]
    files = sorted((tmp_path / "frames").iterdir())
    assert [file.name for file in files] == [f"{number:06}.png" for number in range(1, 11)]
    for file, moved, frame in zip(files, moving, FRAMES, strict=True):
        numbered = np.asarray(Image.open(file))
        red = is_red(frame)
        np.testing.assert_array_equal(numbered[:, :, 3], 255 * red)
        np.testing.assert_array_equal(numbered[red][:, :3], frame[red])
        np.testing.assert_array_equal(moved, numbered)


def test_masks_alone(daemon: Any, clip: Path, tmp_path: Path) -> None:
    for name in ("m.mov", "m.mp4", "m.mkv", "m.webm"):
        remove(clip, tmp_path / name, mask=True)
        for shown, frame in zip(film_clips.watch(tmp_path / name).frames, FRAMES, strict=True):
            wrong = np.abs(shown[:, :, :3].astype(int) - 255 * is_red(frame)[:, :, None])
            assert wrong.mean() < 6 and (name != "m.mkv" or wrong.max() == 0)
    remove(clip, tmp_path / "m-%03d.png", mask=True)
    shown = Image.open(tmp_path / "m-004.png")
    assert shown.mode == "L"
    np.testing.assert_array_equal(np.asarray(shown), 255 * is_red(FRAMES[3]))


@pytest.mark.parametrize("suffix", ["mp4", "mov", "gif"])
def test_films_before_a_background(daemon: Any, clip: Path, tmp_path: Path, suffix: str) -> None:
    frame = Frame(background=words.background("#204080"), size=(128, 128))
    remove(clip, tmp_path / f"out.{suffix}", frame=frame)
    seen = film_clips.watch(tmp_path / f"out.{suffix}")
    assert len(seen.frames) == len(FRAMES)
    for shown, before in zip(seen.frames, FRAMES, strict=True):
        assert shown.shape == (128, 128, 4) and (shown[:, :, 3] >= 254).all()
        assert np.abs(shown[:10, :, :3].astype(int) - (0x20, 0x40, 0x80)).max() <= 4
        left = 2 * is_red(before).nonzero()[1].min()
        inside = shown[16 + 36 : 16 + 60, left + 4 : left + 28, :3]
        assert np.abs(inside.astype(int) - before[20, left // 2 + 8]).mean() < 6
    if suffix == "mp4":
        assert seen.sound == film_clips.watch(clip).sound
    with pytest.raises(FilmError, match="--crop is for pictures"):
        remove(clip, tmp_path / "crop.mov", frame=Frame(crop=words.margin("5")))


def long_clip(folder: Path, count: int = 40) -> Path:
    return film_clips.write(folder / "long.mp4", film_clips.squares(count), codec="libx264", sound="aac")


@pytest.mark.parametrize("suffix", ["mov", "webm", "mkv", "gif", "apng"])
def test_a_film_that_was_broken_off_goes_on(
    daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    monkeypatch.setattr(sinks, "PART", 7)
    clip, target = long_clip(tmp_path), tmp_path / f"out.{suffix}"
    remove(clip, tmp_path / f"whole.{suffix}")
    whole, daemon.replies, daemon.shown = list(daemon.shown), 0, []
    for after in (11, 8):
        daemon.interrupt_after = after + daemon.replies
        with pytest.raises(KeyboardInterrupt):
            remove(clip, target, skip_existing=True)
        assert not target.exists()
        assert "Broken off." in capsys.readouterr().err
    done = sum(len(json.loads(times.read_text())) for times in (tmp_path / f".out.{suffix}.parts").glob("0*.json"))
    assert done >= 11
    daemon.interrupt_after, daemon.shown = None, []
    remove(clip, target, skip_existing=True)
    assert f"Going on after {done} frames that are there." in capsys.readouterr().err
    assert len(daemon.shown) == 40 - done + min(REMEMBERED, done), "a model's memory is filled by the frames before"
    np.testing.assert_array_equal(daemon.shown[-1], whole[-1])
    seen, right = film_clips.watch(target), film_clips.watch(tmp_path / f"whole.{suffix}")
    assert seen.times == right.times and seen.sound == right.sound and len(seen.frames) == 40
    for shown, before in zip(seen.frames, right.frames, strict=True):
        assert np.abs(shown.astype(int) - before)[:, :, 3].mean() < 3
    assert not list(tmp_path.glob(".*"))


def test_a_part_that_was_cut_off_is_made_again(daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a computer leaves it that was switched off: a part has no list of times, and half of another one is there."""
    monkeypatch.setattr(sinks, "PART", 7)
    clip, target = long_clip(tmp_path), tmp_path / "out.mkv"
    daemon.interrupt_after = 25
    with pytest.raises(KeyboardInterrupt):
        remove(clip, target)
    parts = tmp_path / ".out.mkv.parts"
    (parts / "00000007.json").unlink()
    (parts / "part").write_bytes(b"half")
    daemon.interrupt_after = None
    remove(clip, target, skip_existing=True)
    remove(clip, tmp_path / "whole.mkv")
    seen, right = film_clips.watch(target), film_clips.watch(tmp_path / "whole.mkv")
    assert seen.times == right.times
    for shown, before in zip(seen.frames, right.frames, strict=True):
        np.testing.assert_array_equal(shown, before)


def test_what_an_earlier_run_left_is_not_mixed_with_other_settings(
    daemon: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, target = long_clip(tmp_path), tmp_path / "out.mkv"
    daemon.interrupt_after = 20
    with pytest.raises(KeyboardInterrupt):
        remove(clip, target)
    daemon.interrupt_after, daemon.shown = None, []
    remove(clip, target, mask=True, skip_existing=True)
    assert "it begins anew" in capsys.readouterr().err and len(daemon.shown) == 40
    remove(clip, target, skip_existing=True)
    assert "It was there already." in capsys.readouterr().err and len(daemon.shown) == 40


def test_numbered_frames_that_are_there_are_left_out(daemon: Any, tmp_path: Path) -> None:
    clip = long_clip(tmp_path)
    pattern = str(tmp_path / "f-%03d.png")
    remove(clip, pattern)
    before = {file.name: file.read_bytes() for file in tmp_path.glob("f-*.png")}
    assert len(before) == 40
    missing = (tmp_path / "f-030.png", tmp_path / "f-031.png")
    for file in missing:
        file.unlink()
    daemon.shown = []
    with pytest.raises(FilmError, match=r"f-001\.png exists"):
        remove(clip, pattern)
    remove(clip, pattern, skip_existing=True)
    assert len(daemon.shown) == REMEMBERED + 2, "those that are missing, and what a model has to remember for them"
    assert {file.name: file.read_bytes() for file in tmp_path.glob("f-*.png")} == before


def test_a_folder_of_frames_is_one_scene(daemon: Any, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(FRAMES, 8):
        Image.fromarray(frame).save(folder / f"shot{number}.png")
    film = plan.plan_folder(folder, None, "cutout", WHOLE, plan.RATE)
    runner.run(film, FilmOptions(False, False, {"foreground": True}))
    for shown, frame in zip(daemon.shown, FRAMES, strict=True):
        np.testing.assert_array_equal(shown, frame)
    files = {file.name for file in (folder / "cutouts").iterdir()}
    assert files == {f"shot{number}.png" for number in range(8, 18)}
    film = plan.plan_folder(folder, str(tmp_path / "out.mov"), "cutout", WHOLE, Fraction(30000, 1001))
    runner.run(film, FilmOptions(False, False, {"foreground": True}))
    seen = film_clips.watch(tmp_path / "out.mov")
    assert seen.times == [number * Fraction(1001, 30000) for number in range(10)]
    assert_cut_out(seen.frames, 1, 2.0)
    Image.new("RGB", (9, 9)).save(folder / "shot13.png")
    with pytest.raises(FilmError, match=r"shot13\.png has 9 x 9 pixels"):
        runner.run(film, FilmOptions(False, False, {"foreground": True}, overwrite=True))


def test_frames_of_more_bits_are_told_of_where_the_film_has_fewer(daemon: Any, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((8, 8), 60_000 + number, np.uint16)).save(folder / f"{number}.png")
    said = [
        runner.plan(
            plan.plan_folder(folder, f"{tmp_path}/{name}", "cutout", WHOLE, plan.RATE),
            FilmOptions(False, False, {"foreground": True}),
        ).warnings
        for name in ("out.mov", "out/")
    ]
    assert len(said[0]) == 1 and said[0][0].startswith("The frames have 16 bits a channel, the film has 8.")
    assert said[1] == ()


def test_a_gif_of_one_frame_is_a_film_only_where_one_comes_of_it(daemon: Any, tmp_path: Path) -> None:
    Image.fromarray(FRAMES[0]).save(tmp_path / "one.gif")
    Image.fromarray(FRAMES[0]).save(tmp_path / "one.png")
    for output, form, is_film in (
        (None, None, False),
        ("a.png", None, False),
        ("a.webp", None, False),
        ("a/", None, False),
        (None, "png", False),
        ("a.gif", None, True),
        ("a.mov", None, True),
        (None, "gif", True),
    ):
        assert forms.are_films([tmp_path / "one.gif"], output, form) is is_film
        assert not forms.are_films([tmp_path / "one.png"], output, form)
    assert remove(tmp_path / "one.gif", tmp_path / "out.gif").frames == 1
    with Image.open(tmp_path / "out.gif") as image:
        assert (np.asarray(image.convert("RGBA"))[:, :, 3] == 255 * is_red(FRAMES[0])).all()


def test_a_full_disk_in_the_middle_leaves_no_half_film(
    daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "PART", 7)
    clip, target = long_clip(tmp_path), tmp_path / "out.mov"
    add, count = sinks._Encoder.add, 0

    def fail(encoder: Any, pixels: Any) -> None:
        nonlocal count
        count += 1
        if count > 17:
            raise OSError(errno.ENOSPC, "No space left on device")
        add(encoder, pixels)

    monkeypatch.setattr(sinks._Encoder, "add", fail)
    with pytest.raises(FilmError) as caught:
        remove(clip, target)
    assert "cannot be written: No space left on device." in caught.value.message
    assert "What is done is kept." in caught.value.hint and "--skip-existing" in caught.value.hint
    assert not target.exists()
    monkeypatch.setattr(sinks._Encoder, "add", add)
    remove(clip, target, skip_existing=True)
    assert len(film_clips.watch(target).frames) == 40


def test_what_cannot_be_made_is_said_before_the_work(daemon: Any, tmp_path: Path, monkeypatch: Any) -> None:
    odd = film_clips.write(tmp_path / "odd.mkv", [np.zeros((11, 13, 3), np.uint8)])
    for target, mask, said in (
        (
            "out.mp4",
            True,
            f"{tmp_path / 'out.mp4'} would have 13 x 11 pixels, and H.264 takes even numbers of them alone.",
        ),
        ("out.png", False, f"{tmp_path / 'out.png'} is one picture, and a film is many."),
        ("out.xyz", False, f"{tmp_path / 'out.xyz'} names no format of films."),
        ("odd.mkv", False, f"{odd} is itself what is read."),
    ):
        with pytest.raises(MattedError) as caught:
            remove(odd, tmp_path / target, mask)
        assert caught.value.message == said
    even = film_clips.write(tmp_path / "even.mkv", FRAMES[:1])
    with pytest.raises(FilmError, match=r"H\.264 cannot be transparent, and a cut-out is\."):
        remove(even, tmp_path / "out.mp4")
    monkeypatch.setattr(forms.library(), "codecs_available", {"ffv1"})
    with pytest.raises(FilmError, match="This PyAV cannot write ProRes 4444: its FFmpeg has no prores_ks"):
        remove(odd, tmp_path / "out.mov")
    assert not daemon.shown


def test_no_result_replaces_what_is_read(daemon: Any, tmp_path: Path) -> None:
    clip, other = (film_clips.write(tmp_path / f"{name}.mkv", FRAMES[:2]) for name in ("a", "b"))
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(4):
        Image.fromarray(FRAMES[number]).save(frames / f"{number}.png")
    os.link(other, tmp_path / "link.mkv")
    rest: dict[str, Any] = {"overwrite": True, "others": [other]}
    for target in ("link.mkv", "b.mkv", "a.mkv"):
        with pytest.raises(FilmError, match=f"{target} is itself what is read"):
            plan.plan_films([clip], str(tmp_path / target), "cutout", WHOLE, **rest)
    with pytest.raises(FilmError, match=r"1\.png is itself what is read"):
        plan.plan_folder(frames, str(frames / "%d.png"), "cutout", WHOLE, plan.RATE, **rest)
    late = Span(Fraction(2, 25))  # the frames before it are not replaced either
    with pytest.raises(FilmError, match=r"1\.png is itself what is read"):
        plan.plan_folder(frames, str(frames / "%d.png"), "cutout", late, plan.RATE, **rest)
    plate = frames / "000002.png"
    Image.fromarray(FRAMES[0]).save(plate)
    with pytest.raises(FilmError, match=r"000002\.png is itself what is read"):
        plan.plan_films([clip], str(frames) + os.sep, "cutout", WHOLE, overwrite=True, others=[plate])
    sink = sinks.NumberedFiles(plan.numbered(frames), PNG, None, False, naming.identities([plate]))
    picture = pictures.of_image(Image.new("RGBA", (4, 4)), Path("x"))
    sink.add(source.Frame(0, Fraction(0), Fraction(1), None), picture)
    with pytest.raises(FilmError, match=r"000002\.png is itself what is read"):
        sink.add(source.Frame(1, Fraction(1), Fraction(1), None), picture)
    assert not daemon.shown


def test_odd_sizes_do_in_the_other_formats(daemon: Any, tmp_path: Path) -> None:
    frame = np.zeros((11, 13, 3), np.uint8)
    frame[3:8, 3:8] = (250, 20, 20)
    odd = film_clips.write(tmp_path / "odd.mkv", [frame] * 3)
    for name in ("out.mov", "out.webm", "out.mkv", "out.gif", "out.apng"):
        remove(odd, tmp_path / name)
        assert film_clips.watch(tmp_path / name).frames[0].shape == (11, 13, 4)


def test_a_film_without_pyav_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(forms, "is_there", lambda: False)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(FilmError) as caught:
        remove(tmp_path / "a.mp4", tmp_path / "out.mov")
    assert caught.value.message == "Films are read and written by PyAV, which is not installed."
    assert "pip install 'matted[video]'" in caught.value.hint and "pipx inject" in caught.value.hint


def test_a_film_in_which_nothing_is_found_is_an_error(daemon: Any, tmp_path: Path) -> None:
    dark = film_clips.write(tmp_path / "dark.mkv", [np.zeros((16, 16, 3), np.uint8)] * 3)
    with pytest.raises(FilmError, match="There is no subject"):
        remove(dark, tmp_path / "out.mov")
    assert not (tmp_path / "out.mov").exists() and not list(tmp_path.glob(".*"))


def test_a_fault_nobody_expected_is_told_as_one(daemon: Any, clip: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("a strange film")

    monkeypatch.setattr(sinks._Encoder, "add", fail)
    with pytest.raises(MattedError) as caught:
        remove(clip, tmp_path / "out.mov")
    assert caught.value.message == f"{clip} could not be done: a strange film."
    assert "That is a fault of matted" in caught.value.hint and not (tmp_path / "out.mov").exists()


def test_what_a_format_cannot_show_is_said(daemon: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick = film_clips.write(tmp_path / "quick.mp4", FRAMES, [128 * number for number in range(10)], codec="libx264")
    remove(quick, tmp_path / "out.gif")
    assert "GIF shows at most 50 frames a second" in capsys.readouterr().err


def test_a_span_without_frames_leaves_nothing_behind(daemon: Any, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(FilmError, match="no frames between"):
        remove(clip, tmp_path / "out.mov", span=Span(Fraction(100)))
    assert [each.name for each in tmp_path.iterdir()] == ["clip.mp4"]


def test_numbered_frames_that_were_not_written_are_not_said_to_be_kept(
    daemon: Any, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = sinks.pictures.write

    def full_after_one(picture: Any, target: Path, *others: Any) -> None:
        if target.name != "000001.png":
            raise FilmError("No space left on device")
        write(picture, target, *others)

    monkeypatch.setattr(sinks.pictures, "write", full_after_one)
    with pytest.raises(FilmError, match="No space left"):
        remove(clip, f"{tmp_path / 'frames'}/")
    assert "Broken off. 1 frame is done and kept." in capsys.readouterr().err


def test_a_disk_that_is_full_from_the_first_frame_on_keeps_nothing_and_says_so(
    daemon: Any, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sinks._Encoder, "add", fail)
    monkeypatch.setattr(sinks._Encoder, "close", fail)
    with pytest.raises(FilmError, match="No space left on device") as caught:
        remove(clip, tmp_path / "out.mov")
    assert caught.value.hint == "Make room there, or choose another place with -o."
    assert "kept" not in capsys.readouterr().err and [each.name for each in tmp_path.iterdir()] == ["clip.mp4"]


def test_what_came_of_a_film_is_told_to_programs(daemon: Any, clip: Path, tmp_path: Path) -> None:
    outcome = remove(clip, tmp_path / "out.webm", frame=Frame(size=(128, 100)))
    facts = outcome.facts()
    coverage = np.mean([is_red(frame).mean() for frame in FRAMES])
    assert facts.pop("seconds") > 0 and facts.pop("coverage") == pytest.approx(coverage, abs=0.01)
    assert facts == {
        "source": str(clip),
        "target": str(tmp_path / "out.webm"),
        "state": "done",
        "model": "redness",
        "confidence": 1.0,
        "device": "CPU",
        "timings": {},
        "width": 128,
        "height": 100,
        "rate": pytest.approx(float(outcome.film.source.about.rate), abs=0.001),
        "frames": 10,
        "made": 10,
        "length": pytest.approx(10 / float(outcome.film.source.about.rate), abs=0.001),
        "format": "vp9",
        "codec": "libvpx-vp9",
        "sound": ["aac"],
        "sound_kept": False,
        "warnings": ["The sound is left out: a .webm takes no aac. An .mkv (--format ffv1) takes every sound."],
        "error": None,
    }
    assert outcome.row()["why"] == facts["warnings"][0]
    assert film_clips.watch(tmp_path / "out.webm").frames[0].shape == (100, 128, 4)
    assert remove(clip, tmp_path / "out.mkv").facts()["sound_kept"] is True
    there = remove(clip, tmp_path / "out.mkv", skip_existing=True)
    assert (there.state, there.facts()["made"]) == ("existing", 0)


def test_a_film_that_goes_on_counts_the_frames_that_were_there(
    daemon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sinks, "PART", 7)
    clip = long_clip(tmp_path)
    daemon.interrupt_after = 21
    with pytest.raises(KeyboardInterrupt):
        remove(clip, tmp_path / "out.mov")
    daemon.interrupt_after = None
    facts = remove(clip, tmp_path / "out.mov", skip_existing=True).facts()
    assert facts["frames"] == 40 and 0 < facts["made"] < 40


def test_a_film_that_ends_early_is_told_of(daemon: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = film_clips.write(tmp_path / "clip.mkv", film_clips.squares(40))
    clip.write_bytes(clip.read_bytes()[:-20_000])
    outcome = remove(clip, tmp_path / "out.mov")
    (warning,) = outcome.warnings
    assert f"The film ends early: {outcome.frames} of about 40 frames are there" in warning
    assert warning in capsys.readouterr().err and len(film_clips.watch(outcome.film.target).frames) == outcome.frames


def test_a_plan_says_what_would_be_made_and_does_nothing(daemon: Any, clip: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    for name, said in (
        ("out.mov", "ProRes 4444, 64 x 48 pixels, about 10 frames, 16.67 a second, sound (aac)"),
        ("out.gif", "GIF, 64 x 48 pixels, about 10 frames, 16.67 a second, without its sound"),
        ("f-%03d.png", "numbered PNG files, 64 x 48 pixels, about 10 frames, 16.67 a second, without its sound"),
    ):
        (film,) = plan.plan_films([clip], str(tmp_path / name), "cutout", WHOLE)
        planned = runner.plan(film, FilmOptions(False, False, {"foreground": True}))
        rate = f"{float(film.source.about.rate):.4g}"
        assert planned.plan() == f"{clip} -> {tmp_path / name}: {said.replace('16.67', rate)}"
        assert planned.state == "planned" and planned.facts()["frames"] == 10
    assert sorted(tmp_path.iterdir()) == before and not daemon.shown


def test_a_report_has_a_row_for_each_film_and_goes_on(daemon: Any, clip: Path, tmp_path: Path) -> None:
    other = film_clips.write(tmp_path / "other.mkv", FRAMES)
    films = plan.plan_films([clip, other], f"{tmp_path}/out/", "cutout", WHOLE, "ffv1")
    file, options = tmp_path / "report.json", FilmOptions(False, False, {"foreground": True}, skip_existing=True)
    with Records(films, file, None) as records:
        records.add(0, runner.run(films[0], options))
    with Records(films, file, None, skip_existing=True) as records:
        for number, film in enumerate(films):
            records.add(number, runner.run(film, options))
    rows = json.loads(file.read_text())
    assert [(row["source"], row["state"], row["model"]) for row in rows] == [
        (str(clip), "done", "redness"),
        (str(other), "done", "redness"),
    ]
    with pytest.raises(MattedError, match="exists"):
        Records(films, file, None)
    with pytest.raises(MattedError, match=r"is neither a \.json nor a \.csv file"):
        Records(films, other, None)
    with pytest.raises(MattedError, match="is itself one of the films"):
        Records(plan.plan_films([clip], f"{tmp_path}/a.webp", "cutout", WHOLE), None, tmp_path / "a.webp")
    os.link(clip, tmp_path / "link.png")
    with pytest.raises(MattedError, match="is itself one of the films"):
        Records(films[:1], None, tmp_path / "link.png", overwrite=True)


def test_a_sheet_shows_frames_of_the_whole_result(daemon: Any, tmp_path: Path) -> None:
    clip = film_clips.write(tmp_path / "long.mkv", film_clips.squares(100))
    films = [
        *plan.plan_films([clip], str(tmp_path / "out.mov"), "cutout", WHOLE),
        *plan.plan_films([clip], str(tmp_path / "f-%03d.png"), "cutout", WHOLE),
    ]
    with Records(films, None, tmp_path / "sheet.png") as records:
        drawn = [
            records.add(number, runner.run(film, FilmOptions(False, False, {"foreground": True})))
            for number, film in enumerate(films)
        ]
    assert drawn == [tmp_path / "sheet-1.png", tmp_path / "sheet-2.png"]
    for sheet in records.sheets:
        page = np.asarray(Image.open(sheet)).astype(int)
        red = (page[:, :, 0] > 220) & (page[:, :, 2] < 60)
        assert red.sum() == pytest.approx(25 * 16 * 16, rel=0.1), "every fourth of 100 frames, at its own size"
