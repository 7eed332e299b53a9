"""Read a film by PyAV: its frames upright, in the order and at the times at which they are shown."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from matted.files import wholeness
from matted.files.films import colours, forms, source
from matted.files.films.colours import Pixels
from matted.files.films.forms import FilmError, reason
from matted.files.films.source import WHOLE, About, Frame, Span, Wanted, always, clock
from matted.files.pictures import Picture

_THREADS = 2  # of a decoder: the daemon works meanwhile
_EARLIER = 2  # seconds before --start from which frames are decoded: some containers seek to a little too late
_RATE = Fraction(25)  # of a film that does not say it
_SEE = "matted formats lists what can be read."


class Clip:
    """A film in a file that PyAV reads."""

    def __init__(self, path: Path, span: Span = WHOLE) -> None:
        """Look at the film and its first frame. Raises FilmError."""
        forms.library()
        self.path = path
        self.files = [path]
        self._span = span
        self._origin = Fraction(0)
        self._cut_short = wholeness.is_cut_short(path)
        self.faults: tuple[str, ...] = ()
        with self._opened() as (container, stream):
            self._origin = _origin(container)
            first = self._first(container, stream)
            self._turn = _turn(first)
            self._colours = colours.of_frame(first)
            self._alpha = any(component.is_alpha for component in first.format.components)
            self.about = self._looked_at(container, stream, first)

    def frames(self, wanted: Wanted = always) -> Iterator[Frame]:
        """Yield the frames of the span. Raises FilmError where the file is damaged."""
        reader, start, end = colours.Reader(), self._span.start, self._span.end
        held: tuple[int, Fraction, Any] | None = None
        cut_short = self._cut_short
        offset, damaged, self.faults = Fraction(0), 0, ()

        def made(until: Fraction | None) -> Frame:
            assert held is not None
            index, time, frame = held
            duration = self._duration(frame) if until is None else until - time
            shown = self._picture(reader, frame) if wanted(index) else None
            return Frame(index, time - offset, duration, shown)

        for time, frame in self._decoded(start):
            if start is not None and time < start:
                continue
            if end is not None and time >= end:
                cut_short = False
                break
            damaged += frame.is_corrupt
            if held is None:
                offset = time if start is not None else Fraction(0)
                held = 0, time, frame
                continue
            time = max(time, held[1] + self.about.tick)
            yield made(time)
            held = held[0] + 1, time, frame
        if held is not None:
            yield made(None)
        self.faults = tuple(self._found(0 if held is None else held[0] + 1, damaged, cut_short))

    def _found(self, frames: int, damaged: int, cut_short: bool) -> Iterator[str]:
        """Yield what is wrong with the film. cut_short: whether the frames end where its file does, too early."""
        if cut_short and frames:
            yield source.ends_early(frames, self.about.count)
        if damaged:
            yield source.damaged(damaged)

    def offset(self) -> Fraction:
        """Return the time, in the file's own count, at which results begin."""
        if self._span.start is None:
            return self._origin
        first = next(self._at_times(), None)
        return self._origin + (first if first is not None else self._span.start)

    def _at_times(self) -> Iterator[Fraction]:
        start = self._span.start or Fraction(0)
        yield from (time for time, _ in self._decoded(start) if time >= start)

    def _decoded(self, start: Fraction | None) -> Iterator[tuple[Fraction, Any]]:
        """Yield all frames, or at least those from a time on, each with its time from the film's beginning."""
        last = None
        with self._opened() as (container, stream):
            if start:
                self._seek(container, stream, start)
            for frame in self._frames_of(container, stream):
                if frame.pts is None:
                    time = Fraction(0) if last is None else last + 1 / self.about.rate
                else:
                    time = frame.pts * stream.time_base - self._origin
                last = time
                yield time, frame

    def _frames_of(self, container: Any, stream: Any) -> Iterator[Any]:
        av, time, decoder = forms.library(), None, _decoder(stream)
        try:
            for packet in container.demux(stream):
                if packet.is_corrupt and self._cut_short:  # the last one, of which a part is missing
                    continue
                for frame in decoder.decode(packet):
                    time = frame.pts
                    yield frame
        except (av.FFmpegError, OSError) as error:
            if time is None:
                raise FilmError(f"{self.path} is damaged: {reason(error)}.") from error
            at = clock(max(Fraction(0), time * stream.time_base - self._origin))
            hint = f"To take what comes before: --end {at}"
            raise FilmError(f"{self.path} is damaged after {at}: {reason(error)}.", hint if time else "") from error

    def _seek(self, container: Any, stream: Any, start: Fraction) -> None:
        """Go to a place before a time. Where that is not possible, the film is decoded from where it begins."""
        av = forms.library()
        place = int((max(Fraction(0), start - _EARLIER) + self._origin) / stream.time_base)
        try:
            container.seek(place, stream=stream)
        except (av.FFmpegError, OSError):
            container.seek(0)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        av = forms.library()
        try:
            container = forms.open_given(self.path)
        except OSError as error:
            raise FilmError(f"{self.path} cannot be read: {reason(error)}.") from error
        except (av.FFmpegError, ValueError) as error:
            if self._cut_short:
                raise source.cut_short(self.path) from error
            raise FilmError(f"{self.path} is not a film that matted can read, or is damaged.", _SEE) from error
        with container:
            yield container, self._stream(container)

    def _stream(self, container: Any) -> Any:
        """Return the stream of pictures: the first that is no cover. Raises FilmError."""
        av = forms.library()
        covers = av.stream.Disposition.attached_pic
        stream = next((each for each in container.streams.video if not each.disposition & covers), None)
        if stream is None:
            what = "sound alone" if container.streams.audio else "nothing that can be shown"
            raise FilmError(f"{self.path} has no pictures: it holds {what}.")
        if stream.codec_context is None:
            raise FilmError(f"{self.path} is coded in a way that this PyAV cannot decode.", _SEE)
        return stream

    def _first(self, container: Any, stream: Any) -> Any:
        if self._span.start:
            self._seek(container, stream, self._span.start)
        first = next(self._frames_of(container, stream), None)
        if first is None:
            raise FilmError(f"{self.path} has no frames.")
        return first

    def _looked_at(self, container: Any, stream: Any, first: Any) -> About:
        rate = stream.average_rate or stream.guessed_rate or _RATE
        length = stream.duration * stream.time_base if stream.duration else None
        if length is None and container.duration:
            length = Fraction(container.duration, forms.library().time_base)
        if length is not None:
            end = length if self._span.end is None else min(length, self._span.end)
            length = max(Fraction(0), end - (self._span.start or 0))
        whole = self._span == WHOLE and stream.frames
        count = stream.frames if whole else None if length is None else round(length * rate)
        width, height = first.width, first.height
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        if self._turn.swaps:
            width, height, aspect = height, width, 1 / aspect
        return About(
            (width, height),
            self._colours,
            Fraction(1, stream.time_base.denominator),
            Fraction(rate),
            count or None,
            aspect,
            self._alpha,
            tuple(each.codec_context.codec.canonical_name for each in container.streams.audio if each.codec_context),
            tuple(self._notes(container, first)),
        )

    def _notes(self, container: Any, first: Any) -> Iterator[str]:
        bits = max(component.bits for component in first.format.components)
        if self._colours.hdr:
            yield f"The film is HDR ({self._colours.hdr}): models do not know such colours; masks may be worse."
        if bits > 8:
            yield f"The film has {bits} bits a channel, its result has the upper 8 of them."
        if first.interlaced_frame:
            yield "The film is interlaced: moving edges have combs. Better masks come of one that was deinterlaced."
        if container.streams.subtitles:
            yield "The subtitles are left out."

    def _duration(self, frame: Any) -> Fraction:
        """Return for how long the last frame is shown."""
        if frame.duration and frame.time_base:
            return Fraction(frame.duration * frame.time_base)
        return 1 / self.about.rate

    def _picture(self, reader: colours.Reader, frame: Any) -> Picture:
        pixels = self._turn.upright(reader.pixels(frame, self._colours, self._alpha))
        shown = (pixels.shape[1], pixels.shape[0])
        if shown != self.about.size:
            sizes = "{} x {} pixels, and its first ones {} x {}".format(*shown, *self.about.size)
            raise FilmError(f"{self.path} has frames of {sizes}.", "Cut it where the size changes: --start, --end")
        return Picture(Image.fromarray(pixels), {}, lossy=True)


class _Turn:
    """How a film is turned to be seen. swaps: whether its rows become columns; what else is done comes after that."""

    def __init__(self, swaps: bool, mirrored: bool, upside_down: bool) -> None:
        self.swaps = swaps
        self._mirrored = mirrored
        self._upside_down = upside_down

    def upright(self, pixels: Pixels) -> Pixels:
        """Return pixels as they are seen."""
        turned = pixels.transpose(1, 0, 2) if self.swaps else pixels
        turned = turned[:: -1 if self._upside_down else 1, :: -1 if self._mirrored else 1]
        return np.ascontiguousarray(turned)


def _turn(frame: Any) -> _Turn:
    """Return what a frame's display matrix says: a b, c d, by which x, y goes to a x + c y, b x + d y."""
    from av.sidedata.sidedata import Type

    found = frame.side_data.get(Type.DISPLAYMATRIX)
    if found is None:
        return _Turn(False, False, False)
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(found))
    if abs(b) + abs(c) > abs(a) + abs(d):
        return _Turn(True, c < 0, b < 0)
    return _Turn(False, a < 0, d < 0)


def _decoder(stream: Any) -> Any:
    """Return what decodes a stream. FFmpeg's own decoder of VP9 leaves out the alpha."""
    av, codec = forms.library(), stream.codec_context
    names = {key.lower(): value for key, value in stream.metadata.items()}
    if codec.name in ("vp8", "vp9") and names.get("alpha_mode") == "1":
        name = "libvpx" if codec.name == "vp8" else "libvpx-vp9"
        if name in av.codecs_available:
            codec = av.CodecContext.create(name, "r")
    codec.thread_count = _THREADS
    codec.thread_type = "AUTO"
    return codec


def _origin(container: Any) -> Fraction:
    """Return the time at which a film begins that does not begin at 0, as of a broadcast."""
    both = (*container.streams.video, *container.streams.audio)
    starts = [each.start_time * each.time_base for each in both if each.start_time is not None]
    return max(Fraction(0), min(starts, default=Fraction(0)))
