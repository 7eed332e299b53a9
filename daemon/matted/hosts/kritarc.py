"""Krita's settings file: switch a Python plug-in on and off without touching anything else, and find its resources."""

from __future__ import annotations

_SECTION = "[python]"
_RESOURCES = "ResourceDirectory="


def resource_folder(text: str) -> str:
    """Where Krita looks for plug-ins instead of in its own data folder; empty if the user has not chosen a folder."""
    for line in _split(text)[0]:
        if line.startswith("["):  # the setting stands before all sections
            break
        if line.startswith(_RESOURCES):
            return line[len(_RESOURCES) :].replace("\\\\", "\\")  # KConfig's way to write a backslash
    return ""


def switch_on(text: str, plugin: str) -> str:
    """The settings with the plug-in on."""
    lines, end = _split(switch_off(text, plugin))
    setting = f"enable_{plugin}=true"
    if _SECTION in lines:
        lines.insert(lines.index(_SECTION) + 1, setting)
    else:
        tail = [""] if lines[-1] == "" else []  # the text ends, or does not end, as it did before
        before = lines[: len(lines) - len(tail)]
        lines = [*before, *([""] if before else []), _SECTION, setting, *(tail or ([] if before else [""]))]
    return end.join(lines)


def switch_off(text: str, plugin: str) -> str:
    """The settings without a word of the plug-in; a section that only it was in goes with it."""
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


def _split(text: str) -> tuple[list[str], str]:
    """(lines, what ends them). Not splitlines(): values may hold what Unicode calls a line separator."""
    end = "\r\n" if "\r\n" in text else "\n"
    return text.split(end), end
