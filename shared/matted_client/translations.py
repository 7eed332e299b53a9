"""Texts in a person's language, from gettext's .po files as translators write them: nothing has to be compiled.

The words of this package are in the folder `languages` beside this file, those of a plug-in in a folder of its own.
"""

from __future__ import annotations

import ast
import os
from typing import Dict, Sequence

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "languages")
ENGLISH = ("en", "C", "POSIX")


def N_(text: str) -> str:
    """Marks a text that is translated where it is shown."""
    return text


def load(locales: Sequence[str], folder: str) -> Dict[str, str]:
    """What the words of this package and those in `folder` are in the first of `locales` that has a file.

    locales: such as de_AT, best first; each stands also for its language. Empty for English, and for what nobody has
    translated.
    """
    for locale in locales:
        for name in (locale, locale.split("_")[0]):
            if name in ENGLISH:
                return {}
            paths = [os.path.join(each, name + ".po") for each in (FOLDER, folder)]
            found = [read(path) for path in paths if os.path.exists(path)]
            if found:
                return {english: text for texts in found for english, text in texts.items()}
    return {}


def read(path: str) -> Dict[str, str]:
    """What a .po file translates. What is not translated, or marked as a guess ("fuzzy"), is left out."""
    found: Dict[str, str] = {}
    entry: Dict[str, str] = {}
    keyword, is_guess, next_is_guess = "", False, False
    with open(path, encoding="utf-8") as file:
        for line in [*file, 'msgid ""']:  # the next entry ends the one before
            word, _space, text = line.strip().partition(" ")
            if word == "msgid":
                if entry.get("msgid") and entry.get("msgstr") and not is_guess:
                    found[entry["msgid"]] = entry["msgstr"]
                entry, is_guess, next_is_guess = {}, next_is_guess, False
            if word in ("msgid", "msgstr"):
                keyword, entry[word] = word, ast.literal_eval(text)
            elif word.startswith('"'):
                entry[keyword] += ast.literal_eval(line.strip())
            elif word == "#,":
                next_is_guess = "fuzzy" in text
    return found
