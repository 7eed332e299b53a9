"""Texts in a person's language, from the catalogues of the standard library's gettext.

The words of this package are in the folder `languages` beside this file, those of a plug-in in a folder of its own.
Translators write .po files; `matted install` compiles them to the .mo files that are read here.
"""

from __future__ import annotations

import gettext
import os
from typing import List, Optional, Sequence

Words = gettext.NullTranslations  # has gettext(text) and ngettext(one, many, number)
ENGLISH = Words()
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "languages")
_ENGLISH_NAMES = ("en", "C", "POSIX")


def N_(text: str) -> str:
    """Marks a text that is translated where it is shown."""
    return text


def load(locales: Sequence[str], folder: str) -> Words:
    """The words of this package and those in `folder`, in the first of `locales` that has a file.

    locales: such as de_AT, best first; each stands also for its language. ENGLISH where there is none.
    """
    for name in names(locales):
        if name in _ENGLISH_NAMES:
            return ENGLISH
        found = [words for words in (_read(folder, name), _read(FOLDER, name)) if words is not None]
        if found:
            for other in found[1:]:
                found[0].add_fallback(other)
            return found[0]
    return ENGLISH


def names(locales: Sequence[str]) -> List[str]:
    """Return what the files of these languages can be called, best first, such as de_AT, de."""
    return [name for locale in locales for name in (locale, locale.split("_")[0])]


def _read(folder: str, name: str) -> Optional[Words]:
    try:
        with open(os.path.join(folder, name + ".mo"), "rb") as file:
            return gettext.GNUTranslations(file)
    except FileNotFoundError:
        return None
