"""Throughput: `matted remove` and `rembg p` on the same JPEG photographs, against bare inference in a loop.

python -m benchmarks.folders [--photographs 100] [--model u2netp] [--megapixels 12]...
(in tests/) prints photographs a minute, where the time of one goes, and processor time; --rembg its peer's as well.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks import photographs
from benchmarks.cold import command
from benchmarks.peer import Rembg
from benchmarks.photographs import Layer
from benchmarks.samples import Results, Sample, ratio
from benchmarks.stopwatch import processor_seconds, processor_seconds_of
from benchmarks.workplace import MODELS, Bare, Subject, Workplace
from hosts.roots import cache_folder

KIND = "folders"
BARE, PLAIN, MATTED, REMBG = "bare in a loop", "matted remove, as rembg", "matted remove", "rembg p"
SIZES = (1.0, 12.0)  # megapixels; the first is measured in every way
COUNT = 11  # photographs
QUICK_COUNT = 8
LOOPS = 3  # bare inferences before, and again after a folder

# rembg leaves edges and colours as they are; so does this, for the work of both to be the same.
_AS_REMBG = ("--edges", "off", "--keep-colours", "--no-second-look")

# While matted is at one picture it has begun with the next and finishes the last. A folder of 100 is nearly all middle;
# so that a smaller one tells the same, only the time between the results this far from its ends counts.
_MARGIN = 3


def measure(place: Workplace, subject: Subject) -> list[Sample]:
    """Seconds a photograph; bare inferences before and after each folder of matted's."""
    samples = []
    bare = place.bare(subject)
    bare.show(Layer(1.0))
    count = QUICK_COUNT if place.quick else COUNT
    with tempfile.TemporaryDirectory() as scratch:
        for size in SIZES[:1] if place.quick else SIZES:
            source = photographs.folder(place.cache / "photographs", count, size)
            samples += _matted(place, subject, size, source, Path(scratch) / f"{size:g}", bare)
            name = place.rembg.name(subject.spec.id)
            if name is not None and (size == SIZES[0] or subject.name == MODELS[0]):  # large ones take it long
                samples.append(Sample(subject.name, REMBG, size, [_rembg(place, name, source)]))
    return samples


def _matted(place: Workplace, subject: Subject, size: float, source: Path, scratch: Path, bare: Bare) -> list[Sample]:
    """A daemon of its own for each way: one remembers what the model said of the photographs that it has seen."""
    loop = _loop(bare)
    samples = []
    for what, options in ((PLAIN, _AS_REMBG), (MATTED, ()))[0 if size == SIZES[0] else 1 :]:
        target = scratch / what
        with place.daemon(subject.arithmetic) as daemon:
            daemon.start("--keep-alive", "forever")
            with daemon.session() as session:
                session.load(subject.spec.id)
            arguments = ["remove", str(source), "-o", str(target), "--model", subject.spec.id, *options]
            command(daemon.command(*arguments), daemon.environ)
        loop += _loop(bare)
        samples.append(Sample(subject.name, what, size, [pace(target, _MARGIN)]))
    return [Sample(subject.name, BARE, size, [statistics.median(loop)]), *samples]


def _rembg(place: Workplace, name: str, source: Path) -> float:
    """Of fewer photographs: it does one after the other, all alike."""
    with tempfile.TemporaryDirectory() as scratch:
        few, target = Path(scratch) / "few", Path(scratch) / "results"
        few.mkdir()
        for photograph in sorted(source.iterdir())[:4]:
            shutil.copy(photograph, few)
        command(place.rembg.command("p", "-m", name, str(few), str(target)), place.rembg.environ)
        return pace(target, 1)


def _loop(bare: Bare) -> list[float]:
    return [bare.run().seconds for _ in range(LOOPS)]


def gain(results: Results, model: str, other: str, what: str, megapixels: float) -> float | None:
    """How many times as many photographs as `other` does `what` in the same time."""
    theirs, ours = (results.one(KIND, model=model, what=each, megapixels=megapixels) for each in (other, what))
    return ratio(theirs, ours) if theirs and ours else None


def pace(folder: Path, margin: int) -> float:
    """Seconds a picture, from the times at which the results were written, without what was made at either end."""
    times = sorted(file.stat().st_mtime_ns for file in folder.glob("*.png"))
    first, last = margin - 1, len(times) - margin
    return (times[last] - times[first]) / 1e9 / (last - first)


# What folders have to reach, by the megapixels of a photograph: photographs a minute, and the share of bare inference.
_GOALS = {12.0: (110.0, 0.0), 1.0: (0.0, 0.8)}
_AGAINST_REMBG = 6.0  # times as many photographs


def lines(place: Workplace, subject: Subject, megapixels: float, count: int, against_rembg: bool) -> Iterator[str]:
    """Measure one folder, and yield what came of it in lines for a person."""
    bare = place.bare(subject)
    bare.show(Layer(1.0))
    source = photographs.folder(place.cache / "photographs", count, megapixels)
    loop = _loop(bare)
    with tempfile.TemporaryDirectory() as scratch, place.daemon(subject.arithmetic) as daemon:
        target = Path(scratch) / "out"
        daemon.start("--keep-alive", "forever")
        with daemon.session() as session:
            session.load(subject.spec.id)
        arguments = ["remove", str(source), "-o", str(target), "--model", subject.spec.id, "--json"]
        (engine,) = daemon.engines()
        serving = daemon.pid(), engine.pid
        before = processor_seconds(), *map(processor_seconds_of, serving)
        done = subprocess.run(
            daemon.command(*arguments), env=daemon.environ, capture_output=True, text=True, check=True
        )
        after = processor_seconds(), *map(processor_seconds_of, serving)
        seconds = pace(target, _MARGIN)
        size = statistics.mean(file.stat().st_size for file in target.glob("*.png"))
    loop += _loop(bare)
    alone = statistics.median(loop)
    minute, share = _GOALS.get(megapixels, (0.0, 0.0))
    goals = f" (goal: {minute:g})" if minute else f" (goal: {share:g} of bare)" if share else ""
    yield f"{count} photographs of {megapixels:g} megapixels, {subject.name}:"
    yield f"  bare inference in a loop  {60 / alone:7.1f} a minute"
    yield f"  matted remove             {60 / seconds:7.1f} a minute, {alone / seconds:.2f} of bare{goals}"
    results = [row["result"] for row in map(json.loads, done.stdout.splitlines()) if row.get("result")]
    stages = Counter[str]()
    for result in results:
        stages.update(result["timings"])
    said = ", ".join(f"{stage} {total / len(results):.3f}" for stage, total in stages.most_common())
    yield f"  in the daemon, seconds a photograph: {said}"
    own, served, inferred = ((end - begin) / count for begin, end in zip(before, after, strict=True))
    parts = f"the command {own:.3f}, the daemon {served:.3f}, its engine {inferred:.3f}"
    yield f"  processor time, seconds a photograph: {own + served + inferred:.3f}; {parts}"
    yield f"  {size / 1e6:.1f} MB a result"
    name = place.rembg.name(subject.spec.id)
    if against_rembg and name is not None:
        theirs = _rembg(place, name, source)
        times = f"matted {theirs / seconds:.1f} times as many (goal: {_AGAINST_REMBG:g})"
        yield f"  rembg p                   {60 / theirs:7.1f} a minute; {times}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folders")
    parser.add_argument("--photographs", type=int, default=100, metavar="N")
    parser.add_argument("--model", default=MODELS[0], metavar="ID")
    parser.add_argument("--megapixels", type=float, action="append")
    parser.add_argument("--rembg", action="store_true", help="measure rembg as well; it is installed for that")
    options = parser.parse_args()
    cache = cache_folder() / "benchmarks"
    cache.mkdir(parents=True, exist_ok=True)
    place = Workplace(cache, Rembg(cache / "rembg", None), quick=False)
    if options.rembg:
        place.rembg.install()
    (subject,) = [each for each in place.subjects() if each.name == options.model]
    for size in options.megapixels or reversed(SIZES):
        for line in lines(place, subject, size, options.photographs, options.rembg):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
