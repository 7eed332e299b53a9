"""The words of the plug-in in the language of Krita.

Krita's own i18n() knows its own catalogues only. Each language is one file of gettext's in the folder `languages`, with
every entry on one line, read as translators write it.
"""

from __future__ import annotations

import ast
import os
import re
from typing import Dict

from .qt import QLocale

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "languages")
_ENTRY = re.compile(r'^msgid (".+")\nmsgstr (".+")$', re.MULTILINE)


def read(path: str) -> Dict[str, str]:
    """What the file translates."""
    with open(path, encoding="utf-8") as file:
        entries = _ENTRY.findall(file.read())
    return {ast.literal_eval(english): ast.literal_eval(foreign) for english, foreign in entries}


def load(locale: str) -> Dict[str, str]:
    """The words for a locale such as de_AT, or of its language; empty for English and what nobody has translated."""
    for name in (locale, locale.split("_")[0]):
        path = os.path.join(FOLDER, name + ".po")
        if os.path.exists(path):
            return read(path)
    return {}


_texts = load(QLocale().name())  # Krita sets this to its own language before it loads any plug-in


def _(english: str) -> str:
    return _texts.get(english, english)
