"""The texts of GIMP and Krita that are translated, and the .po files that translate them.

`make texts` adds to every language what it lacks, for a translator to fill in, and takes out what is not used any more.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import polib
from matted.models import catalogue
from matted.models.spec import BuiltIn

CHECKOUT = Path(__file__).resolve().parents[1]
CLIENT = CHECKOUT / "shared" / "matted_client"
KRITA = CHECKOUT / "plugins" / "krita" / "remove_background"
GIMP = CHECKOUT / "plugins" / "gimp" / "remove-background"
PLURALS = {
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "ja": "nplurals=1; plural=0;",
    "zh_CN": "nplurals=1; plural=0;",
}
_TRANSLATING = ("_", "N_", "translate", "gettext")  # the functions that a text is handed to
_ONE_LINE = 100_000  # columns


@functools.cache
def texts(folder: Path) -> dict[str, str]:
    """All that a folder's modules have translated, in their order, with the plural of those that have one.

    What the client translates for all is left out of the plug-ins'.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in (*_TRANSLATING, "ngettext") and isinstance(call.args[0], ast.Constant):
                plural = call.args[1] if name == "ngettext" else None
                found[call.args[0].value] = plural.value if isinstance(plural, ast.Constant) else ""
    if folder == CLIENT:  # which shows what the daemon says of its models
        entries = catalogue.load().entries.values()
        titles = [entry.title for entry in entries if isinstance(entry, BuiltIn)]  # the others' are names
        return {**found, **dict.fromkeys([*(entry.about for entry in entries), *titles], "")}
    shared = texts(CLIENT)
    return {text: plural for text, plural in found.items() if text not in shared}


@functools.cache
def file(folder: Path, language: str) -> polib.POFile:
    """The .po file of a language."""
    return polib.pofile(str(folder / "languages" / f"{language}.po"), wrapwidth=_ONE_LINE)


def update(po: polib.POFile, wanted: dict[str, str]) -> None:
    """Make the file one of `wanted`, texts with their plurals, and keep what is translated."""
    for entry in list(po):
        if wanted.get(entry.msgid) != entry.msgid_plural:
            po.remove(entry)
    there = {entry.msgid for entry in po}
    number = int(po.metadata["Plural-Forms"].partition("nplurals=")[2][0])
    for text, plural in wanted.items():
        if text not in there and plural:
            forms = dict.fromkeys(range(number), "")
            po.append(polib.POEntry(msgid=text, msgid_plural=plural, msgstr_plural=forms))
        elif text not in there:
            po.append(polib.POEntry(msgid=text))


if __name__ == "__main__":
    for folder in (CLIENT, KRITA, GIMP):
        for language in PLURALS:
            po = file(folder, language)
            update(po, texts(folder))
            Path(po.fpath).write_text(str(po).removeprefix("#\n"), "utf-8")
