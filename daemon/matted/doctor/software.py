"""Check Python, the packages, OpenVINO and its devices."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING

from matted_client import python

from matted import __version__
from matted.doctor import probe
from matted.doctor.context import FAIL, NOTE, OK, Context, Finding
from matted.doctor.probe import ProbeFailedError
from matted.inference.engines import devices, verdicts
from matted.inference.engines.devices import Device
from matted.settings.config import Config
from matted.settings.target import AUTO, CPU

if TYPE_CHECKING:
    from packaging.requirements import Requirement

REINSTALL = "Install matted again, for example with: pipx reinstall matted"
_NATIVE = ("numpy", "PIL.Image", "zmq", "psutil", "openvino")  # import names of those that can break without being gone
_IMPORT = """import importlib, sys
import matted  # which keeps OpenVINO's telemetry out
for name in sys.argv[1:]:
    print(name, flush=True)
    importlib.import_module(name)
"""
IMPORT_SECONDS = 60.0
TRIAL_SECONDS = 120.0  # a GPU compiles its kernels the first time
TRIAL = "from matted.doctor.device_trial import main; main()"


def check_python(context: Context) -> Iterator[Finding]:
    """Say which Python this is."""
    yield Finding(OK, "Python", f"{platform.python_version()}, {platform.machine()}, {sys.executable}")


def check_packages(context: Context) -> Iterator[Finding]:
    """Check the versions of the packages that matted requires, and that those with native code can be imported."""
    there = [f"matted {__version__}"]
    for required in requirements():
        try:
            found = metadata.version(required.name)
        except metadata.PackageNotFoundError:
            yield Finding(FAIL, required.name, "It is not installed.", REINSTALL)
            continue
        if not required.specifier.contains(found, prereleases=True):
            what = f"{found} is installed, and {required.specifier} is needed."
            yield Finding(FAIL, required.name, what, REINSTALL)
        there.append(f"{required.name} {found}")
    yield Finding(OK, "Packages", ", ".join(there))
    yield from check_imports(list(_NATIVE))


def check_imports(names: list[str]) -> Iterator[Finding]:
    """Import packages in another process. Yields a finding for each that fails."""
    while names:
        try:
            probe.run([*python.command(_IMPORT), *names], IMPORT_SECONDS)
            return
        except ProbeFailedError as error:
            reached = error.output.split()
            culprit = reached[-1] if reached else names[0]
            yield Finding(FAIL, culprit, f"It cannot be imported: {error}.", REINSTALL)
            names = names[names.index(culprit) + 1 :]


def check_devices(context: Context) -> Iterator[Finding]:
    """Try each of OpenVINO's devices with a small inference, tell what is known of its masks, and which one is used."""
    try:
        found = find_devices()
    except ProbeFailedError as error:
        yield Finding(FAIL, "OpenVINO", f"It does not start: {error}.", REINSTALL)
        return
    working = []
    for device in found:
        tried = try_device(device)
        yield tried
        if tried.state == OK:
            working.append(device)
            yield from check_masks(device, context.settings)
    yield _used(context.settings.device, found, working)


def find_devices() -> list[Device]:
    """List OpenVINO's devices. Raises ProbeFailedError: OpenVINO does not start."""
    return [Device(**fields) for fields in json.loads(_last_line(probe.run(python.command(TRIAL), IMPORT_SECONDS)))]


def try_device(device: Device) -> Finding:
    """Try a device with a small inference."""
    subject = f"OpenVINO on {device.name}"
    try:
        probe.run([*python.command(TRIAL), device.name], TRIAL_SECONDS)
    except ProbeFailedError as error:
        what = f"{device.title} fails a trial inference: {error}."
        if device.kind == CPU:
            return Finding(FAIL, subject, what, f"matted needs it. {REINSTALL}")
        return Finding(NOTE, subject, what, "It is not used. A newer driver may help.")
    return Finding(
        OK, subject, f"{device.title} computes" + (f", with driver {device.driver}." if device.driver else ".")
    )


def check_masks(device: Device, settings: Config) -> Iterator[Finding]:
    """Tell for which models the device was compared with the CPU, and what came out."""
    subject, right = f"Masks on {device.name}", []
    for folder in sorted(settings.compiled.glob("*")):
        found = [each for each in verdicts.read(folder) if each.is_of(device)]
        holding = [each for each in found if settings.arithmetic in (AUTO, each.arithmetic)]
        wrong = [each for each in holding if not each.right]
        if holding and not wrong:
            right.append(folder.name)
        for verdict in wrong:
            what = f"With {folder.name}, in {verdict.arithmetic}, {verdict}. It is not used for this model."
            todo = "A newer driver may help" + (
                "." if verdict.arithmetic == "f32" else ', or arithmetic = "f32" in the settings.'
            )
            yield Finding(NOTE, subject, what, f"{todo} To have it compared again, delete {folder / verdicts.FILE}")
    if right:
        yield Finding(OK, subject, f"Those of {', '.join(right)} are the CPU's.")


def _used(setting: str, found: Sequence[Device], working: Sequence[Device]) -> Finding:
    """Say which device the settings lead to."""
    usable = devices.in_order(setting, working)
    if usable:
        others = ", then ".join([*(each.name for each in usable[1:]), CPU])
        what = f'device = "{setting}" takes {usable[0].name}, {usable[0].title}; where that fails, {others}.'
        return Finding(OK, "Device", what)
    wanted = devices.in_order(setting, found)
    if setting == CPU or (setting == AUTO and not wanted):
        return Finding(OK, "Device", f'device = "{setting}" takes the CPU.')
    why = "it does not work" if wanted else f"this computer has {', '.join(each.name for each in found)}"
    return Finding(NOTE, setting, f"The settings want this device, and {why}: the CPU is used.")


def requirements() -> list[Requirement]:
    """List what matted requires on this system, without extras. Empty where matted is not installed as a package."""
    from packaging.requirements import Requirement  # here: where it is broken, the other checks shall run

    try:
        lines = metadata.requires("matted") or []
    except metadata.PackageNotFoundError:
        return []
    required = [Requirement(line) for line in lines]
    return [each for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]


def _last_line(text: str) -> str:
    """Return the last line: drivers print what they like before it."""
    return text.strip().splitlines()[-1]
