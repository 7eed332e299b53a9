"""Python, the packages, OpenVINO and its devices."""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata

from matted import __version__
from matted.doctor import children
from matted.doctor.children import ChildFailedError
from matted.doctor.finding import FAIL, NOTE, OK, Finding
from matted.doctor.patient import Patient
from matted.settings.target import AUTO, CPU

REINSTALL = "Install matted again, for example with: pipx reinstall matted"
_REQUIREMENT = re.compile(r"([\w.-]+)\s*>=\s*([\d.]+)$")
_NATIVE = ("numpy", "PIL.Image", "zmq", "psutil", "openvino")  # import names of those that can break without being gone
_IMPORT = """
import importlib, sys
import matted  # which keeps OpenVINO's telemetry out
for name in sys.argv[1:]:
    print(name, flush=True)
    importlib.import_module(name)
"""
IMPORT_SECONDS = 60.0
TRIAL_SECONDS = 120.0  # a GPU compiles its kernels the first time
_TRIAL = [sys.executable, "-m", "matted.doctor.trial"]


def check_python(patient: Patient) -> Iterator[Finding]:
    yield Finding(OK, "Python", f"{platform.python_version()}, {platform.machine()}, {sys.executable}")


def check_packages(patient: Patient) -> Iterator[Finding]:
    """Those that matted says it needs, and whether those with native code can be imported."""
    there = [f"matted {__version__}"]
    for name, least in requirements():
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(FAIL, name, "It is not installed.", REINSTALL)
            continue
        if _number(found) < _number(least):
            yield Finding(FAIL, name, f"{found} is too old; at least {least} is needed.", REINSTALL)
        there.append(f"{name} {found}")
    yield Finding(OK, "Packages", ", ".join(there))
    yield from check_imports(list(_NATIVE))


def check_imports(names: list[str]) -> Iterator[Finding]:
    """Only those that fail say anything."""
    while names:
        try:
            children.run([sys.executable, "-c", _IMPORT, *names], IMPORT_SECONDS)
            return
        except ChildFailedError as error:
            reached = error.said.split()
            culprit = reached[-1] if reached else names[0]
            yield Finding(FAIL, culprit, f"It cannot be imported: {error}.", REINSTALL)
            names = names[names.index(culprit) + 1 :]


def check_devices(patient: Patient) -> Iterator[Finding]:
    try:
        found: dict[str, str] = json.loads(_last_line(children.run(_TRIAL, IMPORT_SECONDS)))
    except ChildFailedError as error:
        yield Finding(FAIL, "OpenVINO", f"It does not start: {error}.", REINSTALL)
        return
    wanted = patient.settings.device
    for name, title in found.items():
        yield _try(name, title, wanted)
    if wanted != AUTO and wanted not in found:
        there = ", ".join(found)
        yield Finding(
            NOTE, wanted, f"The settings want this device, and this computer has {there}: the CPU is used.", ""
        )


def _try(name: str, title: str, wanted: str) -> Finding:
    subject = f"OpenVINO on {name}"
    try:
        children.run([*_TRIAL, name], TRIAL_SECONDS)
    except ChildFailedError as error:
        what = f"{title} fails a trial inference: {error}."
        if name == CPU:
            return Finding(FAIL, subject, what, f"matted needs it. {REINSTALL}")
        if wanted not in (AUTO, name):
            return Finding(NOTE, subject, what, "It is not used.")
        return Finding(NOTE, subject, what, "The CPU is used in its place. A newer driver may help.")
    return Finding(OK, subject, f"{title} computes.")


def requirements() -> list[tuple[str, str]]:
    """(package, least version) of what matted needs on every system. Empty where it is not installed as a package."""
    try:
        lines = metadata.requires("matted") or []
    except metadata.PackageNotFoundError:
        return []
    found = [_REQUIREMENT.match(line.strip()) for line in lines]
    return [(match[1], match[2]) for match in found if match]


def _number(version: str) -> tuple[int, ...]:
    """The leading numbers: 2025.3.0-19807 is (2025, 3, 0)."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _last_line(text: str) -> str:
    """Drivers print what they like before it."""
    return text.strip().splitlines()[-1]
