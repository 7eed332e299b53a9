"""A long film that is broken off twice: `python -m attacks.films [--frames 10000]`.

Each frame shows its number. The command is ended by Ctrl-C, then killed, and goes on each time. In the result every
frame has to be there once, at its time, with the sound as it was; and the command must not need more memory late in the
film than early.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import film_clips
import numpy as np
import psutil
from conftest import PATIENCE, Daemon, real_weights, wait_for
from graphs.small import film_like

MODEL = "reddish"
SIZE = (96, 64)
BITS = 16
SLACK = 1.05  # times the memory that it takes early in the film
FIRST = 0.2  # of a run, in which it gets the memory that it needs


@dataclass
class Outcome:
    """What became of the film.

    frames: in the result.
    early, late: bytes that the command took in its last run, at most, in its first half and in its second.
    faults: sentences.
    """

    frames: int = 0
    early: int = 0
    late: int = 0
    faults: list[str] = field(default_factory=list)


def numbered(number: int) -> film_clips.Pixels:
    """Return a frame that shows its number: a block for each bit, on a red ground."""
    frame = np.full((SIZE[1], SIZE[0], 3), (220, 20, 20), np.uint8)
    for bit in range(BITS):
        row, column = 8 + 16 * (bit // 8), 8 + 10 * (bit % 8)
        frame[row : row + 8, column : column + 8, 2] = 220 if number >> bit & 1 else 20
    return frame


def number_in(pixels: film_clips.Pixels) -> int:
    """Return the number that a frame shows."""
    places = [(12 + 16 * (bit // 8), 12 + 10 * (bit % 8)) for bit in range(BITS)]
    return sum(1 << bit for bit, place in enumerate(places) if pixels[place][2] > 120)


def attack(folder: Path, weights: Path, frames: int) -> Outcome:
    """Make the film, have it cut out, and check the result."""
    outcome = Outcome()
    daemon = Daemon(folder / "daemon", weights).start()
    try:
        file = film_like(folder / f"{MODEL}.onnx")
        done = daemon.run("models", "add", str(file), "--like", "rvm-mobilenetv3", "--id", MODEL)
        assert done.returncode == 0, done.stderr
        clip = film_clips.write(
            *(folder / "clip.mov", [numbered(number) for number in range(frames)]), codec="libx264", sound="pcm_s16le"
        )
        target = folder / "out.mkv"
        command = daemon.command("remove", str(clip), "--model", MODEL, "--edges", "off", "--keep-colours")
        command += ["--skip-existing", "-o", str(target)]
        parts = folder / ".out.mkv.parts"
        for number, ending in enumerate((signal.SIGINT, signal.SIGKILL), 1):
            process = subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            enough = number * frames // 8
            wait_for(partial(_has, parts, enough, process), "that some of it is done", 10 * PATIENCE)
            process.send_signal(ending)
            process.communicate(timeout=PATIENCE)
            if target.exists():
                outcome.faults.append("there is a film although it was broken off")
        samples = _run_and_watch(command, daemon)
        half = len(samples) // 2
        outcome.early = max(samples[int(FIRST * len(samples)) : half], default=0)
        outcome.late = max(samples[half:], default=0)
        if outcome.late > SLACK * outcome.early:
            outcome.faults.append(f"its memory grows: {outcome.early / 1e6:.1f} MB, then {outcome.late / 1e6:.1f} MB")
        _check(clip, target, frames, outcome)
    finally:
        daemon.end()
    return outcome


def _has(parts: Path, frames: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether so many frames are in parts that are done. The process must not have ended."""
    assert process.poll() is None, process.communicate()[1].decode()
    return any(file.stem.isdecimal() and int(file.stem) >= frames for file in parts.glob("*.json"))


def _run_and_watch(command: list[str], daemon: Daemon) -> list[int]:
    """Run the command to its end, and return its resident memory, as often as it could be measured."""
    samples: list[int] = []
    process = subprocess.Popen(command, env=daemon.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def watch() -> None:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                samples.append(watched.memory_info().rss)
            except psutil.NoSuchProcess:
                return
            time.sleep(0.05)

    thread = threading.Thread(target=watch)
    thread.start()
    _, said = process.communicate()
    thread.join()
    assert process.returncode == 0, said
    return samples


def _check(clip: Path, target: Path, frames: int, outcome: Outcome) -> None:
    """Compare the result with the film, a frame at a time."""
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            shown, number = np.asarray(frame.to_ndarray(format="rgb24")), outcome.frames
            if number_in(shown) != number:
                outcome.faults.append(f"frame {number_in(shown)} is in the place of {number}")
                return
            wrong = frame.pts * stream.time_base - number * film_clips.STEADY * film_clips.TICK
            if abs(wrong) > Fraction(1, 1000):
                outcome.faults.append(f"frame {number} is {float(wrong):.4f} s late")
                return
            outcome.frames += 1
    if outcome.frames != frames:
        outcome.faults.append(f"there are {outcome.frames} frames of {frames}")
    (wanted, _), (found, _) = map(film_clips.listen, (clip, target))
    if found != wanted:
        outcome.faults.append("the sound is another")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=10_000)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matted-films-") as folder:
        outcome = attack(Path(folder), real_weights(), options.frames)
    print(f"{outcome.frames:,} frames in {time.monotonic() - start:.0f} s, broken off twice")
    print(f"memory of the last run, at most: {outcome.early / 1e6:.1f} MB early, {outcome.late / 1e6:.1f} MB late")
    print("\n".join(f"FAULT: {fault}" for fault in outcome.faults) or "no fault")
    return bool(outcome.faults)


if __name__ == "__main__":
    sys.exit(main())
