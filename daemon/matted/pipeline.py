"""One mask from start to end, in the worker thread: find the weights, load, prepare, infer, make the mask."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest, MaskResult, Progress
from numpy.typing import NDArray

from matted import imaging
from matted.backend import Model
from matted.jobs import Job
from matted.models.cache import ModelCache
from matted.models.catalogue import Row
from matted.models.store import Store


@dataclass(frozen=True)
class Outcome:
    """A finished mask: height x width, uint8 or little-endian uint16. foreground: height x width x 3, RGB8, or None."""

    info: MaskResult
    mask: NDArray[np.uint8 | np.uint16]
    foreground: NDArray[np.uint8] | None


class Pace:
    """How long an inference of each model took lately, to say how far the running one is."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def record(self, model: str, seconds: float) -> None:
        before = self._seconds.get(model, seconds)
        self._seconds[model] = 0.7 * before + 0.3 * seconds

    def progress(self, model: str, elapsed: float) -> Progress:
        expected = self._seconds.get(model)
        if not expected:
            return Progress("inference")
        return Progress("inference", min(0.99, elapsed / expected))


class Pipeline:
    """Turns jobs into outcomes, one at a time."""

    def __init__(self, store: Store, cache: ModelCache) -> None:
        self._store = store
        self._cache = cache
        self._pace = Pace()

    def load(self, job: Job, row: Row, keep_alive: float) -> None:
        """Have the model in memory. Raises as `run` does."""
        with self._model(job, row, keep_alive, _Clock(job.submitted)):
            pass

    def run(self, job: Job, request: MaskRequest, row: Row, keep_alive: float) -> Outcome:
        """Raises Rejected, MemoryError, or what OpenVINO raises (RuntimeError)."""
        clock = _Clock(job.submitted)
        clock.lap("waiting")
        with self._model(job, row, keep_alive, clock) as model:
            job.progress = Progress("preparing")
            shown = imaging.fit(request.width, request.height, model.size)
            pictures = [
                imaging.prepare_input(frame, request.width, request.height, request.format, row, shown)
                for frame in job.frames
            ]
            clock.lap("preparing")
            job.check()
            outputs = [shown.crop(raw, request.width, request.height) for raw in self._infer(job, model, pictures)]
            clock.lap("inference")
        job.progress = Progress("mask")
        raw = imaging.activate(outputs[0][0], row)
        if not imaging.shows_subject(raw, row):
            raise Rejected(
                messages.NO_SUBJECT,
                "No subject was found in this picture.",
                "Try a picture whose subject stands out from its background.",
            )
        matte = imaging.make_matte(raw, row)
        mask = imaging.make_mask(matte, request.width, request.height, request.depth)
        foreground = None
        if request.foreground and len(outputs) > 1:
            foreground = imaging.make_foreground(outputs[1], request.width, request.height)
        clock.lap("mask")
        job.check()
        info = MaskResult(
            width=request.width,
            height=request.height,
            depth=request.depth,
            model=row.id,
            device=model.device,
            coverage=min(1.0, float(matte.mean())),
            foreground=foreground is not None,
            timings=clock.laps,
            warnings=[model.note] if model.note else [],
        )
        return Outcome(info, mask, foreground)

    @contextmanager
    def _model(self, job: Job, row: Row, keep_alive: float, clock: _Clock) -> Iterator[Model]:
        def downloading(fraction: float) -> None:
            job.progress = Progress("downloading", fraction, detail=row.summary)

        downloaded = self._store.obtain(row, downloading, job.check)
        clock.lap("downloading" if downloaded else "")
        job.check()
        job.progress = Progress("loading", detail=row.id)
        with self._cache.use(row, keep_alive) as (model, loaded):
            clock.lap("loading" if loaded else "")
            yield model

    def _infer(self, job: Job, model: Model, pictures: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        start = time.monotonic()
        job.estimate = lambda: self._pace.progress(model.row.id, time.monotonic() - start)
        outputs: list[NDArray[np.float32]] = []
        try:
            job.run_interruptible(lambda: outputs.extend(model.infer(pictures)), model.cancel)
        except RuntimeError:
            job.check()  # a cancelled inference raises
            raise
        finally:
            job.estimate = None
        self._pace.record(model.row.id, time.monotonic() - start)
        return outputs


class _Clock:
    """Seconds by stage. A lap without a name belongs to no stage: it found nothing to do."""

    def __init__(self, start: float) -> None:
        self.laps: dict[str, float] = {}
        self._last = start

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        if stage:
            self.laps[stage] = now - self._last
        self._last = now
