"""Check the settings, the folders, and who else may read them."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from matted_client.endpoint import CONNECTION_FILE

from matted.doctor.context import FAIL, NOTE, OK, Context, Finding
from matted.settings.config import CONFIG_FILE
from matted.system.logbook import LOG_FILE

LITTLE_ROOM = 500_000_000  # bytes: a large model with what is compiled of it
NO_ROOM = 20_000_000  # bytes: the default model with what is compiled of it
_OTHERS = 0o077  # mode bits


def check_settings(context: Context) -> Iterator[Finding]:
    """Check that config.toml is understood."""
    path = context.settings.folder / CONFIG_FILE
    if context.settings_error is not None:
        yield Finding(FAIL, "Settings", context.settings_error.message, context.settings_error.hint)
    elif path.exists():
        yield Finding(OK, "Settings", f"{path} is understood.")
    else:
        yield Finding(OK, "Settings", f"There is no {path}, so the defaults hold.")


def check_folders(context: Context) -> Iterator[Finding]:
    """Check that each folder can be written, or made."""
    settings = context.settings
    for name, folder in (
        ("State", settings.state),
        ("Models", settings.models),
        ("Compiled models", settings.compiled),
    ):
        yield _folder(f"{name} folder", folder)


def check_privacy(context: Context) -> Iterator[Finding]:
    """Check modes: who can read the connection file may use the daemon; who can write its folder can replace it."""
    if sys.platform == "win32":
        return  # the profile folder's access list keeps other users out
    state = context.settings.state
    logs = sorted(state.glob(f"{LOG_FILE}*"))
    faults = [
        Finding(FAIL, "Privacy", *fault)
        for path, mode in [(state, 0o700), *((path, 0o600) for path in (state / CONNECTION_FILE, *logs))]
        if (fault := _open_to_others(path, mode))
    ]
    yield from faults
    if state.exists() and not faults:
        yield Finding(OK, "Privacy", "Nobody else can read the state folder.")


def _open_to_others(path: Path, mode: int) -> tuple[str, str] | None:
    """Return (what, todo) if somebody else can read or write it, or it belongs to another user."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if found.st_uid != os.geteuid():
        return f"{path} belongs to another user.", "Delete it, or set MATTED_STATE_DIR to a folder of yours."
    if found.st_mode & _OTHERS:
        have = stat.S_IMODE(found.st_mode)
        return f"Other users can read or write {path} (mode {have:03o}).", f"Run: chmod {mode:03o} {path}"
    return None


def _folder(subject: str, folder: Path) -> Finding:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        what = f"Nothing can be written in {there}: {error.strerror}."
        return Finding(FAIL, subject, what, "Make it a folder that you may write in.")
    free = shutil.disk_usage(there).free
    what = f"{folder}, with {free / 1e9:.1f} GB free."
    if free < NO_ROOM:
        return Finding(FAIL, subject, what, "Make room, for example with: matted models remove ID")
    if free < LITTLE_ROOM:
        return Finding(NOTE, subject, what, "A large model will not fit.")
    return Finding(OK, subject, what if folder.exists() else f"{what} It will be made when it is needed.")
