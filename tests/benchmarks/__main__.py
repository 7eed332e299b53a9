"""`make bench`: measure matted against bare inference and against rembg, and write docs/benchmarks.md and its plot.

    python -m benchmarks [--quick] [--only KIND]... [--model ID]... [--isnet-onnx FILE] [--beside CHECKOUT]
    (in tests/)

The models are those of the user's that the benchmarks know; u2netp is fetched if it is not there. A section that fails
is named in the document, and the others go on. What was measured is kept: with --only or --model, the rest of the
document is from the last run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from benchmarks import cold, dialogs, engine, folders, grounds, hosts, memory, plot, questions, report, warm
from benchmarks.goals import goals
from benchmarks.peer import Rembg
from benchmarks.samples import Results, Sample, Section
from benchmarks.workplace import Workplace
from conftest import CHECKOUT
from hosts.roots import cache_folder
from matted_client import MattedError

DOCUMENT = CHECKOUT / "docs" / "benchmarks.md"
# Of no model, or a fixed one.
OTHERS = (cold.START, grounds.KIND, engine.KIND, engine.LOADING, hosts.KIND, hosts.GAPS, dialogs.KIND)
KINDS = {
    warm.KIND: warm.measure,
    questions.KIND: questions.measure,
    cold.KIND: cold.measure,
    memory.KIND: memory.measure,
    folders.KIND: folders.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few repetitions: to try the benchmarks themselves")
    parser.add_argument(
        "--only",
        action="append",
        choices=[*KINDS, *OTHERS],
        help="measure this anew, and no other",
    )
    parser.add_argument("--model", action="append", help="measure this model, and no other")
    parser.add_argument("--isnet-onnx", type=Path, metavar="FILE", help="IS-Net's weights, for rembg")
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="measure the plug-ins of this checkout as well")
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE")
    options = parser.parse_args()
    cache = cache_folder() / "benchmarks"
    cache.mkdir(parents=True, exist_ok=True)
    place = Workplace(cache, Rembg(cache / "rembg", options.isnet_onnx), options.quick, options.beside)
    place.rembg.install()
    kept = cache / ("results-quick.json" if options.quick else "results.json")
    results = Results(kept, go_on=bool(options.only or options.model))
    for section, measure in _sections(place):
        wanted = section.kind in (options.only or [section.kind])
        if wanted and section.model in ["", *(options.model or [section.model])]:
            _run(section, measure)
            results.put(section)
            report.write(results, options.output, place.rembg.versions())
            if results.models():
                plot.write(results, options.output.with_name(report.PLOT))
    print(f"\n{options.output}")
    for goal in goals(results):
        print(" | ".join(goal.cells()))
    return int(any(section.error for section in results.sections.values()))


def _sections(place: Workplace) -> Iterator[tuple[Section, Callable[[], list[Sample]]]]:
    yield Section(cold.START, ""), partial(cold.start, place)
    for subject in place.subjects():
        for kind, measure in KINDS.items():
            yield Section(kind, subject.name), partial(measure, place, subject)
    yield Section(grounds.KIND, ""), partial(grounds.measure, place)
    yield Section(engine.KIND, ""), partial(engine.measure, place)
    yield Section(engine.LOADING, ""), partial(engine.beside, place)
    yield Section(hosts.KIND, ""), partial(hosts.measure, place)
    yield Section(hosts.GAPS, ""), partial(hosts.gaps, place)
    yield Section(dialogs.KIND, ""), partial(dialogs.measure, place)


def _run(section: Section, measure: Callable[[], list[Sample]]) -> None:
    start = time.monotonic()
    print(f"{section.kind} {section.model}", end=" ", flush=True)
    try:
        section.samples = measure()
    except MattedError as error:
        section.error = error.message
    except (Exception, pytest.fail.Exception) as error:  # whatever it is, the other sections can still be measured
        section.error = f"{type(error).__name__}: {error}"
    print(f"{time.monotonic() - start:.0f} s. {section.error}")


if __name__ == "__main__":
    raise SystemExit(main())
