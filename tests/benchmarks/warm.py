"""Warm: the daemon runs, the model is in memory, a request comes. Against bare inference and rembg as a library."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peer import Library
from benchmarks.photographs import Layer
from benchmarks.samples import Sample
from benchmarks.stopwatch import Effort, Run, in_turns, timed
from benchmarks.workplace import Subject, Workplace
from matted_client.client import Session
from matted_client.pictures import Mask
from PIL import Image

KIND = "warm"
BARE, OFF, FINE, COLOURS, AGAIN, REMBG = "bare", "edges off", "edges fine", "fine and colours", "re-tuned", "rembg"
SIZES = (0.3, 12.0, 24.0, 100.0)  # megapixels
WITH_COLOURS = (12.0, 24.0)
AGAINST_REMBG = (12.0,)
EFFORT = Effort(seconds=10.0, least=3, most=9)  # a size of a model
QUICK = Effort(seconds=1.0, least=2, most=2)


def measure(place: Workplace, subject: Subject) -> list[Sample]:
    """Every size in a loop of its own, in which all that is compared takes turns."""
    samples = []
    model, bare = subject.spec.id, place.bare(subject)
    with place.daemon(subject.arithmetic) as daemon:
        with daemon.start("--keep-alive", "forever").session() as session:
            _ask(session, Layer(0.3), model)
            for megapixels in SIZES:
                layer = Layer(megapixels)
                bare.show(layer)
                tasks = {BARE: bare.run, **_requests(session, layer, model, megapixels in WITH_COLOURS)}
                name = place.rembg.name(model) if megapixels in AGAINST_REMBG else None
                effort = QUICK if place.quick else EFFORT
                if name is None:
                    samples += in_turns(subject.name, megapixels, tasks, effort)
                    continue
                with place.rembg.library(name) as library, tempfile.TemporaryDirectory() as folder:
                    tasks[REMBG] = _rembg(library, layer, Path(folder))
                    samples += in_turns(subject.name, megapixels, tasks, effort)
    return samples


def _requests(session: Session, layer: Layer, model: str, colours: bool) -> dict[str, Callable[[], Run]]:
    """The re-tuning comes right after a request for the same picture: the daemon knows what the model says of it."""

    def fresh(**options: Any) -> Run:
        layer.change()
        return _ask(session, layer, model, **options)

    tasks: dict[str, Callable[[], Run]] = {
        OFF: lambda: fresh(edges="off"),
        FINE: lambda: fresh(edges="fine"),
        AGAIN: lambda: _ask(session, layer, model, edges="fine", grow=2),
    }
    if colours:
        tasks[COLOURS] = lambda: fresh(edges="fine", foreground=True)
    return tasks


def _ask(session: Session, layer: Layer, model: str, **options: Any) -> Run:
    """One request. Stages: the daemon's, and what is left, the transport of the pixels there and of the mask back."""
    masks: list[Mask] = []
    asked = {"model": model, "second_look": False, **options}  # one look, so that every request is one inference
    run = timed(lambda: masks.append(session.mask(layer.frame, layer.width, layer.height, "RGBA8", **asked)))
    stages = dict(masks[0].info.timings)
    return Run(run.seconds, {**stages, "transport": run.seconds - sum(stages.values())})


def _rembg(library: Library, layer: Layer, folder: Path) -> Callable[[], Run]:
    file = folder / "layer.tiff"
    Image.fromarray(layer.pixels).save(file)
    return lambda: Run(library.mask(file))
