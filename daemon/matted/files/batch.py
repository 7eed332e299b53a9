"""Carry out a plan: print results and errors in the order of the pictures, and at the end what became of all."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import wait

from matted_client import MattedError

from matted.files import pictures
from matted.files.display import Display
from matted.files.plan import Plan
from matted.files.runner import Result, Runner, RunOptions, Step

_POLL_SECONDS = 0.5  # on Windows Ctrl-C is heeded only between two waits
_RESULT_BITS = 8  # a sample


def run(work: Plan, options: RunOptions) -> bool:
    """Carry out the steps, some at the same time. Return whether all succeeded.

    Results and errors are printed in the order of the steps; an error does not stop the other steps. At the end their
    count is printed on stdout, and what should be known of them on stderr. Raises PictureError if the plate cannot be
    read.
    """
    single = len(work.steps) == 1
    waiting: list[Step] = []
    existing: list[Step] = []
    for step in work.steps:
        # A single picture whose result exists is left to the runner, which refuses it as one picture.
        passed = not work.overwrite and (work.skip_existing or not single) and step.target.exists()
        (existing if passed else waiting).append(step)
    results = _carry_out(waiting, work, options, single) if waiting else []
    if single:
        for step in existing:
            print(step.target)
            _note("It was there already.")
    else:
        what = f", {len(existing)} were there already" if existing and work.skip_existing else ""
        print(f"{len(results)} of {len(work.steps)} pictures done{what}.")
        if existing and not work.skip_existing:
            were, them = ("1 result was", "it") if len(existing) == 1 else (f"{len(existing)} results were", "them")
            _note(f"{were} there already. To count {them} as done: --skip-existing. To make {them} anew: --force.")
    if not options.mask:
        _note(_depth(results, single))
    _note(str(work.passed_over))
    return len(results) == len(waiting) and (work.skip_existing or not existing)


def _carry_out(steps: Sequence[Step], work: Plan, options: RunOptions, single: bool) -> list[Result]:
    """Return the results of the steps that succeeded."""
    results = []
    plate = pictures.read(options.plate) if options.plate else None
    with (
        Display(len(steps), single) as display,
        Runner(options, plate, work.overwrite, display.show_progress) as runner,
    ):
        futures = [runner.submit(step) for step in steps]
        for step, future in zip(steps, futures, strict=True):
            display.begin(step.source)
            while not wait([future], _POLL_SECONDS).done:
                pass
            try:
                result = future.result()
            except MattedError as error:
                display.show_error(error)
            else:
                display.show_result(step.target, result.info, options.timings)
                results.append(result)
    return results


def _depth(results: Sequence[Result], single: bool) -> str:
    """Say which pictures had more bits than their results have; empty if none had."""
    deep = [result.bits for result in results if result.bits > _RESULT_BITS]
    if not deep:
        return ""
    if single:
        return f"The picture has {deep[0]} bits a channel, the result has {_RESULT_BITS}."
    return f"{len(deep)} of them had more than {_RESULT_BITS} bits a channel; the results have {_RESULT_BITS}."


def _note(sentence: str) -> None:
    """Print what the person should know of the run, if there is something."""
    if sentence:
        print(end="", flush=True)  # so that it comes behind the results where both go to one file
        print(sentence, file=sys.stderr)
