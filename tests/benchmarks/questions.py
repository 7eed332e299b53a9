"""Questions about an open picture: a slider, a click, another part, and the whole mask when the person is content."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks.photographs import Layer
from benchmarks.samples import Sample
from benchmarks.stopwatch import Effort, Run, in_turns, timed
from benchmarks.workplace import Subject, Workplace
from matted_client.pictures import Mask

KIND = "open pictures"
CLICK, SLIDER, PART = "a click", "a slider", "another part"
WHOLE, REFINED = "the whole mask", "a refined mask"
DAEMON = "in the daemon"
MEGAPIXELS = 24.0
VIEW = 1024  # pixels of the longer side
EFFORT = Effort(seconds=30.0, least=3, most=15)
QUICK = Effort(seconds=1.0, least=2, most=2)


def measure(place: Workplace, subject: Subject) -> list[Sample]:
    """A round is what a person does: a click, a slider, a look elsewhere, the whole mask; then a mask refined."""
    layer = Layer(MEGAPIXELS)
    view = [0, 0, layer.width, layer.height, VIEW, round(layer.height * VIEW / layer.width)]
    numbers = itertools.count(1)
    with place.daemon(subject.arithmetic) as daemon:
        with daemon.start("--keep-alive", "forever").session() as session:
            hint = np.asarray(session.mask(layer.frame, layer.width, layer.height, "RGBA8", edges="off").alpha) > 127
            drawn = (hint * np.uint8(255)).data
            with session.open(layer.frame, layer.width, layer.height, "RGBA8", hint=drawn) as picture:
                clicks: list[list[int]] = []
                model = {"model": subject.spec.id, "second_look": False}

                def click() -> Run:
                    number = next(numbers)
                    clicks[:] = [[layer.width * (3 + number % 5) // 10, layer.height * (2 + number % 7) // 10]]
                    return _ask(picture.mask, view=view, keep=clicks, **model)

                def part() -> Run:
                    left = next(numbers) * 7 % (layer.width - VIEW)
                    return _ask(picture.mask, view=[left, 500, left + VIEW, 1268, VIEW, 768], keep=clicks, **model)

                tasks: dict[str, Callable[[], Run]] = {
                    CLICK: click,
                    SLIDER: lambda: _ask(picture.mask, view=view, keep=clicks, grow=8 + next(numbers) % 5, **model),
                    PART: part,
                    WHOLE: lambda: _ask(picture.mask, keep=clicks, **model),
                    REFINED: lambda: _ask(picture.refine, view=view, reach=20 + next(numbers) % 40),
                }
                return in_turns(subject.name, MEGAPIXELS, tasks, QUICK if place.quick else EFFORT)


def _ask(question: Callable[..., Mask], **options: Any) -> Run:
    """Ask. Stages: the daemon's own seconds together; what is left is the transport."""
    masks: list[Mask] = []
    run = timed(lambda: masks.append(question(**options)))
    return Run(run.seconds, {DAEMON: sum(masks[0].info.timings.values())})
