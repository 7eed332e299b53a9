"""Where results go, frame by frame: a folder of numbered pictures, or a film in parts, so that a run can go on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from matted.files import pictures
from matted.files.batches import naming
from matted.files.batches.naming import Identity
from matted.files.films import colours, forms
from matted.files.films.forms import FFV1, FilmError, FilmForm, reason
from matted.files.films.source import About, Frame
from matted.files.formats.known import Form
from matted.files.pictures import Picture
from matted.system import atomic_file

PART = 120  # frames of a part: so many are lost at most where the computer stops
_RECORD = "run.json"
_MATROSKA = "matroska"
_MOST_RATE = 500  # frames a second: the times in a part are whole milliseconds, and its frames keep their order
_THREADS = 2


def refuse_same(target: Path, read: Collection[Identity]) -> None:
    """Raise FilmError if a result would replace a file that is read. read: what such files are known by."""
    if not naming.identities([target]).isdisjoint(read):
        raise FilmError(f"{target} is itself what is read.", "Choose another place with -o.")


class Sink(Protocol):
    """Takes the results of frames."""

    @property
    def count(self) -> int:
        """How many results are done and kept; of numbered files those of this run."""

    def has(self, index: int) -> bool:
        """Whether the result of a frame is there already."""

    def add(self, frame: Frame, result: Picture) -> None:
        """Take a result. Those that are not there come in order. Raises FilmError or PictureError."""

    def close(self) -> None:
        """Keep what is there, so that a later run can go on."""


class NumberedFiles:
    """A file for each frame.

    count: how many this run has written.
    """

    def __init__(
        self,
        name: Callable[[int], Path],
        form: Form,
        quality: int | None,
        going_on: bool,
        read: Collection[Identity] = (),
    ) -> None:
        """name: returns the file of a frame. going_on: whether files that are there count as done.

        read: what the files are known by that the run reads: none of them is replaced.
        """
        self._name = name
        self._form = form
        self._quality = quality
        self._going_on = going_on
        self._read = read
        self.count = 0

    def has(self, index: int) -> bool:
        return self._going_on and os.path.isfile(self._name(index))

    def add(self, frame: Frame, result: Picture) -> None:
        target = self._name(frame.index)
        refuse_same(target, self._read)  # a film may have more frames than it says
        pictures.write(result, target, True, self._form, self._quality)
        self.count += 1

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Part:
    """A part of a film that is done: a file of so many frames."""

    file: Path
    count: int

    def times(self) -> list[list[int]]:
        """Read the time and the duration of each of its frames, in ticks. Raises OSError, ValueError.

        Those of a long film are not kept in memory.
        """
        times: list[list[int]] = json.loads(self.file.with_suffix(".json").read_bytes())
        return times


class Parts:
    """A film in parts, in a folder beside its final place: each is whole when its list of times is there."""

    def __init__(
        self, target: Path, form: FilmForm, about: About, quality: int | None, settings: Any, going_on: bool
    ) -> None:
        """Find what an earlier run has left, or begin anew.

        target: the file that the film will be.
        settings: all that the frames depend on, as JSON has it; other settings begin anew.
        going_on: whether parts of an earlier run are kept.

        Raises FilmError.
        """
        self.folder = target.with_name(f".{target.name}.parts")
        self.form = form
        self._about = about
        self._coded = form if form.joined else FFV1
        self._quality = quality if form.joined else None
        self._encoder: _Encoder | None = None
        self._times: list[list[int]] = []
        record = {"settings": settings, "tick": str(about.tick)}
        try:
            self.dropped = self.folder.is_dir() and not (going_on and self._recorded() == record)
            if self.dropped:
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._recorded() is None:
                self._record(record)
            self.done = list(self._found())
        except OSError as error:
            raise FilmError(f"{self.folder} cannot be written: {reason(error)}.") from error
        self.count = sum(part.count for part in self.done)
        self._begun = self.count
        self._whole = self.complete

    @property
    def complete(self) -> bool:
        """Whether an earlier run had all frames."""
        return (self.folder / "complete").exists()

    def has(self, index: int) -> bool:
        return index < self._begun or self._whole

    def add(self, frame: Frame, result: Picture) -> None:
        pixels = _pixels(result)
        if self._coded.pixels == "yuva420p" and pixels.shape[2:] == (4,):
            pixels = colours.spread(pixels)
        try:
            if self._encoder is None:
                self._encoder = _Encoder(self.folder / "part", self._coded, self._quality, self._about, pixels)
            self._encoder.add(pixels)
        except (forms.library().FFmpegError, OSError) as error:
            raise self._unwritten(error) from error
        tick = self._about.tick
        self._times.append([round(frame.time / tick), max(1, round(frame.duration / tick))])
        if len(self._times) >= PART:
            self.close()

    def close(self) -> None:
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        try:
            encoder.close()
            part = Part(self.folder / f"{self.count:08}.mkv", len(self._times))
            os.replace(self.folder / "part", part.file)
            atomic_file.write(part.file.with_suffix(".json"), json.dumps(self._times).encode())
        except (forms.library().FFmpegError, OSError) as error:
            raise self._unwritten(error) from error
        self.done.append(part)
        self.count += part.count
        self._times = []

    def finish(self) -> None:
        """Say that all frames are there."""
        self.close()
        try:
            (self.folder / "complete").touch()
        except OSError as error:
            raise self._unwritten(error) from error

    def delete(self) -> None:
        """Delete all parts."""
        with suppress(OSError):
            shutil.rmtree(self.folder)

    def _unwritten(self, error: BaseException) -> FilmError:
        hint = "Make room there, or choose another place with -o."
        if self.count:
            hint = "What is done is kept. To go on when there is room: the same command with --skip-existing"
        return FilmError(f"{self.folder} cannot be written: {reason(error)}.", hint)

    def _record(self, record: Any) -> None:
        atomic_file.write(self.folder / _RECORD, json.dumps(record).encode())

    def _recorded(self) -> Any:
        try:
            return json.loads((self.folder / _RECORD).read_bytes())
        except (OSError, ValueError):
            return None

    def _found(self) -> Iterator[Part]:
        """Yield the parts from the first on, as far as none is missing, and delete what else is there."""
        kept = {self.folder / _RECORD, self.folder / "complete"}
        count = 0
        while True:
            file = self.folder / f"{count:08}.mkv"
            try:
                part = Part(file, len(Part(file, 0).times()))
            except (OSError, ValueError):
                break
            if not (file.is_file() and part.count):
                break
            kept |= {file, file.with_suffix(".json")}
            yield part
            count += part.count
        for other in set(self.folder.iterdir()) - kept:
            other.unlink()


class _Encoder:
    """Writes a part of a film: in Matroska, which takes every codec. Its times are those of a steady film.

    The true times are kept beside it, exactly, which Matroska does not do.
    """

    def __init__(self, path: Path, form: FilmForm, quality: int | None, about: About, pixels: colours.Pixels) -> None:
        """pixels: of the first frame. Raises what PyAV raises."""
        av = forms.library()
        grey = pixels.ndim == 2 and form.pixels == FFV1.pixels
        layout = "gray" if grey else form.pixels
        self._container = av.open(str(path), "w", format=_MATROSKA)
        rate = min(about.rate, Fraction(_MOST_RATE)).limit_denominator(1001)
        self._stream = self._container.add_stream(form.codec, rate=rate, options=form.encoding(quality))
        self._stream.width, self._stream.height = pixels.shape[1], pixels.shape[0]
        self._stream.pix_fmt = layout
        codec = self._stream.codec_context
        codec.thread_count = _THREADS
        codec.thread_type = "AUTO"
        if about.aspect != 1:
            codec.sample_aspect_ratio = about.aspect
        self._writer = colours.Writer(layout, about.colours)
        self._writer.describe(codec)
        self._time_base, self._count = 1 / rate, 0

    def add(self, pixels: colours.Pixels) -> None:
        frame = self._writer.frame(pixels)
        frame.pts, frame.time_base, frame.pict_type = self._count, self._time_base, 0
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _pixels(result: Picture) -> colours.Pixels:
    """Return height x width, or that x 3 or 4, 8 bits."""
    image = result.image if result.image.mode in ("L", "RGB", "RGBA") else result.image.convert("RGBA")
    return np.asarray(image)
