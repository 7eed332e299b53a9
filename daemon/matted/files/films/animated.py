"""Read pictures that move (GIF, APNG, WebP) by Pillow, and folders of numbered frames: frames that are pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageSequence

from matted.files import pictures
from matted.files.films import colours
from matted.files.films.forms import FilmError, reason
from matted.files.films.source import WHOLE, About, Frame, Span, Wanted, always
from matted.files.formats import known
from matted.files.pictures import Picture

_TICK = Fraction(1, 1000)
_SHORT = 100  # milliseconds for which a frame is shown that says 0, as in browsers


class Animated:
    """A picture that moves."""

    def __init__(self, path: Path, span: Span = WHOLE) -> None:
        """Look at the file. Raises FilmError."""
        self.path = path
        self._span = span
        try:
            with known.open_picture(path) as image:
                size, count = image.size, int(getattr(image, "n_frames", 1))
                image.seek(min(1, count - 1))
                image.load()
                rate = 1000 / Fraction(_milliseconds(image)).limit_denominator(1000)
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise FilmError(f"{path} cannot be read: {reason(error)}.") from error
        whole = span == WHOLE
        self.about = About(size, colours.OF_PICTURES, _TICK, rate, count if whole else None)

    def offset(self) -> Fraction:
        return Fraction(0)

    def frames(self, wanted: Wanted = always) -> Iterator[Frame]:
        """Yield the frames of the span. Raises FilmError where the file is damaged."""
        start, end = self._span.start or Fraction(0), self._span.end
        index, time, offset = 0, Fraction(0), None
        try:
            with known.open_picture(self.path) as image:
                for each in ImageSequence.Iterator(image):
                    each.load()
                    duration = Fraction(round(_milliseconds(each)), 1000)
                    if end is not None and time >= end:
                        break
                    if time >= start:
                        offset = time if offset is None else offset
                        shown = Picture(_converted(each), {}) if wanted(index) else None
                        yield Frame(index, time - offset, duration, shown)
                        index += 1
                    time += duration
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise FilmError(f"{self.path} is damaged after frame {index}: {reason(error)}.") from error


class Numbered:
    """A folder of numbered frames."""

    def __init__(self, folder: Path, files: Sequence[Path], rate: Fraction, span: Span = WHOLE) -> None:
        """files: in the order of `in_order`. rate: frames a second. Raises PictureError for the first file."""
        first = 0 if span.start is None else -int(-span.start * rate // 1)
        last = len(files) if span.end is None else -int(-span.end * rate // 1)
        self.files = files[first:last]
        if not self.files:
            raise FilmError(f"{folder} has no frames between --start and --end: its {len(files)} frames end before.")
        self.path = folder
        size = pictures.read(self.files[0]).image.size
        tick = Fraction(1, rate.numerator)
        self.about = About(size, colours.OF_PICTURES, tick, rate, len(self.files))

    def offset(self) -> Fraction:
        return Fraction(0)

    def frames(self, wanted: Wanted = always) -> Iterator[Frame]:
        """Yield the frames. Raises FilmError or PictureError that names the file."""
        duration = 1 / self.about.rate
        for index, file in enumerate(self.files):
            picture = pictures.read(file) if wanted(index) else None
            if picture is not None and picture.image.size != self.about.size:
                sizes = "{} x {} pixels, and the frames before {} x {}".format(*picture.image.size, *self.about.size)
                raise FilmError(f"{file} has {sizes}.", "Frames of one scene have one size.")
            yield Frame(index, index * duration, duration, picture)


def in_order(files: Sequence[Path]) -> list[Path]:
    """Return files in the order of the numbers in their names: 9 before 10."""
    return sorted(files, key=lambda file: [_part(part) for part in re.split(r"([0-9]+)", file.name)])


def _part(text: str) -> tuple[int, str]:
    return (int(text), text) if text.isdecimal() else (-1, text)


def _milliseconds(image: Image.Image) -> float:
    return float(image.info.get("duration") or _SHORT)


def _converted(image: Image.Image) -> Image.Image:
    """Return a frame as RGB, or RGBA where something is transparent."""
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
