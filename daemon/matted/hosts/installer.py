"""Put the plug-ins into GIMP's and Krita's folders, and take exactly that away again.

What was written is listed in `matted.json` beside the plug-in.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePath

from matted_client.endpoint import connection_path

import matted
from matted.hosts import contents, krita_zip, kritarc, profiles, sharing
from matted.hosts.contents import HOSTS, KRITA_PLUGIN, InstallError, Source
from matted.hosts.profiles import Profile
from matted.system import atomic_file

Say = Callable[[str], None]


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
    there = [profile for profile in _profiles(host, folder) if _manifest(host, profile).exists()]
    for profile in there:  # two may share a folder
        _uninstall(host, profile)
        say(f"{profile.name}: Remove Background is removed from {profile.folder}")
    if not there:
        say(f"Remove Background is not installed in {HOSTS[host].title}.")
    return bool(there)


def pack(host: str, path: Path, force: bool, say: Say) -> None:
    """Write what Krita's own importer wants. force: also over a file. Raises InstallError."""
    if host != "krita":
        raise InstallError(
            f"{HOSTS[host].title} has no importer for plug-ins.", f"To have it installed: matted install {host}"
        )
    krita_zip.write(path, force)
    say(f"Remove Background {matted.__version__} is packed in {path}, for your account on this computer.")
    say("In Krita: Tools > Scripts > Import Python Plugin from File. Say Yes to enabling it, and start Krita again.")


def _profiles(host: str, folder: Path | None) -> list[Profile]:
    places = profiles.here()
    return [profiles.chosen(host, folder, places)] if folder else profiles.find(host, places)


def _not_found(title: str) -> str:
    return (
        f"No profile of {title} was found. If {title} is installed, start it once, so that it makes one, and run this "
        f"again; or name the folder with --profile."
    )


def _install(host: str, profile: Profile) -> None:
    wanted = contents.files(host)
    try:
        manifest = _read_manifest(host, profile)
        created = set(manifest.get("created", []))
        for name in set(manifest.get("files", [])) - set(wanted):  # of an older version
            (profile.folder / name).unlink(missing_ok=True)
        for name, source in wanted.items():
            _copy(source, profile.folder / name, profile.folder, created)
        told = sharing.prepare(profile.shared) if profile.shared else connection_path()
        _manifest(host, profile).write_text(contents.manifest(wanted, created, told), "utf-8")
        if host == "krita" and profile.settings is not None:
            _edit(profile.settings, kritarc.switch_on)
    except OSError as error:
        raise InstallError(f"{profile.name}: {error.filename or profile.folder}: {error.strerror}.") from None


def _uninstall(host: str, profile: Profile) -> None:
    try:
        manifest = _read_manifest(host, profile)
        home = profile.folder / HOSTS[host].home
        for name in [*manifest.get("files", []), HOSTS[host].manifest]:
            (profile.folder / name).unlink(missing_ok=True)
        for cache in home.rglob("__pycache__"):  # compiled by the host from our files
            shutil.rmtree(cache, ignore_errors=True)
        for name in sorted(manifest.get("created", []), reverse=True):
            folder = profile.folder / name
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if profile.shared:
            sharing.withdraw(profile.shared)
        if host == "krita" and profile.settings is not None and profile.settings.exists():
            _edit(profile.settings, kritarc.switch_off)
    except OSError as error:
        raise InstallError(f"{profile.name}: {error.filename or profile.folder}: {error.strerror}.") from None


def _copy(source: Source, target: Path, root: Path, created: set[str]) -> None:
    missing = [folder for folder in target.relative_to(root).parents if not (root / folder).exists()]
    created.update(folder.as_posix() for folder in missing if folder != Path("."))
    target.parent.mkdir(parents=True, exist_ok=True)
    program = source.name == "remove-background.py"  # GIMP runs its plug-ins as programs
    atomic_file.write(target, source.read_bytes(), mode=0o755 if program else 0o644)


def _manifest(host: str, profile: Profile) -> Path:
    return profile.folder / HOSTS[host].manifest


def _read_manifest(host: str, profile: Profile) -> dict[str, list[str]]:
    try:
        fields = json.loads(_manifest(host, profile).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(fields, dict):
        return {}
    lists = {name: fields.get(name) for name in ("files", "created")}
    return {name: list(filter(_is_inside, value)) for name, value in lists.items() if isinstance(value, list)}


def _is_inside(name: object) -> bool:
    """Whether that is a path below the profile's folder: the list is only a file, and what it names gets deleted."""
    return isinstance(name, str) and not PurePath(name).is_absolute() and ".." not in PurePath(name).parts


def _edit(settings: Path, change: Callable[[str, str], str]) -> None:
    before = settings.read_bytes().decode("utf-8", "surrogateescape") if settings.exists() else ""
    after = change(before, KRITA_PLUGIN)
    if not after:
        settings.unlink(missing_ok=True)
    elif after != before:
        settings.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write(settings, after.encode("utf-8", "surrogateescape"))
