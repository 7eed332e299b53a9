"""Krita's settings file as text: switch a Python plug-in on and off, keep all else, find the resource folder."""

from __future__ import annotations

_SECTION = "[python]"
_RESOURCES = "ResourceDirectory="


def resource_folder(text: str) -> str:
    """Find the folder that Krita loads plug-ins from instead of its data folder; empty if the user has chosen none."""
    for line in _split(text)[0]:
        if line.startswith("["):  # the setting stands before all sections
            break
        if line.startswith(_RESOURCES):
            return line[len(_RESOURCES) :].replace("\\\\", "\\")  # KConfig's way to write a backslash
    return ""


def is_on(text: str, plugin: str) -> bool:
    """Whether the settings have Krita load the plug-in."""
    return _switched_on(plugin) in _split(text)[0]


def switch_on(text: str, plugin: str) -> str:
    """Return the settings with the plug-in on."""
    lines, end = _split(switch_off(text, plugin))
    setting = _switched_on(plugin)
    if _SECTION in lines:
        lines.insert(lines.index(_SECTION) + 1, setting)
    else:
        tail = [""] if lines[-1] == "" else []  # the text ends, or does not end, as it did before
        before = lines[: len(lines) - len(tail)]
        lines = [*before, *([""] if before else []), _SECTION, setting, *(tail or ([] if before else [""]))]
    return end.join(lines)


def switch_off(text: str, plugin: str) -> str:
    """Return the settings without a word of the plug-in; a section that only it was in goes with it."""
    key = f"enable_{plugin}="
    lines, end = _split(text)
    kept = [line for line in lines if not line.startswith(key)]
    if len(kept) < len(lines) and _SECTION in kept:
        at = kept.index(_SECTION)
        stop = next((i for i in range(at + 1, len(kept)) if kept[i].startswith("[")), len(kept))
        if not any(kept[at + 1 : stop]):
            last = stop == len(kept)
            tail = [""] if last and kept[-1] == "" else []
            del kept[at:stop]
            if last and kept and kept[-1] == "":
                kept.pop()
            kept += tail
    return end.join(kept)


def _switched_on(plugin: str) -> str:
    return f"enable_{plugin}=true"


def _split(text: str) -> tuple[list[str], str]:
    """Split into (lines, what ends them). Not splitlines(): values may hold what Unicode calls a line separator."""
    end = "\r\n" if "\r\n" in text else "\n"
    return text.split(end), end
