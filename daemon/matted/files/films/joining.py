"""Make one film of its parts: as they are where its format allows that, with the sound of the film that it is from."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from matted.files.films import forms
from matted.files.films.forms import GIF, FilmError, FilmForm, reason
from matted.files.films.sinks import Part, Parts
from matted.files.films.source import About
from matted.system import atomic_file

Timed = tuple[Fraction, int, Any]  # seconds, the number of the stream, the packet
_LAYOUT_OF_MASKS = "gray"
_NAMES = ("language", "title")  # by which players tell the streams of sound apart


class Sound:
    """The streams of sound of a film, from `offset` on, in its own count of seconds, and for `length` seconds."""

    def __init__(self, path: Path, offset: Fraction, length: Fraction | None) -> None:
        """length: None for all that there is."""
        self.path = path
        self.offset = offset
        self.length = length


def join(parts: Parts, about: About, target: Path, sound: Sound | None, quality: int | None) -> list[str]:
    """Write the film, whole or not at all. Return sentences: what it could not keep. Raises FilmError."""
    av = forms.library()
    form = parts.form
    try:
        with atomic_file.replacing(target) as draft:
            if form.joined:
                return _joined(parts.done, form, about, draft, sound)
            _encoded(parts.done, form, about, draft, quality)
            return ["The sound is left out: such files have none."] if about.sound else []
    except (av.FFmpegError, OSError) as error:
        hint = "All frames are done and kept. To go on from there: the same command with --skip-existing"
        raise FilmError(f"{target} cannot be written: {reason(error)}.", hint) from error


def _joined(done: list[Part], form: FilmForm, about: About, draft: Path, sound: Sound | None) -> list[str]:
    av = forms.library()
    said = []
    if sound is not None and about.sound:
        try:
            _copy(done, form, about, draft, sound)
            return []
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
        codecs, suffix = ", ".join(dict.fromkeys(about.sound)), form.suffixes[0]
        said = [f"The sound is left out: a {suffix} takes no {codecs}. An .mkv (--format ffv1) takes every sound."]
    _copy(done, form, about, draft, None)
    return said


def _copy(done: list[Part], form: FilmForm, about: About, draft: Path, sound: Sound | None) -> None:
    """Copy packets, in the order of their times. Raises ValueError if the container does not take the sound."""
    av = forms.library()
    with ExitStack() as stack:
        output = stack.enter_context(av.open(str(draft), "w", format=form.container, options=form.muxing))
        template = stack.enter_context(av.open(str(done[0].file), format="matroska"))
        video = output.add_stream_from_template(template.streams.video[0])
        video.time_base = about.tick
        if about.aspect != 1:
            video.sample_aspect_ratio = about.aspect
        if form.pixels.startswith("yuva") and form.container == "webm":
            video.metadata["alpha_mode"] = "1"
        flows: list[Iterable[Timed]] = [_pictures(done, about.tick, video)]
        if sound is not None:
            heard = stack.enter_context(forms.open_given(sound.path))
            streams = {}
            for stream in heard.streams.audio:
                if stream.codec_context is None:
                    continue
                if stream.codec_context.codec.canonical_name not in output.supported_codecs:
                    raise ValueError(stream.codec_context.codec.canonical_name)
                copied = streams[stream.index] = output.add_stream_from_template(stream)
                copied.metadata.update({name: stream.metadata[name] for name in _NAMES if name in stream.metadata})
            output.start_encoding()
            flows.append(_sounds(heard, streams, sound))
        for _, _, packet in heapq.merge(*flows, key=lambda timed: timed[:2]):
            output.mux_one(packet)


def _pictures(done: list[Part], tick: Fraction, video: Any) -> Iterator[Timed]:
    """Yield the packets of all parts with their true times: one for each frame, in the order of the frames."""
    av = forms.library()
    for part in done:
        with av.open(str(part.file), format="matroska") as container:
            packets = (packet for packet in container.demux(container.streams.video[0]) if packet.dts is not None)
            count = 0
            for packet, (time, duration) in zip(packets, part.times(), strict=False):
                packet.stream, packet.time_base = video, tick
                packet.pts = packet.dts = time
                packet.duration = duration
                count += 1
                yield time * tick, 0, packet
            if count != part.count:
                raise OSError(f"{part.file} is damaged")


def _sounds(heard: Any, streams: dict[int, Any], sound: Sound) -> Iterator[Timed]:
    """Yield the packets of sound in the order of the file, the later ones of a stream never before earlier ones."""
    latest = Fraction(0)
    for packet in heard.demux(*(heard.streams[index] for index in streams)):
        if packet.dts is None:
            continue
        base = packet.time_base
        time = (packet.pts if packet.pts is not None else packet.dts) * base - sound.offset
        if sound.length is not None and not 0 <= time < sound.length:
            continue
        shift = round(sound.offset / base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        packet.stream = streams[packet.stream.index]
        latest = max(latest, time)
        yield latest, 1, packet


def _frames(done: list[Part], tick: Fraction) -> Iterator[tuple[Fraction, Fraction, Any]]:
    """Yield the time, the duration and the decoded frame of each frame, in order."""
    av = forms.library()
    for part in done:
        with av.open(str(part.file), format="matroska") as container:
            for frame, (time, duration) in zip(container.decode(video=0), part.times(), strict=True):
                yield time * tick, duration * tick, frame


def _encoded(done: list[Part], form: FilmForm, about: About, draft: Path, quality: int | None) -> None:
    """Encode the lossless parts at a go."""
    av = forms.library()
    base = Fraction(1, 100 if form == GIF else 1000)
    first = next(_frames(done, about.tick))[2]
    ending = done[-1].times()[-1][1] * about.tick  # the encoders do not know for how long the last frame is shown
    muxing = {**form.muxing, **({"final_delay": str(max(1, round(ending / base)))} if form == GIF else {})}
    if form == forms.APNG:
        muxing["final_delay"] = f"{round(ending / base)}/{round(1 / base)}"
    layout = _LAYOUT_OF_MASKS if first.format.name == "gray" and form == forms.APNG else form.pixels
    palette = _Palette(done, about.tick) if form == GIF else None
    with av.open(str(draft), "w", format=form.container, options=muxing) as output:
        stream = output.add_stream(form.codec, rate=round(1 / base), options=form.encoding(quality))
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, layout
        stream.time_base = stream.codec_context.time_base = base
        last = -1
        for time, duration, frame in _frames(done, about.tick):
            shown = frame.reformat(format=layout, threads=1) if palette is None else palette.reduced(frame)
            last = max(last + 1, round(time / base))
            shown.pts, shown.time_base, shown.pict_type = last, base, 0
            shown.duration = max(1, round(duration / base))
            output.mux(stream.encode(shown))
        output.mux(stream.encode(None))
    if form == forms.WEBP:
        _set_last_duration(draft, round(ending / base))


def _set_last_duration(path: Path, milliseconds: int) -> None:
    """Write into a WebP for how long its last frame is shown. libwebp takes the average of the others."""
    with open(path, "r+b") as file:
        place, last = 12, None
        while True:
            file.seek(place)
            head = file.read(8)
            if len(head) < 8:
                break
            if head[:4] == b"ANMF":
                last = place + 8 + 12  # behind where the frame lies, and its size
            place += 8 + int.from_bytes(head[4:], "little") + head[4] % 2
        if last is not None:
            file.seek(last)
            file.write(min(milliseconds, 0xFFFFFF).to_bytes(3, "little"))


class _Palette:
    """256 colours for a whole film, one of them transparent, by FFmpeg's palettegen and paletteuse."""

    def __init__(self, done: list[Part], tick: Fraction) -> None:
        av = forms.library()
        first = next(_frames(done, tick))[2]
        self._size = first.width, first.height
        collecting = av.filter.Graph()
        source, sink = self._buffer(collecting), collecting.add("buffersink")
        self._chain(source, collecting.add("palettegen", "reserve_transparent=1:transparency_color=black"), sink)
        collecting.configure()
        for count, (_, _, frame) in enumerate(_frames(done, tick)):
            source.push(self._plain(frame, count))
        source.push(None)
        colours_found = sink.pull()
        self._using = av.filter.Graph()
        self._frames, palette = self._buffer(self._using), self._buffer(self._using, colours_found)
        use = self._using.add("paletteuse", "dither=sierra2_4a:alpha_threshold=128")
        self._result = self._using.add("buffersink")
        self._frames.link_to(use, 0, 0)
        palette.link_to(use, 0, 1)
        use.link_to(self._result)
        self._using.configure()
        colours_found.pts, colours_found.time_base = 0, Fraction(1, 100)
        palette.push(colours_found)
        palette.push(None)
        self._count = 0

    def reduced(self, frame: Any) -> Any:
        """Return the frame in the film's colours."""
        self._frames.push(self._plain(frame, self._count))
        self._count += 1
        return self._result.pull()

    def _buffer(self, graph: Any, frame: Any = None) -> Any:
        width, height = self._size if frame is None else (frame.width, frame.height)
        layout = "bgra" if frame is None else frame.format.name
        return graph.add_buffer(width=width, height=height, format=layout, time_base=Fraction(1, 100))

    def _plain(self, frame: Any, count: int) -> Any:
        plain = frame.reformat(format="bgra", threads=1)
        plain.pts, plain.time_base = count, Fraction(1, 100)
        return plain

    @staticmethod
    def _chain(*filters: Any) -> None:
        for before, after in pairwise(filters):
            before.link_to(after)
