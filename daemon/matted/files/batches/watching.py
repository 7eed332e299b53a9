"""Watch folders, and take pictures when they are completely written: those that come, and those without a result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from matted_client import MattedError

from matted.files.batches import finding
from matted.files.batches.batch import Batch, Ending, Manner
from matted.files.batches.outcomes import Outcome
from matted.files.batches.plan import Plan
from matted.files.batches.runner import RunOptions, Step

GET_WATCHFILES = "Get it with: pip install 'matted[watch]', or: pipx inject matted watchfiles"
SETTLED_SECONDS = 1.0  # that size and time of a file have to stay the same for it to be whole
_LOOK_SECONDS = 0.5  # between two looks at files that are not settled, or pictures in work
_SHARE = 10  # times what a look has taken: large folders are looked at less often while pictures are in work
_REST_SECONDS = 10.0  # after which folders are looked at unasked: those of other computers do not tell of changes
_AGAIN_SECONDS = 10.0  # after which a picture is tried again that the daemon could not be asked about
_NOT_ANSWERED = ("unavailable", "not_running", "timeout", "protocol", "shutting_down", "busy")

Signature = tuple[int, int]  # size, and time of the last change in nanoseconds
PlanFor = Callable[[Sequence[Path]], Plan]  # plans for folders; raises NoPictures if one has none


def run(folders: Sequence[Path], plan_for: PlanFor, options: RunOptions, manner: Manner, stopping: Any) -> Ending:
    """Work on pictures as they come, until `stopping` says so; what is in work is finished then.

    folders: that are watched.
    plan_for: plans where the results of a folder's pictures go; existing results are left out by it.
    stopping: says when it is called, and by is_set(), whether the person wants it to end.

    Raises MattedError if watchfiles is missing, or a folder is no folder.
    """
    watch = _library()
    watched = [Watched(folder, plan_for) for folder in folders]
    empty = Plan([], False, True, finding.PassedOver(), False, options.form)
    with Batch(empty, options, manner, 0) as batch:
        batch.note(f"Watching {', '.join(map(str, folders))}. Ctrl-C ends it.")
        due = 0.0
        while not stopping():
            start = time.monotonic()
            if start >= due or not batch.in_work:
                for each in watched:
                    for step in each.look(start, batch.note):
                        batch.submit(step)
                due = time.monotonic() + _SHARE * (time.monotonic() - start)
            while (outcome := batch.settle(0)) is not None:
                for each in watched:
                    each.note(outcome, time.monotonic())
            if not batch.in_work:
                batch.draw()
            _wait(watch, watched, batch.in_work > 0, stopping)
        left = batch.take_back()
        while batch.in_work:
            batch.settle(_LOOK_SECONDS)
        return batch.finish(left)


class Watched:
    """A folder that is watched: what is in it, what is settled, and what was worked on."""

    def __init__(self, folder: Path, plan_for: PlanFor) -> None:
        """Raises MattedError if it is no folder, or no results can be planned for it."""
        if not folder.is_dir():
            raise MattedError(f"{folder} is no folder.", "--watch takes folders that pictures are put into.")
        self.folder = folder
        self.there = True
        self._plan_for = plan_for
        self._seen: dict[Path, tuple[Signature, float]] = {}  # since when each file is as it is
        self._begun: dict[Path, Signature] = {}  # as the file was
        self._targets: set[Path] = set()  # of the results, which may lie in the same folder
        self._again: dict[Path, float] = {}  # when to try once more
        self._unreadable: set[Path] = set()
        self._problem = ""  # why there is no plan, as it was said last
        with suppress(finding.NoPictures):
            plan_for([folder])

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be expected unless something changes."""
        return not self._again and all(path in self._begun for path in self._seen)

    def look(self, now: float, say: Callable[[str], None]) -> list[Step]:
        """Return the steps of pictures that are whole, were not begun, and have no result.

        now: of the monotonic clock. say: tells the person something.
        """
        if not self._is_there(say):
            return []
        try:
            work = self._plan_for([self.folder])
        except finding.NoPictures:
            self._seen.clear()
            self._problem = ""
            return []
        except MattedError as error:
            if str(error) != self._problem and self.folder.is_dir():  # else it has gone just now
                say(str(error))
                self._problem = str(error)
            self._seen.clear()
            return []
        self._problem = ""
        sources = {step.source for step in work.steps}
        self._seen = {path: seen for path, seen in self._seen.items() if path in sources}
        return [step for step in work.steps if self._is_due(step, now, say)]

    def note(self, outcome: Outcome, now: float) -> None:
        """Heed what came of a picture: one that the daemon was not asked about is tried again."""
        if outcome.source in self._begun and outcome.error is not None and outcome.error.code in _NOT_ANSWERED:
            self._again[outcome.source] = now + _AGAIN_SECONDS

    def _is_there(self, say: Callable[[str], None]) -> bool:
        there = self.folder.is_dir()
        if there != self.there:
            self.there = there
            say(f"{self.folder} is there again." if there else f"{self.folder} is gone. It is waited for; Ctrl-C ends.")
        return there

    def _is_due(self, step: Step, now: float, say: Callable[[str], None]) -> bool:
        """Whether a picture is to be begun now. It counts as begun then."""
        source = step.source
        if source in self._targets:
            return False
        signature = _signature(source)
        if signature is None:
            self._seen.pop(source, None)
            return False
        if source in self._again:
            if now < self._again[source]:
                return False
            del self._again[source]
            return True
        begun = self._begun.get(source)
        if begun == signature:
            self._seen[source] = (signature, now)
            return False
        before, since = self._seen.get(source, (None, now))
        if before != signature:
            self._seen[source] = (signature, now)
            return False
        if now - since < SETTLED_SECONDS:
            return False
        if os.path.isfile(step.target):  # also of one that has changed since: its result stays
            self._begun[source] = signature
            return False
        if not self._is_readable(source, say):
            return False
        self._begun[source] = signature
        self._targets.add(step.target)
        return True

    def _is_readable(self, source: Path, say: Callable[[str], None]) -> bool:
        """Whether it can be opened. On Windows it cannot while another program writes it."""
        try:
            with open(source, "rb"):
                self._unreadable.discard(source)
                return True
        except OSError as error:
            if source not in self._unreadable:
                self._unreadable.add(source)
                say(f"{source} cannot be read yet: {error.strerror}.")
            return False


def _signature(path: Path) -> Signature | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _wait(watch: Any, watched: Sequence[Watched], busy: bool, stopping: Any) -> None:
    """Wait until something has changed in a folder, or it is time to look again."""
    settled = not busy and all(each.is_settled and each.there for each in watched)
    seconds = _REST_SECONDS if settled else _LOOK_SECONDS
    places = [each.folder for each in watched if each.there]
    deadline = time.monotonic() + seconds
    if not settled or not places:  # what is looked for now makes no change: time has to pass
        while time.monotonic() < deadline and not stopping():
            time.sleep(0.05)
        return
    try:
        for _ in _changes(watch, places, seconds, stopping):
            return
    except OSError:  # it has gone just now
        return


def _changes(watch: Any, places: Sequence[Path], seconds: float, stopping: Any) -> Iterator[object]:
    milliseconds = round(seconds * 1000)
    yield from watch(
        *places,
        watch_filter=None,
        stop_event=stopping,
        step=50,
        debounce=200,
        rust_timeout=milliseconds,
        yield_on_timeout=True,
        raise_interrupt=True,
    )


def _library() -> Any:
    """Import watchfiles. Raises MattedError if it is not there."""
    try:
        from watchfiles import watch
    except ImportError as error:
        raise MattedError("watchfiles is not installed, by which folders are watched.", GET_WATCHFILES) from error
    return watch
