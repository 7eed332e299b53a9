"""What came of each picture of a run, and of all: rows for reports and programs, sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matted_client import MattedError, messages
from matted_client.messages import MaskResult
from PIL import Image

from matted.files.formats.known import PNG, TIFF, Form

DONE = "done"
NO_SUBJECT = "no subject"  # the daemon found none
FAILED = "failed"
EXISTING = "existing"  # its result was there before, and stays
UNMATCHED = "unmatched"  # it has no mask, or no plate, or several
LEFT = "left"  # the run ended before it was begun
PLANNED = "planned"  # it would be worked on, in a dry run
STATES = (DONE, NO_SUBJECT, FAILED, EXISTING, UNMATCHED, LEFT, PLANNED)
NOWHERE = Path()  # the target of a picture that is left out

_NAMES_SAID = 20  # of the pictures that something holds for
_LINES = 20  # of a terminal: what was printed before so many pictures is no longer seen


@dataclass(frozen=True)
class Kept:
    """What a result kept of its picture.

    bits: of a sample in the picture's file. written: in the result.
    colours: what the file's colours are, if the result cannot have such ones; else empty.
    """

    bits: int
    written: int = 8
    colours: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of one picture.

    source, target: its file, and that of its result; NOWHERE if none was planned.
    state: one of STATES.
    error: why there is no result; None if there is one, or none was tried.
    info: the daemon's words about the mask; None if there is none.
    seconds: from the reading of the picture to the written result; None if it was not worked on.
    kept: what the result kept; None if there is no result of this run.
    small: the result, as large as a cell of a sheet; None where none is drawn.
    """

    source: Path
    target: Path
    state: str
    error: MattedError | None = None
    info: MaskResult | None = None
    seconds: float | None = None
    kept: Kept | None = None
    small: Image.Image | None = None

    def row(self) -> dict[str, Any]:
        """Return what a report tells of it, by the names of its columns: texts and numbers, None for what is not known.

        `why` is the error's message and hint, `code` its kind.
        """
        info, error = self.info, self.error
        return {
            "source": str(self.source),
            "target": "" if self.target == NOWHERE else str(self.target),
            "state": self.state,
            "why": "" if error is None else error.message,
            "hint": "" if error is None else error.hint,
            "code": "" if error is None else error.code,
            "model": "" if info is None else info.model,
            "seconds": None if self.seconds is None else round(self.seconds, 3),
            "coverage": None if info is None else round(info.coverage, 5),
            "confidence": None if info is None else round(info.confidence, 4),
        }


COLUMNS = tuple(Outcome(Path(), Path(), LEFT).row())


def failure(source: Path, target: Path, error: MattedError, seconds: float | None = None) -> Outcome:
    """Make the outcome of a picture that has no result."""
    state = NO_SUBJECT if error.code == messages.NO_SUBJECT else FAILED
    return Outcome(source, target, state, error, seconds=seconds)


@dataclass
class Tally:
    """Counts the outcomes of a run.

    counts: how many there are of each state.
    failures: the first of the pictures that have no result.
    fewer: how many results have fewer bits than their pictures. first_fewer: what the first of them kept.
    colours: how many pictures had colours of which kind that results cannot have.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[Outcome]] = field(default_factory=dict)
    fewer: int = 0
    first_fewer: Kept | None = None
    colours: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.counts[outcome.state] += 1
        if outcome.state in (NO_SUBJECT, FAILED):
            found = self.failures.setdefault(outcome.state, [])
            if len(found) < _NAMES_SAID:
                found.append(outcome)
        kept = outcome.kept
        if kept is not None and kept.bits > kept.written:
            self.fewer += 1
            self.first_fewer = self.first_fewer or kept
        if kept is not None and kept.colours:
            self.colours[kept.colours] += 1

    def sentence(self, counts_existing: bool) -> str:
        """Say how many pictures are done. counts_existing: whether those are that were done before."""
        before = self.counts[EXISTING] if counts_existing else 0
        now, total = self.counts[DONE], self.counts.total()
        noun, which = ("picture", "") if total == 1 else ("pictures", f"{before} of them ")
        return f"{now + before} of {total} {noun} done" + (f", {which}in an earlier run." if before else ".")

    def why_not(self) -> Iterator[str]:
        """Say which pictures have no result, and why if that was said too long ago to be still seen."""
        again = self.counts.total() > _LINES
        for state, title in ((NO_SUBJECT, "Without a subject"), (FAILED, "Failed")):
            found, count = self.failures.get(state, []), self.counts[state]
            if not again or not found:
                continue
            yield f"{title}, {count} of them:"
            for outcome in found:
                yield f"    {outcome.error.message if outcome.error is not None else outcome.source}"
            if count > len(found):
                yield f"    and {count - len(found)} more; --report FILE has all of them."

    def lost(self, form: Form, alone: bool) -> Iterator[str]:
        """Say what results could not keep: bits of a sample, and colours of other kinds than RGB.

        form: of the results. alone: whether it is a single picture.
        """
        better = [other for other in (PNG, TIFF) if other.bits > form.bits]
        hint = f" To keep more: --format {better[-1].name}" if better else ""
        if self.first_fewer is not None and alone:
            kept = self.first_fewer
            yield f"The picture has {kept.bits} bits a channel, the result has {kept.written}.{hint}"
        elif self.fewer:
            yield f"{self.fewer} of them had more bits a channel than their results have.{hint}"
        for colours, count in self.colours.items():
            which = "The picture" if alone else f"{count} of them"
            was, its = ("was", "its result is") if count == 1 else ("were", "their results are")
            yield f"{which} {was} in {colours}, which results cannot be: {its} in sRGB."


def unmatched(source: Path, wanted: str, found: Sequence[Path]) -> Outcome:
    """Make the outcome of a picture that is left out. wanted: what it needs. found: files that could be that."""
    names = f": {', '.join(path.name for path in found)}" if found else ""
    what = f"several {wanted}s" if found else f"no {wanted}"
    return Outcome(source, NOWHERE, UNMATCHED, MattedError(f"{source} has {what}{names}."))


def name_unmatched(wanted: str, pictures: dict[Path, list[Path]]) -> str:
    """Say in one line which pictures were left out; empty if none were. The parameters are those of a plan."""
    none = [str(source) for source, found in pictures.items() if not found]
    several = [f"{source} ({', '.join(path.name for path in found)})" for source, found in pictures.items() if found]
    sentences = ((f"Without a {wanted}", none), (f"With several {wanted}s", several))
    return " ".join(f"{what}: {_listed(names)}." for what, names in sentences if names)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SAID
    return ", ".join(names[:_NAMES_SAID]) + (f" and {more} more" if more > 0 else "")
