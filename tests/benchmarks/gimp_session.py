"""GIMP with its windows and a plug-in that is watched, and for how long GIMP itself did not answer."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import real_weights
from hosts import roots
from hosts.gimp.session import Gimp, new_profile, plugin, profile
from hosts.installed import Installed, until

QUIET_SECONDS = 1.0
HERE = Path(__file__).parent


@contextmanager
def watched_gimp(root: roots.Root, logs: Path, watch: Callable[[Path], None], pinged: bool) -> Iterator[Gimp]:
    """GIMP in a new home.

    watch: puts what watches into the folder of the installed plug-in.
    pinged: whether a second plug-in asks GIMP all the time, for `pings`.
    """
    installed = Installed(root, real_weights())
    try:
        new_profile(installed)
        installed.matted("install", "gimp")
        watch(plugin(installed))
        if pinged:
            folder = _pinger(installed)
            folder.mkdir()
            shutil.copy(HERE / "gimp_pinger.py", folder / "pinger.py")
            (folder / "pinger.py").chmod(0o755)
        gimp = Gimp(installed, windows=True, logs=logs)
        try:
            yield gimp
        finally:
            gimp.close()
    finally:
        installed.remove()


def stand_in(folder: Path, module: str, source: Path) -> None:
    """Put a file in the place of a module of the plug-in, which is NAME_itself.py then."""
    path = folder / module
    path.rename(path.with_name(f"{path.stem}_itself.py"))
    shutil.copy(source, path)


def pings(gimp: Gimp) -> list[list[float]]:
    """Begin and end of each wait for GIMP that took long, moments of time.perf_counter."""
    lines = (_pinger(gimp.installed) / "pings.txt").read_text().splitlines()
    return [[float(moment) for moment in line.split()] for line in lines]


def wait_until_quiet(gimp: Gimp) -> None:
    """Wait until GIMP has painted what it was last told, so that it answers at once."""
    begun = time.perf_counter()

    def quiet() -> bool:
        _, answered = (pings(gimp) or [[0.0, 0.0]])[-1]
        return time.perf_counter() - max(begun, answered) > QUIET_SECONDS

    until(quiet, "quiet GIMP")


def _pinger(installed: Installed) -> Path:
    return installed.outside(f"{profile(installed)}/plug-ins/pinger")
