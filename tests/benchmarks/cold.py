"""Cold: nothing of either program is in memory; from the command to the cut-out on disk."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.photographs import QUALITY, photograph
from benchmarks.samples import Sample
from benchmarks.stopwatch import Effort, Run, in_turns, timed
from benchmarks.workplace import Subject, Workplace
from conftest import PATIENCE, Daemon
from matted_client import MattedError, Unavailable
from matted_client.client import connect

KIND, START = "cold", "start"
MATTED, REMBG = "matted remove", "rembg i"
MEGAPIXELS = 12.0
EFFORT = Effort(seconds=10.0, least=3, most=5)
QUICK = Effort(seconds=1.0, least=1, most=1)


def measure(place: Workplace, subject: Subject) -> list[Sample]:
    """A photograph cut out by both. What either compiles is on disk already, and all files are in the page cache."""
    with tempfile.TemporaryDirectory() as folder, place.daemon(subject.arithmetic) as daemon:
        picture, result = Path(folder) / "picture.jpg", Path(folder) / "result.png"
        photograph(0, MEGAPIXELS).save(picture, quality=QUALITY)

        def remove() -> Run:
            arguments = ["remove", str(picture), "-o", str(result), "--model", subject.spec.id, "--force"]
            run = command(daemon.command(*arguments), daemon.environ)
            _end(daemon)
            return run

        remove()  # OpenVINO compiles the model, which it does once on a computer
        tasks = {MATTED: remove}
        name = place.rembg.name(subject.spec.id)
        if name is not None:
            rembg = place.rembg.command("i", "-m", name, str(picture), str(result))
            tasks[REMBG] = lambda: command(rembg, place.rembg.environ)
        return in_turns(subject.name, MEGAPIXELS, tasks, QUICK if place.quick else EFFORT)


def start(place: Workplace) -> list[Sample]:
    """`matted serve` until it answers its first `status`, no model loaded."""
    with place.daemon() as daemon:

        def serve() -> Run:
            process: list[subprocess.Popen[bytes]] = []

            def answered() -> None:
                process.append(subprocess.Popen(daemon.command("serve"), env=daemon.environ, stderr=subprocess.DEVNULL))
                while not _answers(daemon):
                    pass

            run = timed(answered)
            _end(daemon)
            process[0].wait(PATIENCE)
            return run

        return in_turns("", 0.0, {START: serve}, Effort(5.0, 5, 9))


def command(arguments: Sequence[str], environ: Mapping[str, str]) -> Run:
    """Run a command. Raises MattedError with what it complained of if it failed."""
    done: list[subprocess.CompletedProcess[str]] = []
    run = timed(
        lambda: done.append(
            subprocess.run(arguments, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        )
    )
    if done[0].returncode:
        complaint = done[0].stderr.strip().splitlines()[-1:] or [f"code {done[0].returncode}"]
        raise MattedError(f"A command failed: {complaint[0]}")
    return run


def _answers(daemon: Daemon) -> bool:
    try:
        with connect("benchmark", path=str(daemon.connection_file), start=False) as session:
            return bool(session.status())
    except Unavailable:
        time.sleep(0.002)  # or asking would keep a core from the daemon
        return False


def _end(daemon: Daemon) -> None:
    if daemon.run("stop").returncode:
        raise MattedError("The daemon did not stop.")
