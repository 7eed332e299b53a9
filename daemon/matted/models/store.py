"""The models on disk: find, verify, pull and remove them.

    models/u2netp/model.xml, model.bin    the OpenVINO IR: only the outputs that are used, weights as the spec says
    models/mobile-sam/decoder.xml, .bin   the second graph of a model that takes clicks
    models/u2netp/origin.json             where it came from, hashes, dates
    models/u2netp.onnx                    put there by hand: verified, converted, and deleted then
    models/.pulls/                        where models are made: see `workplace`

The daemon and the command line use the same folders at the same time: a model's folder appears and goes as a whole.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from matted_client import MattedError, Rejected, messages

from matted import __version__
from matted.models import licences, origin, sources, weights
from matted.models.licences import Licences
from matted.models.origin import Origin
from matted.models.sources import DownloadError, Monitor, Unreachable, local
from matted.models.spec import MODEL, Entry, ModelSpec, Source
from matted.models.workplace import Workplace, require_memory, size_of
from matted.system import subprocess_call

log = logging.getLogger(__name__)

_HALVES = (".xml", ".bin")  # of a graph as it is stored: its operators, and its weights
_BY_HAND = Source("file", "placed")

TryOut = Callable[[ModelSpec, Path], int]
"""(model, file to load) -> side of the input, 0 for any size. Raises MattedError if what it gives is no matte."""


class Store:
    """`folder` holds a folder a model. The licences that were accepted are recorded beside it."""

    def __init__(self, folder: Path, try_out: TryOut | None = None) -> None:
        """try_out: runs new files of a model that is `unseen` on a picture, in a process of its own."""
        self.folder = folder
        self._try_out = try_out
        self.licences = Licences(folder.parent / "licences.json")
        self._verified: dict[str, Origin] = {}  # by id: what this process has seen to be right

    # -- find and verify ---------------------------------------------------------------------------------------------

    def path(self, spec: ModelSpec) -> Path:
        """The file to load. The model's other graph lies beside it, under its own name."""
        return self.folder / spec.id / f"{MODEL}{_HALVES[0]}"

    def placed(self, spec: ModelSpec) -> tuple[Path, ...]:
        """The files that the user may put the weights in by hand, one for each graph."""
        return tuple(self.folder / name for name in spec.files)

    def origin(self, spec: ModelSpec) -> Origin | None:
        return origin.read(self.folder / spec.id)

    def installed(self, entry: Entry) -> bool:
        """Whether it can be used without a download, as far as the sizes of files tell: cheap, for listings."""
        if not isinstance(entry, ModelSpec):
            return True
        return self._sizes_fit(entry) is not None or self._may_be_placed(entry)

    def installed_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        """Return the ids of those that are `installed`. Quicker than to ask for each: the folder is read once."""
        try:
            there = set(os.listdir(self.folder))
        except OSError:
            return set()
        return {spec.id for spec in specs if there & {spec.id, spec.file} and self.installed(spec)}

    def damaged(self, entry: Entry) -> bool:
        """Whether it was installed, and cannot be used, as far as its record and the sizes of files tell: cheap."""
        return isinstance(entry, ModelSpec) and (self.folder / entry.id).is_dir() and not self.installed(entry)

    def damaged_of(self, specs: Iterable[ModelSpec]) -> set[str]:
        """Return the ids of those that are `damaged`. As quick as `installed_of`."""
        try:
            there = set(os.listdir(self.folder))
        except OSError:
            return set()
        return {spec.id for spec in specs if spec.id in there and self.damaged(spec)}

    def require_installed(self, entry: Entry) -> None:
        """Raise Rejected("model_not_installed") unless `installed`."""
        if isinstance(entry, ModelSpec) and not self.installed(entry):
            message = f"{entry.id} is not on this computer."
            raise Rejected(messages.MODEL_NOT_INSTALLED, message, f"Get it first: {entry.how_to_get}")

    def _may_be_placed(self, spec: ModelSpec) -> bool:
        sizes = tuple(size_of(file) for file in self.placed(spec))
        known = {tuple(file.bytes for file in each.files) for each in spec.sources}
        return all(size > 0 for size in sizes) and sizes in known

    def size(self, spec: ModelSpec) -> int:
        """Bytes on disk, what a broken pull has left included."""
        files = [file for place in (self.folder / spec.id, self._workplace(spec).folder) for file in place.rglob("*")]
        return sum(max(0, size_of(file)) for file in [*files, *self.placed(spec)] if file.is_file())

    def partial(self, spec: ModelSpec) -> int:
        """Bytes that a broken pull has left for the next one."""
        return self._workplace(spec).partial_bytes()

    def verify(self, spec: ModelSpec) -> bool:
        """Read all files of the model. True if they are what was installed."""
        known = self._sizes_fit(spec)
        self._verified.pop(spec.id, None)
        return known is not None and all(
            origin.digest(self.folder / spec.id / name, "sha256") == facts.sha256 for name, facts in known.files.items()
        )

    def _intact(self, spec: ModelSpec) -> bool:
        """As `verify`, but without reading files that were not touched since they were written."""
        known = self._sizes_fit(spec)
        if known is None:
            self._verified.pop(spec.id, None)
            return False
        folder = self.folder / spec.id
        seen = {
            name: replace(facts, mtime_ns=(folder / name).stat().st_mtime_ns) for name, facts in known.files.items()
        }
        now = replace(known, files=seen)
        if now != known and self._verified.get(spec.id) != now and not self.verify(spec):
            return False
        self._verified[spec.id] = now
        return True

    def _sizes_fit(self, spec: ModelSpec) -> Origin | None:
        known = self.origin(spec)
        if known is None or not set(_file_names(spec)) <= set(known.files):
            return None
        folder = self.folder / spec.id
        return known if all(size_of(folder / name) == facts.bytes for name, facts in known.files.items()) else None

    # -- pull and remove ---------------------------------------------------------------------------------------------

    def obtain(
        self, spec: ModelSpec, on_fraction: Callable[[float], None], check: Callable[[], None], wanted: bool = False
    ) -> bool:
        """Make sure that the model is at `path(spec)`. True if it was downloaded, and not by another process meanwhile.

        on_fraction: called with 0..1 while downloading, and only then.
        check: called often while downloading; what it raises ends the download.
        wanted: somebody asked for the download; without that only the automatic model is downloaded.

        Raises Rejected("licence_not_accepted", "model_not_installed").
        """
        self.licences.require(spec)
        if self._intact(spec):
            return False
        damaged = self.origin(spec) is not None
        if damaged:
            log.warning("the files of %s are damaged", spec.id)
        if self._take_placed(spec, check):
            return False
        if not (spec.automatic or wanted):
            state = "is damaged" if damaged else "is not on this computer"
            raise Rejected(
                messages.MODEL_NOT_INSTALLED, f"The model {spec.id} {state}.", f"Get it with: {spec.how_to_get}"
            )
        log.info("downloading %s", spec.summary)
        on_fraction(0.0)

        def on_bytes(done: int, total: int) -> None:
            on_fraction(min(1.0, done / total) if total else 0.0)

        return self.pull(spec, spec.automatic_sources, Monitor(on_bytes, check=check))

    def pull(
        self, spec: ModelSpec, offers: Sequence[Source], monitor: Monitor, again: bool = False, trust: bool = False
    ) -> bool:
        """Install the model from the first of `offers` that works. False if another process just did.

        again: also if the model is there.
        trust: also weights whose hash is not known.

        Raises Rejected("licence_not_accepted", "model_not_installed"), and what monitor.check raises.
        """
        self.licences.require(spec)
        try:
            with self._workplace(spec).locked(monitor):
                if not again and self._intact(spec):
                    return False
                self._pull_any(spec, offers, monitor, trust)
        except OSError as error:
            raise self._missing(spec, *_reason(error)) from error
        return True

    def remove(self, spec: ModelSpec) -> int:
        """Delete all that belongs to the model. Returns how many bytes that were. Raises OSError."""
        freed = self.size(spec)
        self._verified.pop(spec.id, None)
        if freed:
            work = self._workplace(spec)
            with work.locked(Monitor()):
                work.move_away(self.folder / spec.id)
                for placed in self.placed(spec):
                    if placed.is_file():
                        placed.unlink(missing_ok=True)
                work.delete()
        return freed

    def _take_placed(self, spec: ModelSpec, check: Callable[[], None]) -> bool:
        placed = self.placed(spec)
        if not all(file.is_file() for file in placed):
            return False
        try:
            self.pull(spec, [local.of_files(_BY_HAND, placed)], Monitor(check=check))
        except Rejected as error:
            if error.code != messages.MODEL_NOT_INSTALLED:
                raise
            log.warning("%s is damaged or something else, and left as it is: %s", placed[0], error.message)
            return False
        for file in placed:
            file.unlink(missing_ok=True)
        return True

    def _pull_any(self, spec: ModelSpec, offers: Sequence[Source], monitor: Monitor, trust: bool) -> None:
        """Pull from one offer after the other, until one gives the model. The user hears of the failure that helps."""
        failures: list[DownloadError] = []
        for offer in offers:
            try:
                self._pull_one(spec, offer, monitor, trust)
                return
            except DownloadError as error:
                log.info("%s from %s: %s", spec.id, offer.place, error)
                failures.append(error)
        if not failures:
            raise self._missing(spec, "there is no source for it")
        failure = _most_helpful(failures)
        raise self._missing(spec, str(failure), failure.hint)

    def _pull_one(self, spec: ModelSpec, offer: Source, monitor: Monitor, trust: bool) -> None:
        work = self._workplace(spec)
        work.require_room(offer, spec.bytes)
        try_out = self._try_out if spec.unseen else None
        if try_out is not None:
            require_memory(_memory_to_try(spec, offer), f"{spec.title} needs")
        try:
            files: list[Path] = []
            known: list[str] = []
            for number, each in enumerate(offer.files):
                part = _part(monitor, files, offer.files[number + 1 :])
                files.append(sources.fetch(each, spec, work.source(each), part))
                monitor.on_stage("Checking")
                try:
                    known.append(weights.check(files[-1], spec, each, number, monitor, trust))
                except DownloadError:
                    work.discard(each)  # to go on with it would be of no use
                    raise
            monitor.on_stage("Converting")
            self._convert(spec, files, work)
            if try_out is not None:
                monitor.on_stage("Trying it on a picture")
                self._try(try_out, spec, work)
            self._keep(spec, work, offer.path if offer.kind == "file" else offer.place, files, known)
        except BaseException:
            for each in offer.files:
                work.clean_up(each)
            raise

    def _convert(self, spec: ModelSpec, files: Sequence[Path], work: Workplace) -> None:
        shutil.rmtree(work.converted, ignore_errors=True)
        try:
            for graph, file in zip(spec.graphs, files, strict=True):
                subprocess_call.call(weights.CONVERTERS[graph], spec, file, work.converted / f"{graph}{_HALVES[0]}")
        except MemoryError as error:  # another source would need as much
            hint = "Close other programs, and try again."
            raise Rejected(messages.OUT_OF_MEMORY, f"There is too little memory to install {spec.id}.", hint) from error
        except (ValueError, RuntimeError) as error:
            if work.free_bytes() < sum(file.stat().st_size for file in files):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            raise DownloadError(f"it could not be converted: {str(error).splitlines()[0].rstrip('.')}") from error

    def _try(self, try_out: TryOut, spec: ModelSpec, work: Workplace) -> None:
        try:
            subprocess_call.call(try_out, spec, work.converted / f"{MODEL}{_HALVES[0]}")
        except MemoryError as error:
            hint = "Close other programs, and try again."
            raise Rejected(messages.OUT_OF_MEMORY, f"There is too little memory to try {spec.id}.", hint) from error
        except (MattedError, RuntimeError) as error:
            why = error.message if isinstance(error, MattedError) else str(error)
            raise DownloadError(f"it was tried on a picture, and failed: {why.rstrip('.')}") from error

    def _keep(self, spec: ModelSpec, work: Workplace, source: str, files: Sequence[Path], known: Sequence[str]) -> None:
        """Make the finished folder the model's, with the record of where it came from."""
        names = _file_names(spec)
        for name in names:
            with open(work.converted / name, "rb+") as written:
                os.fsync(written.fileno())
        record = Origin(
            source=source,
            weights=known[0],
            weights_bytes=sum(file.stat().st_size for file in files),
            installed=licences.now(),
            converter=f"matted {__version__}, OpenVINO {metadata.version('openvino')}",
            precision=spec.precision,
            licence_accepted=self.licences.accepted(spec),
            files={name: origin.facts(work.converted / name) for name in names},
            decoder=known[1] if len(known) > 1 else "",
        )
        origin.write(work.converted, record)
        work.move_away(self.folder / spec.id)
        os.replace(work.converted, self.folder / spec.id)
        work.delete()
        self._verified[spec.id] = record

    def _workplace(self, spec: ModelSpec) -> Workplace:
        return Workplace(self.folder, spec.id)

    def _missing(self, spec: ModelSpec, why: str, hint: str = "") -> Rejected:
        known = next((each for each in spec.sources if each.bytes and each.digest), None)
        if not hint and spec.automatic and known and known.digest:
            hint = (
                f"Go online and try again, or put the file {spec.file} ({known.bytes} bytes, {known.digest[0]} "
                f"{known.digest[1]}) at {self.placed(spec)[0]}"
            )
        return Rejected(
            messages.MODEL_NOT_INSTALLED,
            f"The model {spec.id} is not on this computer and could not be installed: {why}.",
            hint or f"Try again, or give a file that you have: matted models pull {spec.id} --from FILE",
        )


def _file_names(spec: ModelSpec) -> list[str]:
    """List the files of a model as it is stored."""
    return [f"{graph}{half}" for graph in spec.graphs for half in _HALVES]


def _part(monitor: Monitor, arrived: Sequence[Path], to_come: Sequence[Source]) -> Monitor:
    """Return the monitor of one file of several, which counts them all."""
    before, after = sum(map(size_of, arrived)), sum(each.download_bytes for each in to_come)

    def on_bytes(done: int, total: int) -> None:
        monitor.on_bytes(before + done, before + total + after if total else 0)

    return replace(monitor, on_bytes=on_bytes)


def _memory_to_try(spec: ModelSpec, offer: Source) -> int:
    """Return the bytes of memory that it takes to try a model.

    A file that a person has, and that is smaller than the published one, needs less in proportion.
    """
    if offer.kind == "file" and spec.bytes:
        return round(spec.peak_bytes * min(1.0, max(0, size_of(Path(offer.path))) / spec.bytes))
    return spec.peak_bytes


def _most_helpful(failures: Sequence[DownloadError]) -> DownloadError:
    """Choose the failure that tells a person what to do, or make one of many that are the same."""
    answered = [failure for failure in failures if not isinstance(failure, Unreachable)]
    if not answered and len(failures) > 1:
        return DownloadError("none of its sources could be reached, so this computer seems to be offline")
    return next((failure for failure in answered if failure.hint), (answered or failures)[0])


def _reason(error: OSError) -> tuple[str, str]:
    """Return why a model cannot be written, and what to do about it."""
    if error.errno == errno.ENOSPC:
        return "the disk is full", "Make room on it, and try again."
    return str(error.strerror or error), "Find out more with: matted doctor"
