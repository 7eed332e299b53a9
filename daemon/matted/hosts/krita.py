"""Krita as a host: one folder of resources, and plug-ins that are Python packages, switched on in kritarc."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from matted.hosts import kritarc
from matted.hosts.host import Host, HostPython, Profile, UnknownPythonError, existing, system_python
from matted.hosts.places import Places
from matted.system import atomic_file

_FLATPAK, _SNAP, _STORE = "org.kde.krita", "krita", "49800Krita*"
_PLUGIN = "remove_background"
_MANAGER = "Settings > Configure Krita > Python Plugin Manager."


class Krita(Host):
    """Krita loads a plug-in only if kritarc says so.

    Its importer (plugin_importer.py of Krita 5.1 to 5.3) reads the plug-in's name from the .desktop file, takes what is
    below an entry `…/NAME/` of its own that holds an `__init__.py`, and the file called NAME.action. All else it leaves
    out. It puts them where an installation does.
    """

    id = "krita"
    title = "Krita"
    home = f"pykrita/{_PLUGIN}"
    source = f"krita/{_PLUGIN}"
    extras: ClassVar[Mapping[str, str]] = {
        f"pykrita/{_PLUGIN}.desktop": f"krita/{_PLUGIN}.desktop",
        f"actions/{_PLUGIN}.action": f"krita/{_PLUGIN}.action",
    }
    profile_holds = "pykrita"
    next_step = "Start Krita, or start it again, open a picture and choose Filter > Remove Background."
    importer = (
        "In Krita: Tools > Scripts > Import Python Plugin from File. Say Yes to enabling it, and start Krita again."
    )

    def profiles(self, places: Places) -> list[Profile]:
        """The data folder, or the resource folder that the user has chosen, of each kind of installation."""
        if places.platform == "win32":
            data = places.folder("APPDATA", "AppData", "Roaming") / "krita"
            candidates = [Profile("Krita", data, places.folder("LOCALAPPDATA", "AppData", "Local") / "kritarc")]
            candidates += [
                Profile("Krita (Store)", cache / "Roaming" / "krita", cache / "Local" / "kritarc")
                for cache in places.store(_STORE)
            ]
        elif places.platform == "darwin":
            library = places.home / "Library"
            settings = library / "Preferences" / "kritarc"
            candidates = [Profile("Krita", library / "Application Support" / "krita", settings)]
        else:
            data = places.folder("XDG_DATA_HOME", ".local", "share") / "krita"
            flatpak, in_snap = places.flatpak(_FLATPAK), places.snap(_SNAP) / "current"
            candidates = [
                Profile("Krita", data, places.folder("XDG_CONFIG_HOME", ".config") / "kritarc"),
                Profile("Krita (Flatpak)", flatpak / "data" / "krita", flatpak / "config" / "kritarc"),
                Profile(
                    "Krita (Snap)",
                    in_snap / ".local" / "share" / "krita",
                    in_snap / ".config" / "kritarc",
                    places.snap_shared(_SNAP),
                ),
            ]
        native, *others = [_moved(profile) for profile in candidates]
        if places.platform == "linux" and places.which("krita"):
            return [native, *existing(others)]  # also if it was never started: Krita will look there
        return existing([native, *others])

    def switch_on(self, profile: Profile) -> str:
        """Write it into kritarc; where that is not known, the user has to do it in Krita."""
        if profile.settings is None:
            return f"Switch it on in Krita: {_MANAGER}"
        _edit(profile.settings, kritarc.switch_on)
        return ""

    def switch_off(self, profile: Profile) -> None:
        """Take it out of kritarc."""
        if profile.settings is not None and profile.settings.exists():
            _edit(profile.settings, kritarc.switch_off)

    def is_off(self, profile: Profile) -> str:
        """Whether kritarc says that the plug-in is off, or nothing about it."""
        if profile.settings is None:
            return ""
        try:
            text = profile.settings.read_text("utf-8", "replace")
        except OSError:
            text = ""
        return "" if kritarc.is_on(text, _PLUGIN) else f"To switch it on: {_MANAGER}"

    def native_pythons(self, profile: Profile, places: Places) -> list[HostPython]:
        """The distribution's Python, which a Krita of the distribution links."""
        program = places.which("krita")
        if program is None or not Path(program).resolve().is_relative_to("/usr"):
            raise UnknownPythonError("there is no krita command of a distribution; an AppImage has its Python inside")
        return [system_python(places)]


def _moved(profile: Profile) -> Profile:
    """The profile with the resource folder that the user has chosen in Krita, which loads plug-ins only from there."""
    try:
        text = profile.settings.read_text("utf-8", "replace") if profile.settings else ""
    except OSError:
        return profile
    chosen = kritarc.resource_folder(text)
    return replace(profile, folder=Path(chosen)) if chosen and Path(chosen).is_dir() else profile


def _edit(settings: Path, change: Callable[[str, str], str]) -> None:
    before = settings.read_bytes().decode("utf-8", "surrogateescape") if settings.exists() else ""
    after = change(before, _PLUGIN)
    if not after:
        settings.unlink(missing_ok=True)
    elif after != before:
        settings.parent.mkdir(parents=True, exist_ok=True)
        atomic_file.write(settings, after.encode("utf-8", "surrogateescape"))
