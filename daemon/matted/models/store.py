"""The models on disk: a folder each, with what OpenVINO loads and where it came from. Found, verified, pulled, removed.

    models/u2netp/model.xml, model.bin    the OpenVINO IR: only the outputs that are used, weights as the spec says
    models/u2netp/origin.json             where it came from, hashes, dates
    models/.pulls/                        what is on its way; each model has a folder and a lock there
    models/u2netp.onnx                    put there by hand: taken, verified, converted, and gone

The daemon and the command line use the same folders at the same time: a model's folder appears and goes as a whole.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from matted_client import Rejected, messages

from matted import __version__
from matted.models import licences, origin, sources, weights
from matted.models.licences import Licences
from matted.models.origin import Origin
from matted.models.sources import DownloadError, Monitor
from matted.models.sources.partial_file import PART
from matted.models.spec import ModelSpec, Source
from matted.system import locks, subprocess_call

log = logging.getLogger(__name__)

MODEL = "model.xml"
_WEIGHTS = "model.bin"
_PULLS = ".pulls"
_CONVERTED = "converted"
_OLD = "old"
_BY_HAND = Source("file", "placed")


class Store:
    """`folder` holds a folder a model. The licences that were accepted are recorded beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.licences = Licences(folder.parent / "licences.json")
        self._verified: dict[str, Origin] = {}  # by id: what this process has seen to be right

    # -- what is there -----------------------------------------------------------------------------------------------

    def path(self, spec: ModelSpec) -> Path:
        """What to load."""
        return self.folder / spec.id / MODEL

    def placed(self, spec: ModelSpec) -> Path:
        """Where the weights may be put by hand."""
        return self.folder / spec.file

    def origin(self, spec: ModelSpec) -> Origin | None:
        return origin.read(self.folder / spec.id)

    def installed(self, spec: ModelSpec) -> bool:
        """Whether it can be used without a download, as far as the sizes of files tell: cheap, for listings."""
        return self._sizes_fit(spec) is not None or self._may_be_placed(spec)

    def _may_be_placed(self, spec: ModelSpec) -> bool:
        return _size(self.placed(spec)) in {each.bytes for each in spec.sources if each.bytes}

    def size(self, spec: ModelSpec) -> int:
        """Bytes on disk, what a broken pull left included."""
        files = [file for place in (self.folder / spec.id, self._workplace(spec)) for file in place.rglob("*")]
        return sum(max(0, _size(file)) for file in [*files, self.placed(spec)] if file.is_file())

    def partial(self, spec: ModelSpec) -> int:
        """Bytes that a broken pull left for the next one."""
        return sum(max(0, _size(part)) for part in self._workplace(spec).glob(f"*/{PART}"))

    def verify(self, spec: ModelSpec) -> bool:
        """Read all of it, and say whether it is what was installed."""
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
        if known is None or not {MODEL, _WEIGHTS} <= set(known.files):
            return None
        folder = self.folder / spec.id
        return known if all(_size(folder / name) == facts.bytes for name, facts in known.files.items()) else None

    # -- what is made to be there ------------------------------------------------------------------------------------

    def obtain(
        self, spec: ModelSpec, on_fraction: Callable[[float], None], check: Callable[[], None], wanted: bool = False
    ) -> bool:
        """Have the model at `path(spec)`. True if it had to be downloaded.

        wanted: somebody asked for the download; without that only the automatic model is fetched. on_fraction: called
        with 0..1 while downloading, and only then. check: what it raises ends the download.
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
            how = f"matted models add FILE --id {spec.id}" if spec.own else f"matted models pull {spec.id}"
            raise Rejected(messages.MODEL_NOT_INSTALLED, f"The model {spec.id} {state}.", f"Get it with: {how}")
        log.info("downloading %s", spec.summary)
        on_fraction(0.0)

        def on_bytes(done: int, total: int) -> None:
            on_fraction(min(1.0, done / total) if total else 0.0)

        self.pull(spec, automatic_sources(spec), Monitor(on_bytes, check=check))
        return True

    def pull(
        self, spec: ModelSpec, offers: Sequence[Source], monitor: Monitor, again: bool = False, trust: bool = False
    ) -> bool:
        """Install the model from the first of `offers` that works. False if someone else just did.

        again: also if it is there. trust: take weights whose hash nobody knows. Raises Rejected("licence_not_accepted",
        "model_not_installed"), or what monitor.check raises.
        """
        self.licences.require(spec)
        try:
            with self._alone(spec, monitor):
                if not again and self._intact(spec):
                    return False
                self._pull_any(spec, offers, monitor, trust)
        except OSError as error:
            raise self._missing(spec, _sentence(error)) from None
        return True

    def remove(self, spec: ModelSpec) -> int:
        """Delete all that belongs to the model. Returns how many bytes that were. Raises Rejected, OSError."""
        freed = self.size(spec)
        self._verified.pop(spec.id, None)
        if freed:
            with self._alone(spec, Monitor()):
                self._clear(self.folder / spec.id, spec)
                if self.placed(spec).is_file():
                    self.placed(spec).unlink(missing_ok=True)
                shutil.rmtree(self._workplace(spec), ignore_errors=True)
        return freed

    def _take_placed(self, spec: ModelSpec, check: Callable[[], None]) -> bool:
        placed = self.placed(spec)
        if not placed.is_file():
            return False
        try:
            self.pull(spec, [replace(_BY_HAND, path=str(placed))], Monitor(check=check))
        except Rejected as error:
            if error.code != messages.MODEL_NOT_INSTALLED:
                raise
            log.warning("%s is damaged or something else, and left as it is: %s", placed, error.message)
            return False
        placed.unlink(missing_ok=True)
        return True

    def _pull_any(self, spec: ModelSpec, offers: Sequence[Source], monitor: Monitor, trust: bool) -> None:
        """The last failure is the one that is told; a source that came before is only a mirror of it."""
        failures: list[DownloadError] = []
        for offer in offers:
            try:
                self._pull_one(spec, offer, monitor, trust)
                return
            except DownloadError as error:
                log.info("%s from %s: %s", spec.id, offer.place, error)
                failures.append(error)
        raise self._missing(spec, str(failures[0]) if failures else "there is no source for it", _hint(failures))

    def _pull_one(self, spec: ModelSpec, offer: Source, monitor: Monitor, trust: bool) -> None:
        work = self._workplace(spec)
        self._require_room(spec, offer)
        try:
            file = sources.fetch(offer, spec, work / offer.name, monitor)
            monitor.on_stage("Checking")
            try:
                known = weights.recognise(file, spec, offer, monitor, trust)
            except DownloadError:
                shutil.rmtree(work / offer.name, ignore_errors=True)  # to go on with it would be of no use
                raise
            monitor.on_stage("Converting")
            draft = work / _CONVERTED
            self._convert(spec, file, draft)
            self._keep(spec, draft, offer.path if offer.kind == "file" else offer.place, file, known)
        except BaseException:
            shutil.rmtree(work / _CONVERTED, ignore_errors=True)
            if not (work / offer.name / PART).exists():
                shutil.rmtree(work / offer.name, ignore_errors=True)
            raise

    def _convert(self, spec: ModelSpec, file: Path, draft: Path) -> None:
        shutil.rmtree(draft, ignore_errors=True)
        try:
            subprocess_call.call(weights.convert, spec, file, draft / MODEL)
        except (ValueError, RuntimeError) as error:
            if shutil.disk_usage(self.folder).free < file.stat().st_size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
            raise DownloadError(f"it could not be converted: {str(error).splitlines()[0].rstrip('.')}") from None

    def _keep(self, spec: ModelSpec, draft: Path, source: str, file: Path, known: str) -> None:
        """Make the finished folder the model's, with the record of where it came from."""
        for name in (MODEL, _WEIGHTS):
            with open(draft / name, "rb+") as written:
                os.fsync(written.fileno())
        record = Origin(
            source=source,
            weights=known,
            weights_bytes=file.stat().st_size,
            installed=licences.now(),
            converter=f"matted {__version__}, OpenVINO {metadata.version('openvino')}",
            precision=spec.precision,
            licence_accepted=self.licences.accepted(spec),
            files={name: origin.facts(draft / name) for name in (MODEL, _WEIGHTS)},
        )
        origin.write(draft, record)
        self._clear(self.folder / spec.id, spec)
        os.replace(draft, self.folder / spec.id)
        shutil.rmtree(self._workplace(spec), ignore_errors=True)
        self._verified[spec.id] = record

    def _clear(self, folder: Path, spec: ModelSpec) -> None:
        """Have nothing at `folder`, in one step for whoever reads it."""
        old = self._workplace(spec) / _OLD
        with suppress(FileNotFoundError):
            shutil.rmtree(old, ignore_errors=True)
            old.parent.mkdir(parents=True, exist_ok=True)
            os.replace(folder, old)
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink()

    # -- while it is made --------------------------------------------------------------------------------------------

    def _workplace(self, spec: ModelSpec) -> Path:
        return self.folder / _PULLS / spec.id

    @contextmanager
    def _alone(self, spec: ModelSpec, monitor: Monitor) -> Iterator[None]:
        """Keep other pulls of the model out, of all processes. What is left behind is what a later one goes on
        with. Raises OSError.
        """
        pulls = self.folder / _PULLS

        def waiting() -> None:
            monitor.on_stage(f"Waiting for another pull of {spec.id}")

        try:
            with locks.holding(pulls / f"{spec.id}.lock", waiting, monitor.check):
                for leftover in (_CONVERTED, _OLD):  # of a process that was killed
                    shutil.rmtree(self._workplace(spec) / leftover, ignore_errors=True)
                try:
                    yield
                finally:
                    with suppress(OSError):
                        self._workplace(spec).rmdir()
        finally:
            with suppress(OSError):
                pulls.rmdir()

    def _require_room(self, spec: ModelSpec, offer: Source) -> None:
        """Room for what comes, and for what it is converted to. Raises DownloadError."""
        weights = max(offer.weights_bytes, offer.travels and spec.bytes)
        arrived = _size(self._workplace(spec) / offer.name / PART)
        # pip and npm have a package twice when they put it down, and the weights are taken out of it
        packed = 2 * offer.download_bytes if offer.package else 0
        needed = packed + 2 * weights - max(0, arrived)
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise DownloadError(
                f"the disk is full: {needed / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free in {self.folder}",
                "Make room, for example with: matted models remove ID",
            )

    def _missing(self, spec: ModelSpec, why: str, hint: str = "") -> Rejected:
        known = next((each for each in spec.sources if each.bytes and each.digest), None)
        if spec.automatic and known and known.digest:
            hint = (
                f"Go online and try again, or put the file {spec.file} ({known.bytes} bytes, {known.digest[0]} "
                f"{known.digest[1]}) at {self.placed(spec)}"
            )
        return Rejected(
            messages.MODEL_NOT_INSTALLED,
            f"The model {spec.id} is not on this computer and could not be installed: {why}.",
            hint or f"Try again, or give a file that you have: matted models pull {spec.id} --from FILE",
        )


def automatic_sources(spec: ModelSpec) -> list[Source]:
    """Those that are used without being named: no opt-in, and bytes that can be checked."""
    return [each for each in spec.sources if each.digest and not each.opt_in]


def _hint(failures: Sequence[DownloadError]) -> str:
    return next((failure.hint for failure in failures if failure.hint), "")


def _sentence(error: OSError) -> str:
    return "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror or error)


def _size(file: Path) -> int:
    """-1 if there is none."""
    try:
        return file.stat().st_size
    except OSError:
        return -1
