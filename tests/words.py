"""The words of GIMP and Krita in other languages, compiled as an installation has them, or made up."""

from __future__ import annotations

import gettext
import io
from collections.abc import Mapping
from pathlib import Path

import matted_client
import polib

CLIENT = Path(matted_client.__file__).parent / "languages"


def read(path: Path) -> gettext.GNUTranslations:
    """A .po file."""
    return gettext.GNUTranslations(io.BytesIO(polib.pofile(str(path)).to_binary()))


def words_of(language: str, folder: Path) -> gettext.GNUTranslations:
    """What a plug-in says whose .po files are in `folder`."""
    words = read(folder / f"{language}.po")
    words.add_fallback(read(CLIENT / f"{language}.po"))
    return words


class MadeUp(gettext.NullTranslations):
    """words: from English."""

    def __init__(self, words: Mapping[str, str]) -> None:
        super().__init__()
        self._words = words

    def gettext(self, message: str) -> str:
        return self._words.get(message, message)
