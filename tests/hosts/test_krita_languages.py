"""The words of the Krita plug-in: every text in every language, whole, and short enough for where it stands."""

from __future__ import annotations

import ast
import re
import unicodedata
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGIN = CHECKOUT / "plugins" / "krita" / "remove_background"
PROGRESS = CHECKOUT / "shared" / "matted_client" / "progress.py"
LANGUAGES = ("de", "es", "fr", "ja", "zh_CN")
ENTRY = re.compile(r'^msgid "(.+)"\nmsgstr "(.*)"$', re.MULTILINE)
PLACEHOLDER = re.compile(r"%\w")
LONGER, MORE = 1.35, 16  # a translation may take this much more room, and so many columns on top
FIELD_COLUMNS = 24  # what stands before a field of the dialog


def texts() -> set[str]:
    """All that the plug-in passes to its translation, and the stages that the client describes."""
    found = set()
    for path in [*PLUGIN.glob("*.py"), PROGRESS]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "translate"):
                (argument,) = node.args
                if isinstance(argument, ast.Constant):
                    found.add(argument.value)
    return found


def translations(language: str) -> dict[str, str]:
    pairs = ENTRY.findall((PLUGIN / "languages" / f"{language}.po").read_text("utf-8"))
    assert len({english for english, _ in pairs}) == len(pairs), "an entry stands there twice"
    return {ast.literal_eval(f'"{one}"'): ast.literal_eval(f'"{other}"') for one, other in pairs}


def columns(text: str) -> int:
    """The room that a text takes: Chinese and Japanese characters are twice as wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def test_there_are_texts_and_languages() -> None:
    assert len(texts()) > 60
    assert sorted(path.stem for path in (PLUGIN / "languages").glob("*.po")) == sorted(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_nothing_else(language: str) -> None:
    translated = translations(language)
    assert set(translated) == texts()
    assert [english for english, foreign in translated.items() if not foreign.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_are_kept_in_their_order(language: str) -> None:
    for english, foreign in translations(language).items():
        assert PLACEHOLDER.findall(foreign) == PLACEHOLDER.findall(english), english


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_too_long(language: str) -> None:
    for english, foreign in translations(language).items():
        assert columns(foreign) <= LONGER * columns(english) + MORE, english
        if english.startswith("&"):
            assert columns(foreign) <= FIELD_COLUMNS, english


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_field_has_a_key_of_its_own(language: str) -> None:
    labels = [english for english in texts() if english.startswith("&")]
    words = labels if language == "en" else [translations(language)[english] for english in labels]
    keys = [re.findall("&(.)", word) for word in words]
    assert all(len(key) == 1 for key in keys)
    letters = [key[0].lower() for key in keys]
    assert len(set(letters)) == len(letters), sorted(letters)
