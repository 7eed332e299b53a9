"""Throughput of films: `matted remove` from MP4 to ProRes, against bare inference in a loop that hands on the memory.

python -m benchmarks.films [--frames 150] [--size 1280x720]
(in tests/) prints frames a second of both, and the processor time of a frame: bare, and by process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from benchmarks.photographs import photograph
from benchmarks.stopwatch import processor_seconds, processor_seconds_of
from conftest import Daemon, real_weights
from matted.inference import model_io
from matted.inference.engines import backend
from matted.inference.layer import Layer
from matted.models import catalogue
from matted.settings.target import Target
from numpy.typing import NDArray
from PIL import Image

MODEL = "rvm-mobilenetv3"
RATE = 25
LOOPS = 30  # frames of bare inference before the film, and again after it
_SHIFT = 3  # pixels by which the picture moves from frame to frame


def frames(count: int, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a scene: a photograph of a person, over which the camera moves to and fro."""
    still = photograph(0, 12.0)  # the astronaut
    scale = max(width / still.width, height / still.height) * 1.2
    large = still.resize((round(still.width * scale), round(still.height * scale)), Image.Resampling.BICUBIC)
    room = large.width - width
    for number in range(count):
        left = abs((number * _SHIFT + room) % (2 * room) - room)
        yield np.asarray(large.crop((left, 0, left + width, height)))


def write(path: Path, count: int, width: int, height: int) -> None:
    """Write the scene as H.264, as phones and cameras do."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for pixels in frames(count, width, height):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


class Bare:
    """OpenVINO alone, in this process, with the model's memory from frame to frame."""

    def __init__(self, weights: Path, compiled: Path) -> None:
        self._spec = catalogue.load().specs[MODEL]
        self._model = backend.load(self._spec, weights, Target(), compiled)
        self._states: Any = ()

    def seconds(self, count: int, width: int, height: int) -> tuple[float, float]:
        """Return the seconds of a frame, and its processor time."""
        spec, shown = self._spec, list(frames(10, width, height))
        fit = model_io.choose_fit(width, height, spec, self._model.size)
        planes = [model_io.prepare(Layer(each), spec, fit) for each in shown]
        start, used = time.perf_counter(), time.process_time()
        for number in range(count):
            given = model_io.inputs([planes[number % len(planes)]], spec, fit, self._states)
            _, *self._states = self._model.infer(given)
        return (time.perf_counter() - start) / count, (time.process_time() - used) / count


def lines(folder: Path, count: int, width: int, height: int) -> Iterator[str]:
    """Measure, and yield what came of it in lines for a person."""
    clip = folder / "clip.mp4"
    write(clip, count, width, height)
    daemon = Daemon(folder / "daemon", None)
    daemon.folder.mkdir()
    daemon.environ["MATTED_CACHE_DIR"] = str(folder / "cache")
    try:
        pulled = daemon.run("models", "pull", MODEL, "--from", str(real_weights(MODEL)))
        assert pulled.returncode == 0, pulled.stderr
        bare = Bare(next(daemon.data.rglob("model.xml")), folder / "bare")
        bare.seconds(LOOPS, width, height)
        daemon.start("--keep-alive", "forever")
        with daemon.session() as session:
            session.load(MODEL)
        (engine,) = daemon.engines()
        processes = {"engine": engine.pid, "daemon": daemon.pid()}
        for options in ((), ("--keep-colours",), ("--keep-colours", "--edges", "off")):
            loops = [bare.seconds(LOOPS, width, height)]
            before = {name: processor_seconds_of(each) for name, each in processes.items()}
            ended, start = processor_seconds(), time.perf_counter()
            command = daemon.command("remove", str(clip), "-o", "out.mov", "--force", "--model", MODEL, *options)
            subprocess.run(command, env=daemon.environ, cwd=folder, capture_output=True, text=True, check=True)
            seconds = (time.perf_counter() - start) / count
            used = {name: processor_seconds_of(each) - before[name] for name, each in processes.items()}
            used["command"] = processor_seconds() - ended
            loops.append(bare.seconds(LOOPS, width, height))
            alone, work = (sum(each) / len(loops) for each in zip(*loops, strict=True))
            words = " ".join(options) or "as it comes"
            yield f"{count} frames of {width} x {height}, {words}:"
            yield f"  {1 / seconds:.2f} a second, {alone / seconds:.2f} of bare, which is {1 / alone:.2f}"
            shares = ", ".join(f"{name} {total / count:.3f} s" for name, total in used.items())
            yield f"  processor time of a frame: bare {work:.3f} s, {shares}"
        status = daemon.run("status", "--json")
        yield f"  {json.loads(status.stdout).get('chosen')}"
    finally:
        daemon.end()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.films")
    parser.add_argument("--frames", type=int, default=150, metavar="N")
    parser.add_argument("--size", default="1280x720", metavar="WxH")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="matted-films-") as folder:
        for line in lines(Path(folder), options.frames, width, height):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
