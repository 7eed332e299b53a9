"""All checks, one after the other. None of them can end the examination."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from matted.doctor import daemon, files, hosts, login, models, software
from matted.doctor.finding import FAIL, Finding
from matted.doctor.patient import Patient

Check = Callable[[Patient], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "Python": software.check_python,
    "Packages": software.check_packages,
    "OpenVINO": software.check_devices,
    "Settings": files.check_settings,
    "Folders": files.check_folders,
    "Privacy": files.check_privacy,
    "Models": models.check_models,
    "Daemon": daemon.check_daemon,
    "Login": login.check_login,
    "GIMP and Krita": hosts.check_hosts,
}


def examine(patient: Patient) -> Iterator[Finding]:
    for subject, check in CHECKS.items():
        yield from surviving(subject, check, patient)


def surviving(subject: str, check: Check, patient: Patient) -> Iterator[Finding]:
    """What the check says; if it fails itself, that is a finding too."""
    try:
        yield from check(patient)
    except Exception as error:
        what = f"This check itself failed: {type(error).__name__}: {error}."
        yield Finding(FAIL, subject, what, "Please report it, with: matted doctor --report FILE")
