"""In GIMP and Krita: a click on a large layer, how much of it is the daemon's own time, and what the plug-in adds.

And how long the host's windows do not answer meanwhile, at worst.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.gimp_session import pings, stand_in, wait_until_quiet, watched_gimp
from benchmarks.photographs import photograph
from benchmarks.samples import Sample
from benchmarks.stages import parts
from benchmarks.stopwatch import Run, sample
from benchmarks.workplace import Workplace
from conftest import build_wheel, real_weights
from hosts import roots
from hosts.gimp.pictures import SUCCESS
from hosts.gimp.session import VERSIONS, Gimp, plugin
from hosts.krita.kinds import TITLES
from hosts.krita.session import krita_session
from matted_client import MattedError
from PIL import Image

KIND, GAPS = "hosts", "windows"
MODEL = "u2netp"
MEGAPIXELS = 24.0
SMALL = 0.3  # of the picture with which daemon and model come up
LARGEST = 100.0
SUITE = "trixie"  # the Debian whose GIMP and Krita are measured
DAEMON = "daemon"  # the stage that is not the plug-in's
PAINTED = "painted"  # what Krita takes after the click until it has painted and turns its event loop again
STAGES = ("start", "read and send", "receive", "insert", "end", PAINTED)  # without the daemon's, in their order
ROUNDS, QUICK = 6, 2
BESIDE = ", plug-in of "  # the name of a checkout to compare with follows
PASSES = 2  # of plug-ins that are compared, in turns, each with its share of the rounds
CLICK, STEPS, OWN = "click", "steps", "own"  # the plug-in's, of that its own steps, and the host's own Add Mask
HERE = Path(__file__).parent
GIMP, KRITA = f"GIMP {VERSIONS[SUITE]}", f"Krita {TITLES[SUITE]}"


def measure(place: Workplace) -> list[Sample]:
    """Each round is a picture that the daemon has not seen; a small one before has daemon and model ready.

    Where there is another checkout to be compared with, its plug-ins take turns with these.
    """
    rounds = QUICK if place.quick else ROUNDS
    pictures = [photograph(number, MEGAPIXELS).convert("RGBA") for number in range(rounds)]
    plugins = {"": None} if place.beside is None else {f"{BESIDE}{place.beside.name}": place.beside, "": None}
    found: dict[str, list[Run]] = {host + which: [] for host in (GIMP, KRITA) for which in plugins}
    with _root() as (root, logs):
        for number in range(PASSES):
            share = pictures[number::PASSES]
            for which, checkout in plugins.items():
                found[GIMP + which] += _gimp(root, share, logs, checkout)
                found[KRITA + which] += _krita(root, share, logs, checkout)
    return [sample(MODEL, host, MEGAPIXELS, runs) for host, runs in found.items()]


def gaps(place: Workplace) -> list[Sample]:
    """How long the windows did not answer at worst, of a click and of the host's own way to add a mask."""
    rounds = 1 if place.quick else 2
    sizes = [MEGAPIXELS] * rounds + [LARGEST] * rounds
    pictures = [photograph(number, size).convert("RGBA") for number, size in enumerate(sizes)]
    with _root() as (root, logs):
        seen = {GIMP: _gimp_gaps(root, pictures, logs), KRITA: _krita_gaps(root, pictures, logs)}
    samples = []
    for host, of_pictures in seen.items():
        for size in dict.fromkeys(sizes):
            those = [gaps for gaps, each in zip(of_pictures, sizes, strict=True) if each == size]
            samples += [Sample(host, what, size, [gaps[what] for gaps in those]) for what in those[0]]
    return samples


def adds(of_host: Sample) -> float:
    """Median seconds that the plug-in adds to the daemon's own."""
    return sum(seconds for stage, seconds in of_host.stages.items() if stage not in (DAEMON, PAINTED))


@contextmanager
def _root() -> Iterator[tuple[roots.Root, Path]]:
    """The root with this checkout's matted, and a folder for logs."""
    reason = roots.missing()
    if reason:
        raise MattedError(reason)
    with tempfile.TemporaryDirectory() as folder:
        yield roots.get(SUITE, build_wheel(Path(folder))), Path(folder)


def _replace(plug_in: Path, checkout: Path, source: str) -> None:
    """Put the plug-in of another checkout, and its client, in the place of the installed one."""
    for folder, target in (
        (checkout / source, plug_in),
        (checkout / "shared/matted_client", plug_in / "matted_client"),
    ):
        shutil.copytree(folder, target, ignore=_all_but_modules, dirs_exist_ok=True)


def _all_but_modules(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".py") and not (Path(folder) / name).is_dir()]


# -- GIMP --------------------------------------------------------------------------------------------------------------


def _gimp(root: roots.Root, pictures: Sequence[Image.Image], logs: Path, checkout: Path | None) -> list[Run]:
    def watch(plug_in: Path) -> None:
        if checkout is not None:
            _replace(plug_in, checkout, "plugins/gimp/remove-background")
        stand_in(plug_in, "call.py", HERE / "gimp_call.py")
        shutil.copy(HERE / "stages.py", plug_in)

    with watched_gimp(root, logs, watch, pinged=False) as gimp:
        runs = [_click(gimp, picture) for picture in [photograph(0, SMALL), *pictures]]
    return runs[1:]


def _click(gimp: Gimp, picture: Image.Image) -> Run:
    image = gimp.load(gimp.installed.put(picture))
    gimp.show(image)
    layers = gimp.layers(image)
    clicked = time.perf_counter()
    result = gimp.remove_background(image, layers)
    ended = time.perf_counter()
    assert result == SUCCESS, result
    stages = json.loads((plugin(gimp.installed) / "stages.json").read_text())
    gimp.close_image(image)
    return Run(ended - clicked, parts(stages, clicked, ended))


def _gimp_gaps(root: roots.Root, pictures: Sequence[Image.Image], logs: Path) -> list[dict[str, float]]:
    found = []
    with watched_gimp(root, logs, lambda plug_in: None, pinged=True) as gimp:
        for picture in [photograph(0, SMALL), *pictures]:
            image = gimp.load(gimp.installed.put(picture))
            gimp.show(image)
            (layer,) = gimp.layers(image)
            wait_until_quiet(gimp)
            clicked = time.perf_counter()
            assert gimp.remove_background(image, [layer]) == SUCCESS
            of_click = _longest(gimp, clicked)
            gimp.remove_mask(layer)
            wait_until_quiet(gimp)
            added = time.perf_counter()
            gimp.add_white_mask(layer)
            found.append({CLICK: of_click, OWN: _longest(gimp, added)})
            gimp.close_image(image)
    return found[1:]


def _longest(gimp: Gimp, begun: float) -> float:
    """For how many seconds GIMP did not answer at worst, from a moment on until it has painted."""
    wait_until_quiet(gimp)
    return max((last - max(first, begun) for first, last in pings(gimp) if last > begun), default=0.0)


# -- Krita -------------------------------------------------------------------------------------------------------------


def _krita(root: roots.Root, pictures: Sequence[Image.Image], logs: Path, checkout: Path | None) -> list[Run]:
    clicks = _krita_seen(root, "clicks", HERE / "stages.py", pictures, logs, checkout)
    return [Run(sum(stages.values()) - stages[PAINTED], stages) for stages in clicks]


def _krita_gaps(root: roots.Root, pictures: Sequence[Image.Image], logs: Path) -> list[dict[str, float]]:
    names = {"click": CLICK, "plug-in": STEPS, "host": OWN}
    found = _krita_seen(root, "gaps", HERE / "dialog_watch.py", pictures, logs)
    return [{names[name]: seconds for name, seconds in gaps.items()} for gaps in found]


def _krita_seen(
    root: roots.Root,
    what: str,
    module: Path,
    pictures: Sequence[Image.Image],
    logs: Path,
    checkout: Path | None = None,
) -> list[dict[str, float]]:
    """What a check of matted_checks/benchmark.py saw of each picture. A small one before them is not told of."""
    with krita_session(root, real_weights(), {}) as session:
        session.measure(what, module)
        if checkout is not None:
            _replace(session.plugin, checkout, "plugins/krita/remove_background")
        for number, picture in enumerate([photograph(0, SMALL), *pictures]):
            picture.save(session.folder / f"benchmark-{number:02}.png", compress_level=1)
        seen = session.run(logs / "krita.log")[what]
    if "failure" in seen:
        raise RuntimeError(seen["failure"])
    found: list[dict[str, float]] = seen[what]
    return found[1:]
