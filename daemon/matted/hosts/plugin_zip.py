"""A plug-in as a zip, for a host that has an importer of its own.

The paths in the zip are those of a profile, and the list of files in it is true afterwards: `matted doctor` and
`matted uninstall` know an imported plug-in like any other.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath

from matted_client.endpoint import connection_path

from matted.hosts import contents
from matted.hosts.contents import InstallError
from matted.hosts.host import Host
from matted.system import atomic_file

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date that a zip can hold, so that the same files make the same zip
_FOLDER, _FILE = 0o40755 << 16, 0o100644 << 16  # modes, where a zip keeps them


def write(host: Host, path: Path, force: bool) -> None:
    """Write the zip to `path`. Raises InstallError, also if the file exists and `force` is not set."""
    if path.exists() and not force:
        raise InstallError(f"{path} exists.", "Use --force to overwrite it.")
    packed = pack(host)
    try:
        atomic_file.write(path, packed)
    except OSError as error:
        raise InstallError(f"{path} cannot be written: {error.strerror}.", "Name another place.") from error


def pack(host: Host) -> bytes:
    """Make the zip. Raises InstallError."""
    files = contents.files(host)
    home = PurePosixPath(host.home)
    folders = {parent for name in files for parent in PurePosixPath(name).parents if parent.is_relative_to(home)}
    created = sorted(map(str, folders))
    entries = {name: source.read_bytes() for name, source in files.items()}
    entries[host.manifest] = contents.manifest(files, created, connection_path()).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in created:  # an importer may look for the folder's own entry
            archive.writestr(_entry(f"{folder}/", _FOLDER), b"")
        for name in sorted(entries):
            archive.writestr(_entry(name, _FILE), entries[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.create_system = 3  # Unix, on every system
    entry.external_attr = mode
    return entry
