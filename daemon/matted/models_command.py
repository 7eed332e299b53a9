"""`matted models`: list, pull, remove, choose, check and add models. Needs no daemon, and starts none."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matted_client import MattedError, Rejected, connect, messages
from tqdm import tqdm

from matted import config, settings_file
from matted.models import catalogue, licences
from matted.models.catalogue import Catalogue, Row, Source
from matted.models.compiled import CompiledFiles
from matted.models.sources import DownloadError, Watch, local
from matted.models.store import Store, automatic_sources

OK, FAILED = 0, 1


@dataclass(frozen=True)
class Shelf:
    """What the subcommands work on."""

    settings: config.Config
    known: Catalogue
    store: Store
    compiled: CompiledFiles

    @property
    def own_file(self) -> Path:
        return self.settings.folder / catalogue.OWN_FILE


def add_parser(commands: Any) -> None:
    """Add `models` to the commands of the command line."""
    models = commands.add_parser(
        "models", help="the models: list, pull, remove, choose, check, add", allow_abbrev=False
    )
    models.add_argument("--json", action="store_true", help="for programs")
    models.set_defaults(run=_with_shelf(_list))
    verbs = models.add_subparsers(title="what to do (without: list)", metavar="VERB")

    def verb(name: str, run: Callable[[argparse.Namespace, Shelf], int], text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        parser.set_defaults(run=_with_shelf(run))
        return parser

    listing = verb("list", _list, "the models, their licences, and which are on this computer")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for programs")

    pull = verb("pull", _pull, "get a model")
    pull.add_argument("id", metavar="ID")
    where = pull.add_mutually_exclusive_group()
    where.add_argument("--source", metavar="NAME", help="one of its sources; see: matted models info ID")
    where.add_argument("--from", dest="given", metavar="FILE|DIR|URL", help="weights that you have, or a mirror")
    pull.add_argument("--trust", action="store_true", help="with --from: also a file whose hash matted does not know")
    pull.add_argument("--accept-licence", action="store_true", help="accept its licence without being asked")
    pull.add_argument("--force", action="store_true", help="also if it is there")

    for name, run, text in (
        ("remove", _remove, "delete a model from this computer"),
        ("default", _default, "use a model where no other is asked for"),
        ("info", _info, "all that is known about a model"),
    ):
        verb(name, run, text).add_argument("id", metavar="ID")

    verify = verb("verify", _verify, "read the files of installed models, and compare them with their hashes")
    verify.add_argument("ids", nargs="*", metavar="ID", help="only these")

    add = verb("add", _add, "use a model file of your own: ONNX, or the .xml of an OpenVINO IR")
    add.add_argument("file", type=Path, metavar="FILE")
    add.add_argument("--like", required=True, metavar="ID", help="the model whose input and output it shares")
    add.add_argument("--id", required=True, metavar="NEW", help="what it shall be called")
    add.add_argument("--title", metavar="TEXT", help="its name for people")
    add.add_argument("--licence", metavar="TEXT", help="what it is licensed under, for the listing")

    small = verb("quantize", _quantize, "make a smaller and faster variant of a model, with 8-bit arithmetic")
    small.add_argument("id", metavar="ID")
    small.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="six or more photographs like those it is for"
    )


def _with_shelf(run: Callable[[argparse.Namespace, Shelf], int]) -> Callable[[argparse.Namespace], int]:
    def command(options: argparse.Namespace) -> int:
        settings = config.load({}, os.environ)
        known = catalogue.load(settings.folder / catalogue.OWN_FILE)
        compiled = CompiledFiles(settings.compiled, settings.compiled_limit)
        try:
            return run(options, Shelf(settings, known, Store(settings.models), compiled))
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise MattedError(f"{where}{error.strerror or error}.") from None

    return command


# -- looking -----------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace, shelf: Shelf) -> int:
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
        extra = f" and {_megabytes(compiled)} compiled" if compiled else ""
        return [*state, f"installed, {_megabytes(shelf.store.size(row))} on disk{extra}"]
    if row.own:
        return [*state, "its files are gone"]
    when = "downloaded on first use" if row.automatic else f"to be had with: matted models pull {row.id}"
    return [*state, f"{_megabytes(row.bytes)}, {when}"]


def _info(options: argparse.Namespace, shelf: Shelf) -> int:
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
        ("memory", f"up to {_megabytes(row.peak_bytes)}"),
    ]
    if origin:
        lines += [
            ("from", origin.source),
            ("", f"{_megabytes(origin.weights_bytes)}, {origin.weights}"),
            ("installed", f"{origin.installed} by {origin.converter}, {origin.precision} weights"),
        ]
    for source in row.sources:
        opt_in = f"only with --source {source.name}; " if source.opt_in else ""
        lines += [("source", f"{source.name}: {source.place}")]
        lines += [
            ("", f"{opt_in}{_megabytes(source.download_bytes)}, {':'.join(source.digest or ('hash', 'unknown'))}")
        ]
        lines += [("", source.licence_note)]
    width = max(len(name) for name, _ in lines)
    for name, text in lines:
        if text:
            print(f"{name:<{width}}  {text}")
    return OK


def _verify(options: argparse.Namespace, shelf: Shelf) -> int:
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
            print(f"{row.id}: damaged; replace it with: {_how_to_get(row)}")
            failures += 1
    return FAILED if failures else OK


def _how_to_get(row: Row) -> str:
    return f"matted models remove {row.id}, then add it again" if row.own else f"matted models pull {row.id}"


# -- getting -----------------------------------------------------------------------------------------------------------


def _pull(options: argparse.Namespace, shelf: Shelf) -> int:
    row = shelf.known.find(options.id)
    store = shelf.store
    chosen = bool(options.source or options.given)
    offers = _offers(options, row)
    there = store.origin(row) is not None
    intact = there and store.verify(row)
    if intact and not chosen and not options.force:
        _settle_licence(row, options.accept_licence, store.licences)
        print(f"{row.id} is here already, and intact.")
        return OK
    _announce(row, offers[0])
    _settle_licence(row, options.accept_licence, store.licences)
    with _Bar() as bar:
        try:
            fresh = store.pull(row, offers, Watch(bar.on_bytes, bar.on_stage), there, options.trust)
        except KeyboardInterrupt:
            bar.interrupted(store.partial(row))
            raise
    origin = store.origin(row)
    size = _megabytes(origin.bytes) if origin else ""
    print(f"{row.id} is installed, {size}." if fresh else f"{row.id} was installed by another pull, {size}.")
    if shelf.settings.model != row.id:
        print(f"    Use it with: matted remove PICTURE --model {row.id}, or always: matted models default {row.id}")
    return OK


def _offers(options: argparse.Namespace, row: Row) -> list[Source]:
    """Where to pull from: never a source that was not asked for and has to be."""
    if row.own:
        message = f"{row.id} is a model of your own."
        raise Rejected(messages.BAD_REQUEST, message, "Add it with: matted models add")
    if options.given:
        try:
            return [local.source(options.given, row)]
        except DownloadError as error:
            raise Rejected(messages.BAD_REQUEST, f"Nothing can be taken from there: {error}.", error.hint) from None
    if options.source:
        named = [source for source in row.sources if source.name == options.source]
        if not named:
            known = ", ".join(source.name for source in row.sources)
            message = f"{row.id} has no source called {options.source[:80]!r}."
            raise Rejected(messages.BAD_REQUEST, message, f"It has: {known}. See: matted models info {row.id}")
        if not named[0].digest and not options.trust:
            message = f"What this source of {row.id} gives cannot be checked: no hash of it is known."
            raise Rejected(messages.BAD_REQUEST, message, "If you trust it, add --trust.")
        return named
    offers = automatic_sources(row)
    if not offers:
        hint = f"Choose a source, or give a file: see matted models info {row.id}"
        raise Rejected(messages.MODEL_NOT_INSTALLED, f"{row.id} has no source that is used by itself.", hint)
    return offers


def _announce(row: Row, offer: Source) -> None:
    """What comes, how big it is, from where, and on which terms, before anything travels."""
    size = _megabytes(offer.download_bytes) if offer.download_bytes else "size not known"
    print(f"{row.title} ({row.id}): {row.licence}, {row.use}. {row.licence_url}")
    print(f"    {size} from {offer.path if offer.kind == 'file' else offer.place}")
    if offer.licence_note:
        print(f"    {offer.licence_note}")
    sys.stdout.flush()


def _settle_licence(row: Row, accept: bool, records: licences.Licences) -> None:
    if not row.accept or records.accepted(row):
        return
    if not accept:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Rejected(
                messages.LICENCE_NOT_ACCEPTED,
                f"The licence of {row.title} has to be accepted first: {row.licence_url}",
                "Read it, and if you accept it, run the same command with --accept-licence.",
            )
        print(f"    Its licence allows {row.use.removesuffix(' only')} use only. Read it at the address above.")
        try:
            answer = input("    Do you accept it? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise Rejected(messages.LICENCE_NOT_ACCEPTED, "Without that, the model is not used; nothing was done.")
    records.accept(row)


def _add(options: argparse.Namespace, shelf: Shelf) -> int:
    from matted.models import own

    like = shelf.known.find(options.like)
    given = {"id": options.id, "title": options.title or options.id, "licence": options.licence or "not stated"}
    print(f"Trying {options.file} as {options.id}, like {like.id} ...", flush=True)
    row = own.add(options.file.expanduser(), given, like, shelf.known, shelf.own_file, shelf.store)
    _tell_the_daemon()
    print(f"{row.id} works, and is installed, {_megabytes(shelf.store.size(row))}.")
    print(f"    What it is like is in {shelf.own_file}, and can be changed there.")
    return OK


def _quantize(options: argparse.Namespace, shelf: Shelf) -> int:
    from matted.models import int8
    from matted.pictures import inside

    row = shelf.known.find(options.id)
    shelf.store.licences.require(row)
    if not shelf.store.installed(row):
        raise MattedError(f"{row.id} is not on this computer.", f"Get it first: {_how_to_get(row)}")
    photographs = inside(options.images)
    print(f"Making an INT8 variant of {row.id}; this takes some minutes and much memory.", flush=True)
    result = int8.make(
        row, photographs, shelf.known, shelf.own_file, shelf.store, lambda text: print(f"    {text}", file=sys.stderr)
    )
    print(f"On {result.photographs} photographs, against the original:")
    faster = result.original_seconds / result.variant_seconds
    print(f"    an inference takes {result.variant_seconds:.2f} s, not {result.original_seconds:.2f} s: {faster:.1f} x")
    print(f"    on disk {_megabytes(result.variant_bytes)}, not {_megabytes(result.original_bytes)}")
    print(f"    the masks differ by {result.difference:.4f} on average, and share {result.overlap:.1%} of the subject")
    if not result.same:
        limits = f"at most {int8.MAX_DIFFERENCE}, and at least {int8.MIN_OVERLAP:.0%}"
        raise MattedError(f"That is not the same mask any more ({limits}); the variant was not kept.")
    _tell_the_daemon()
    print(f"{int8.variant_id(row)} is installed. Use it with: matted models default {int8.variant_id(row)}")
    return OK


# -- changing ----------------------------------------------------------------------------------------------------------


def _remove(options: argparse.Namespace, shelf: Shelf) -> int:
    row = shelf.known.find(options.id)
    freed = shelf.store.size(row) + shelf.compiled.size(row.id)
    with suppress(MattedError), connect("matted models", start=False) as session:
        session.unload(row.id)
    shelf.store.remove(row)
    shelf.compiled.forget(row.id)
    if row.own:
        from matted.models import own

        own.forget(row.id, shelf.own_file)
        _tell_the_daemon()
    elif not freed:
        print(f"{row.id} is not on this computer.")
        return OK
    print(f"{row.id} is gone, {_megabytes(freed)} are free again.")
    if row.id == shelf.settings.model:
        again = "is fetched again when it is needed" if row.automatic else "is missed until you choose another"
        print(f"    It is the default model, and {again}: matted models default ID")
    return OK


def _default(options: argparse.Namespace, shelf: Shelf) -> int:
    row = shelf.known.find(options.id)
    shelf.store.licences.require(row)
    if not shelf.store.installed(row) and not row.automatic:
        message = f"{row.id} is not on this computer."
        raise Rejected(messages.MODEL_NOT_INSTALLED, message, f"Get it first: {_how_to_get(row)}")
    path = settings_file.set_text(shelf.settings.folder, "model", row.id)
    print(f"{row.id} is the default model now ({path}).")
    now = config.load({}, os.environ).model
    if now != row.id:
        print(f"    But MATTED_MODEL is set to {now} in the environment, and that wins.")
    if row.needs_plate:
        print("    It needs a plate with every picture.")
    _tell_the_daemon()
    return OK


def _tell_the_daemon() -> None:
    """One that runs shall know what has changed. One that is too old for that is told by the next `restart`."""
    with suppress(MattedError), connect("matted models", start=False) as session:
        session.reload()


# -- showing -----------------------------------------------------------------------------------------------------------


def _megabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class _Bar:
    """How far a download is, on stderr."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end()

    def on_bytes(self, done: int, total: int) -> None:
        if self._bar is None:
            self._bar = tqdm(total=total or None, initial=done, unit="B", unit_scale=True, disable=None, desc="    ")
        self._bar.update(done - self._bar.n)

    def on_stage(self, sentence: str) -> None:
        self._end()
        print(f"    {sentence} ...", file=sys.stderr)

    def interrupted(self, kept: int) -> None:
        self._end()
        what = (
            f"{_megabytes(kept)} have arrived, and the same command goes on from there" if kept else "nothing is left"
        )
        print(f"\nInterrupted; {what}.", file=sys.stderr)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
