"""The options of last time, which Krita remembers in kritarc, group `remove_background`."""

from __future__ import annotations

from krita import Krita

from .matted_client.options import LayerOptions, from_text, to_text

GROUP, NAME = "remove_background", "options"


def remembered() -> LayerOptions:
    return from_text(LayerOptions, Krita.instance().readSetting(GROUP, NAME, ""))


def remember(options: LayerOptions) -> None:
    Krita.instance().writeSetting(GROUP, NAME, to_text(options))
