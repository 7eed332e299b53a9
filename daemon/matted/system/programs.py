"""Find programs on the PATH, and never in the current folder."""

from __future__ import annotations

import os
import shutil


def find(name: str, path: str | None = None) -> str | None:
    """Return the absolute path of a program, or None.

    path: the folders to look in, as PATH has them. None: PATH.

    Folders that are named relative to the current one, such as "." and "", are left out. Windows looks into the current
    folder before all others: what it finds there is no program of ours either.
    """
    folders = (os.environ.get("PATH", os.defpath) if path is None else path).split(os.pathsep)
    found = shutil.which(name, path=os.pathsep.join(folder for folder in folders if os.path.isabs(folder)))
    return found if found and os.path.isabs(found) else None
