"""Carry out a plan: tell what came of the pictures in their order, write report and sheet, and sum up at the end."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from matted_client import MattedError

from matted.files import pictures
from matted.files.batches import outcomes, report, runner
from matted.files.batches.display import Display, Lines
from matted.files.batches.outcomes import EXISTING, LEFT, PLANNED, Outcome, Tally
from matted.files.batches.plan import Plan, refuse_among, refuse_to_replace_inputs
from matted.files.batches.report import Report
from matted.files.batches.runner import Runner, RunOptions, Step

if TYPE_CHECKING:
    from matted.files.batches.contact import Contact

_AHEAD = 64  # pictures that may be done while one before them is not

Stopping = Callable[[], bool]  # whether the person wants the run to end when the pictures in work are done


@dataclass(frozen=True)
class Manner:
    """How a run goes, and what it tells.

    jobs: how many pictures are in work at once.
    dry: whether nothing is done, and only what would be is told.
    report, sheet: files that are written as well; None for none.
    for_programs: whether what is printed is JSON.
    aside: whether stdout has the result itself, so that nothing else may be printed there.
    called: how files are called that the person has not named, by their paths: what came through a pipe.
    """

    jobs: int = runner.JOBS
    dry: bool = False
    report: Path | None = None
    sheet: Path | None = None
    for_programs: bool = False
    aside: bool = False
    called: Mapping[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ending:
    """How a run ended. succeeded: whether every picture has its result. interrupted: whether pictures are left."""

    succeeded: bool
    interrupted: bool


def run(work: Plan, options: RunOptions, manner: Manner | None = None, stopping: Stopping = lambda: False) -> Ending:
    """Carry out the steps, some at the same time.

    An error does not stop the other steps. When `stopping` says so, what is in work is finished, nothing else begun.

    Raises PictureError if the plate cannot be read, a result would replace something that is read, or report or sheet
    must not be written: in a dry run, too.
    """
    manner = manner or Manner()
    with Batch(work, options, manner, len(work.steps)) as batch:
        todo = deque(work.steps)
        while todo or batch.in_work:
            while todo and batch.in_work < _AHEAD + manner.jobs and not stopping():
                batch.submit(todo.popleft())
            if stopping():
                todo.extendleft(reversed(batch.take_back()))
                if not batch.in_work:
                    break
            batch.settle(runner.POLL_SECONDS)
        return batch.finish(todo)


class Batch:
    """A run: begins steps, tells what came of each in their order, and counts. Leaving the block cancels the rest."""

    def __init__(self, work: Plan, options: RunOptions, manner: Manner, count: int) -> None:
        """count: how many pictures there will be; 0 where that is not known."""
        self._work = work
        self._options = options
        self._manner = manner
        self._open_ended = not count
        self._tally = Tally()
        self._begun: deque[tuple[Step, Future[Outcome]]] = deque()
        self._end = ExitStack()
        self._report: Report | None = None
        self._sheet: Contact | None = None
        self._before: dict[str, dict[str, object]] = {}
        again = work.overwrite or work.skip_existing
        refuse_to_replace_inputs(work.steps, options.reads)
        if manner.report is not None:
            report.refuse_to_replace(manner.report, again)
            pictures.refuse_unwritable(manner.report)
            refuse_among(manner.report, work, options.reads)
            self._before = report.earlier(manner.report) if work.skip_existing else {}
        if manner.sheet is not None:
            from matted.files.batches.contact import Contact  # it needs NumPy, which runs without a sheet need later

            self._sheet = Contact(manner.sheet, count and count + len(work.unmatched), again)
            for page in self._sheet.pages:
                refuse_among(page, work, options.reads)
        self._plate = pictures.read(options.plate) if options.plate else None
        self._display = Lines() if manner.for_programs else Display(count, work.alone, manner.aside)

    def __enter__(self) -> Batch:
        manner, work = self._manner, self._work
        if manner.dry:
            self._sheet = None
        elif manner.report is not None:
            self._report = self._end.enter_context(Report(manner.report, self._earlier_rows()))
        self._end.enter_context(self._display)
        show = self._display.show_progress
        self._runner = self._end.enter_context(
            Runner(
                self._options,
                self._plate,
                work.overwrite,
                show,
                manner.jobs,
                self._sheet is not None,
                work.skip_existing,
            )
        )
        for source, found in work.unmatched.items():
            self._tell(outcomes.unmatched(source, work.wanted, found))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end.close()

    @property
    def in_work(self) -> int:
        """How many steps were begun, and not told of yet."""
        return len(self._begun)

    def submit(self, step: Step) -> None:
        """Begin a step, when there is room for it."""
        done: Future[Outcome]
        if self._passes(step):
            if self._sheet is not None:
                done = self._runner.look(step)
            else:
                done = Future()
                done.set_result(Outcome(step.source, step.target, EXISTING))
        elif self._manner.dry:
            done = self._runner.plan(step, closely=self._work.alone)
        else:
            done = self._runner.submit(step)
        self._begun.append((step, done))

    def take_back(self) -> list[Step]:
        """Return the steps that were submitted and have not begun; they are forgotten."""
        taken = [(step, future) for step, future in self._begun if future.cancel()]
        self._begun = deque(pair for pair in self._begun if not pair[1].cancelled())
        return [step for step, _ in taken]

    def settle(self, seconds: float) -> Outcome | None:
        """Wait for the oldest step, and tell what came of it. Returns None if it is not done yet, or there is none."""
        if not self._begun:
            return None
        step, future = self._begun[0]
        self._display.begin(step.source)
        if not wait([future], seconds).done:
            return None
        self._begun.popleft()
        outcome = self._named(future.result())
        self._tell(outcome)
        return outcome

    def note(self, sentence: str) -> None:
        """Tell something of the run."""
        self._display.note(sentence)

    def draw(self) -> None:
        """Write the page of the sheet that is not full yet."""
        if self._sheet is not None:
            try:
                self._sheet.flush()
            except MattedError as error:
                self._give_up(error)
                self._sheet = None

    def finish(self, left: Iterable[Step]) -> Ending:
        """Sum up. left: the steps that were not begun, since the run was interrupted."""
        work, tally = self._work, self._tally
        for step in left:
            self._tell(Outcome(step.source, step.target, LEFT))
        self.draw()
        for sentence in self._sentences():
            self.note(sentence)
        good = {outcomes.DONE, PLANNED, *([EXISTING] if work.skip_existing else [])}
        succeeded = all(state in good for state, number in tally.counts.items() if number)
        ending = Ending(succeeded, tally.counts[LEFT] > 0)
        if not work.alone or self._manner.for_programs:
            said = _would(tally) if self._manner.dry else tally.sentence(work.skip_existing)
            self._display.end(said, self._facts(ending))
        elif tally.counts[EXISTING]:
            self.note("It was there already.")
        if not self._manner.for_programs:
            for sentence in self._remarks():
                self.note(sentence)
        return ending

    def _sentences(self) -> Iterator[str]:
        """Say where the sheets are."""
        written = self._sheet.written if self._sheet is not None else []
        if len(written) == 1:
            yield f"The results on a sheet: {written[0]}"
        elif written:
            yield f"The results on {len(written)} sheets: {written[0]} to {written[-1].name}"

    def _remarks(self) -> Iterator[str]:
        """Say what is behind the count."""
        work, tally = self._work, self._tally
        existing, left = tally.counts[EXISTING], tally.counts[LEFT]
        if left:
            pictures_are = "1 picture is" if left == 1 else f"{left} pictures are"
            instead = " in the place of --force" if work.overwrite else ""
            how = "the same command" + ("" if work.skip_existing else f" with --skip-existing{instead}")
            yield f"Interrupted: {pictures_are} left. To go on: {how}"
        if existing and not work.skip_existing and not work.alone:
            were, them = ("1 result was", "it") if existing == 1 else (f"{existing} results were", "them")
            yield f"{were} there already. To count {them} as done: --skip-existing. To make {them} anew: --force."
        if not self._options.mask:
            yield from tally.lost(work.form, work.alone)
        yield from tally.why_not()
        yield str(work.passed_over)
        yield outcomes.name_unmatched(work.wanted, work.unmatched)

    def _facts(self, ending: Ending) -> dict[str, object]:
        counts = {state.replace(" ", "_"): self._tally.counts[state] for state in outcomes.STATES}
        sheets = [str(path) for path in self._sheet.written] if self._sheet is not None else []
        passed_over = self._work.passed_over.counts()
        facts = {"ok": ending.succeeded, "interrupted": ending.interrupted, "pictures": self._tally.counts.total()}
        return {**facts, **counts, "passed_over": passed_over, "sheets": sheets}

    def _passes(self, step: Step) -> bool:
        """Whether a step is passed over, as its result is there.

        A picture that was named alone and whose result exists is left to the runner, which refuses it as one picture.
        """
        work = self._work
        return not work.overwrite and (work.skip_existing or not work.alone) and os.path.isfile(step.target)

    def _earlier_rows(self) -> Iterator[dict[str, object]]:
        """Yield the rows of pictures whose results exist: what the report of an earlier run says of them stays."""
        if self._open_ended:
            yield from self._before.values()
        for step in self._work.steps:
            row = self._before.get(str(step.source))
            if self._passes(step) and row is not None and row["target"] == str(step.target):
                yield row
            else:
                self._before.pop(str(step.source), None)

    def _tell(self, outcome: Outcome) -> None:
        self._tally.add(outcome)
        if outcome.state != LEFT or self._manner.for_programs:
            self._display.show(outcome, self._options.timings)
        try:
            if self._report is not None and not (outcome.state == EXISTING and str(outcome.source) in self._before):
                self._report.add(outcome.row())
        except MattedError as error:
            self._give_up(error)
            self._report = None
        try:
            if self._sheet is not None:
                self._sheet.add(outcome)
        except MattedError as error:
            self._give_up(error)
            self._sheet = None

    def _named(self, outcome: Outcome) -> Outcome:
        """Return an outcome with the names that the person knows."""
        called = self._manner.called
        if outcome.error is not None:
            for path, name in called.items():
                outcome.error.message = outcome.error.message.replace(str(path), name)
        source, target = (Path(called.get(path, path)) for path in (outcome.source, outcome.target))
        return replace(outcome, source=source, target=target)

    def _give_up(self, error: MattedError) -> None:
        """Tell why report or sheet ends: the pictures go on."""
        self.note(f"{error} The run goes on without.")


def _would(tally: Tally) -> str:
    """Say what a run would do."""
    counts, total = tally.counts, tally.counts.total()
    there = f", {counts[EXISTING]} with a result that is there already" if counts[EXISTING] else ""
    return f"{counts[PLANNED]} of {total} {'picture' if total == 1 else 'pictures'} would be done{there}."
