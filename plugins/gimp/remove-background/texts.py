"""The words of this plug-in in the language that GIMP speaks.

Each language is one file of gettext's in the folder `languages`, read as translators write it: nothing has to be
compiled, and a mended line shows at the next start of GIMP. GIMP tells its plug-ins its language in the environment, in
the variables that gettext reads.
"""

import ast
import os

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "languages")
VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def read(path):
    """What the .po file at `path` translates, as a dictionary; what is not translated yet is left out."""
    found = {}
    keyword, parts = "", {}
    with open(path, encoding="utf-8") as file:
        for line in [*file, 'msgid ""\n']:  # the next entry ends the one before
            word, _space, text = line.strip().partition(" ")
            if word in ("msgid", "msgstr"):
                if word == "msgid":
                    if parts.get("msgid") and parts.get("msgstr"):
                        found[parts["msgid"]] = parts["msgstr"]
                    parts = {}
                keyword, parts[word] = word, ast.literal_eval(text)
            elif word.startswith('"'):
                parts[keyword] += ast.literal_eval(line.strip())
    return found


def languages(environ):
    """The languages that are wanted, best first, as files are named: de_AT gives ["de_AT", "de"]."""
    chosen = next((environ[name] for name in VARIABLES if environ.get(name)), "")
    names = []
    for locale in chosen.split(":"):
        name = locale.split(".")[0].split("@")[0]
        names += [name, name.split("_")[0]]
    return names


def load(environ, folder=FOLDER):
    """The dictionary for these variables; empty where the language is English or has no file."""
    for name in languages(environ):
        if name in ("en", "C", "POSIX"):
            break
        path = os.path.join(folder, name + ".po")
        if name and os.path.exists(path):
            return read(path)
    return {}


_texts = load(os.environ)


def _(text):
    return _texts.get(text, text)


def N_(text):
    """Marks a text that a later `_` translates."""
    return text


# Sentences of the client and of the daemon that people meet most; others stay in English.
ELSEWHERE = (
    N_("No subject was found in this picture."),
    N_("Try a picture whose subject stands out from its background."),
    N_("The matted daemon ended in the middle of the work."),
    N_("Try again; it will be restarted."),
    N_("The matted daemon does not answer."),
    N_("The Remove Background plug-in is not completely installed."),
    N_("There is not enough memory for this picture."),
    N_("Close other programs or scale it down."),
)
