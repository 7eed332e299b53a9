"""Throughput: `matted remove` and `rembg p` on the same JPEG photographs, against bare inference in a loop."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks import photographs
from benchmarks.cold import command
from benchmarks.photographs import Layer
from benchmarks.samples import Results, Sample, ratio
from benchmarks.workplace import MODELS, Bare, Subject, Workplace

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
