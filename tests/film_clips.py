"""Films that are made for tests by PyAV, with known frames, times, colours and sound; and what PyAV sees of a film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # rows x columns x 3 or 4
TICK = Fraction(1, 15360)
STEADY = 614  # ticks of a frame, about 25 a second
_WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}  # of red and blue in luma, by H.273
_CONTAINERS = {".mov": "mov", ".mp4": "mp4", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}


def write(
    path: Path,
    frames: Sequence[Pixels],
    times: Sequence[int] | None = None,
    *,
    codec: str = "ffv1",
    matrix: int = 1,
    full: bool = False,
    rotation: int = 0,
    sound: str = "",
    transfer: int = 1,
    pixels: str = "",
    aspect: Fraction | None = None,
) -> Path:
    """Write a film of 4:4:4 samples, by this module's own arithmetic. Returns the path.

    times: of the frames, in ticks; None for one after another.
    codec: FFmpeg's name: ffv1 and libx264 are lossless here.
    matrix, transfer: numbers of H.273. full: whether the samples have the full range. They are said in the file.
    rotation: degrees by which a player turns it.
    sound: the codec of a tone that is added; empty for none.
    pixels: FFmpeg's name of another format of the samples, for which FFmpeg converts.
    aspect: of a pixel.
    """
    with av.open(str(path), "w", format=_CONTAINERS[path.suffix]) as container:
        stream = container.add_stream(codec, rate=25, options={"crf": "0", "bf": "2"} if codec == "libx264" else {})
        height, width = frames[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, pixels or "yuv444p"
        stream.time_base = stream.codec_context.time_base = TICK
        coding = stream.codec_context
        coding.colorspace, coding.color_range = matrix, 2 if full else 1
        coding.color_primaries, coding.color_trc = {6: 6, 9: 9}.get(matrix, 1), transfer
        if aspect is not None:
            coding.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        tone = _Tone(container, sound) if sound else None
        for number, each in enumerate(frames):
            frame = _frame(each, matrix, full) if not pixels else _converted(each, pixels)
            frame.pts, frame.time_base = times[number] if times else number * STEADY, TICK
            container.mux(stream.encode(frame))
            if tone is not None:
                tone.write(until=(frame.pts + STEADY) * TICK)
        container.mux(stream.encode(None))
        if tone is not None:
            tone.end()
    return path


def _frame(rgb: Pixels, matrix: int, full: bool) -> Any:
    red, blue = _WEIGHTS[matrix]
    values = rgb / 255.0
    luma = red * values[:, :, 0] + (1 - red - blue) * values[:, :, 1] + blue * values[:, :, 2]
    differences = (values[:, :, 2] - luma) / (2 - 2 * blue), (values[:, :, 0] - luma) / (2 - 2 * red)
    scaled = [luma * 255 if full else 16 + luma * 219]
    scaled += [128 + difference * (255 if full else 224) for difference in differences]
    planes = np.stack([np.clip(np.rint(plane), 0, 255) for plane in scaled]).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, "yuv444p")
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    return frame


def _converted(pixels: Pixels, layout: str) -> Any:
    frame = av.VideoFrame.from_ndarray(pixels, "rgba" if pixels.shape[2] == 4 else "rgb24")
    return frame.reformat(format=layout, dst_colorspace=1, dst_color_range=1)


class _Tone:
    """A tone of 440 Hz, beside the pictures."""

    RATE = 48000
    SAMPLES = 960

    def __init__(self, container: Any, codec: str) -> None:
        self._container = container
        self._stream = container.add_stream(codec, rate=self.RATE)
        self._stream.layout = "mono"
        self._sent = 0

    def write(self, until: Fraction) -> None:
        while self._sent < until * self.RATE:
            at = np.arange(self._sent, self._sent + self.SAMPLES) / self.RATE
            samples = (20000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = self.RATE, self._sent, Fraction(1, self.RATE)
            self._sent += self.SAMPLES
            self._container.mux(self._stream.encode(frame))

    def end(self) -> None:
        self._container.mux(self._stream.encode(None))


@dataclass(frozen=True)
class Seen:
    """What PyAV sees of a film.

    frames: rows x columns x 4, by the colours that the film says. times: seconds. sound: the bytes of all packets.
    colours: matrix, range, primaries, transfer, as the stream says.
    """

    frames: list[Pixels]
    times: list[Fraction]
    sound: bytes
    sound_from: Fraction | None
    layout: str
    colours: tuple[int, int, int, int]
    aspect: Fraction | None
    length: Fraction | None


def watch(path: Path) -> Seen:
    """Decode a film by PyAV, with the alpha of VP9."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if decoder.name == "vp9" and {key.lower() for key in stream.metadata} >= {"alpha_mode"}:
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        frames, times, layout = [], [], ""
        for packet in container.demux(stream):
            for frame in decoder.decode(packet):
                layout = frame.format.name
                frames.append(_rgba(frame, stream.codec_context))
                times.append(frame.pts * stream.time_base)
        coding = stream.codec_context
        colours = coding.colorspace, coding.color_range, coding.color_primaries, coding.color_trc
        aspect = stream.sample_aspect_ratio
        length = stream.duration * stream.time_base if stream.duration else None
    return Seen(frames, times, *listen(path), layout, colours, aspect, length)


def listen(path: Path) -> tuple[bytes, Fraction | None]:
    """Return the bytes of all packets of a film's sound, and when it begins, in seconds; None if there is none."""
    with av.open(str(path)) as container:
        streams = container.streams.audio
        packets = [each for each in container.demux(streams[0]) if each.dts is not None] if streams else []
        since = packets[0].pts * packets[0].time_base if packets else None
        return b"".join(map(bytes, packets)), since


def _rgba(frame: Any, coding: Any) -> Pixels:
    rgb = frame.format.is_rgb
    matrix = coding.colorspace if not rgb else 1
    shown = frame.reformat(
        format="rgba",
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=2 if rgb or coding.color_range == 2 else 1,
        dst_color_range=2,
        interpolation=0x46004,
    )
    return np.asarray(shown.to_ndarray())


def squares(count: int, width: int = 64, height: int = 48, seed: int = 7) -> list[Pixels]:
    """Return frames in RGB: a red square that moves by 3 pixels a frame before a still ground in green and blue."""
    rng = np.random.default_rng(seed)
    ground = np.zeros((height, width, 3), np.uint8)
    ground[:, :, 1:] = rng.integers(60, 120, (height // 8, width // 8, 2), np.uint8).repeat(8, 0).repeat(8, 1)
    frames = []
    for number in range(count):
        frame = ground.copy()
        left = 3 * number % (width - 16)
        frame[16:32, left : left + 16] = (250, 20 + number % 200, 10)
        frames.append(frame)
    return frames
