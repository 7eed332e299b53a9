"""Flat grounds: the question whether there is one, which every picture is asked, and the mask that needs no model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import made_graphics
import numpy as np
from benchmarks.photographs import Layer
from benchmarks.samples import Results, Sample
from benchmarks.stopwatch import Effort, Run, in_turns, timed
from benchmarks.workplace import Workplace
from matted.inference.layer import Layer as Pixels
from matted.masking import ground
from matted_client.client import Session
from matted_client.pictures import Mask
from numpy.typing import NDArray
from PIL import Image

KIND = "flat grounds"
QUESTION, MASK = "the question", "the mask"
PHOTOGRAPH = "a photograph"
DRAWINGS = {
    "a logo": "logo_white",
    "a line drawing": "line_white",
    "a sticker with its shadow": "sticker_shadow",
    "a drawing on a ramp": "drawing_ramp",
}
PICTURES = (PHOTOGRAPH, *DRAWINGS)
TRANSPORT = "transport"
STAGES = ("ground", "edges", "mask", TRANSPORT)
MEGAPIXELS = 24.0
EFFORT = Effort(seconds=40.0, least=3, most=15)
QUICK = Effort(seconds=1.0, least=2, most=2)
_ENLARGED = 4  # times: drawn at the whole size, they would take gigabytes


def measure(place: Workplace) -> list[Sample]:
    """Ask the question here, of the photograph as well, and for the masks of the drawings through the daemon."""
    photograph = Layer(MEGAPIXELS)
    height, width = photograph.pixels.shape[:2]
    drawings = {what: _drawing(kind, width, height) for what, kind in DRAWINGS.items()}
    tasks: dict[str, Callable[[], Run]] = {}
    for what, pixels in {PHOTOGRAPH: photograph.pixels, **drawings}.items():
        tasks[_named(QUESTION, what)] = partial(_asked, Pixels(pixels))
    with place.daemon() as daemon, daemon.start().session() as session:
        for what, pixels in drawings.items():
            tasks[_named(MASK, what)] = partial(_masked, session, pixels)
        return in_turns("flat", MEGAPIXELS, tasks, QUICK if place.quick else EFFORT)


def asked(results: Results, what: str) -> Sample | None:
    """Return how long the question took of a picture."""
    return results.one(KIND, what=_named(QUESTION, what))


def masked(results: Results, what: str) -> Sample | None:
    """Return how long the mask of a drawing took, None for the photograph."""
    return results.one(KIND, what=_named(MASK, what))


def _named(task: str, what: str) -> str:
    return f"{task}, {what}"


def _drawing(kind: str, width: int, height: int) -> NDArray[np.uint8]:
    """Return a drawing, R, G, B, A."""
    drawn = made_graphics.make(kind, 1, width // _ENLARGED, height // _ENLARGED).picture
    return np.array(Image.fromarray(drawn).resize((width, height), Image.Resampling.BILINEAR).convert("RGBA"))


def _asked(layer: Pixels) -> Run:
    return timed(lambda: ground.find(layer))


def _masked(session: Session, pixels: NDArray[np.uint8]) -> Run:
    """Ask for a mask. Stages: the daemon's own, and the transport."""
    height, width = pixels.shape[:2]
    masks: list[Mask] = []
    run = timed(lambda: masks.append(session.mask(pixels.reshape(-1).data, width, height, "RGBA8", model="flat")))
    told = masks[0].info.timings
    return Run(run.seconds, {**told, TRANSPORT: run.seconds - sum(told.values())})
