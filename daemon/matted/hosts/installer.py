"""Put the plug-ins into GIMP's and Krita's folders, and take exactly that away again.

What was written is listed in `matted.json` beside the plug-in, together with what the plug-in has to know: the
connection file and how to run matted.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matted_client
from matted_client import MattedError
from matted_client.endpoint import connection_path
from matted_client.plugin import SETTINGS_FILE

import matted
from matted.hosts import kritarc, profiles
from matted.hosts.profiles import Profile

Say = Callable[[str], None]

KRITA_PLUGIN = "remove_background"


class InstallError(MattedError):
    """A plug-in could not be put in place or taken away."""


@dataclass(frozen=True)
class Host:
    """How a host wants its plug-in. home: our own folder in a profile. source: where it is among our plug-ins."""

    title: str
    home: str
    source: str
    next_step: str


HOSTS = {
    "gimp": Host(
        "GIMP",
        "plug-ins/remove-background",
        "gimp/remove-background",
        "Start GIMP, or start it again, open a picture and choose Layer > Mask > Remove Background.",
    ),
    "krita": Host(
        "Krita",
        f"pykrita/{KRITA_PLUGIN}",
        f"krita/{KRITA_PLUGIN}",
        "Start Krita, or start it again, open a picture and choose Filter > Remove Background.",
    ),
}


def install(host: str, folder: Path | None, say: Say) -> bool:
    """Install into every profile found, or only into `folder`. False if there is none. Raises InstallError."""
    found = _profiles(host, folder)
    for profile in found:
        _install(host, profile)
        say(f"{profile.name}: Remove Background {matted.__version__} is installed in {profile.folder}")
        if host == "krita" and profile.settings is None:
            say("    Switch it on in Krita: Settings > Configure Krita > Python Plugin Manager.")
    title = HOSTS[host].title
    say(HOSTS[host].next_step if found else _not_found(title))
    return bool(found)


def uninstall(host: str, folder: Path | None, say: Say) -> bool:
    """Take away what `install` put there. False if nothing was there. Raises InstallError."""
    removed = False
    for profile in _profiles(host, folder):
        if (profile.folder / HOSTS[host].home / SETTINGS_FILE).exists():
            _uninstall(host, profile)
            say(f"{profile.name}: Remove Background is removed from {profile.folder}")
            removed = True
    if not removed:
        say(f"Remove Background is not installed in {HOSTS[host].title}.")
    return removed


def _profiles(host: str, folder: Path | None) -> list[Profile]:
    places = profiles.here()
    return [profiles.chosen(host, folder, places)] if folder else profiles.find(host, places)


def _not_found(title: str) -> str:
    return (
        f"No profile of {title} was found. If {title} is installed, start it once, so that it makes one, and run this "
        f"again; or name the folder with --profile."
    )


def _install(host: str, profile: Profile) -> None:
    wanted = _files(host)
    try:
        manifest = _read_manifest(host, profile)
        created = set(manifest.get("created", []))
        for name in set(manifest.get("files", [])) - set(wanted):  # of an older version
            (profile.folder / name).unlink(missing_ok=True)
        for name, source in wanted.items():
            _copy(source, profile.folder / name, profile.folder, created)
        _write_manifest(host, profile, sorted(wanted), sorted(created))
        if host == "krita" and profile.settings is not None:
            _edit(profile.settings, kritarc.switch_on)
    except OSError as error:
        raise InstallError(f"{profile.name}: {error.filename or profile.folder}: {error.strerror}.") from None


def _uninstall(host: str, profile: Profile) -> None:
    try:
        manifest = _read_manifest(host, profile)
        home = profile.folder / HOSTS[host].home
        for name in [*manifest.get("files", []), f"{HOSTS[host].home}/{SETTINGS_FILE}"]:
            (profile.folder / name).unlink(missing_ok=True)
        for cache in home.rglob("__pycache__"):  # compiled by the host from our files
            shutil.rmtree(cache, ignore_errors=True)
        for name in sorted(manifest.get("created", []), reverse=True):
            folder = profile.folder / name
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if host == "krita" and profile.settings is not None and profile.settings.exists():
            _edit(profile.settings, kritarc.switch_off)
    except OSError as error:
        raise InstallError(f"{profile.name}: {error.filename or profile.folder}: {error.strerror}.") from None


def _files(host: str) -> dict[str, Path]:
    """Everything that belongs into the profile: path in it -> the file to copy."""
    home, sources = HOSTS[host].home, _plugins()
    plugin = sources / HOSTS[host].source
    client = Path(matted_client.__file__).parent
    files = {f"{home}/{path.relative_to(plugin).as_posix()}": path for path in _tree(plugin)}
    files.update({f"{home}/matted_client/{path.name}": path for path in sorted(client.glob("*.py"))})
    if host == "krita":
        files[f"pykrita/{KRITA_PLUGIN}.desktop"] = sources / "krita" / f"{KRITA_PLUGIN}.desktop"
        files[f"actions/{KRITA_PLUGIN}.action"] = sources / "krita" / f"{KRITA_PLUGIN}.action"
    return files


def _tree(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _plugins() -> Path:
    """The plug-ins' sources: in the installed package, or in the checkout of an editable install."""
    package = Path(matted.__file__).parent
    for folder in (package / "plugins", package.parents[1] / "plugins"):
        if folder.is_dir():
            return folder
    raise InstallError("This installation of matted has no plug-ins in it.", "Install it again: pip install matted")


def _copy(source: Path, target: Path, root: Path, created: set[str]) -> None:
    missing = [folder for folder in target.relative_to(root).parents if not (root / folder).exists()]
    created.update(folder.as_posix() for folder in missing if folder != Path("."))
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, draft)
    draft.chmod(0o755 if source.name == "remove-background.py" else 0o644)  # GIMP runs its plug-ins as programs
    os.replace(draft, target)


def _manifest(host: str, profile: Profile) -> Path:
    return profile.folder / HOSTS[host].home / SETTINGS_FILE


def _read_manifest(host: str, profile: Profile) -> dict[str, Any]:
    try:
        fields = json.loads(_manifest(host, profile).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(fields, dict):
        return {}
    lists = {name: fields.get(name) for name in ("files", "created")}
    return {
        name: [item for item in value if isinstance(item, str)]
        for name, value in lists.items()
        if isinstance(value, list)
    }


def _write_manifest(host: str, profile: Profile, files: list[str], created: list[str]) -> None:
    fields = {
        "version": matted.__version__,
        "connection_file": connection_path(),
        "command": [sys.executable, "-m", "matted"],
        "files": files,
        "created": created,
    }
    _manifest(host, profile).write_text(json.dumps(fields, indent=2) + "\n", "utf-8")


def _edit(settings: Path, change: Callable[[str, str], str]) -> None:
    before = settings.read_bytes().decode("utf-8", "surrogateescape") if settings.exists() else ""
    after = change(before, KRITA_PLUGIN)
    if not after:
        settings.unlink(missing_ok=True)
    elif after != before:
        settings.parent.mkdir(parents=True, exist_ok=True)
        draft = settings.with_name(f"{settings.name}.part")
        draft.write_bytes(after.encode("utf-8", "surrogateescape"))
        os.replace(draft, settings)
