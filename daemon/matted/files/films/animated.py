"""Read pictures that move (GIF, APNG, WebP) by Pillow, and folders of numbered frames: frames that are pictures."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageSequence

from matted.files import pictures, wholeness
from matted.files.films import colours, source
from matted.files.films.forms import FilmError, reason
from matted.files.films.source import WHOLE, About, Frame, Span, Wanted, always
from matted.files.formats import known
from matted.files.pictures import Picture

_TICK = Fraction(1, 1000)
# What Pillow raises for damaged files, which is almost anything.
_ANY = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
_SHORT = 100  # milliseconds for which a frame is shown that says 0, as in browsers


class Animated:
    """A picture that moves."""

    def __init__(self, path: Path, span: Span = WHOLE) -> None:
        """Look at the file. Raises FilmError."""
        self.path = path
        self.files = [path]
        self._span = span
        self._cut_short = wholeness.is_cut_short(path)
        self.faults: tuple[str, ...] = ()
        try:
            with known.open_picture(path) as image:
                size = image.size
                with suppress(EOFError):  # of a single frame
                    image.seek(1)
                image.load()
                rate = 1000 / Fraction(_milliseconds(image)).limit_denominator(1000)
        except _ANY as error:
            if self._cut_short:
                raise source.cut_short(path) from error
            raise FilmError(f"{path} cannot be read: {reason(error)}.") from error
        count = self._count() if span == WHOLE else None
        self.about = About(size, colours.OF_PICTURES, _TICK, rate, count)

    def offset(self) -> Fraction:
        return Fraction(0)

    def frames(self, wanted: Wanted = always) -> Iterator[Frame]:
        """Yield the frames of the span. Raises FilmError where the file is damaged."""
        start, end = self._span.start or Fraction(0), self._span.end
        index, time, offset = 0, Fraction(0), None
        cut_short, self.faults = self._cut_short, ()
        for each in self._loaded():
            duration = Fraction(round(_milliseconds(each)), 1000)
            if end is not None and time >= end:
                cut_short = False
                break
            if time >= start:
                offset = time if offset is None else offset
                shown = Picture(_converted(each), {}) if wanted(index) else None
                yield Frame(index, time - offset, duration, shown)
                index += 1
            time += duration
        if cut_short and index:
            self.faults = (source.ends_early(index, self.about.count),)

    def _loaded(self) -> Iterator[Image.Image]:
        """Yield the frames, decoded. Of a file that is cut short the last one may be missing, else that is an error."""
        count = 0
        try:
            with known.open_picture(self.path) as image:
                for each in ImageSequence.Iterator(image):
                    each.load()
                    count += 1
                    yield each
        except _ANY as error:
            if not (self._cut_short and count):
                raise FilmError(f"{self.path} is damaged after frame {count}: {reason(error)}.") from error

    def _count(self) -> int | None:
        """Return how many frames there are; None where that cannot be known, as the file is damaged."""
        try:
            with known.open_picture(self.path) as image:
                if self._cut_short and image.format == "GIF":  # it would be the number of those that are there
                    return None
                return int(getattr(image, "n_frames", 1))
        except _ANY:
            return None


class Numbered:
    """A folder of numbered frames."""

    def __init__(self, folder: Path, files: Sequence[Path], rate: Fraction, span: Span = WHOLE) -> None:
        """files: in the order of `in_order`. rate: frames a second. Raises PictureError for the first file.

        files: all of them, also in the object. taken: those of the span.
        """
        first = 0 if span.start is None else -int(-span.start * rate // 1)
        last = len(files) if span.end is None else -int(-span.end * rate // 1)
        self.files = files
        self.taken = files[first:last]
        if not self.taken:
            raise FilmError(f"{folder} has no frames between --start and --end: its {len(files)} frames end before.")
        self.path = folder
        picture = pictures.read(self.taken[0])
        tick = Fraction(1, rate.numerator)
        self.faults: tuple[str, ...] = ()
        notes = tuple(_gaps(self.taken))
        self.about = About(
            picture.image.size, colours.OF_PICTURES, tick, rate, len(self.taken), notes=notes, bits=picture.bits
        )

    def offset(self) -> Fraction:
        return Fraction(0)

    def frames(self, wanted: Wanted = always) -> Iterator[Frame]:
        """Yield the frames. Raises FilmError or PictureError that names the file."""
        duration = 1 / self.about.rate
        for index, file in enumerate(self.taken):
            picture = pictures.read(file) if wanted(index) else None
            if picture is not None and picture.image.size != self.about.size:
                sizes = "{} x {} pixels, and the frames before {} x {}".format(*picture.image.size, *self.about.size)
                raise FilmError(f"{file} has {sizes}.", "Frames of one scene have one size.")
            yield Frame(index, index * duration, duration, picture)


def in_order(files: Sequence[Path]) -> list[Path]:
    """Return files in the order of the numbers in their names: 9 before 10."""
    return sorted(files, key=lambda file: [_part(part) for part in re.split(r"([0-9]+)", file.name)])


def _gaps(files: Sequence[Path]) -> Iterator[str]:
    """Say where frames are missing by their numbers, which most often go on by the same step: by 1, or by 10."""
    numbers = [int(found[-1]) if (found := re.findall(r"[0-9]+", file.stem)) else -1 for file in files]
    steps = [after - before for before, after in pairwise(numbers)]
    step, often = Counter(steps).most_common(1)[0] if steps else (1, 0)
    if step < 1 or 2 * often < len(steps) or -1 in numbers:
        return
    gaps = [(file, each // step - 1) for file, each in zip(files, steps, strict=False) if each > step]
    missing = sum(count for _, count in gaps)
    if missing:
        frames = "1 frame is" if missing == 1 else f"{missing} frames are"
        first = "" if len(gaps) == 1 else "the first "
        yield f"{frames} missing, {first}behind {gaps[0][0].name}: those that follow are seen at once."


def _part(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isdecimal() else (-1, text)


def _milliseconds(image: Image.Image) -> float:
    return float(image.info.get("duration") or _SHORT)


def _converted(image: Image.Image) -> Image.Image:
    """Return a frame as RGB, or RGBA where something is transparent."""
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
