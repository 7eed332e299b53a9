"""The words of the plug-in in the language of Krita, from the folder `languages`.

Krita's own i18n() knows its own catalogues only.
"""

from __future__ import annotations

import os

from .matted_client import translations
from .qt import QtCore

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "languages")

WORDS = translations.load([QtCore.QLocale().name()], FOLDER)  # Krita sets this to its own language before any plug-in
_, ngettext = WORDS.gettext, WORDS.ngettext
