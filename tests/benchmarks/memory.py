"""Memory: resident bytes of all processes of a program together, as they are and at their peak."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.photographs import Layer
from benchmarks.samples import Results, Sample
from benchmarks.stopwatch import Peak, family
from benchmarks.workplace import MODELS, Subject, Workplace
from conftest import Daemon
from matted_client.client import Session
from PIL import Image

KIND = "memory"
IDLE, LOADED, PEAK, COLOURS, REMBG = "idle", "loaded", "edges fine", "fine and colours", "rembg"
SIZES = (12.0, 24.0, 100.0)
OTHERS = (24.0,)  # for models after the first: the pixels take the same with all of them
AGAINST_REMBG = (12.0, 24.0)


def measure(place: Workplace, subject: Subject) -> list[Sample]:
    samples = []
    name = place.rembg.name(subject.spec.id)
    for megapixels in SIZES if subject.name == MODELS[0] else OTHERS:
        layer = Layer(megapixels)
        # a new one for each, as memory that was once had is not always given back
        with place.daemon(subject.arithmetic) as daemon:
            samples += _matted(daemon, layer, subject, megapixels)
        if name is not None and megapixels in AGAINST_REMBG and not subject.spec.made_from:
            with place.rembg.library(name) as library, tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "layer.tiff"
                Image.fromarray(layer.pixels).save(file)
                with Peak([library.pid]) as peak:
                    library.mask(file)
                samples.append(Sample(subject.name, REMBG, megapixels, bytes=peak.highest))
    return samples


def layers(results: Results, model: str, megapixels: float) -> float | None:
    """The peak of a request with fine edges above idle, as a multiple of the layer's own bytes."""
    idle, peak = (results.one(KIND, model=model, what=what, megapixels=megapixels) for what in (IDLE, PEAK))
    return (peak.bytes - idle.bytes) / (4e6 * megapixels) if idle and peak else None


def _matted(daemon: Daemon, layer: Layer, subject: Subject, megapixels: float) -> list[Sample]:
    daemon.start("--keep-alive", "forever")
    idle = Peak([daemon.pid()]).before
    with daemon.session() as session:
        session.load(subject.spec.id)
        processes = family(daemon.pid())
        loaded = Peak(processes).before
        found = {IDLE: idle, LOADED: loaded}
        for what, options in ((PEAK, {}), (COLOURS, {"foreground": True})):
            with Peak(processes) as peak:
                _ask(session, layer, subject.spec.id, **options)
            found[what] = peak.highest
    return [Sample(subject.name, what, megapixels, bytes=count) for what, count in found.items()]


def _ask(session: Session, layer: Layer, model: str, **options: Any) -> None:
    layer.change()
    session.mask(layer.frame, layer.width, layer.height, "RGBA8", model, edges="fine", second_look=False, **options)
