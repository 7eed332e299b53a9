"""Very many small files, in a run that is interrupted and killed: `python -m attacks.many [--pictures 10000]`.

The first run gets Ctrl-C, the second is killed, the third goes on to the end, all with --skip-existing and a report.
Then every picture has its result, each is whole and the one of its picture, no temporary files are left but those of
the killed run, and the memory of the command and of the daemon was level.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from conftest import Daemon
from PIL import Image, ImageDraw

SIDE = 48  # pixels of a picture
SLACK = 40_000_000  # bytes by which the memory of a run may grow between its first tenth and its end
WAIT_SECONDS = 3600.0


@dataclass
class Ran:
    """What was measured. grown: bytes, of each run's command. daemon: bytes of the daemon after the first and last."""

    grown: list[int] = field(default_factory=list)
    highest: int = 0
    daemon: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def colour(number: int) -> tuple[int, int, int]:
    """The colour of a picture's disc, which is another for each of 10,000."""
    return 20 + number % 100, 20 + number // 100 % 100, 60


def make(folder: Path, count: int) -> None:
    """Write pictures of discs on white grounds, which need no model."""
    folder.mkdir()
    for number in range(count):
        image = Image.new("RGB", (SIDE, SIDE), "white")
        ImageDraw.Draw(image).ellipse((12, 12, 36, 36), fill=colour(number))
        image.save(folder / f"{number:05}.png")


def many(folder: Path, count: int) -> Ran:
    """Run it. folder: empty, for all files."""
    source, target, report = folder / "in", folder / "out", folder / "report.json"
    make(source, count)
    (folder / "daemon").mkdir()
    daemon, ran = Daemon(folder / "daemon", None), Ran()
    arguments = ("remove", str(source), "-o", str(target), "--skip-existing", "--report", str(report))
    try:
        daemon.start()
        for until, ending in ((count // 3, signal.SIGINT), (2 * count // 3, signal.SIGKILL), (count, None)):
            process = subprocess.Popen(daemon.command(*arguments), env=daemon.environ, stdout=subprocess.DEVNULL)
            _watch(process, target, until if ending else count + 1, count, ran)
            if ending is not None:
                process.send_signal(ending)
            code = process.wait(WAIT_SECONDS)
            wanted = {signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL, None: 0}[ending]
            if code != wanted:
                ran.faults.append(f"a run ended with {code}, not {wanted}")
            ran.daemon.append(psutil.Process(daemon.pid()).memory_info().rss)
            ran.done.append(len(list(target.glob("*.png"))))
    finally:
        daemon.end()
    ran.faults += _check(target, report, count)
    ran.faults += [f"a run grew by {grown / 1e6:.0f} MB" for grown in ran.grown if grown > SLACK]
    if ran.daemon[-1] - ran.daemon[0] > SLACK:
        ran.faults.append(f"the daemon grew by {(ran.daemon[-1] - ran.daemon[0]) / 1e6:.0f} MB")
    return ran


def _watch(process: subprocess.Popen[bytes], target: Path, until: int, count: int, ran: Ran) -> None:
    """Wait until so many results are there, or the run has ended, and note how its memory grows."""
    watched, first, last = psutil.Process(process.pid), 0, 0
    begun, deadline = len(list(target.glob("*.png"))), time.monotonic() + WAIT_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        there = len(list(target.glob("*.png")))
        if there >= until:
            break
        try:
            resident = watched.memory_info().rss
        except psutil.Error:
            break
        if there - begun >= count // 30:
            first, last = first or resident, resident
        ran.highest = max(ran.highest, resident)
        time.sleep(0.05)
    ran.grown.append(last - first)


def _check(target: Path, report: Path, count: int) -> list[str]:
    """Return what is wrong with the results and the report, in sentences."""
    faults = []
    wanted = {f"{number:05}.png" for number in range(count)}
    there = {path.name for path in target.iterdir()}
    left = [name for name in there - wanted if not name.endswith(".part")]
    if wanted - there or left:
        faults.append(f"{len(wanted - there)} results are missing, {len(left)} are too many")
    if len(there - wanted) > 3:
        faults.append(f"{len(there - wanted)} temporary files are left: more than were in work")
    for name in sorted(wanted & there):
        try:
            with Image.open(target / name) as image:
                middle = image.convert("RGBA").getpixel((SIDE // 2, SIDE // 2))
        except (OSError, SyntaxError) as error:
            faults.append(f"{name} is damaged: {error}")
            continue
        if middle != (*colour(int(name[:5])), 255):
            faults.append(f"{name} is not the result of its picture: {middle}")
    rows = json.loads(report.read_text())
    sources = [Path(row["source"]).name for row in rows]
    if sorted(sources) != sorted(wanted):
        faults.append(f"the report has {len(sources)} rows, of {len(set(sources))} pictures")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=10_000)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matted-many-") as folder:
        ran = many(Path(folder), options.pictures)
    print(f"{options.pictures:,} pictures in {time.monotonic() - start:.0f} s; after each run were done: {ran.done}")
    grown = ", ".join(f"{each / 1e6:.1f}" for each in ran.grown)
    print(f"memory of the command: {ran.highest / 1e6:.1f} MB at most; it grew by {grown} MB")
    print(f"memory of the daemon after each run: {', '.join(f'{each / 1e6:.1f}' for each in ran.daemon)} MB")
    print("\n".join(f"FAULT: {fault}" for fault in ran.faults) or "no fault")
    return bool(ran.faults)


if __name__ == "__main__":
    sys.exit(main())
