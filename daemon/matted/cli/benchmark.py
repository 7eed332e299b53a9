"""`matted benchmark`: compare the installed models on this computer."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from matted_client import MattedError

from matted.cli.output import OK
from matted.settings import config
from matted.settings.target import ARITHMETICS


def add_parser(commands: Any) -> None:
    """Add `benchmark` to the commands."""
    benchmark = commands.add_parser("benchmark", help="compare the installed models on this computer")
    benchmark.add_argument("--models", nargs="+", metavar="ID", help="only these models")
    benchmark.add_argument("--images", type=Path, metavar="DIR", help="folder of pictures to measure them on")
    benchmark.add_argument("--truth", type=Path, metavar="DIR", help="true masks: for picture.jpg, DIR/picture.png")
    benchmark.add_argument("--device", metavar="NAME", help="see: matted serve --help")
    benchmark.add_argument("--arithmetic", choices=ARITHMETICS, help="see: matted serve --help")
    benchmark.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("matted-benchmark.png"),
        help="file for the picture that shows all cut-outs side by side",
    )
    benchmark.add_argument("--force", action="store_true", help="overwrite that picture")
    benchmark.set_defaults(run=_benchmark)


def _benchmark(options: argparse.Namespace) -> int:
    from matted.evaluation import benchmark
    from matted.files import pictures
    from matted.models import catalogue
    from matted.models.store import Store

    settings = config.load({"device": options.device, "arithmetic": options.arithmetic}, os.environ)
    known, store = catalogue.load(settings.folder / catalogue.OWN_FILE), Store(settings.models)
    for model in options.models or []:
        store.require_installed(known.find(model))
        if model not in known.specs:
            raise MattedError(f"{model} has no weights: there is nothing to load, and no inference to measure.")
    specs = [known.specs[model] for model in options.models or known.specs]
    specs = [spec for spec in specs if store.installed(spec)]
    specs = [spec for spec in specs if spec.takes_a_picture_alone]
    if not specs:
        raise MattedError("No installed model can be measured.", "Get one with: matted models pull u2netp")
    for spec in specs:
        store.obtain(spec, lambda fraction: None, lambda: None)
    examples = benchmark.list_examples(options.images, options.truth)
    if examples and options.output.exists() and not options.force:  # refused before the minutes of work
        raise MattedError(f"{options.output} exists.", "Use --force to overwrite it, or -o for another place.")
    figures = benchmark.run([(spec, store.path(spec)) for spec in specs], settings.target, examples)
    options.facts["models"] = [
        {name: value for name, value in vars(each).items() if name != "masks"} for each in figures
    ]
    print("\n".join(benchmark.table(figures)))
    if examples:
        pictures.write(pictures.Picture(benchmark.sheet(examples, figures), {}), options.output, options.force)
        print(f"The cut-outs side by side: {options.output}")
    return OK
