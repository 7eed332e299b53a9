"""`matted refine`: turn the arguments into a plan of pairs and the fields of refine requests, and run it."""

from __future__ import annotations

import argparse
from typing import Any

from matted_client.options import RefineOptions

from matted.cli.pictures import arguments, framing


def add_parser(commands: Any) -> None:
    """Add `refine` to the commands."""
    refine = commands.add_parser("refine", help="bring a mask that is there to the subject's edge")
    refine.add_argument("image", type=arguments.path, metavar="IMAGE", help="a picture, a folder of them, or -")
    refine.add_argument(
        "hint",
        type=arguments.path,
        metavar="MASK",
        help="its mask: a grey picture of the same size (white is kept, black is not, grey is undecided), a cut-out, or"
        " black and white paint on a transparent layer; for a folder a folder, with masks of the same names",
    )
    arguments.add_results(refine)
    framing.add(refine)
    arguments.add_run(refine)
    arguments.add_options(refine.add_argument_group("the mask"), RefineOptions)
    refine.set_defaults(run=_refine, in_lines=True)


def _refine(given: argparse.Namespace) -> int:
    from matted.cli.pictures.pipes import Pipes
    from matted.files.batches import pairs, runner

    fields = arguments.request(given, RefineOptions)
    kind = "refined-mask" if given.mask else "refined"
    form = arguments.form(given)
    with Pipes() as pipes:
        image, hint = pipes.incoming(given.image), pipes.incoming(given.hint)
        output = pipes.outgoing(given.output, [image], arguments.suffix(form))
        existing = given.force, given.skip_existing, given.recursive
        work = pairs.plan_pairs(image, hint, output, kind, *existing, form=form)
        written = arguments.written(given, work.form)
        options = runner.RunOptions(given.mask, given.timings, fields, refine=True, **written)
        return arguments.carry_out(work, options, arguments.manner(given, pipes), pipes)
