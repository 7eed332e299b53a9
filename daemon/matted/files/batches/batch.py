"""Carry out a plan: print results and errors in the order of the pictures, and at the end what became of all."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import wait

from matted_client import MattedError

from matted.files import pictures
from matted.files.batches.display import Display
from matted.files.batches.plan import Plan
from matted.files.batches.runner import Result, Runner, RunOptions, Step
from matted.files.formats.known import PNG, TIFF

_POLL_SECONDS = 0.5  # on Windows Ctrl-C is heeded only between two waits
_NAMES_SAID = 20  # of the pictures that have no mask


def run(work: Plan, options: RunOptions) -> bool:
    """Carry out the steps, some at the same time. Return whether all succeeded.

    Results and errors are printed in the order of the steps; an error does not stop the other steps. At the end their
    count is printed on stdout, and what should be known of them on stderr. Raises PictureError if the plate cannot be
    read.
    """
    waiting: list[Step] = []
    existing: list[Step] = []
    for step in work.steps:
        # A picture that was named alone and whose result exists is left to the runner, which refuses it as one picture.
        passed = not work.overwrite and (work.skip_existing or not work.alone) and os.path.isfile(step.target)
        (existing if passed else waiting).append(step)
    results = _carry_out(waiting, work, options) if waiting else []
    if work.alone:
        for step in existing:
            print(step.target)
            _note("It was there already.")
    else:
        total = len(work.steps) + len(work.without_mask)
        print(_count(len(results), len(existing) if work.skip_existing else 0, total))
        if existing and not work.skip_existing:
            were, them = ("1 result was", "it") if len(existing) == 1 else (f"{len(existing)} results were", "them")
            _note(f"{were} there already. To count {them} as done: --skip-existing. To make {them} anew: --force.")
    if not options.mask:
        for sentence in _lost(results, work):
            _note(sentence)
    _note(str(work.passed_over))
    _note(_without_mask(work))
    return len(results) == len(waiting) and (work.skip_existing or not existing) and not work.without_mask


def _carry_out(steps: Sequence[Step], work: Plan, options: RunOptions) -> list[Result]:
    """Return the results of the steps that succeeded."""
    results = []
    plate = pictures.read(options.plate) if options.plate else None
    with (
        Display(len(steps), work.alone) as display,
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


def _count(now: int, before: int, total: int) -> str:
    """Say how many pictures are done by this run, and how many were before."""
    noun, which = ("picture", "") if total == 1 else ("pictures", f"{before} of them ")
    return f"{now + before} of {total} {noun} done" + (f", {which}in an earlier run." if before else ".")


def _without_mask(work: Plan) -> str:
    """Say which pictures were left out for want of a mask, or since they have several; empty if none were."""
    none = [str(source) for source, found in work.without_mask.items() if not found]
    several = [
        f"{source} ({', '.join(path.name for path in found)})" for source, found in work.without_mask.items() if found
    ]
    sentences = (("Without a mask", none), ("With several masks", several))
    return " ".join(f"{what}: {_listed(names)}." for what, names in sentences if names)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SAID
    return ", ".join(names[:_NAMES_SAID]) + (f" and {more} more" if more > 0 else "")


def _lost(results: Sequence[Result], work: Plan) -> Iterator[str]:
    """Say what results could not keep: bits of a sample, and colours of other kinds than RGB."""
    fewer = [result for result in results if result.bits > result.written]
    better = [form for form in (PNG, TIFF) if form.bits > work.form.bits]
    hint = f" To keep more: --format {better[-1].name}" if better else ""
    if fewer and work.alone:
        yield f"The picture has {fewer[0].bits} bits a channel, the result has {fewer[0].written}.{hint}"
    elif fewer:
        yield f"{len(fewer)} of them had more bits a channel than their results have.{hint}"
    converted = Counter(result.colours for result in results if result.colours)
    for colours, count in converted.items():
        which = "The picture" if work.alone else f"{count} of them"
        was, its = ("was", "its result is") if count == 1 else ("were", "their results are")
        yield f"{which} {was} in {colours}, which results cannot be: {its} in sRGB."


def _note(sentence: str) -> None:
    """Print what the person should know of the run, if there is something."""
    if sentence:
        print(end="", flush=True)  # so that it comes behind the results where both go to one file
        print(sentence, file=sys.stderr)
