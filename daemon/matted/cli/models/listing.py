"""`matted models list`, `info` and `verify`: show and check models, and change nothing."""

from __future__ import annotations

import argparse
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matted_client import MattedError
from matted_client.client import connect
from matted_client.models import Facts, in_order, why_chosen
from matted_client.options import AUTO_MODEL

from matted.cli.models import words
from matted.cli.models.context import Context
from matted.cli.output import FAILED, OK, megabytes, table
from matted.inference import choosing
from matted.models.spec import Entry, ModelSpec

_UNSEEN = "never with its own weights, but with a stand-in; they are tried on a picture when they are installed"
_WIDEST, _NARROWEST = 100, 40  # characters of a line, as far as the terminal has them
_NOT_INSTALLED, _DAMAGED = "not installed", "damaged"
_INDENT = "    "
_HARD_SPACE = "\u00a0"


@dataclass(frozen=True)
class _Now:
    """What holds at the moment.

    loaded: ids of the models in memory; none if no daemon runs.
    chosen: id of the model that is chosen by itself, empty if none may be. reason: why; see matted_client.models.
    better: id of a better one that could be had, empty if there is none.
    there: where the server runs models, by their ids.
    """

    loaded: set[str]
    chosen: str
    reason: str
    better: str
    there: Mapping[str, str]


def show(options: argparse.Namespace, context: Context) -> int:
    now = _now(context)
    listed = [_facts(entry, context, now) for entry in context.known.entries.values()]
    if options.json:
        options.facts["models"] = listed
        return OK
    width = shutil.get_terminal_size((_WIDEST, 0)).columns
    for heading, members in _groups(in_order(listed), now).items():
        if members:
            print(f"{heading}\n")
        for facts in members:
            lines = _described(context.known.entries[facts["id"]], facts, context, now)
            print("\n".join(_wrapped(lines, min(max(width - 1, _NARROWEST), _WIDEST))), end="\n\n")
    return OK


def _groups(listed: Sequence[Facts], now: _Now) -> dict[str, list[Facts]]:
    """Sort models by how they can be had. In each group the one that is chosen by itself, or would be, is first."""
    ranked = sorted(listed, key=lambda facts: facts["id"] not in (now.chosen, now.better))
    here = [facts for facts in ranked if facts["installed"] or facts["server"] or facts["damaged"] or facts["own"]]
    free = [facts for facts in ranked if facts["commercial"] and not facts["must_be_accepted"] and facts not in here]
    conditions = [facts for facts in ranked if facts not in here and facts not in free]
    where = "On this computer, or on the server" if now.there else "On this computer"
    return {where: here, "To be had": free, "To be had, with conditions": conditions}


def _described(entry: Entry, facts: Facts, context: Context, now: _Now) -> list[str]:
    """Say what a model is: its name, then its licence, how good and how quick it is, what it is for, and its state."""
    mark, why = _mark(entry, context, now)
    return [
        f"{entry.id}  {entry.title}" + (f" - {mark}" if mark else ""),
        _licence(entry, context),
        _worth(facts),
        why,
        entry.about,
        ", ".join(_state(entry, context, now)),
    ]


def _mark(entry: Entry, context: Context, now: _Now) -> tuple[str, str]:
    """Say what is special about a model, and why; empty if nothing is."""
    if entry.id == context.settings.model:
        return "the default", ""
    if entry.id == now.chosen and context.settings.model == AUTO_MODEL:
        return "chosen by itself", why_chosen(now.reason)
    return ("better than what is here" if entry.id == now.better else ""), ""


def _worth(facts: Facts) -> str:
    """As "quality ██░░ good, pace about 0.5 s"; empty if nothing is known."""
    good = f"{words.quality_bar(facts)} {words.quality_words(facts)}".strip()
    quick = words.pace(facts["seconds"], facts["measured"])
    return ", ".join([f"quality {good}"] * bool(good) + [f"pace {quick}"] * bool(quick))


def _wrapped(lines: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines that fit a width, all but the first indented. A command stays on one line, to be copied."""
    for number, line in enumerate(lines):
        whole = re.sub(r"matted models [^,;]*", lambda command: command.group().replace(" ", _HARD_SPACE), line)
        indent = _INDENT if number else ""
        for part in textwrap.wrap(
            whole,
            width,
            initial_indent=indent,
            subsequent_indent=indent or _INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            yield part.replace(_HARD_SPACE, " ")


def _now(context: Context) -> _Now:
    """Ask the daemon; if none runs, find out what it would choose."""
    try:
        with connect("matted models", start=False) as session:
            status = session.status()
            auto = status["auto"] or {"model": "", "reason": "", "better": None}
            better = auto["better"] or {"model": ""}
            loaded = {model["id"] for model in status["loaded"]}
            there = dict((status.get("server") or {"models": {}})["models"])
            context.paces.elsewhere = lambda model: there.get(model, "")
            return _Now(loaded, str(auto["model"]), str(auto["reason"]), str(better["model"]), there)
    except (MattedError, KeyError, TypeError):
        pass
    there = context.asked_of_server["models"]
    try:
        choice, other = choosing.without_daemon(context.settings, context.known, context.store, context.paces, there)
    except MattedError:
        return _Now(set(), "", "", "", there)
    return _Now(set(), choice.spec.id, choice.reason, other.spec.id if other else "", there)


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
        "damaged": context.store.damaged(entry),
        "server": now.there.get(entry.id, ""),
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
    state = ["in memory"] * (entry.id in now.loaded)
    if not isinstance(entry, ModelSpec):
        return [*state, "part of matted"]
    if entry.id in now.there:
        state.append(f"runs on the server, {now.there[entry.id]}")
        if not context.store.installed(entry):
            return state
    if context.store.installed(entry):
        compiled = context.compiled.size(entry.id)
        extra = f" and {megabytes(compiled)} compiled" if compiled else ""
        return [*state, f"installed, {megabytes(context.store.size(entry))} on disk{extra}"]
    if context.store.damaged(entry):
        return [*state, f"its files are damaged, get it again with: {entry.how_to_get}"]
    if entry.own:
        return [*state, "its files are missing"]
    when = "downloaded on first use" if entry.automatic else f"get it with: {entry.how_to_get}"
    return [*state, f"{megabytes(entry.bytes)}, {when}"]


def info(options: argparse.Namespace, context: Context) -> int:
    entry, now = context.known.find(options.id), _now(context)
    facts, (mark, why) = _facts(entry, context, now), _mark(entry, context, now)
    options.facts["model"] = facts
    if options.json:
        return OK
    lines = [
        ("model", f"{entry.id}  {entry.title}"),
        ("", entry.about),
        ("licence", _licence(entry, context)),
        ("", entry.licence_url),
        ("quality", f"{words.quality_bar(facts)} {words.quality_words(facts)}".strip()),
        ("pace", _pace(facts)),
        ("state", ", ".join([*([mark] if mark else []), *_state(entry, context, now)])),
        ("", why),
        ("takes", _takes(entry)),
    ]
    table(*lines, *(_weights(entry, context) if isinstance(entry, ModelSpec) else []))
    return OK


def _weights(spec: ModelSpec, context: Context) -> list[tuple[str, str]]:
    """List what is known of a model's weights, as rows of a table: how they run, and where they are from."""
    origin = context.store.origin(spec)
    lines = [
        ("input", _input(spec)),
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


def _pace(facts: Facts) -> str:
    said = words.pace(facts["seconds"], facts["measured"])
    return f"{said} an inference" + ("" if facts["measured"] else ": it has not run here yet") if said else ""


def _takes(entry: Entry) -> str:
    if entry.refines:
        return "a picture and a mask of it, whose edge it refines"
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
    found: dict[str, str] = {}
    for spec in entries:
        if not isinstance(spec, ModelSpec):
            found[spec.id] = "part of matted, without files of its own"
        elif context.store.origin(spec) is None:
            if options.ids:
                found[spec.id] = _NOT_INSTALLED
        elif context.store.verify(spec):
            found[spec.id] = "intact"
        else:
            found[spec.id] = f"{_DAMAGED}; replace it with: {spec.how_to_get}"
    options.facts["models"] = found
    for model, state in found.items():
        print(f"{model}: {state}")
    return FAILED if any(state.startswith((_NOT_INSTALLED, _DAMAGED)) for state in found.values()) else OK
