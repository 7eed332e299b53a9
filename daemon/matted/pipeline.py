"""One mask from start to end, in a worker thread: look at the picture, decide what the subject is, make the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest, MaskResult, Progress
from numpy.typing import NDArray

from matted import imaging
from matted.jobs import Job
from matted.look import Clock, Looker, Picture
from matted.models.catalogue import Row


@dataclass(frozen=True)
class Outcome:
    """A finished mask: height x width, uint8 or little-endian uint16. foreground: height x width x 3, RGB8, or None."""

    info: MaskResult
    mask: NDArray[np.uint8 | np.uint16]
    foreground: NDArray[np.uint8] | None


def run(looker: Looker, job: Job, request: MaskRequest, row: Row, keep_alive: float) -> Outcome:
    """Raises Rejected, MemoryError, or what OpenVINO raises (RuntimeError)."""
    clock = Clock(job.submitted)
    clock.lap("waiting")
    picture = Picture(job.frames, request.width, request.height, request.format)
    sight = looker.look(job, picture, row, keep_alive, clock)
    job.progress = Progress("mask")
    raw = imaging.activate(sight.outputs[0][0], row)
    if not request.anyway and not imaging.shows_subject(raw, row):
        raise Rejected(
            messages.NO_SUBJECT,
            "No subject was found in this picture.",
            "Try a picture whose subject stands out from its background.",
        )
    matte = imaging.make_matte(raw, row)
    mask = imaging.make_mask(matte, request.width, request.height, request.depth)
    clock.lap("mask")
    job.check()
    foreground = None
    if request.foreground and len(sight.outputs) > 1:
        foreground = imaging.make_foreground(sight.outputs[1], request.width, request.height)
        clock.lap("colours")
        job.check()
    info = MaskResult(
        width=request.width,
        height=request.height,
        depth=request.depth,
        model=row.id,
        device=sight.device,
        coverage=min(1.0, float(matte.mean())),
        foreground=foreground is not None,
        timings=clock.laps,
        warnings=[sight.note] if sight.note else [],
    )
    return Outcome(info, mask, foreground)
