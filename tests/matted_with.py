"""Run the matted command with other sources of models: python matted_with.py SOURCES.json ARGUMENTS...

SOURCES.json has, by the id of a model, the sources that replace those of the catalogue.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from matted.cli import main
from matted.models import catalogue
from matted.models.catalogue import Catalogue
from matted.models.spec import Source

load_shipped = catalogue.load


def load(own: Path | None = None) -> Catalogue:
    given = json.loads(Path(sys.argv[1]).read_text())
    shipped = load_shipped()
    for model, sources in given.items():
        shipped.shipped[model] = replace(shipped.specs[model], sources=tuple(Source(**source) for source in sources))
    return Catalogue(shipped.shipped, catalogue.read_own(own, shipped.shipped) if own else {})


if __name__ == "__main__":  # not in the processes that matted starts, which import this file again
    catalogue.load = load
    raise SystemExit(main.main(sys.argv[2:]))
