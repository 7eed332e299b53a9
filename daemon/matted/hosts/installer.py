"""Put the plug-ins into hosts' profiles, and take exactly that away again.

What was written is listed in `matted.json` beside the plug-in.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePath

from matted_client.endpoint import connection_path

import matted
from matted.hosts import contents, places, plugin_zip, sharing
from matted.hosts.contents import InstallError
from matted.hosts.host import Host, Profile
from matted.system import atomic_file

FIRST_START_SECONDS = 180.0  # it makes caches of fonts and plug-ins: ten seconds, on a slow disk many more

Print = Callable[[str], None]  # shows a line to the user


def install(host: Host, folder: Path | None, show: Print) -> bool:
    """Install into every profile found, or only into `folder`. False if there is none. Raises InstallError.

    A host that was never started makes its profile first, if it can without a window.
    """
    if folder is None:
        _begin(host, show)
    found = _profiles(host, folder)
    for profile in found:
        left_to_do = _install(host, profile)
        show(f"{profile.name}: Remove Background {matted.__version__} is installed in {profile.folder}")
        if left_to_do:
            show(f"    {left_to_do}")
    show(host.next_step if found else _not_found(host.title))
    return bool(found)


def uninstall(host: Host, folder: Path | None, show: Print) -> bool:
    """Take away what `install` put there. False if nothing was there. Raises InstallError."""
    there = [profile for profile in _profiles(host, folder) if _manifest(host, profile).exists()]
    for profile in there:  # two may share a folder
        _uninstall(host, profile)
        show(f"{profile.name}: Remove Background is removed from {profile.folder}")
    if not there:
        show(f"Remove Background is not installed in {host.title}.")
    return bool(there)


def pack(host: Host, path: Path, force: bool, show: Print) -> None:
    """Write the zip that the host's own importer takes. force: also over a file. Raises InstallError."""
    if not host.importer:
        raise InstallError(f"{host.title} has no importer for plug-ins.", f"To install it: matted install {host.id}")
    plugin_zip.write(host, path, force)
    show(f"Remove Background {matted.__version__} is packed in {path}, for your account on this computer.")
    show(host.importer)


def _profiles(host: Host, folder: Path | None) -> list[Profile]:
    account = places.here()
    return [host.chosen(folder, account)] if folder else host.profiles(account)


def _begin(host: Host, show: Print) -> None:
    """Start a host that has no profile, so that it makes one. Raises InstallError."""
    account = places.here()
    command = () if host.profiles(account) else host.first_start(account)
    if not command:
        return
    show(f"Starting {host.title} for its first time, without a window ...")
    try:
        subprocess.run(
            command,
            env={**account.environ, "PATH": account.path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=FIRST_START_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        pass  # what counts is whether there is a profile
    if not host.profiles(account):
        hint = f"Start {host.title} yourself once, and then: matted install {host.id}"
        raise InstallError(f"{host.title} was started for its first time, and made no profile.", hint)


def _not_found(title: str) -> str:
    return (
        f"No profile of {title} was found. If {title} is installed, start it once, so that it makes one, and run this "
        f"again; or name the folder with --profile."
    )


def _install(host: Host, profile: Profile) -> str:
    """Install into one profile. Returns what is left for the user to do, or empty."""
    wanted = contents.files(host)
    try:
        manifest = _read_manifest(host, profile)
        created = set(manifest.get("created", []))
        for name in set(manifest.get("files", [])) - set(wanted):  # of an older version
            (profile.folder / name).unlink(missing_ok=True)
        for name, source in wanted.items():
            _make_folder(profile.folder, name, created)
            mode = 0o755 if name in host.programs else 0o644
            atomic_file.write(profile.folder / name, source.read_bytes(), mode)
        connection = sharing.prepare(profile.shared) if profile.shared else connection_path()
        _manifest(host, profile).write_text(contents.manifest(wanted, created, connection), "utf-8")
        return host.switch_on(profile)
    except OSError as error:
        raise _failure(profile, error) from error


def _uninstall(host: Host, profile: Profile) -> None:
    home = profile.folder / host.home
    try:
        manifest = _read_manifest(host, profile)
        for name in [*manifest.get("files", []), host.manifest]:
            (profile.folder / name).unlink(missing_ok=True)
        for cache in home.rglob("__pycache__"):  # compiled by the host from our files
            shutil.rmtree(cache, ignore_errors=True)
        for name in sorted(manifest.get("created", []), reverse=True):
            folder = profile.folder / name
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if profile.shared:
            sharing.withdraw(profile.shared)
        host.switch_off(profile)
    except OSError as error:
        raise _failure(profile, error) from error


def _failure(profile: Profile, error: OSError) -> InstallError:
    return InstallError(f"{profile.name}: {error.filename or profile.folder}: {error.strerror}.")


def _make_folder(root: Path, name: str, created: set[str]) -> None:
    """Make the folder of a file, and add to `created` those that were missing below `root`."""
    missing = [folder for folder in PurePath(name).parents if not (root / folder).exists()]
    created.update(folder.as_posix() for folder in missing if folder != PurePath("."))
    (root / name).parent.mkdir(parents=True, exist_ok=True)


def _manifest(host: Host, profile: Profile) -> Path:
    return profile.folder / host.manifest


def _read_manifest(host: Host, profile: Profile) -> dict[str, list[str]]:
    try:
        fields = json.loads(_manifest(host, profile).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(fields, dict):
        return {}
    lists = {name: fields.get(name) for name in ("files", "created")}
    return {name: list(filter(_is_inside, value)) for name, value in lists.items() if isinstance(value, list)}


def _is_inside(name: object) -> bool:
    """Whether that is a path below the profile's folder: what a manifest names gets deleted, whoever wrote it."""
    return isinstance(name, str) and not PurePath(name).is_absolute() and ".." not in PurePath(name).parts
