"""Switch a Python plug-in on in Krita's settings file, and off again, without touching anything else in it."""

from __future__ import annotations

_SECTION = "[python]"


def switch_on(text: str, plugin: str) -> str:
    """The settings with the plug-in on."""
    lines = switch_off(text, plugin).splitlines()
    setting = f"enable_{plugin}=true"
    if _SECTION in lines:
        lines.insert(lines.index(_SECTION) + 1, setting)
    else:
        lines += ([""] if lines and lines[-1] else []) + [_SECTION, setting]
    return _joined(lines)


def switch_off(text: str, plugin: str) -> str:
    """The settings without a word of the plug-in; a section that only it was in goes with it."""
    key = f"enable_{plugin}="
    lines = text.splitlines()
    kept = [line for line in lines if not line.startswith(key)]
    if len(kept) < len(lines) and _SECTION in kept:
        at = kept.index(_SECTION)
        end = next((i for i in range(at + 1, len(kept)) if kept[i].startswith("[")), len(kept))
        if not any(line.strip() for line in kept[at + 1 : end]):
            del kept[at:end]
            if at == len(kept) and kept and not kept[-1]:
                kept.pop()
    return _joined(kept)


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""
