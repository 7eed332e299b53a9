"""`matted models list`, `info` and `verify`: looking, without changing anything."""

from __future__ import annotations

import argparse
import json
from typing import Any

from matted_client import MattedError, connect

from matted.cli.models.shelf import FAILED, OK, Shelf, how_to_get, megabytes
from matted.models.catalogue import Row


def show(options: argparse.Namespace, shelf: Shelf) -> int:
    loaded = _in_memory()
    rows = shelf.known.rows.values()
    if options.json:
        print(json.dumps([_facts(row, shelf, loaded) for row in rows], indent=2, ensure_ascii=False))
        return OK
    for row in rows:
        print(f"{row.id}  {row.title}: {row.about}")
        print(f"    {_licence(row, shelf)}; {', '.join(_state(row, shelf, loaded))}")
    return OK


def _in_memory() -> set[str]:
    """What the daemon holds, if one runs."""
    try:
        with connect("matted models", start=False) as session:
            return {model["id"] for model in session.status()["loaded"]}
    except (MattedError, KeyError, TypeError):
        return set()


def _facts(row: Row, shelf: Shelf, loaded: set[str]) -> dict[str, Any]:
    return {
        **row.facts(),
        "licence_accepted": shelf.store.licences.accepted(row) or None,
        "must_be_accepted": row.accept,
        "own": row.own,
        "memory_bytes": row.peak_bytes,
        "installed": shelf.store.installed(row),
        "disk_bytes": shelf.store.size(row),
        "compiled_bytes": shelf.compiled.size(row.id),
        "loaded": row.id in loaded,
        "default": row.id == shelf.settings.model,
    }


def _licence(row: Row, shelf: Shelf) -> str:
    licence = "licence not stated" if row.licence == "not stated" else row.licence
    accepted = shelf.store.licences.accepted(row)
    return f"{licence} ({row.use})" + (f", accepted {accepted[:10]}" if accepted else "")


def _state(row: Row, shelf: Shelf, loaded: set[str]) -> list[str]:
    state = ["default"] * (row.id == shelf.settings.model) + ["in memory"] * (row.id in loaded)
    if shelf.store.installed(row):
        compiled = shelf.compiled.size(row.id)
        extra = f" and {megabytes(compiled)} compiled" if compiled else ""
        return [*state, f"installed, {megabytes(shelf.store.size(row))} on disk{extra}"]
    if row.own:
        return [*state, "its files are gone"]
    when = "downloaded on first use" if row.automatic else f"to be had with: matted models pull {row.id}"
    return [*state, f"{megabytes(row.bytes)}, {when}"]


def info(options: argparse.Namespace, shelf: Shelf) -> int:
    row = shelf.known.find(options.id)
    origin = shelf.store.origin(row)
    lines = [
        ("model", f"{row.id}  {row.title}"),
        ("", row.about),
        ("licence", _licence(row, shelf)),
        ("", row.licence_url),
        ("state", ", ".join(_state(row, shelf, _in_memory()))),
        ("takes", "a picture and a plate" if row.needs_plate else "a picture"),
        ("input", f"{row.side} x {row.side} pixels" if row.side else "any size"),
        ("memory", f"up to {megabytes(row.peak_bytes)}"),
    ]
    if origin:
        lines += [
            ("from", origin.source),
            ("", f"{megabytes(origin.weights_bytes)}, {origin.weights}"),
            ("installed", f"{origin.installed} by {origin.converter}, {origin.precision} weights"),
        ]
    for source in row.sources:
        opt_in = f"only with --source {source.name}; " if source.opt_in else ""
        lines += [("source", f"{source.name}: {source.place}")]
        lines += [("", f"{opt_in}{megabytes(source.download_bytes)}, {':'.join(source.digest or ('hash', 'unknown'))}")]
        lines += [("", source.licence_note)]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        if text:
            print(f"{name:<{width}}  {text}")
    return OK


def verify(options: argparse.Namespace, shelf: Shelf) -> int:
    rows = [shelf.known.find(model) for model in options.ids] or list(shelf.known.rows.values())
    failures = 0
    for row in rows:
        if shelf.store.origin(row) is None:
            if options.ids:
                print(f"{row.id}: not installed")
                failures += 1
        elif shelf.store.verify(row):
            print(f"{row.id}: intact")
        else:
            print(f"{row.id}: damaged; replace it with: {how_to_get(row)}")
            failures += 1
    return FAILED if failures else OK
