"""The options of last time, which Krita remembers in kritarc, group `remove_background`."""

from __future__ import annotations

from typing import Any, Type, TypeVar

from krita import Krita

from .matted_client.options import from_text, to_text

GROUP = "remove_background"
REMOVE, REFINE = "options", "refine_options"  # the names of the two

T = TypeVar("T")


def remembered(name: str, kind: Type[T]) -> T:
    """Return the options of this name, which are of this dataclass."""
    return from_text(kind, Krita.instance().readSetting(GROUP, name, ""))


def remember(name: str, options: Any) -> None:
    Krita.instance().writeSetting(GROUP, name, to_text(options))
