"""The folders of a user's account that profiles lie in, on each platform and in each kind of sandbox."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from matted.system import programs


@dataclass(frozen=True)
class Places:
    """An account, real or made up in tests.

    home: the home folder.
    platform: as `sys.platform` names it.
    environ: the environment variables.
    """

    home: Path
    platform: str
    environ: Mapping[str, str]

    def folder(self, variable: str, *default: str) -> Path:
        """The folder that an environment variable names, else `default` in the home."""
        value = self.environ.get(variable)
        return Path(value) if value else self.home.joinpath(*default)

    def flatpak(self, app: str) -> Path:
        """The folder of a Flatpak: its data, config and cache folders are in it."""
        return self.home / ".var" / "app" / app

    def snap(self, name: str) -> Path:
        """The folder of a Snap: `current` in it is its home, `common` outlives updates."""
        return self.home / "snap" / name

    def snap_shared(self, name: str) -> Path:
        """Where a Snap can read the connection file: it sees nothing hidden in the home, so not the state folder."""
        return self.snap(name) / "common" / "matted"

    def store(self, package: str) -> list[Path]:
        """The AppData folders of a program of the Windows Store, which Windows redirects. package: a pattern."""
        packages = self.folder("LOCALAPPDATA", "AppData", "Local") / "Packages"
        return [folder / "LocalCache" for folder in sorted(packages.glob(package))]

    def sandbox(self, folder: Path) -> tuple[str, str]:
        """The sandbox that a profile's folder belongs to: ("flatpak", application id), ("snap", name), or ("", "")."""
        for kind, above in (("flatpak", self.home / ".var" / "app"), ("snap", self.home / "snap")):
            if folder != above and folder.is_relative_to(above):
                return kind, folder.relative_to(above).parts[0]
        return "", ""

    def which(self, name: str) -> str | None:
        """A program on the PATH as the desktop has it: without matted's own virtual environment."""
        return programs.find(name, self.path)

    @property
    def path(self) -> str:
        """The PATH as the desktop has it."""
        ours = os.path.join(sys.prefix, "bin") if sys.prefix != sys.base_prefix else None
        return os.pathsep.join(part for part in self.environ.get("PATH", "").split(os.pathsep) if part != ours)


def here() -> Places:
    """The account that this process runs in."""
    return Places(Path.home(), sys.platform, os.environ)
