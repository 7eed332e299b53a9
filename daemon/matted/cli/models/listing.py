"""`matted models list`, `info` and `verify`: show and check models, and change nothing."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from typing import Any

from matted_client import MattedError
from matted_client.client import connect
from matted_client.models import quality, why_chosen
from matted_client.options import AUTO_MODEL

from matted.cli.models.context import Context
from matted.cli.output import FAILED, OK, megabytes, table
from matted.inference import choosing
from matted.models.spec import ANY, Entry, ModelSpec

_UNSEEN = "never with its own weights, but with a stand-in; they are tried on a picture when they are installed"


@dataclass(frozen=True)
class _Now:
    """What holds at the moment.

    loaded: ids of the models in memory; none if no daemon runs.
    chosen: id of the model that is chosen by itself, empty if none may be. reason: why; see matted_client.models.
    """

    loaded: set[str]
    chosen: str
    reason: str


def show(options: argparse.Namespace, context: Context) -> int:
    now = _now(context)
    entries = context.known.entries.values()
    if options.json:
        print(json.dumps([_facts(entry, context, now) for entry in entries], indent=2))
        return OK
    for entry in entries:
        print(f"{entry.id}  {entry.title}: {entry.about}")
        print(f"    {_licence(entry, context)}; {', '.join(_state(entry, context, now))}")
    return OK


def _now(context: Context) -> _Now:
    """Ask the daemon; if none runs, find out what it would choose."""
    try:
        with connect("matted models", start=False) as session:
            status = session.status()
            auto = status["auto"] or {"model": "", "reason": ""}
            return _Now({model["id"] for model in status["loaded"]}, str(auto["model"]), str(auto["reason"]))
    except (MattedError, KeyError, TypeError):
        pass
    try:
        choice, _ = choosing.without_daemon(context.settings, context.known, context.store)
    except MattedError:
        return _Now(set(), "", "")
    return _Now(set(), choice.spec.id, choice.reason)


def _facts(entry: Entry, context: Context, now: _Now) -> dict[str, Any]:
    spec = entry if isinstance(entry, ModelSpec) else None
    expected = context.paces.expected(spec) if spec else None
    return {
        **entry.facts(),
        "licence_accepted": context.store.licences.accepted(entry) or None,
        "must_be_accepted": entry.accept,
        "own": entry.own,
        "memory_bytes": spec.peak_bytes if spec else 0,
        "installed": context.store.installed(entry),
        "disk_bytes": context.store.size(spec) if spec else 0,
        "compiled_bytes": context.compiled.size(entry.id),
        "loaded": entry.id in now.loaded,
        "default": entry.id == context.settings.model,
        "chosen": now.reason if entry.id == now.chosen else "",
        "seconds": choosing.as_fact(expected.seconds) if expected else None,
        "measured": expected is not None and expected.measured,
    }


def _licence(entry: Entry, context: Context) -> str:
    licence = "licence not stated" if entry.licence == "not stated" else entry.licence
    accepted = context.store.licences.accepted(entry)
    return f"{licence} ({entry.use})" + (f", accepted {accepted[:10]}" if accepted else "")


def _state(entry: Entry, context: Context, now: _Now) -> list[str]:
    state = ["default"] * (entry.id == context.settings.model) + ["in memory"] * (entry.id in now.loaded)
    if entry.id == now.chosen and context.settings.model == AUTO_MODEL:
        why = why_chosen(now.reason).rstrip(".")
        state.insert(0, f"chosen by itself ({why[0].lower()}{why[1:]})")
    if not isinstance(entry, ModelSpec):
        return [*state, "part of matted"]
    if context.store.installed(entry):
        compiled = context.compiled.size(entry.id)
        extra = f" and {megabytes(compiled)} compiled" if compiled else ""
        return [*state, f"installed, {megabytes(context.store.size(entry))} on disk{extra}"]
    if entry.own:
        return [*state, "its files are missing"]
    when = "downloaded on first use" if entry.automatic else f"get it with: {entry.how_to_get}"
    return [*state, f"{megabytes(entry.bytes)}, {when}"]


def info(options: argparse.Namespace, context: Context) -> int:
    entry = context.known.find(options.id)
    lines = [
        ("model", f"{entry.id}  {entry.title}"),
        ("", entry.about),
        ("licence", _licence(entry, context)),
        ("", entry.licence_url),
        ("state", ", ".join(_state(entry, context, _now(context)))),
        ("takes", _takes(entry)),
    ]
    table(*lines, *(_weights(entry, context) if isinstance(entry, ModelSpec) else []))
    return OK


def _weights(spec: ModelSpec, context: Context) -> list[tuple[str, str]]:
    """List what is known of a model's weights, as rows of a table: how they run, and where they are from."""
    origin = context.store.origin(spec)
    lines = [
        ("input", _input(spec)),
        ("quality", _quality(spec)),
        ("inference", _seconds(spec, context)),
        ("memory", f"{'estimated, ' if spec.unseen else ''}up to {megabytes(spec.peak_bytes)}"),
    ]
    if spec.unseen:
        lines += [("checked", _UNSEEN)]
    if origin:
        lines += [
            ("from", origin.source),
            ("", f"{megabytes(origin.weights_bytes)}, {origin.weights}"),
            ("", origin.decoder and f"decoder {origin.decoder}"),
            ("installed", f"{origin.installed} by {origin.converter}, {origin.precision} weights"),
        ]
    for source in spec.sources:
        opt_in = f"only with --source {source.name}; " if source.opt_in else ""
        lines += [("source", f"{source.name}: {source.place}")]
        digests = [":".join(file.digest or ("hash", "unknown")) for file in source.files]
        lines += [("", f"{opt_in}{megabytes(source.download_bytes)}, {digests[0]}")]
        lines += [("", f"decoder {source.decoder.place}, {digests[1]}")] if source.decoder else []
        lines += [("", source.licence_note)]
    return lines


def _quality(spec: ModelSpec) -> str:
    said = quality(spec.facts())
    return f"{said}, for {spec.subject if spec.subject != ANY else 'any subject'}" if said else ""


def _seconds(spec: ModelSpec, context: Context) -> str:
    expected = context.paces.expected(spec)
    if expected.seconds == math.inf:
        return ""
    return f"about {expected.seconds:.1f} s" + ("" if expected.measured else ", estimated: it has not run here yet")


def _takes(entry: Entry) -> str:
    if entry.needs_plate:
        return "a picture and a plate"
    return "a picture, and a box or clicks" if entry.takes_clicks else "a picture"


def _input(spec: ModelSpec) -> str:
    if not spec.side:
        return "any size"
    return (
        f"any size, the shorter side {spec.side} pixels"
        if spec.fit == "shorter"
        else f"{spec.side} x {spec.side} pixels"
    )


def verify(options: argparse.Namespace, context: Context) -> int:
    entries = [context.known.find(model) for model in options.ids] or list(context.known.specs.values())
    failures = 0
    for spec in entries:
        if not isinstance(spec, ModelSpec):
            print(f"{spec.id}: part of matted, without files of its own")
        elif context.store.origin(spec) is None:
            if options.ids:
                print(f"{spec.id}: not installed")
                failures += 1
        elif context.store.verify(spec):
            print(f"{spec.id}: intact")
        else:
            print(f"{spec.id}: damaged; replace it with: {spec.how_to_get}")
            failures += 1
    return FAILED if failures else OK
