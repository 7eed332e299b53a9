"""The words of the plug-in in the language of Krita, from the folder `languages`.

Krita's own i18n() knows its own catalogues only.
"""

from __future__ import annotations

import os

from .matted_client import translations
from .qt import QtCore

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "languages")

MANUAL = os.path.join(os.path.dirname(FOLDER), "manual")  # a page for each language, also named in the .desktop file

LOCALES = [QtCore.QLocale().name()]  # Krita sets this to its own language before any plug-in
WORDS = translations.load(LOCALES, FOLDER)
_, ngettext = WORDS.gettext, WORDS.ngettext


def help_page() -> str:
    """Return the path of the help page in the language of Krita, or of the English one."""
    paths = [os.path.join(MANUAL, name + ".html") for name in translations.names([*LOCALES, "en"])]
    return next((path for path in paths if os.path.isfile(path)), paths[-1])
