"""In GIMP and Krita: a click on a large layer, how much of it is the daemon's own time, and what the plug-in adds."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.photographs import photograph
from benchmarks.samples import Sample
from benchmarks.stages import parts
from benchmarks.stopwatch import Run, sample
from benchmarks.workplace import Workplace
from conftest import build_wheel, real_weights
from hosts import roots
from hosts.gimp.pictures import SUCCESS
from hosts.gimp.session import VERSIONS, Gimp, new_profile, plugin
from hosts.installed import Installed
from hosts.krita.kinds import TITLES
from hosts.krita.session import krita_session
from matted_client import MattedError
from PIL import Image

KIND = "hosts"
MODEL = "u2netp"
MEGAPIXELS = 24.0
SUITE = "trixie"  # the Debian whose GIMP and Krita are measured
DAEMON = "daemon"  # the stage that is not the plug-in's
ROUNDS, QUICK = 5, 2
HERE = Path(__file__).parent


def measure(place: Workplace) -> list[Sample]:
    """Each round is a picture that the daemon has not seen; a small one before has daemon and model ready."""
    reason = roots.missing()
    if reason:
        raise MattedError(reason)
    with tempfile.TemporaryDirectory() as folder:
        root = roots.get(SUITE, build_wheel(Path(folder)))
        rounds = QUICK if place.quick else ROUNDS
        pictures = [photograph(number, MEGAPIXELS).convert("RGBA") for number in range(rounds)]
        runs = {
            f"GIMP {VERSIONS[SUITE]}": _gimp(root, pictures, Path(folder)),
            f"Krita {TITLES[SUITE]}": _krita(root, pictures, Path(folder)),
        }
    return [sample(MODEL, host, MEGAPIXELS, of_host) for host, of_host in runs.items()]


def adds(of_host: Sample) -> float:
    """Median seconds that the plug-in adds to the daemon's own."""
    return sum(seconds for stage, seconds in of_host.stages.items() if stage != DAEMON)


def _gimp(root: roots.Root, pictures: list[Image.Image], logs: Path) -> list[Run]:
    with _gimp_with_stages(root, logs) as gimp:
        runs = [_click(gimp, picture) for picture in [photograph(0, 0.3), *pictures]]
    return runs[1:]


@contextmanager
def _gimp_with_stages(root: roots.Root, logs: Path) -> Iterator[Gimp]:
    """GIMP with its windows, and a plug-in that writes down how long its parts took."""
    installed = Installed(root, real_weights())
    try:
        new_profile(installed)
        installed.matted("install", "gimp")
        folder = plugin(installed)
        (folder / "call.py").rename(folder / "call_itself.py")
        shutil.copy(HERE / "gimp_call.py", folder / "call.py")
        shutil.copy(HERE / "stages.py", folder)
        gimp = Gimp(installed, windows=True, logs=logs)
        try:
            yield gimp
        finally:
            gimp.close()
    finally:
        installed.remove()


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


def _krita(root: roots.Root, pictures: list[Image.Image], logs: Path) -> list[Run]:
    with krita_session(root, real_weights(), {}) as session:
        session.measure("clicks", HERE / "stages.py")
        for number, picture in enumerate([photograph(0, 0.3), *pictures]):
            picture.save(session.folder / f"benchmark-{number}.png", compress_level=1)
        seen = session.run(logs / "krita.log")["clicks"]
    if "failure" in seen:
        raise RuntimeError(seen["failure"])
    return [Run(sum(stages.values()), stages) for stages in seen["clicks"][1:]]
