"""`matted models list`, `info` and `verify`: looking, without changing anything."""

from __future__ import annotations

import argparse
import json
from typing import Any

from matted_client import MattedError, connect

from matted.cli.models.context import Context, how_to_get
from matted.cli.output import FAILED, OK, megabytes, table
from matted.models.catalogue import Row


def show(options: argparse.Namespace, context: Context) -> int:
    loaded = _in_memory()
    rows = context.known.rows.values()
    if options.json:
        print(json.dumps([_facts(row, context, loaded) for row in rows], indent=2, ensure_ascii=False))
        return OK
    for row in rows:
        print(f"{row.id}  {row.title}: {row.about}")
        print(f"    {_licence(row, context)}; {', '.join(_state(row, context, loaded))}")
    return OK


def _in_memory() -> set[str]:
    """What the daemon holds, if one runs."""
    try:
        with connect("matted models", start=False) as session:
            return {model["id"] for model in session.status()["loaded"]}
    except (MattedError, KeyError, TypeError):
        return set()


def _facts(row: Row, context: Context, loaded: set[str]) -> dict[str, Any]:
    return {
        **row.facts(),
        "licence_accepted": context.store.licences.accepted(row) or None,
        "must_be_accepted": row.accept,
        "own": row.own,
        "memory_bytes": row.peak_bytes,
        "installed": context.store.installed(row),
        "disk_bytes": context.store.size(row),
        "compiled_bytes": context.compiled.size(row.id),
        "loaded": row.id in loaded,
        "default": row.id == context.settings.model,
    }


def _licence(row: Row, context: Context) -> str:
    licence = "licence not stated" if row.licence == "not stated" else row.licence
    accepted = context.store.licences.accepted(row)
    return f"{licence} ({row.use})" + (f", accepted {accepted[:10]}" if accepted else "")


def _state(row: Row, context: Context, loaded: set[str]) -> list[str]:
    state = ["default"] * (row.id == context.settings.model) + ["in memory"] * (row.id in loaded)
    if context.store.installed(row):
        compiled = context.compiled.size(row.id)
        extra = f" and {megabytes(compiled)} compiled" if compiled else ""
        return [*state, f"installed, {megabytes(context.store.size(row))} on disk{extra}"]
    if row.own:
        return [*state, "its files are gone"]
    when = "downloaded on first use" if row.automatic else f"to be had with: matted models pull {row.id}"
    return [*state, f"{megabytes(row.bytes)}, {when}"]


def info(options: argparse.Namespace, context: Context) -> int:
    row = context.known.find(options.id)
    origin = context.store.origin(row)
    lines = [
        ("model", f"{row.id}  {row.title}"),
        ("", row.about),
        ("licence", _licence(row, context)),
        ("", row.licence_url),
        ("state", ", ".join(_state(row, context, _in_memory()))),
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
    table(*lines)
    return OK


def verify(options: argparse.Namespace, context: Context) -> int:
    rows = [context.known.find(model) for model in options.ids] or list(context.known.rows.values())
    failures = 0
    for row in rows:
        if context.store.origin(row) is None:
            if options.ids:
                print(f"{row.id}: not installed")
                failures += 1
        elif context.store.verify(row):
            print(f"{row.id}: intact")
        else:
            print(f"{row.id}: damaged; replace it with: {how_to_get(row)}")
            failures += 1
    return FAILED if failures else OK
