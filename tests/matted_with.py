"""Run the matted command with other sources of models: python matted_with.py SOURCES.json ARGUMENTS...

SOURCES.json has, by the id of a model, the sources that replace those of the catalogue. What they have are small
graphs, which run where there is little memory.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from matted.cli import main
from matted.models import catalogue
from matted.models.catalogue import Catalogue

MOST_BYTES = 1_000_000_000
load_shipped = catalogue.load


def load(own: Path | None = None) -> Catalogue:
    given = json.loads(Path(sys.argv[1]).read_text())
    shipped = load_shipped()
    for model, sources in given.items():
        stand_ins = tuple(catalogue.source(source) for source in sources)
        spec = shipped.specs[model]
        shipped.shipped[model] = replace(spec, sources=stand_ins, peak_bytes=min(spec.peak_bytes, MOST_BYTES))
    return Catalogue(shipped.shipped, catalogue.read_own(own, shipped.shipped) if own else {})


if __name__ == "__main__":  # not in the processes that matted starts, which import this file again
    catalogue.load = load
    raise SystemExit(main.main(sys.argv[2:]))
