"""Copies of the connection file, for hosts in sandboxes that cannot read the daemon's own.

An installation makes the folder (`Profile.shared`); every daemon puts a copy of its connection file there.
"""

from __future__ import annotations

from pathlib import Path

from matted_client.endpoint import CONNECTION_FILE, connection_path

from matted.hosts.places import Places
from matted.hosts.registry import HOSTS
from matted.system import atomic_file


def shared_folders(places: Places) -> list[Path]:
    """Find the folders that an installation has prepared. A link is none: a sandbox could lead it anywhere."""
    shared = {profile.shared for host in HOSTS.values() for profile in host.profiles(places)}
    return sorted(folder for folder in shared if folder and folder.is_dir() and not folder.is_symlink())


def prepare(folder: Path) -> str:
    """Make the folder, with the file of a daemon that runs already. Returns the file's path. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        content = Path(connection_path()).read_bytes()
    except FileNotFoundError:
        pass  # no daemon runs
    else:
        put(folder, content)
    return str(folder / CONNECTION_FILE)


def put(folder: Path, content: bytes) -> None:
    """Write the file as a whole, readable by its owner alone. Raises OSError."""
    atomic_file.write(folder / CONNECTION_FILE, content, mode=0o600)


def withdraw(folder: Path) -> None:
    """Delete the file, and the folder if nothing else is in it. Raises OSError."""
    (folder / CONNECTION_FILE).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
