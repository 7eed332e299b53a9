"""The folders where the daemon's connection file has to be besides the state folder, for hosts that cannot see that.

A Snap is one: see profiles.Profile.shared. `matted install` makes the folder, and every daemon puts its file there.
"""

from __future__ import annotations

from pathlib import Path

from matted_client.endpoint import CONNECTION_FILE, connection_path

from matted.system import atomic_file


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
    """Write the file, which only its owner can read, so that nobody sees a part of it. Raises OSError."""
    atomic_file.write(folder / CONNECTION_FILE, content, mode=0o600)


def withdraw(folder: Path) -> None:
    """Take the folder away with what we have put there. Raises OSError."""
    (folder / CONNECTION_FILE).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
