"""`matted formats`: list which formats of pictures and films this installation reads, and which it writes."""

from __future__ import annotations

import argparse
from collections import defaultdict
from typing import Any

from matted.cli.output import OK, table


def add_parser(commands: Any) -> None:
    """Add `formats` to the commands."""
    formats = commands.add_parser("formats", help="list which pictures and films are read and written")
    formats.set_defaults(run=_formats)


def _formats(given: argparse.Namespace) -> int:
    from matted.files.films import forms as films
    from matted.files.formats import known

    read: dict[str, list[str]] = defaultdict(list)
    for suffix, name in sorted(known.suffixes().items()):
        read[name].append(suffix)
    watched: dict[str, list[str]] = defaultdict(list)
    for suffix, name in films.SUFFIXES.items() if films.is_there() else ():
        watched[name].append(suffix)
    made = [form for form in films.FORMS.values() if films.can_write(form)]
    missing = known.missing() | films.missing()
    written = [form for form in known.FORMS.values() if known.can_write(form)]
    if given.json:
        forms = [
            {"format": form.name, "suffixes": form.suffixes, "bits": form.bits, "alpha": form.alpha} for form in written
        ]
        facts = [
            {"format": form.name, "suffixes": form.suffixes, "alpha": form.alpha, "sound": form.sound} for form in made
        ]
        given.facts.update(read=read, written=forms, films={"read": watched, "written": facts}, missing=missing)
        return OK
    print("Read:")
    table(*((f"  {name}", ", ".join(suffixes)) for name, suffixes in sorted(read.items())))
    print("Written, with --format or by the name of -o:")
    table(*((f"  {form.name}", f"{', '.join(form.suffixes)}: {form.about}") for form in written))
    if films.is_there():
        print("Films, read:")
        table(*((f"  {name}", ", ".join(suffixes)) for name, suffixes in sorted(watched.items())))
        print("  GIF, APNG and WebP that move, and with --sequence folders of numbered frames")
        print("Films, written, with --format or by the name of -o:")
        table(*((f"  {form.name}", f"{', '.join(form.suffixes)}: {form.title}, {form.about}") for form in made))
        print("  png: numbered frames, in a folder or with names like frame-%05d.png")
    for what, how in missing.items():
        print(f"Not installed: {what}. {how}")
    return OK
