"""The words that people see in GIMP and Krita: every text in every language, whole, and short enough for its place."""

from __future__ import annotations

import re
import unicodedata
from configparser import ConfigParser
from pathlib import Path

import polib
import pytest
import words
from matted.hosts.contents import Catalogue
from matted_client import getting, translations
from matted_client.messages import Progress
from matted_client.options import YES_NO, GimpOptions, KritaOptions, entries
from matted_client.progress import describe
from po_files import CLIENT, GIMP, KRITA, PLURALS, file, texts, update

LANGUAGES = tuple(PLURALS)
LONGER, MORE = 1.4, 18  # a translation may take this much more room, and so many columns on top
COMMANDS = r"matted (?:models pull|install \w+|start\b|stop|serve|restart|doctor)"
FIELD_COLUMNS = 24  # what stands before a control of Krita's dialog
EVERY = pytest.mark.parametrize("language", LANGUAGES)
FOLDERS = pytest.mark.parametrize("folder", [CLIENT, KRITA, GIMP], ids=["client", "krita", "gimp"])


def translated(folder: Path, language: str) -> dict[str, str]:
    """What a .po file translates; of a text with a plural, its last form."""
    return {entry.msgid: forms(entry)[-1] for entry in file(folder, language).translated_entries()}


def forms(entry: polib.POEntry) -> list[str]:
    """The translations of a text: one, or one for each form of the plural."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


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
    entries = file(folder, language).translated_entries()
    assert [entry.msgid for entry in file(folder, language)] == [entry.msgid for entry in entries]
    assert {entry.msgid: entry.msgid_plural for entry in entries} == texts(folder)
    assert len(entries) == len(texts(folder))


@FOLDERS
@EVERY
def test_a_plural_has_all_forms_of_the_language(folder: Path, language: str) -> None:
    assert file(folder, language).metadata["Plural-Forms"] == PLURALS[language]
    number = int(re.findall(r"nplurals=(\d)", PLURALS[language])[0])
    for entry in file(folder, language):
        if entry.msgid_plural:
            assert sorted(entry.msgstr_plural) == list(range(number)) and all(forms(entry)), entry.msgid


def test_a_file_gets_what_it_lacks_and_loses_what_is_gone() -> None:
    po = polib.POFile()
    po.metadata = {"Plural-Forms": PLURALS["de"]}
    po += [polib.POEntry(msgid="kept", msgstr="bleibt"), polib.POEntry(msgid="gone", msgstr="weg")]
    update(po, {"kept": "", "%d layer": "%d layers", "new": ""})
    assert [(entry.msgid, entry.msgid_plural, entry.msgstr) for entry in po] == [
        ("kept", "", "bleibt"),
        ("%d layer", "%d layers", ""),
        ("new", "", ""),
    ]
    assert po[1].msgstr_plural == {0: "", 1: ""}


@FOLDERS
@EVERY
def test_placeholders_keys_and_commands_are_kept(folder: Path, language: str) -> None:
    for entry in file(folder, language):
        for foreign in forms(entry):
            for pattern in (r"%[a-z]", r"…|\.\.\.$", COMMANDS):
                assert re.findall(pattern, foreign) == re.findall(pattern, entry.msgid), entry.msgid
            assert foreign.count("_") <= entry.msgid.count("_"), entry.msgid


@FOLDERS
@EVERY
def test_no_text_is_too_long(folder: Path, language: str) -> None:
    for entry in file(folder, language):
        for foreign in forms(entry):
            assert columns(foreign) <= LONGER * columns(entry.msgid) + MORE, entry.msgid


@pytest.mark.parametrize("kind", [GimpOptions, KritaOptions], ids=["gimp", "krita"])
@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_control_of_the_dialogs_has_a_key_of_its_own(language: str, kind: type) -> None:
    known = {} if language == "en" else translated(CLIENT, language)
    labels = []
    for entry in entries(kind).values():
        own = [entry.label] + ([entry.switch.label] if entry.switch else [])
        labels += [known.get(label, label) for label in own]
        if entry.kind != YES_NO:
            assert columns(labels[-1]) <= FIELD_COLUMNS
    labels += [known.get(label, label) for label in (getting.GET, getting.NOT_YET)]
    stop = known.get(getting.STOP, getting.STOP)  # it takes the place of both
    assert re.findall("_(.)", stop)[0].lower() not in "".join(re.findall("_(.)", "".join(labels[:-2]))).lower()
    keys = [re.findall("_(.)", label) for label in labels]
    assert all(len(key) == 1 for key in keys)
    letters = [key[0].lower() for key in keys]
    assert len(set(letters)) == len(letters), sorted(letters)


@pytest.mark.parametrize("folder", [KRITA, GIMP], ids=["krita", "gimp"])
@EVERY
def test_messages_call_the_plate_as_the_label_of_the_dialogs_does(folder: Path, language: str) -> None:
    label = re.sub(r"\(_.\)|_", "", translated(CLIENT, language)["_Plate"])
    messages = [foreign for text, foreign in translated(folder, language).items() if "plate" in text.lower()]
    assert messages and all(label.lower() in message.lower() for message in messages)


@EVERY
def test_kritas_list_of_plugins_names_it_as_the_menu_does(language: str) -> None:
    parser = ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(KRITA.with_suffix(".desktop"), "utf-8")
    entry = parser["Desktop Entry"]
    assert entry[f"Name[{language}]"] == translated(KRITA, language)[entry["Name"]]
    assert columns(entry[f"Comment[{language}]"]) <= LONGER * columns(entry["Comment"]) + MORE


def test_kritas_toolbar_says_what_its_action_file_says() -> None:
    said = re.findall("<toolTip>(.+)</toolTip>", KRITA.with_suffix(".action").read_text("utf-8"))
    assert len(said) == 3 and set(said) <= set(texts(KRITA))


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
def test_the_first_language_that_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locales: list[str], wanted: str
) -> None:
    for language, word in (("de", "Vorgabe"), ("xx", "Xx")):  # the client does not speak the second one
        compiled(tmp_path / f"{language}.mo", f'msgid "Default"\nmsgstr "{word}"\n')
    client = tmp_path / "client"
    client.mkdir()
    (client / "de.mo").write_bytes(Catalogue(CLIENT / "languages" / "de.po").read_bytes())
    monkeypatch.setattr(translations, "FOLDER", str(client))
    found = translations.load(locales, str(tmp_path))
    assert found.gettext("Default") == wanted
    assert (found.gettext("Finding the subject") != "Finding the subject") == (wanted == "Vorgabe")


def compiled(target: Path, text: str) -> None:
    """What an installation makes of a .po file."""
    source = target.with_suffix(".po")
    source.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n' + text, "utf-8")
    target.write_bytes(Catalogue(source).read_bytes())


def test_a_locale_stands_for_its_language_too() -> None:
    assert translations.names(["de_AT", "fr"])[:2] == ["de_AT", "de"]
    assert translations.names(["de_AT", "fr"])[-1] == "fr"
    assert translations.names([]) == []


def test_a_file_of_a_translator(tmp_path: Path) -> None:
    compiled(
        tmp_path / "xx.mo",
        '# somebody\n#: removal.py:3\nmsgid "one \\"two\\""\nmsgstr "eins "\n'
        '"\\"zwei\\""\n\nmsgid "not yet"\nmsgstr ""\n\n#: removal.py:4\n#, fuzzy, c-format\nmsgid "guess"\n'
        'msgstr "geraten"\n\n#, c-format\nmsgid ""\n"long"\nmsgstr ""\n"läng"\n\n#~ msgid "old"\n#~ msgstr "alt"\n',
    )
    words = translations.load(["xx"], str(tmp_path)).gettext
    assert [words(text) for text in ('one "two"', "long")] == ['eins "zwei"', "läng"]
    assert [words(text) for text in ("not yet", "guess", "old")] == ["not yet", "guess", "old"]


@pytest.mark.parametrize(
    ("language", "number", "wanted"),
    [
        ("de", 1, "1 andere Anfrage ist vorher dran"),
        ("de", 3, "3 andere Anfragen sind vorher dran"),
        ("fr", 1, "En attente de 1 autre demande"),
        ("fr", 2, "En attente de 2 autres demandes"),
        ("ja", 1, "他の 1 件の完了を待っています"),
        ("ja", 2, "他の 2 件の完了を待っています"),
    ],
)
def test_numbers_have_the_grammar_of_the_language(language: str, number: int, wanted: str) -> None:
    assert describe(Progress("waiting", place=number), words.read(CLIENT / "languages" / f"{language}.po")) == wanted


@pytest.mark.parametrize(
    ("number", "wanted"), [(0, "Starting"), (1, "Waiting for 1 other request"), (2, "Waiting for 2 other requests")]
)
def test_numbers_have_the_grammar_of_english(number: int, wanted: str) -> None:
    assert describe(Progress("waiting", place=number)) == wanted
