"""`matted models list`, `info` and `verify`: show and check models, and change nothing."""

from __future__ import annotations

import argparse
import json
from typing import Any

from matted_client import MattedError
from matted_client.client import connect

from matted.cli.models.context import Context
from matted.cli.output import FAILED, OK, megabytes, table
from matted.models.spec import ModelSpec


def show(options: argparse.Namespace, context: Context) -> int:
    loaded = _in_memory()
    specs = context.known.specs.values()
    if options.json:
        print(json.dumps([_facts(spec, context, loaded) for spec in specs], indent=2))
        return OK
    for spec in specs:
        print(f"{spec.id}  {spec.title}: {spec.about}")
        print(f"    {_licence(spec, context)}; {', '.join(_state(spec, context, loaded))}")
    return OK


def _in_memory() -> set[str]:
    """Return the ids of the models in memory; empty if no daemon runs."""
    try:
        with connect("matted models", start=False) as session:
            return {model["id"] for model in session.status()["loaded"]}
    except (MattedError, KeyError, TypeError):
        return set()


def _facts(spec: ModelSpec, context: Context, loaded: set[str]) -> dict[str, Any]:
    return {
        **spec.facts(),
        "licence_accepted": context.store.licences.accepted(spec) or None,
        "must_be_accepted": spec.accept,
        "own": spec.own,
        "memory_bytes": spec.peak_bytes,
        "installed": context.store.installed(spec),
        "disk_bytes": context.store.size(spec),
        "compiled_bytes": context.compiled.size(spec.id),
        "loaded": spec.id in loaded,
        "default": spec.id == context.settings.model,
    }


def _licence(spec: ModelSpec, context: Context) -> str:
    licence = "licence not stated" if spec.licence == "not stated" else spec.licence
    accepted = context.store.licences.accepted(spec)
    return f"{licence} ({spec.use})" + (f", accepted {accepted[:10]}" if accepted else "")


def _state(spec: ModelSpec, context: Context, loaded: set[str]) -> list[str]:
    state = ["default"] * (spec.id == context.settings.model) + ["in memory"] * (spec.id in loaded)
    if context.store.installed(spec):
        compiled = context.compiled.size(spec.id)
        extra = f" and {megabytes(compiled)} compiled" if compiled else ""
        return [*state, f"installed, {megabytes(context.store.size(spec))} on disk{extra}"]
    if spec.own:
        return [*state, "its files are missing"]
    when = "downloaded on first use" if spec.automatic else f"get it with: {spec.how_to_get}"
    return [*state, f"{megabytes(spec.bytes)}, {when}"]


def info(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    origin = context.store.origin(spec)
    lines = [
        ("model", f"{spec.id}  {spec.title}"),
        ("", spec.about),
        ("licence", _licence(spec, context)),
        ("", spec.licence_url),
        ("state", ", ".join(_state(spec, context, _in_memory()))),
        ("takes", "a picture and a plate" if spec.needs_plate else "a picture"),
        ("input", f"{spec.side} x {spec.side} pixels" if spec.side else "any size"),
        ("memory", f"up to {megabytes(spec.peak_bytes)}"),
    ]
    if origin:
        lines += [
            ("from", origin.source),
            ("", f"{megabytes(origin.weights_bytes)}, {origin.weights}"),
            ("installed", f"{origin.installed} by {origin.converter}, {origin.precision} weights"),
        ]
    for source in spec.sources:
        opt_in = f"only with --source {source.name}; " if source.opt_in else ""
        lines += [("source", f"{source.name}: {source.place}")]
        lines += [("", f"{opt_in}{megabytes(source.download_bytes)}, {':'.join(source.digest or ('hash', 'unknown'))}")]
        lines += [("", source.licence_note)]
    table(*lines)
    return OK


def verify(options: argparse.Namespace, context: Context) -> int:
    specs = [context.known.find(model) for model in options.ids] or list(context.known.specs.values())
    failures = 0
    for spec in specs:
        if context.store.origin(spec) is None:
            if options.ids:
                print(f"{spec.id}: not installed")
                failures += 1
        elif context.store.verify(spec):
            print(f"{spec.id}: intact")
        else:
            print(f"{spec.id}: damaged; replace it with: {spec.how_to_get}")
            failures += 1
    return FAILED if failures else OK
