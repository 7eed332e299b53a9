"""What frames come from: a frame, and what is known of a film before its frames are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Protocol, TypeVar

from matted.files.films.colours import Colours
from matted.files.films.forms import FilmError
from matted.files.pictures import Picture

Made = TypeVar("Made")
Wanted = Callable[[int], bool]  # whether the frame of this number is decoded to a picture


@dataclass(frozen=True)
class Frame:
    """A frame of a scene.

    index: its number, from 0 on, among the frames that are taken.
    time, duration: seconds.
    picture: None where nobody wanted it.
    """

    index: int
    time: Fraction
    duration: Fraction
    picture: Picture | None


@dataclass(frozen=True)
class About:
    """What is known of a film beforehand.

    size: width and height as people see them, in pixels.
    colours: of its samples.
    tick: seconds of which all its times are multiples.
    rate: frames a second, on average.
    count: of its frames, about; None if nobody knows.
    aspect: width of a pixel by its height, as people see them.
    alpha: whether something may be transparent.
    sound: the codecs of its streams of sound.
    notes: sentences: what results cannot keep.
    bits: of a sample of its pictures, as they are read.
    """

    size: tuple[int, int]
    colours: Colours
    tick: Fraction
    rate: Fraction
    count: int | None = None
    aspect: Fraction = Fraction(1)
    alpha: bool = True
    sound: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    bits: int = 8


class Source(Protocol):
    """Frames in order, as often as somebody asks for them."""

    @property
    def path(self) -> Path:
        """The film, or the folder of frames."""

    @property
    def files(self) -> Sequence[Path]:
        """The files that it is read from."""

    @property
    def about(self) -> About:
        """What is known beforehand."""

    def frames(self, wanted: Wanted) -> Iterator[Frame]:
        """Yield all frames in order. Raises FilmError or PictureError that names the file."""

    def offset(self) -> Fraction:
        """Return the time at which results begin, in seconds as the file counts them."""

    @property
    def faults(self) -> Sequence[str]:
        """What is wrong with the film, as sentences: what the latest look at all of its frames has found."""


@dataclass(frozen=True)
class Span:
    """A part of a film: from `start`, to before `end`, in seconds; None for from or to where it begins or ends."""

    start: Fraction | None = None
    end: Fraction | None = None

    def refuse_empty(self) -> None:
        """Raise FilmError if it cannot hold anything."""
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise FilmError("--end is not later than --start.", "Both are times from where the film begins.")


WHOLE = Span()


def spread(source: Source, most: int, made: Callable[[Picture], Made]) -> list[tuple[Frame, Made]]:
    """Return frames from the whole of a film, evenly, at most `most` of them, each without its picture.

    made: makes of a picture what is kept of it. Every frame is looked at at first, then every other, and so on, so that
        never more than `most` are in memory, and one.
    """
    step = 1
    kept: list[tuple[Frame, Made]] = []

    def wanted(index: int) -> bool:
        return index % step == 0

    for frame in source.frames(wanted):
        if frame.picture is None:
            continue
        kept.append((replace(frame, picture=None), made(frame.picture)))
        if len(kept) > most:
            kept, step = kept[::2], 2 * step
    return kept


def ends_early(frames: int, count: int | None) -> str:
    """Say that a film is cut short. frames: that are there. count: that there were, about; None if nobody knows."""
    if count is None:
        return f"The film ends early: {frames} {_frames(frames)} there, and the end of its file is missing."
    if frames < count:
        return f"The film ends early: {frames} of about {count} frames are there, and the end of its file is missing."
    return "The end of the film's file is missing: sound may be missing with it."


def cut_short(path: Path) -> FilmError:
    """Return the error of a film of which nothing can be read, as the end of its file is missing."""
    return FilmError(f"{path} cannot be read: the end of its file is missing.", "Copy or download it once more.")


def damaged(frames: int) -> str:
    """Say that frames are damaged, whose pictures have faults."""
    return f"{frames} {_frames(frames)} damaged in the film."


def _frames(count: int) -> str:
    return "frame is" if count == 1 else "frames are"


def always(index: int) -> bool:
    """A `wanted` for those who want all frames."""
    return True


def clock(seconds: Fraction | float) -> str:
    """Return a time as people write it: 0:12.5, 1:02:03."""
    whole, rest = divmod(float(seconds), 60)
    hours, minutes = divmod(int(whole), 60)
    tail = f"{rest:05.2f}".rstrip("0").rstrip(".")
    return f"{hours}:{minutes:02}:{tail}" if hours else f"{minutes}:{tail}"
