"""Paces: how long inferences take on this computer, measured and kept on disk, or estimated from what was measured."""

from __future__ import annotations

import json
import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from matted_client.messages import Progress

from matted.inference.engines import devices
from matted.inference.timing import WHOLE_STAGE, Share
from matted.models.spec import ModelSpec
from matted.settings.target import AUTO, CPU, Target
from matted.system import atomic_file

log = logging.getLogger(__name__)

LATEST = 8  # inferences of a model that are remembered
# GFLOP a second and core in float32, before anything was measured: those of IS-Net on two cores with AVX2.
_FIRST_GUESS = 80.0
_SERVER_GUESS = 1000.0  # GFLOP a second of a server, before anything was measured there
# How much faster than float32 an arithmetic is: IS-Net needs 1.64 s in float32, 0.82 s in bfloat16, 0.46 s in INT8 on a
# CPU with VNNI, and 1.96 s and 1.03 s in float32 and INT8 on one without.
_GAINS = {"f32": 1.0, "bf16": 2.0, "f16": 2.0, "i8": 1.9}
_INT8_WITH_VNNI = 3.6
# What fewer inferences than this say is not believed by the next daemon where it is so many times the estimate: a model
# that ran once, beside other work, would never be chosen again, and so never be measured again.
_ENOUGH = 3
_DOUBTFUL = 2.0
_KEPT_CHANGE = 0.05  # share by which a pace has to change to be written down anew


def _here(model: str) -> str:
    return ""


@dataclass(frozen=True)
class Expected:
    """What an inference of a model is expected to take.

    seconds: infinite where nothing tells.
    measured: whether the model has run here, on the device and in the arithmetic of the settings; else an estimate.
    """

    seconds: float
    measured: bool


@dataclass(frozen=True)
class Measured:
    """The latest inferences of a model with one setting.

    model: its id.
    asked: the device of the settings; asked_arithmetic: theirs.
    device: the one that it ran on. arithmetic: what it computed in, "i8" for an INT8 variant.
    work: GFLOP, of the spec.
    seconds: of each inference, the latest last.
    runs: how many inferences there were, those that are not remembered included.
    """

    model: str
    asked: str
    asked_arithmetic: str
    device: str
    arithmetic: str
    work: float
    seconds: tuple[float, ...] = field(default=())
    runs: int = 0

    @property
    def typical(self) -> float:
        """The seconds of a quiet moment, infinite before the first: a quarter of the inferences were quicker.

        So a few that ran beside other work do not count, nor does the first one after a load.
        """
        return sorted(self.seconds)[(len(self.seconds) - 1) // 4] if self.seconds else math.inf

    @property
    def recent(self) -> float:
        """The mean seconds of the last three: what the next one will take, other work included."""
        return sum(self.seconds[-3:]) / len(self.seconds[-3:])


class Paces:
    """How long inferences take. All methods are thread-safe, and none of them reads a file.

    target: the device and arithmetic of the settings, which hold for what is expected.
    elsewhere: returns where a server runs the model of an id, as `Engine.device`; empty if this computer does.
    """

    def __init__(self, file: Path, target: Target, cores: int = 0, openvino: str = "") -> None:
        """Read what was measured before. A file that is damaged, or of another OpenVINO or number of cores, is ignored.

        cores: of this computer, to be found out if 0. openvino: its version, the installed one's if empty.
        """
        self.target = target
        self.elsewhere: Callable[[str], str] = _here
        self._file = file
        self._cores = cores or _cores()
        self._openvino = openvino or metadata.version("openvino")
        self._devices: dict[str, tuple[str, tuple[str, ...]]] = {}  # name -> title, capabilities
        self._measured: dict[tuple[str, str, str], Measured] = {}  # by model and what was asked for
        self._few: set[tuple[str, str, str]] = set()  # of these, what ran fewer than _ENOUGH times, before this daemon
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._read()

    def learn(self, device: str, title: str, capabilities: Sequence[str]) -> None:
        """Take in what an engine found of its device. What was measured on another of this name is forgotten.

        device, title: OpenVINO's and its maker's name of it. capabilities: OpenVINO's list of what it can do.
        """
        with self._lock:
            known = self._devices.get(device)
            self._devices[device] = title, tuple(capabilities)
            if known is not None and known[0] != title:
                self._measured = {key: each for key, each in self._measured.items() if each.device != device}

    def record(self, spec: ModelSpec, device: str, arithmetic: str, seconds: float) -> None:
        """Take in one inference, and write it down if that changes the model's pace.

        device, arithmetic: of the engine.
        """
        key = (spec.id, device, self.target.arithmetic) if _is_place(device) else self._key_here(spec.id)
        ran = Measured(*key, device, "i8" if spec.made_from else arithmetic, spec.work)
        with self._lock:
            before = self._measured.get(key, ran)
            if replace(before, seconds=(), runs=0) != ran:
                before = ran
            after = replace(ran, seconds=(*before.seconds, seconds)[-LATEST:], runs=before.runs + 1)
            self._few.discard(key)
            self._measured.pop(key, None)
            self._measured[key] = after  # at the end: the latest tells what a setting leads to
        if after.runs <= _ENOUGH or not abs(after.typical - before.typical) <= _KEPT_CHANGE * after.typical:
            self._write()

    def expected(self, spec: ModelSpec) -> Expected:
        """Return the seconds that an inference is expected to take."""
        with self._lock:
            key = self._key(spec.id)
            known = self._measured.get(key)
            if known is not None and key not in self._few:
                return Expected(known.typical, True)
            estimate = self._estimate(spec)
            if known is not None and known.typical <= _DOUBTFUL * estimate:
                return Expected(known.typical, True)
            return Expected(estimate, False)

    def expected_in_int8(self, spec: ModelSpec) -> Expected:
        """Return the seconds that an inference of a model is expected to take once it has an INT8 variant."""
        with self._lock:
            return Expected(self._estimate(spec, in_int8=True), False)

    def progress(self, stage: str, model: str, elapsed: float, share: Share = WHOLE_STAGE) -> Progress:
        """Return how far a stage is `elapsed` seconds after an inference has begun. share: of the stage that it is."""
        with self._lock:
            known = self._measured.get(self._key(model))
        begun, part = share
        if known is None:
            return Progress(stage, begun or None)
        return Progress(stage, begun + part * min(0.99, elapsed / max(known.recent, 1e-6)))

    def _key(self, model: str) -> tuple[str, str, str]:
        return model, self.elsewhere(model) or self.target.device, self.target.arithmetic

    def _key_here(self, model: str) -> tuple[str, str, str]:
        return model, self.target.device, self.target.arithmetic

    def _estimate(self, spec: ModelSpec, in_int8: bool = False) -> float:
        """Estimate the seconds of a model that has not run: from its variants, else from the model nearest in work."""
        if spec.work <= 0:
            return math.inf
        place = self.elsewhere(spec.id)
        if place:
            return self._estimate_elsewhere(spec, place)
        device = self._device()
        measured = [each for key, each in self._measured.items() if key != self._key(spec.id)]
        known = [each for each in measured if each.work > 0 and each.device == device]
        rate = _FIRST_GUESS * self._cores
        if known:
            relatives = [each for each in known if each.model in (spec.id, spec.made_from)]
            nearest = min(relatives or known, key=lambda each: abs(math.log(each.work / spec.work)))
            rate = nearest.work / (nearest.typical * self._gain(nearest.arithmetic, device))
        capabilities = self._devices.get(device, ("", ()))[1]
        arithmetic = devices.arithmetic(spec, device, self.target.arithmetic, capabilities)
        return spec.work / (rate * self._gain("i8" if spec.made_from or in_int8 else arithmetic, device))

    def _estimate_elsewhere(self, spec: ModelSpec, place: str) -> float:
        """Estimate the seconds of a model that has not run on its server: from the nearest in work that has.

        place: where, as Engine.device.
        """
        server = _server_of(place)
        known = [each for each in self._measured.values() if each.work > 0 and _server_of(each.asked) == server]
        if not known:
            return spec.work / _SERVER_GUESS
        nearest = min(known, key=lambda each: abs(math.log(each.work / spec.work)))
        return nearest.typical * spec.work / nearest.work

    def _device(self) -> str:
        """Return the device that the settings lead to, as far as is known."""
        asked = self.target.device
        latest = next((each.device for each in reversed(self._measured.values()) if each.asked == asked), "")
        return latest or (CPU if asked == AUTO else asked)

    def _gain(self, arithmetic: str, device: str) -> float:
        if arithmetic == "i8" and "BF16" in self._devices.get(device, ("", ()))[1]:  # every such CPU has VNNI
            return _INT8_WITH_VNNI
        return _GAINS.get(arithmetic, 1.0)

    def _read(self) -> None:
        try:
            content = json.loads(self._file.read_text("utf-8"))
            if (content["openvino"], content["cores"]) != (self._openvino, self._cores):
                log.info("the paces of models were measured with another OpenVINO or processor, and are measured anew")
                return
            found = {name: (str(title), _words(able)) for name, (title, able) in content["devices"].items()}
            measured = [_measured(fields) for fields in content["measured"]]
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            log.warning("%s is damaged, and the paces of models are measured anew: %r", self._file, error)
            return
        self._devices = found
        self._measured = {(each.model, each.asked, each.asked_arithmetic): each for each in measured}
        self._few = {key for key, each in self._measured.items() if each.runs < _ENOUGH}

    def _write(self) -> None:
        with self._writing:
            with self._lock:
                content = {
                    "openvino": self._openvino,
                    "cores": self._cores,
                    "devices": self._devices,
                    "measured": [asdict(each) for each in self._measured.values()],
                }
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                atomic_file.write(self._file, json.dumps(content, indent=1).encode())
            except OSError as error:  # the disk is full, say: they are measured again
                log.info("the paces of models cannot be written: %s", error.strerror or error)


def _is_place(device: str) -> bool:
    """Return whether a device is a server's, as RemoteEngine names it."""
    return "://" in device


def _server_of(place: str) -> str:
    return place.partition(" ")[0]


def _cores() -> int:
    """Return the number of this computer's cores, threads of the same one not counted as far as is known."""
    import psutil  # here: `matted doctor` has to run where that is broken

    return max(psutil.cpu_count(logical=False) or 1, (psutil.cpu_count() or 1) // 2)


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError("no list of words")
    return tuple(value)


def _measured(fields: dict[str, Any]) -> Measured:
    """Return what was measured, as it was written. A new daemon believes in a quiet computer: the quicker half counts.

    So a model that was slow beside other work for a while is not taken for slow for ever. Raises ValueError, TypeError.
    """
    seconds, work = [float(each) for each in fields["seconds"]], float(fields["work"])
    if not seconds or not all(0 < each < math.inf for each in [*seconds, work or 1.0]):
        raise ValueError("no seconds")
    quicker = sorted(range(len(seconds)), key=seconds.__getitem__)[: (len(seconds) + 1) // 2]
    if type(fields["runs"]) is not int:
        raise ValueError("no number of inferences")
    names = {name: value for name, value in fields.items() if name not in ("seconds", "work", "runs")}
    if not all(isinstance(value, str) for value in names.values()):
        raise ValueError("names are texts")
    kept = tuple(seconds[index] for index in sorted(quicker))
    return Measured(**names, work=work, seconds=kept, runs=fields["runs"])
