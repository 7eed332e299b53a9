"""Run all checks, one after the other. A check that fails itself does not end the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from matted.doctor import daemon, files, hosts, models, software
from matted.doctor.context import FAIL, Context, Finding

Check = Callable[[Context], Iterator[Finding]]
DEVICES = "OpenVINO"  # the one that takes seconds a device

CHECKS: dict[str, Check] = {
    "Python": software.check_python,
    "Packages": software.check_packages,
    DEVICES: software.check_devices,
    "Settings": files.check_settings,
    "Folders": files.check_folders,
    "Privacy": files.check_privacy,
    "Models": models.check_models,
    "Daemon": daemon.check_daemon,
    "Login": daemon.check_login,
    "Hosts": hosts.check_hosts,
}


def run_all(context: Context) -> Iterator[Finding]:
    """Run each check. Yields its findings as they are made."""
    for subject, check in CHECKS.items():
        yield from run(subject, check, context)


def run(subject: str, check: Check, context: Context) -> Iterator[Finding]:
    """Run one check. An exception that it raises becomes its last finding."""
    try:
        yield from check(context)
    except Exception as error:
        what = f"This check itself failed: {type(error).__name__}: {error}."
        yield Finding(FAIL, subject, what, "Please report it, with: matted doctor --report FILE")
