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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import dialog_watch
from benchmarks.gimp_session import QUIET_SECONDS, pings, stand_in, wait_until_quiet, watched_gimp
from benchmarks.photographs import photograph
from benchmarks.samples import Results, Sample
from benchmarks.stopwatch import Run, sample
from benchmarks.workplace import Workplace
from conftest import build_wheel, real_weights
from hosts import roots
from hosts.gimp.pictures import SUCCESS, WITH_DIALOG
from hosts.gimp.session import VERSIONS, Gimp, plugin
from hosts.krita.kinds import TITLES
from hosts.krita.session import krita_session
from matted_client import MattedError

KIND = "dialogs"
MODEL = "u2netp"
SIZES = (24.0, 100.0)  # megapixels
SUITE = "trixie"  # the Debian whose GIMP and Krita are measured
GIMP, KRITA = f"GIMP {VERSIONS[SUITE]}", f"Krita {TITLES[SUITE]}"
ROUNDS, QUICK = {24.0: 3, 100.0: 2}, {24.0: 1, 100.0: 1}
OPENING, USING, OK = dialog_watch.OPENING, dialog_watch.USING, dialog_watch.ACCEPTING
SEEN = "the layer is seen"
FIRST, FIRST_AFTER = dialog_watch.FIRST, dialog_watch.FIRST_AFTER
DRAGGED, BLIND, CLICKED = dialog_watch.DRAGGED, dialog_watch.BLIND, dialog_watch.CLICKED
MOVED = tuple(dialog_watch.MOVED.values())
ACTS = FIRST, *MOVED, FIRST_AFTER, DRAGGED, BLIND, CLICKED, OK
DAEMON, INFERENCE, INSERTION = "daemon", "inference", "the host's insertion"
LOOPS = DIALOG_LOOP, HOST_LOOP = "the dialog's loop", "the host's own loop"  # the same one in Krita
PHASES = OPENING, USING, OK
STAGES = ("start", "dialog", "read", "send", "ask", DAEMON, "transport", "paint")
HOST_ITSELF = "the host itself"
INSERTING = ("outputs.", "masks.", "strips.write")  # what the host does when it is given a mask
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Visit:
    """One dialog, from the call to the mask on the layer.

    called: the moment. told: what dialog_watch.Watch tells. loops: begin and end of the gaps of each event loop.
    """

    megapixels: float
    called: float
    told: Mapping[str, Any]
    loops: Mapping[str, Sequence[Sequence[float]]]


@dataclass
class Gaps:
    """Of one event loop in one phase, in seconds.

    longest: of each visit. ran: in the longest one of all, by what ran.
    own: of each visit, the longest time in a gap that is the plug-in's: neither the host by itself nor its insertion.
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
            for each in samples(host, visit(root, pictures, Path(folder)))
        ]


@dataclass(frozen=True)
class Found:
    """What was measured in a host with layers of a size, in megapixels."""

    results: Results
    host: str
    megapixels: float

    def one(self, what: str) -> Sample | None:
        return self.results.one(KIND, what=_name(self.host, what), megapixels=self.megapixels)

    def gap(self, loop: str, phase: str) -> Sample | None:
        """The longest gaps of an event loop in a phase, one a round. Stages: what ran in the longest of all."""
        return self.one(_gap(loop, phase))

    def own_gap(self) -> float | None:
        """The longest time in any gap that is the plug-in's own: neither the host by itself nor its insertion."""
        found = [self.one(_own_gap(loop, phase)) for loop in LOOPS for phase in PHASES]
        return max((max(each.seconds) for each in found if each), default=None)


def _name(host: str, what: str) -> str:
    return f"{host}: {what}"


def _gap(loop: str, phase: str) -> str:
    return f"{loop}, {phase}"


def _own_gap(loop: str, phase: str) -> str:
    return f"{loop}, {phase}, the plug-in's own"


# -- what the visits tell ----------------------------------------------------------------------------------------------


def samples(host: str, visits: Sequence[Visit]) -> Iterator[Sample]:
    """What was measured in a host: of each size, each thing done, and the gaps of each event loop in each phase."""
    for size in SIZES:
        those = [visit for visit in visits if visit.megapixels == size]
        runs: dict[str, list[Run]] = {}
        for visit in those:
            for what, run in _runs(visit):
                runs.setdefault(what, []).append(run)
        for what, found in runs.items():
            yield sample(MODEL, _name(host, what), size, found)
        gaps: dict[tuple[str, str], Gaps] = {}
        for visit in those:
            _add_gaps(gaps, visit)
        for (loop, phase), each in gaps.items():
            yield Sample(MODEL, _name(host, _gap(loop, phase)), size, each.longest, each.ran)
            yield Sample(MODEL, _name(host, _own_gap(loop, phase)), size, each.own)


def _runs(visit: Visit) -> Iterator[tuple[str, Run]]:
    told, moments = visit.told, visit.told["moments"]
    questions = told["questions"]
    first = next(question for question in questions if "painted" in question)
    daemon = sum(first["timings"].values())
    until_first = questions[: questions.index(first) + 1]  # one of them had the daemon find the subject
    stages = {
        "start": moments.get("entered", visit.called) - visit.called,
        "dialog": moments["begun"] - moments.get("entered", visit.called),
        "read": moments["read"] - moments["begun"],
        "send": moments["sent"] - moments["read"],
        "ask": first["put"] - moments["sent"],
        DAEMON: daemon,
        "transport": first["came"] - first["put"] - daemon,
        "paint": first["painted"] - first["came"],
        INFERENCE: max(_inference(each) for each in until_first),
    }
    yield OPENING, Run(first["painted"] - visit.called, stages)
    yield SEEN, Run(moments["seen"] - visit.called)
    for act in told["acts"]:
        stages = {DAEMON: act["daemon"]} if "daemon" in act else {}
        yield act["what"], Run(act["painted"] - act["at"], stages)
        if "longest" in act:
            yield BLIND, Run(act["longest"])
    pressed = dict(told["phases"])[dialog_watch.ACCEPTING]
    stages = {INSERTION: told["insertion"], DAEMON: sum(told["answer"].values())}
    stages["transport"] = told["waited"] - stages[DAEMON]
    yield OK, Run(told["done"] - pressed, stages)


def _inference(question: Mapping[str, Any]) -> float:
    """Seconds, at least so many where a question was given up: from when the daemon said so until it was over."""
    if "given_up" in question:
        return float(question["given_up"] - question.get("inferring", question["given_up"]))
    return float(question.get("timings", {}).get("inference", 0.0))


def _add_gaps(gaps: dict[tuple[str, str], Gaps], visit: Visit) -> None:
    phases = [*visit.told["phases"], ("", visit.told["done"] + QUIET_SECONDS)]
    for loop, found in visit.loops.items():
        for (phase, begun), (_, ended) in itertools.pairwise(phases):
            start = visit.called if phase == OPENING else begun
            cut = [(max(first, start), min(last, ended)) for first, last in found if first < ended and last > start]
            ran = [_ran(visit.told["samples"], *each) for each in cut]
            of_phase = gaps.setdefault((loop, phase), Gaps())
            lengths = [last - first for first, last in cut]
            longest = max(lengths, default=0.0)
            if longest > max(of_phase.longest, default=0.0):
                of_phase.ran = ran[lengths.index(longest)]
            of_phase.longest.append(longest)
            own = [sum(seconds for name, seconds in each.items() if _is_own(name)) for each in ran]
            of_phase.own.append(max(own, default=0.0))


def _is_own(name: str) -> bool:
    return name != HOST_ITSELF and not name.startswith(INSERTING)


def _ran(samples: Sequence[tuple[float, str]], first: float, last: float) -> dict[str, float]:
    """Seconds by what ran, the most first. What was seen at a moment is what ran since the one before."""
    found: dict[str, float] = {}
    before = 0.0
    for moment, name in samples:
        seconds = min(moment, last) - max(before, first)
        if seconds > 0:
            found[name or HOST_ITSELF] = found.get(name or HOST_ITSELF, 0.0) + seconds
        before = moment
        if moment > last:
            break
    left = last - max(before, first)
    if left > 0:  # the plug-in is at its end
        found[HOST_ITSELF] = found.get(HOST_ITSELF, 0.0) + left
    return dict(sorted(found.items(), key=lambda item: -item[1])[:3])


# -- GIMP --------------------------------------------------------------------------------------------------------------


def _gimp(root: roots.Root, pictures: Sequence[tuple[float, Path]], logs: Path) -> list[Visit]:
    with watched_gimp(root, logs, _watch, pinged=True) as gimp:
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


def _watch(plug_in: Path) -> None:
    """Have the plug-in do by itself what a person does in the dialog."""
    stand_in(plug_in, "preview/beginning.py", HERE / "gimp_beginning.py")
    stand_in(plug_in, "options_dialog.py", HERE / "gimp_dialog.py")
    shutil.copy(HERE / "dialog_watch.py", plug_in)


def _gimp_visit(gimp: Gimp, size: float, path: str) -> Visit:
    image = gimp.load(path)
    gimp.show(image)
    wait_until_quiet(gimp)
    called = time.perf_counter()
    result = gimp.remove_background(image, gimp.layers(image), "INTERACTIVE", {}, WITH_DIALOG)
    if result != SUCCESS:
        raise RuntimeError(f"{result}\n{gimp.log()[-2000:]}")
    wait_until_quiet(gimp)
    gimp.close_image(image)
    told = json.loads((plugin(gimp.installed) / "watched.json").read_text())
    return Visit(size, called, told, {DIALOG_LOOP: told["gaps"], HOST_LOOP: pings(gimp)})


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
