"""The words of this plug-in in the language that GIMP speaks, from the folder `languages`.

GIMP tells its plug-ins its language in the environment, in the variables that gettext reads.
"""

import os

from matted_client import translations

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "languages")
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def locales(environ):
    """The languages that are wanted, best first, such as ["de_AT", "fr"]."""
    chosen = next((environ[name] for name in VARIABLES if environ.get(name)), "")
    return [locale.split(".")[0].split("@")[0] for locale in chosen.split(":") if locale]


WORDS = translations.load(locales(os.environ), FOLDER)
_, ngettext = WORDS.gettext, WORDS.ngettext
