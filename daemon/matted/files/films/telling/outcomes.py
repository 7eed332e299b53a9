"""What comes of a film: counted frame by frame, and told to people, to programs and in a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matted_client import MattedError
from matted_client.messages import MaskResult

from matted.files.batches import outcomes
from matted.files.batches.outcomes import EXISTING, Outcome
from matted.files.films.forms import FilmForm
from matted.files.films.source import About
from matted.files.framing.frame import Frame as Framing

if TYPE_CHECKING:
    from matted.files.films.runner import Film


@dataclass
class Tally:
    """What is counted in a run.

    frames: whose results this run has made. total: those of the film, as far as they were taken.
    info: what the daemon said of the first.
    warnings: the daemon's, and of how many frames. stages: seconds of all frames together.
    empty: how many frames have no subject.
    """

    frames: int = 0
    total: int = 0
    info: MaskResult | None = None
    warnings: Counter[str] = field(default_factory=Counter)
    stages: dict[str, float] = field(default_factory=dict)
    empty: int = 0
    _coverage: float = 0.0
    _confidence: float = 0.0

    def count(self, info: MaskResult) -> None:
        """Count a frame."""
        self.frames += 1
        self.info = self.info or info
        self.warnings.update(info.warnings)
        self.empty += info.coverage == 0
        self._coverage += info.coverage
        self._confidence += info.confidence
        for stage, seconds in info.timings.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + seconds

    @property
    def mean(self) -> MaskResult | None:
        """What the daemon said of the first frame, with the mean coverage and confidence of all; None: of none."""
        if self.info is None:
            return None
        return replace(
            self.info,
            coverage=self._coverage / self.frames,
            confidence=self._confidence / self.frames,
            timings=dict(self.stages),
        )

    def sentences(self) -> Iterator[str]:
        """Say what the daemon warned of, and in how many frames."""
        for warning, count in self.warnings.items():
            which = "In 1 frame" if count == 1 else f"In {count} frames"
            yield f"{which}: {warning.rstrip('.')}."


@dataclass(frozen=True)
class FilmOutcome:
    """What came of one film.

    state: one of the states of pictures: outcomes.STATES.
    size: width and height of its result.
    frames: of the result; of a film that is planned about so many; None: nobody knows.
    tally: of this run; None: it has made nothing.
    sound_kept: whether the result has the sound; None: it has none, or that is not known yet.
    warnings: sentences.
    error: why there is no result.
    seconds: of the run.
    """

    film: Film
    state: str
    size: tuple[int, int]
    frames: int | None = None
    tally: Tally | None = None
    sound_kept: bool | None = None
    warnings: tuple[str, ...] = ()
    error: MattedError | None = None
    seconds: float | None = None

    def row(self) -> dict[str, Any]:
        """Return what a report tells of it, by the names of its columns. `why` has the warnings where it is done."""
        info = self.tally.mean if self.tally is not None else None
        row = Outcome(self.film.source.path, self.film.target, self.state, self.error, info, self.seconds).row()
        return {**row, "why": row["why"] or " ".join(self.warnings)}

    def facts(self) -> dict[str, Any]:
        """Return what a program is told of it."""
        row, about, form = self.row(), self.film.source.about, self.film.form
        error = {"code": row.pop("code"), "message": row.pop("why"), "hint": row.pop("hint")}
        info = self.tally.mean if self.tally is not None else None
        length = None if self.frames is None else round(float(self.frames / about.rate), 3)
        return {
            **row,
            "device": "" if info is None else info.device,
            "timings": {} if info is None else {stage: round(total, 3) for stage, total in info.timings.items()},
            "width": self.size[0],
            "height": self.size[1],
            "rate": round(float(about.rate), 3),
            "frames": self.frames,
            "made": 0 if self.tally is None else self.tally.frames,
            "length": length,
            "format": form.name,
            "codec": form.codec if isinstance(form, FilmForm) else "",
            "sound": list(about.sound),
            "sound_kept": self.sound_kept,
            "warnings": list(self.warnings),
            "error": None if self.error is None else error,
        }

    def plan(self) -> str:
        """Say what would be made."""
        about, form = self.film.source.about, self.film.form
        if self.state == EXISTING:
            return f"{self.film.source.path} -> {self.film.target}: it is there already"
        kind = form.title if isinstance(form, FilmForm) else f"numbered {form.title} files"
        frames = "" if about.count is None else f", about {about.count} frames"
        sound = ""
        if about.sound:
            takes = isinstance(form, FilmForm) and form.sound
            sound = f", sound ({', '.join(dict.fromkeys(about.sound))})" if takes else ", without its sound"
        what = f"{kind}, {self.size[0]} x {self.size[1]} pixels{frames}, {float(about.rate):.4g} a second{sound}"
        return f"{self.film.source.path} -> {self.film.target}: {what}"


def failure(film: Film, size: tuple[int, int], error: MattedError, seconds: float | None = None) -> FilmOutcome:
    """Make the outcome of a film that has no result."""
    state = outcomes.failure(film.source.path, film.target, error).state
    return FilmOutcome(film, state, size, error=error, seconds=seconds)


def size_of_results(about: About, frame: Framing) -> tuple[int, int]:
    """Return the width and height of results. frame: what they are shown on, and how large."""
    width, height = about.size
    return frame.layout(np.zeros((height, width), np.uint8)).size if frame.changes_size else about.size
