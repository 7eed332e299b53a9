"""`matted formats`: list which formats of pictures this installation reads, and which it writes."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from typing import Any

from matted.cli.output import OK, table


def add_parser(commands: Any) -> None:
    """Add `formats` to the commands."""
    formats = commands.add_parser("formats", help="list which pictures are read and written", allow_abbrev=False)
    formats.add_argument("--json", action="store_true", help="print JSON, for programs")
    formats.set_defaults(run=_formats)


def _formats(given: argparse.Namespace) -> int:
    from matted.files.formats import known

    read: dict[str, list[str]] = defaultdict(list)
    for suffix, name in sorted(known.suffixes().items()):
        read[name].append(suffix)
    written = [form for form in known.FORMS.values() if known.can_write(form)]
    if given.json:
        forms = [
            {"format": form.name, "suffixes": form.suffixes, "bits": form.bits, "alpha": form.alpha} for form in written
        ]
        print(json.dumps({"read": read, "written": forms, "missing": known.missing()}, indent=2))
        return OK
    print("Read:")
    table(*((f"  {name}", ", ".join(suffixes)) for name, suffixes in sorted(read.items())))
    print("Written, with --format or by the name of -o:")
    table(*((f"  {form.name}", f"{', '.join(form.suffixes)}: {form.about}") for form in written))
    for what, how in known.missing().items():
        print(f"Not installed: {what}. {how}")
    return OK
