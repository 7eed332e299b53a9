"""The Krita plug-in as a zip for Krita's own importer: Tools > Scripts > Import Python Plugin from File…

The importer (plugin_importer.py of Krita 5.1 to 5.3) reads the plug-in's name from the .desktop file, takes what is
below an entry `…/NAME/` of its own that holds an `__init__.py`, and the file called NAME.action. All else it leaves
out. It puts them where `matted install krita` does, so the paths in the zip are those of a profile, and the list of
files in it is true afterwards: `matted doctor` and `matted uninstall krita` know such a plug-in like any other.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path, PurePosixPath

from matted_client.endpoint import connection_path

from matted.hosts import contents
from matted.hosts.contents import HOSTS, InstallError
from matted.system import atomic_file

_HOST = "krita"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment of zip's own time, so that the same files make the same zip
_FOLDER, _FILE = 0o40755 << 16, 0o100644 << 16  # the modes, where zip keeps them


def write(path: Path, force: bool) -> None:
    """Write the zip to `path`. Raises InstallError, also if that exists and `force` is not set."""
    if path.exists() and not force:
        raise InstallError(f"{path} exists.", "Use --force to overwrite it.")
    packed = pack()
    try:
        atomic_file.write(path, packed)
    except OSError as error:
        raise InstallError(f"{path} cannot be written: {error.strerror}.", "Name another place.") from None


def pack() -> bytes:
    """The zip. Raises InstallError."""
    files = contents.files(_HOST)
    home = PurePosixPath(HOSTS[_HOST].home)
    folders = {parent for name in files for parent in PurePosixPath(name).parents if parent.is_relative_to(home)}
    created = sorted(map(str, folders))
    entries = {name: source.read_bytes() for name, source in files.items()}
    entries[HOSTS[_HOST].manifest] = contents.manifest(files, created, connection_path()).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in created:
            archive.writestr(_entry(f"{folder}/", _FOLDER), b"")
        for name in sorted(entries):
            archive.writestr(_entry(name, _FILE), entries[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.create_system = 3  # Unix, on every system
    entry.external_attr = mode
    return entry
