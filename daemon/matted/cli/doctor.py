"""`matted doctor`: check the installation, and write a report for a bug report."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matted.cli.output import FAILED, OK
from matted.system import privacy


def add_parser(commands: Any) -> None:
    """Add `doctor` to the commands."""
    doctor = commands.add_parser("doctor", help="find out what is wrong, and what to do about it")
    doctor.add_argument(
        "--report", type=Path, metavar="FILE", help="also write a file with all that a bug report needs"
    )
    doctor.add_argument("--force", action="store_true", help="overwrite that file")
    doctor.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from matted.doctor import checks, context, report

    if options.report and options.report.exists() and not options.force:  # refused before the work
        raise report.exists(options.report)
    shorten = privacy.HomeFilter(privacy.home())
    examined, findings = context.load(os.environ), []
    for found in checks.run_all(examined):
        findings.append(found)
        if not options.json:
            print(shorten(str(found)), flush=True)
    options.facts["findings"] = [{name: shorten(text) for name, text in asdict(found).items()} for found in findings]
    failures = sum(found.state == context.FAIL for found in findings)
    print()
    print(
        f"Faults to correct: {failures}. See the lines that begin with FAIL."
        if failures
        else "Nothing has to be corrected."
    )
    if options.report:
        options.facts["report"] = str(options.report)
        report.write(options.report, report.compose(examined, findings, os.environ), options.force)
        print(f"The report is {options.report}\n{report.PROMISE}")
    return FAILED if failures else OK
