"""In GIMP and Krita: the dialog with the preview.

When the first mask is seen, how soon sliders and clicks show, how long OK takes, and for how long an event loop stands
still meanwhile, and over what.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import dialog_watch
from benchmarks.photographs import photograph
from benchmarks.samples import Sample
from benchmarks.stopwatch import Run, sample
from benchmarks.workplace import Workplace
from conftest import build_wheel, real_weights
from hosts import roots
from hosts.gimp.pictures import SUCCESS, WITH_DIALOG
from hosts.gimp.session import VERSIONS, Gimp, new_profile, plugin, profile
from hosts.installed import Installed
from hosts.krita.kinds import TITLES
from hosts.krita.session import krita_session
from matted_client import MattedError

KIND = "dialogs"
MODEL = "u2netp"
SIZES = (24.0, 100.0)  # megapixels
SUITE = "trixie"  # the Debian whose GIMP and Krita are measured
GIMP, KRITA = f"GIMP {VERSIONS[SUITE]}", f"Krita {TITLES[SUITE]}"
ROUNDS, QUICK = {24.0: 3, 100.0: 2}, {24.0: 1, 100.0: 1}
OPENING, SEEN, OK = "opening", "the layer is seen", "OK"
FIRST, FIRST_AFTER = dialog_watch.FIRST, dialog_watch.FIRST_AFTER
MOVED, DRAGGED, CLICKED = dialog_watch.MOVED, dialog_watch.DRAGGED, dialog_watch.CLICKED
DRAGGED_BLIND = "a drag, the longest without a new mask"
USING = dialog_watch.USING
DAEMON, INFERENCE, INSERTION = "daemon", "inference", "the host's insertion"
DIALOG_LOOP, HOST_LOOP = "the dialog's loop", "the host's own loop"
HOST_ITSELF = "the host itself"
INSERTING = ("outputs.", "masks.", "new_layers.", "selections.")  # what the host does when it is given a mask
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Visit:
    """One dialog, from the call to the mask on the layer. told: of dialog_watch.Watch. loops: gaps of each loop."""

    megapixels: float
    called: float
    told: Mapping[str, Any]
    loops: Mapping[str, Sequence[Sequence[float]]]


@dataclass
class Gaps:
    """Of one event loop in one phase. longest: a visit's; ran: seconds of the longest one of all by what ran in it.

    own: the longest time in a gap that is the plug-in's and not the host's insertion; what that was.
    """

    longest: list[float] = field(default_factory=list)
    ran: dict[str, float] = field(default_factory=dict)
    own: list[float] = field(default_factory=list)


def measure(place: Workplace) -> list[Sample]:
    """Each round is a picture that the daemon has not seen; a small one before has daemon and model ready."""
    reason = roots.missing()
    if reason:
        raise MattedError(reason)
    rounds = QUICK if place.quick else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        root = roots.get(SUITE, build_wheel(Path(folder)))
        pictures = [(0.3, Path(folder) / "small.png")]
        pictures += [
            (size, Path(folder) / f"{size:g}-{number}.png") for size in SIZES for number in range(rounds[size])
        ]
        for number, (size, path) in enumerate(pictures):
            photograph(number, size).convert("RGBA").save(path, compress_level=1)
        return [
            each
            for host, visit in ((GIMP, _gimp), (KRITA, _krita))
            for each in _samples(host, visit(root, pictures, Path(folder)))
        ]


def host_of(each: Sample) -> tuple[str, str]:
    """The host, and what was measured in it."""
    host, _, what = each.what.partition(": ")
    return host, what


def gap(loop: str, phase: str) -> str:
    """The name of the sample of the longest gaps of a loop in a phase. Its stages are what ran in the longest."""
    return f"{loop}, {phase}"


def own_gap(loop: str, phase: str) -> str:
    """As `gap`, of what is the plug-in's own: neither the host by itself nor its insertion."""
    return f"{loop}, {phase}, the plug-in's own"


# -- what the visits tell ----------------------------------------------------------------------------------------------


def _samples(host: str, visits: Sequence[Visit]) -> Iterator[Sample]:
    for size in SIZES:
        those = [visit for visit in visits if visit.megapixels == size]
        runs: dict[str, list[Run]] = {}
        for visit in those:
            for what, run in _runs(visit):
                runs.setdefault(what, []).append(run)
        for what, found in runs.items():
            yield sample(MODEL, f"{host}: {what}", size, found)
        gaps: dict[tuple[str, str], Gaps] = {}
        for visit in those:
            _add_gaps(gaps, visit)
        for (loop, phase), each in gaps.items():
            yield Sample(MODEL, f"{host}: {gap(loop, phase)}", size, each.longest, each.ran)
            yield Sample(MODEL, f"{host}: {own_gap(loop, phase)}", size, each.own)


def _runs(visit: Visit) -> Iterator[tuple[str, Run]]:
    told, moments = visit.told, visit.told["moments"]
    first = next(question for question in told["questions"] if "painted" in question)
    daemon = sum(first["timings"].values())
    asked = max(moments["sent"], first["asked"])
    stages = {
        "start": moments.get("entered", visit.called) - visit.called,
        "dialog": moments["begun"] - moments.get("entered", visit.called),
        "read": moments["read"] - moments["begun"],
        "send": asked - moments["read"],
        DAEMON: daemon,
        "transport": first["came"] - asked - daemon,
        "paint": first["painted"] - first["came"],
        INFERENCE: first["timings"].get("inference", 0.0),
    }
    yield OPENING, Run(first["painted"] - visit.called, stages)
    yield SEEN, Run(moments["seen"] - visit.called)
    for act in told["acts"]:
        stages = {DAEMON: act["daemon"]} if "daemon" in act else {}
        yield act["what"], Run(act["painted"] - act["at"], stages)
        if "longest" in act:
            yield DRAGGED_BLIND, Run(act["longest"])
    pressed = dict(told["phases"])[dialog_watch.ACCEPTING]
    stages = {INSERTION: told["insertion"], DAEMON: sum(told["answer"].values())}
    yield OK, Run(told["done"] - pressed, stages)


def _add_gaps(gaps: dict[tuple[str, str], Gaps], visit: Visit) -> None:
    phases = [*visit.told["phases"], ("", visit.told["done"] + 1.0)]
    for loop, found in visit.loops.items():
        for (phase, begun), (_, ended) in itertools.pairwise(phases):
            if phase == OPENING:
                begun = visit.called
            those = [(min(until, ended) - max(since, begun), since, until) for since, until in found]
            those = [each for each in those if each[0] > 0]
            of_phase = gaps.setdefault((loop, phase), Gaps())
            own = [0.0]
            for length, since, until in those:
                ran = _ran(visit.told["samples"], since, until)
                own.append(sum(seconds for name, seconds in ran.items() if _is_own(name)))
                if length > max(of_phase.longest, default=0.0) and length == max(each[0] for each in those):
                    of_phase.ran = ran
            of_phase.longest.append(max((each[0] for each in those), default=0.0))
            of_phase.own.append(max(own))


def _is_own(name: str) -> bool:
    return name != HOST_ITSELF and not name.startswith(INSERTING)


def _ran(samples: Sequence[tuple[float, str]], since: float, until: float) -> dict[str, float]:
    """Seconds by what ran, the longest first. What was seen at a moment is what ran since the one before."""
    found: dict[str, float] = {}
    before = 0.0
    for moment, name in samples:
        seconds = min(moment, until) - max(before, since)
        if seconds > 0:
            found[name or HOST_ITSELF] = found.get(name or HOST_ITSELF, 0.0) + seconds
        before = moment
        if moment > until:
            break
    return dict(sorted(found.items(), key=lambda item: -item[1])[:3])


# -- GIMP --------------------------------------------------------------------------------------------------------------


def _gimp(root: roots.Root, pictures: Sequence[tuple[float, Path]], logs: Path) -> list[Visit]:
    with _watched_gimp(root, logs) as gimp:
        for number, (_, path) in enumerate(pictures):
            inside = f"{gimp.installed.home}/picture-{number}.png"
            shutil.copy(path, gimp.installed.outside(inside))
        image = gimp.load(f"{gimp.installed.home}/picture-0.png")
        assert gimp.remove_background(image, gimp.layers(image)) == SUCCESS
        gimp.close_image(image)
        return [
            _gimp_visit(gimp, size, f"{gimp.installed.home}/picture-{number}.png")
            for number, (size, _) in enumerate(pictures)
            if size in SIZES
        ]


@contextmanager
def _watched_gimp(root: roots.Root, logs: Path) -> Iterator[Gimp]:
    """GIMP with its windows, a plug-in that does by itself what a person does in the dialog, and one that asks GIMP."""
    installed = Installed(root, real_weights())
    try:
        new_profile(installed)
        installed.matted("install", "gimp")
        folder = plugin(installed)
        (folder / "options_dialog.py").rename(folder / "options_dialog_itself.py")
        shutil.copy(HERE / "gimp_dialog.py", folder / "options_dialog.py")
        shutil.copy(HERE / "dialog_watch.py", folder)
        pinger = _pinger(installed)
        pinger.mkdir()
        shutil.copy(HERE / "gimp_pinger.py", pinger / "pinger.py")
        (pinger / "pinger.py").chmod(0o755)
        gimp = Gimp(installed, windows=True, logs=logs)
        try:
            yield gimp
        finally:
            gimp.close()
    finally:
        installed.remove()


def _pinger(installed: Installed) -> Path:
    return installed.outside(f"{profile(installed)}/plug-ins/pinger")


def _gimp_visit(gimp: Gimp, size: float, path: str) -> Visit:
    image = gimp.load(path)
    gimp.show(image)
    called = time.perf_counter()
    result = gimp.remove_background(image, gimp.layers(image), "INTERACTIVE", {}, WITH_DIALOG)
    if result != SUCCESS:
        raise RuntimeError(f"{result}\n{gimp.log()[-2000:]}")
    gimp.images()  # answered when GIMP has shown the mask
    gimp.close_image(image)
    told = json.loads((plugin(gimp.installed) / "watched.json").read_text())
    pings = [
        list(map(float, line.split())) for line in (_pinger(gimp.installed) / "pings.txt").read_text().splitlines()
    ]
    return Visit(size, called, told, {DIALOG_LOOP: told["gaps"], HOST_LOOP: pings})


# -- Krita -------------------------------------------------------------------------------------------------------------


def _krita(root: roots.Root, pictures: Sequence[tuple[float, Path]], logs: Path) -> list[Visit]:
    with krita_session(root, real_weights(), {}) as session:
        session.measure("dialogs", HERE / "dialog_watch.py")
        for number, (_, path) in enumerate(pictures):
            shutil.copy(path, session.folder / f"benchmark-{number:02}.png")
        seen = session.run(logs / "krita.log")["dialogs"]
    if "failure" in seen:
        raise RuntimeError(seen["failure"])
    return [
        Visit(size, told["called"], told, {HOST_LOOP: told["gaps"]})
        for (size, _), told in zip(pictures[1:], seen["dialogs"], strict=True)
    ]
