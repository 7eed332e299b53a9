"""Run a real systemd user manager, as a login session does.

It runs in mount and cgroup namespaces of its own, so that it sees no other session, and everything that it started ends
with it. It has only the targets and slices of the machine's own user units. Needs root privileges.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import PATIENCE, wait_for

SYSTEMD_FOLDERS = "/usr/lib/systemd:/lib/systemd"
UP = ("running", "degraded")  # systemd's states of a session that has finished starting
DESKTOP = "test-desktop.target"  # a desktop's own target: starting it starts the autostart entries
MACHINE_UNITS = ("/usr/lib/systemd/user", "/lib/systemd/user")

# The manager needs a machine that looks as if systemd had booted it, and a cgroup that it may divide: a new one below
# that of the tests. The session ends when stdin is closed, also when the tests are killed. Processes that do not end by
# themselves are killed.
PREPARE = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/cgroup
mount -t cgroup2 cgroup2 /run/cgroup
own=/run/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
group="$own/matted-test-$$"
mkdir "$group"
echo $$ > "$group/cgroup.procs"
unshare --mount --propagation private --cgroup sh -ec '
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    exec "$0" --user --log-target=null --unit=default.target
' "$1" &
echo $$ > "$own/cgroup.procs"
cat > /dev/null
kill -TERM $! || true
tries=300
until grep -q "populated 0" "$group/cgroup.events"; do
    tries=$((tries - 1))
    if [ $tries = 0 ]; then echo 1 > "$group/cgroup.kill"; fi
    sleep 0.1
done
find "$group" -depth -type d -exec rmdir {} +
[ $tries -gt 0 ]
"""


def missing() -> str:
    """Return why there can be no user manager on this machine; empty if there can be one."""
    if sys.platform != "linux":
        return "systemd needs Linux"
    if os.geteuid() != 0:
        return "a systemd user manager of the test's own needs root privileges: sudo make test"
    absent = [tool for tool in ("systemctl", "systemd-analyze", "unshare") if shutil.which(tool) is None]
    return f"{', '.join(absent)} is needed: apt install systemd" if absent else ""


def require() -> None:
    """Skip the test where there can be no user manager; fail it on CI."""
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class UserManager:
    """A running user manager."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """environ: the environment of a terminal in its session."""
        self.environ = dict(environ)

    def systemctl(self, *words: str) -> str:
        """Run `systemctl --user`, and return its output."""
        done = subprocess.run(
            ["systemctl", "--user", *words], env=self.environ, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout.strip()

    def show(self, unit: str, name: str) -> str:
        """Return a property of a unit."""
        return self.systemctl("show", f"--property={name}", "--value", unit)

    def wait_for_state(self, unit: str, state: str) -> None:
        wait_for(lambda: self.show(unit, "ActiveState") == state, f"{unit} {state}")


@contextmanager
def session(home: Path) -> Iterator[UserManager]:
    """Run a session: from the login, with the default target reached, to the logout, with every process ended."""
    runtime, units = home / "run", home / "units"
    shutil.rmtree(runtime, ignore_errors=True)
    runtime.mkdir(mode=0o700)
    _gather_units(units)
    environ = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(runtime)}
    search = [home / ".config/systemd/user", runtime / "systemd/generator", runtime / "systemd/generator.late", units]
    own = {"SYSTEMD_UNIT_PATH": ":".join(map(str, search)), "XDG_CONFIG_DIRS": str(units)}
    program = shutil.which("systemd", path=SYSTEMD_FOLDERS)
    assert program, f"no systemd in {SYSTEMD_FOLDERS}"
    process = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", PREPARE, "sh", program],
        env={**environ, **own},
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    manager = UserManager(environ)
    try:
        wait_for((runtime / "systemd/private").exists, "a user manager")
        wait_for(lambda: manager.systemctl("show", "--value", "--property=SystemState") in UP, "the default target")
        yield manager
    finally:
        process.stdin.close()
        ended = process.wait(PATIENCE)
    assert ended == 0, "the session did not end by itself"


def _gather_units(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for source in MACHINE_UNITS:
        for pattern in ("*.target", "*.slice", "systemd-exit.service"):
            for path in Path(source).glob(pattern):
                shutil.copy(path, folder)
    (folder / DESKTOP).write_text("[Unit]\nBindsTo=graphical-session.target\nWants=xdg-desktop-autostart.target\n")
