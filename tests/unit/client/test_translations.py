"""The words that people see in GIMP and Krita: every text in every language, whole, and short enough for its place."""

from __future__ import annotations

import ast
import functools
import re
import unicodedata
from configparser import ConfigParser
from pathlib import Path

import pytest
from matted.models import catalogue
from matted_client import translations
from matted_client.options import YES_NO, LayerOptions, entries

CHECKOUT = Path(__file__).resolve().parents[3]
CLIENT = CHECKOUT / "shared" / "matted_client"
KRITA = CHECKOUT / "plugins" / "krita" / "remove_background"
GIMP = CHECKOUT / "plugins" / "gimp" / "remove-background"
LANGUAGES = ("de", "es", "fr", "ja", "zh_CN")
TRANSLATING = ("_", "N_", "translate")  # the functions that a text is handed to
LONGER, MORE = 1.4, 18  # a translation may take this much more room, and so many columns on top
COMMANDS = r"matted (?:models pull|install \w+|start\b|stop|serve|restart|doctor)"
FIELD_COLUMNS = 24  # what stands before a control of Krita's dialog
EVERY = pytest.mark.parametrize("language", LANGUAGES)
FOLDERS = pytest.mark.parametrize("folder", [CLIENT, KRITA, GIMP], ids=["client", "krita", "gimp"])


@functools.cache
def texts(folder: Path) -> list[str]:
    """All that a folder's modules have translated, in their order, but for what the client translates for all."""
    found: dict[str, None] = {}
    for path in sorted(folder.glob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
            if isinstance(call.func, ast.Name) and call.func.id in TRANSLATING:
                if isinstance(call.args[0], ast.Constant):
                    found[call.args[0].value] = None
    if folder == CLIENT:  # which shows what the daemon says of its models
        return [*found, *(row.about for row in catalogue.load().shipped.values())]
    shared = texts(CLIENT)
    return [text for text in found if text not in shared]


def translated(folder: Path, language: str) -> dict[str, str]:
    return translations.read(str(folder / "languages" / f"{language}.po"))


def columns(text: str) -> int:
    """The room that a text takes: Chinese and Japanese characters are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


@FOLDERS
def test_there_are_texts_and_languages(folder: Path) -> None:
    assert len(texts(folder)) > 30
    assert sorted(path.stem for path in (folder / "languages").iterdir()) == sorted(LANGUAGES)


@FOLDERS
@EVERY
def test_every_text_is_translated_once_and_nothing_else(folder: Path, language: str) -> None:
    assert set(translated(folder, language)) == set(texts(folder))
    lines = (folder / "languages" / f"{language}.po").read_text("utf-8").splitlines()
    entries = [line for line in lines if line.startswith("msgid ")]
    assert len(set(entries)) == len(entries) == len(texts(folder)) + 1  # and the header


@FOLDERS
@EVERY
def test_placeholders_keys_and_commands_are_kept(folder: Path, language: str) -> None:
    for english, foreign in translated(folder, language).items():
        for pattern in (r"%[a-z]", r"…|\.\.\.$", COMMANDS):
            assert re.findall(pattern, foreign) == re.findall(pattern, english), english
        assert foreign.count("_") <= english.count("_"), english


@FOLDERS
@EVERY
def test_no_text_is_too_long(folder: Path, language: str) -> None:
    for english, foreign in translated(folder, language).items():
        assert columns(foreign) <= LONGER * columns(english) + MORE, english


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_control_of_the_dialogs_has_a_key_of_its_own(language: str) -> None:
    words = {} if language == "en" else translated(CLIENT, language)
    labels = []
    for entry in entries(LayerOptions).values():
        own = [entry.label] + ([entry.switch.label] if entry.switch else [])
        labels += [words.get(label, label) for label in own]
        if entry.kind != YES_NO:
            assert columns(labels[-1]) <= FIELD_COLUMNS
    keys = [re.findall("_(.)", label) for label in labels]
    assert all(len(key) == 1 for key in keys)
    letters = [key[0].lower() for key in keys]
    assert len(set(letters)) == len(letters), sorted(letters)


@EVERY
def test_kritas_list_of_plugins_names_it_as_the_menu_does(language: str) -> None:
    file = ConfigParser()
    file.optionxform = str  # type: ignore[assignment,method-assign]
    file.read(KRITA.with_suffix(".desktop"), "utf-8")
    entry = file["Desktop Entry"]
    assert entry[f"Name[{language}]"] == translated(KRITA, language)[entry["Name"]]
    assert columns(entry[f"Comment[{language}]"]) <= LONGER * columns(entry["Comment"]) + MORE


def test_kritas_toolbar_says_what_its_action_file_says() -> None:
    said = re.findall("<toolTip>(.+)</toolTip>", KRITA.with_suffix(".action").read_text("utf-8"))
    assert len(said) == 2 and set(said) <= set(texts(KRITA))


# -- the files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("locales", "wanted"),
    [
        (["de_AT", "fr"], "Vorgabe"),
        (["xx_YY"], "Xx"),
        (["nl", "de"], "Vorgabe"),
        (["zh_TW"], "Default"),
        (["en", "de"], "Default"),
        (["C"], "Default"),
        (["", "de"], "Vorgabe"),
        ([], "Default"),
    ],
    ids=str,
)
def test_the_first_language_that_there_is(tmp_path: Path, locales: list[str], wanted: str) -> None:
    for language, word in (("de", "Vorgabe"), ("xx", "Xx")):  # the client does not speak the second one
        (tmp_path / f"{language}.po").write_text(f'msgid "Default"\nmsgstr "{word}"\n', "utf-8")
    found = translations.load(locales, str(tmp_path))
    assert found.get("Default", "Default") == wanted
    assert ("Finding the subject" in found) == (wanted == "Vorgabe")


def test_a_file_of_a_translator(tmp_path: Path) -> None:
    path = tmp_path / "xx.po"
    path.write_text(
        '# somebody\nmsgid ""\nmsgstr ""\n"Language: xx\\n"\n\n#: job.py:3\nmsgid "one \\"two\\""\nmsgstr "eins "\n'
        '"\\"zwei\\""\n\nmsgid "not yet"\nmsgstr ""\n\n#: job.py:4\n#, fuzzy, c-format\nmsgid "guess"\n'
        'msgstr "geraten"\n\n#, c-format\nmsgid ""\n"long"\nmsgstr ""\n"lang"\n#~ msgid "old"\n#~ msgstr "alt"',
        "utf-8",
    )
    assert translations.read(str(path)) == {'one "two"': 'eins "zwei"', "long": "lang"}
