"""`matted doctor` on the command line."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path
from typing import Any

from matted.cli.output import FAILED, OK
from matted.system import privacy


def add_parser(commands: Any) -> None:
    """Add `doctor` to the commands of the command line."""
    doctor = commands.add_parser("doctor", help="what is wrong, and what to do about it", allow_abbrev=False)
    doctor.add_argument("--report", type=Path, metavar="FILE", help="write all that a bug report needs into this file")
    doctor.add_argument("--force", action="store_true", help="overwrite that file")
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from matted.doctor import checks, context, report

    if options.report and options.report.exists() and not options.force:  # said before the work
        raise report.exists(options.report)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a path may have what a terminal lacks
    shorten = privacy.HomeFilter(privacy.home())
    examined, findings = context.load(os.environ), []
    for found in checks.run_all(examined):
        findings.append(found)
        print(shorten(str(found)), flush=True)
    failures = sum(found.state == context.FAIL for found in findings)
    print()
    print(f"{failures} to put right: see FAIL." if failures else "Nothing has to be put right.")
    if options.report:
        report.write(options.report, report.compose(examined, findings, os.environ), options.force)
        print(f"The report is {options.report}\n{report.PROMISE}")
    return FAILED if failures else OK
