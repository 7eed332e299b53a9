"""The matted command with sources of a test's own: python matted_with.py SOURCES.json ARGUMENTS...

SOURCES.json has by id the sources that the model shall have instead of the catalogue's.
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

as_shipped = catalogue.load


def load(own: Path | None = None) -> Catalogue:
    given = json.loads(Path(sys.argv[1]).read_text())
    specs = as_shipped().shipped
    for model, sources in given.items():
        specs[model] = replace(specs[model], sources=tuple(Source(**source) for source in sources))
    return Catalogue(specs, own)


if __name__ == "__main__":  # not where matted starts a process of its own, which runs this file again
    catalogue.load = load
    raise SystemExit(main.main(sys.argv[2:]))
