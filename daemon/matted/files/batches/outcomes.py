"""What came of each picture of a run, and of all: rows for reports and programs, sentences for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Told:
    """What a tally remembers of an outcome. why: the error's message."""

    state: str
    kept: Kept | None
    why: str


class Tally:
    """Counts the outcomes of a run: of each picture the last one, since a folder that is watched may mend it."""

    def __init__(self) -> None:
        self._told: dict[Path, _Told] = {}

    @property
    def counts(self) -> Counter[str]:
        """How many pictures there are of each state."""
        return Counter(told.state for told in self._told.values())

    def add(self, outcome: Outcome) -> None:
        """Count an outcome, in the place of an earlier one of the same picture."""
        why = str(outcome.source) if outcome.error is None else outcome.error.message
        self._told[outcome.source] = _Told(outcome.state, outcome.kept, why)

    def sentence(self, counts_existing: bool) -> str:
        """Say how many pictures are done. counts_existing: whether those are that were done before."""
        counts = self.counts
        before = counts[EXISTING] if counts_existing else 0
        now, total = counts[DONE], counts.total()
        noun, which = ("picture", "") if total == 1 else ("pictures", f"{before} of them ")
        return f"{now + before} of {total} {noun} done" + (f", {which}in an earlier run." if before else ".")

    def why_not(self) -> Iterator[str]:
        """Say which pictures have no result, and why if that was said too long ago to be still seen."""
        again = len(self._told) > _LINES
        for state, title in ((NO_SUBJECT, "Without a subject"), (FAILED, "Failed")):
            found = [told.why for told in self._told.values() if told.state == state]
            if not again or not found:
                continue
            yield f"{title}, {len(found)} of them:"
            for why in found[:_NAMES_SAID]:
                yield f"    {why}"
            if len(found) > _NAMES_SAID:
                yield f"    and {len(found) - _NAMES_SAID} more; --report FILE has all of them."

    def lost(self, form: Form, alone: bool) -> Iterator[str]:
        """Say what results could not keep: bits of a sample, and colours of other kinds than RGB.

        form: of the results. alone: whether it is a single picture.
        """
        better = [other for other in (PNG, TIFF) if other.bits > form.bits]
        hint = f" To keep more: --format {better[-1].name}" if better else ""
        all_kept = [told.kept for told in self._told.values() if told.kept is not None]
        fewer = [kept for kept in all_kept if kept.bits > kept.written]
        if fewer and alone:
            yield f"The picture has {fewer[0].bits} bits a channel, the result has {fewer[0].written}.{hint}"
        elif fewer:
            yield f"{len(fewer)} of them had more bits a channel than their results have.{hint}"
        for colours, count in Counter(kept.colours for kept in all_kept if kept.colours).items():
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
