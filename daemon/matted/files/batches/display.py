"""Show progress, results and errors on the terminal while pictures are worked on."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from matted_client.endpoint import COMPLAINT
from matted_client.grounds import describe_ground
from matted_client.messages import MaskResult, Progress
from matted_client.models import FIRST, ONLY, why_chosen
from matted_client.options import FLAT
from matted_client.progress import describe, overall
from matted_client.refiners import describe_refiner

from matted.files.batches.outcomes import EXISTING, PLANNED, UNMATCHED, Outcome

if TYPE_CHECKING:  # else imported where there is a bar: in a script it takes longer than the rest of this module
    from tqdm import tqdm

_NO_CHOICE = (ONLY, FIRST)  # reasons for which there is nothing to tell: there was one model


class Lines:
    """The same for programs, in the place of a Display: a line of JSON on stdout for each picture, and one at the end.

    Keys of a picture's line are the columns of a report; what made the mask and warnings come in `result`.
    """

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass

    def begin(self, source: Path) -> None:
        """Show nothing."""

    def show_progress(self, source: Path, progress: Progress) -> None:
        """Show nothing."""

    def show(self, outcome: Outcome, timings: bool) -> None:
        """Print what came of a picture."""
        row: dict[str, Any] = outcome.row()
        error = {name: row.pop(key) for name, key in (("code", "code"), ("message", "why"), ("hint", "hint"))}
        row["error"] = None if outcome.error is None else error
        row["result"] = None if outcome.info is None else dict(vars(outcome.info))
        self._print(row)

    def note(self, sentence: str) -> None:
        """Print what is worth knowing of the run."""
        if sentence:
            self._print({"note": sentence})

    def end(self, sentence: str, facts: Mapping[str, Any]) -> None:
        """Print what came of all."""
        self._print(facts)

    def _print(self, facts: Mapping[str, Any]) -> None:
        print(json.dumps(facts), flush=True)


class Display:
    """Progress bars on stderr: one for the pictures, one for a download. May be used from any thread.

    With a single picture its bar shows the progress within it, else how many pictures are done. Progress of any other
    picture than that of the latest `begin` is ignored.
    """

    def __init__(self, count: int, single: bool, aside: bool = False) -> None:
        """Show the bars, if stderr is a terminal.

        count: how many pictures there are; 0 where that is not known.
        single: whether it is one that was asked for alone.
        aside: whether stdout has the result itself, so that all goes to stderr.
        """
        self._out = sys.stderr if aside else sys.stdout
        self._aside = aside
        self._bar = _bar(count, single) if sys.stderr is not None and sys.stderr.isatty() else None
        self._single = single
        self._named = single or not count
        self._download: tqdm[None] | None = None
        self._current: Path | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end_download()
        if self._bar is not None:
            self._bar.close()

    def begin(self, source: Path) -> None:
        """Show the progress of this picture from now on."""
        with self._lock:
            self._current = source
            if self._bar is not None:
                self._bar.set_description(source.name)

    def show_progress(self, source: Path, progress: Progress) -> None:
        """Show how far a picture is, if it is the current one."""
        with self._lock:
            if source != self._current:
                return
            if progress.stage == "downloading":
                self._show_download(progress)
                return
            self._end_download()
            if self._single and self._bar is not None:
                self._bar.set_description(describe(progress))
                self._bar.update(max(0.0, overall(progress) - self._bar.n))

    def show(self, outcome: Outcome, timings: bool) -> None:
        """Print what came of a picture: the file of its result, and warnings; or why there is none.

        timings: also what made it, the seconds of each stage, and what a flat ground did. Without them, only what was
        chosen, where nobody had named a model and there are several, and which one refined the edge.
        """
        self._advance()
        if outcome.error is not None and outcome.state != UNMATCHED:
            self._print(f"{COMPLAINT}{outcome.error.message}", sys.stderr)
            if outcome.error.hint:
                self._print(f"        {outcome.error.hint}", sys.stderr)
        elif outcome.state == PLANNED:
            self._print(f"{outcome.source} -> {outcome.target}", self._out)
        elif outcome.info is not None:
            self._show_result(outcome.target, outcome.info, timings)
        elif self._single and outcome.state == EXISTING:
            self._print(str(outcome.target), self._out)

    def _show_result(self, target: Path, info: MaskResult, timings: bool) -> None:
        if (self._named or timings) and not self._aside:
            self._print(str(target), self._out)
        ground = describe_ground(info)
        if timings:
            stages = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in info.timings.items())
            self._print(f"    {_maker(info)}{stages}", self._out)
            for line in (ground, why_chosen(info.reason) if info.reason else ""):
                if line:
                    self._print(f"    {line}", self._out)
        elif self._single and info.chosen and info.reason not in _NO_CHOICE:
            self._print(f"    {_chosen(info)}", sys.stderr)
        refiner = describe_refiner(info)
        if refiner and (timings or self._single):
            self._print(f"    {refiner}", self._out if timings else sys.stderr)
        for warning in info.warnings:
            self._print(f"    {warning}", sys.stderr)

    def note(self, sentence: str) -> None:
        """Print what the person should know of the run, if there is something."""
        if sentence:
            print(end="", flush=True)  # so that it comes behind the results where both go to one file
            self._print(sentence, sys.stderr)

    def end(self, sentence: str, facts: Mapping[str, Any]) -> None:
        """Say in a sentence what came of all. facts: the same for programs."""
        self._print(sentence, self._out)

    def _print(self, line: str, file: TextIO) -> None:
        """Print a line, above the bar if there is one."""
        if self._bar is not None:
            self._bar.write(line, file=file)
        else:
            print(line, file=file)

    def _advance(self) -> None:
        with self._lock:
            self._current = None
            self._end_download()
            if self._bar is not None:
                self._bar.update(max(0.0, 1.0 - self._bar.n) if self._single else 1)

    def _show_download(self, progress: Progress) -> None:
        if self._download is None:
            from tqdm import tqdm

            self._print(describe(progress), sys.stderr)
            form = "{percentage:3.0f}% |{bar}| {elapsed}"
            self._download = tqdm(total=1.0, bar_format=form)
        self._download.update(max(0.0, (progress.fraction or 0.0) - self._download.n))

    def _end_download(self) -> None:
        if self._download is not None:
            self._download.update(max(0.0, 1.0 - self._download.n))
            self._download.close()
            self._download = None


def _maker(info: MaskResult) -> str:
    """Say what made the mask, to stand before the seconds that it took."""
    if not info.model:
        return ""
    return f"{info.model} on {info.device}: " if info.device else f"{info.model}: "


def _chosen(info: MaskResult) -> str:
    """Say what was chosen by itself, why, and how to have another."""
    if info.model == FLAT:
        return f"{describe_ground(info)} For a model: --model ID"
    return f"{info.model} was chosen by itself. {why_chosen(info.reason)} For another: --model ID"


def _bar(count: int, single: bool) -> tqdm[None]:
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}% |{bar}|" if single else None
    return tqdm(total=1.0 if single else count or None, leave=not single, bar_format=form, unit=" pictures")
