"""The help pages of both hosts: one in every language, all of the same structure, in the words of the dialogs."""

from __future__ import annotations

import configparser
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import documents
import polib
import pytest
from matted.hosts import contents, registry
from po_files import CHECKOUT, CLIENT, GIMP, KRITA, PLURALS

HOSTS = {"gimp": GIMP, "krita": KRITA}
EMPTY = {"meta", "br"}
INLINE = {"em", "strong", "b", "i", "code"}
NAMING = {"em", "strong", "b", "i", "dt", "h1", "h2"}  # what may hold the name of an entry or of a control
OTHERS = sorted(PLURALS)
pages_of_all = pytest.mark.parametrize("language", documents.LANGUAGES)
each_host = pytest.mark.parametrize("host", HOSTS)


class Page(HTMLParser):
    """What is in a page. blocks: the tags but the inline ones, in their order. texts: of each tag, what is in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.language = ""
        self.ids: list[str] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(path.read_text("utf-8"))
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.language = given.get("lang", self.language)
        self.ids += [given["id"]] if "id" in given else []
        if tag not in INLINE:
            self.blocks.append(tag)
        if tag not in EMPTY:
            self._open.append((tag, []))

    def handle_data(self, data: str) -> None:
        for _, parts in self._open:
            parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1][0] == tag, f"</{tag}> at {self.getpos()}, but <{self._open[-1][0]}> is open"
        _, parts = self._open.pop()
        self.texts.setdefault(tag, []).append(" ".join("".join(parts).split()))


def page(host: str, language: str) -> Page:
    return Page(documents.pages(language)[list(HOSTS).index(host)])


def labels(host: str, language: str) -> dict[str, str]:
    """What the dialogs say of a language, from English, without the letters of keys."""
    files = [polib.pofile(str(folder / "languages" / f"{language}.po")) for folder in (HOSTS[host], CLIENT)]
    found = {_plain(entry.msgid): _plain(entry.msgstr) for file in files for entry in file if entry.msgstr}
    return {english: said for english, said in found.items() if "%" not in english}


def _plain(label: str) -> str:
    return re.sub(r"\(_\w\)|_", "", label)


def test_every_language_has_its_pages_and_nothing_else_has() -> None:
    assert {path.name for path in (GIMP / "help").iterdir()} == set(documents.LANGUAGES)
    assert {path.name for path in (KRITA / "manual").iterdir()} == {f"{name}.html" for name in documents.LANGUAGES}


@pages_of_all
@each_host
def test_a_page_says_its_language_and_has_the_parts_of_the_english_one(host: str, language: str) -> None:
    english, other = page(host, "en"), page(host, language)
    assert other.language == language.replace("_", "-")
    assert other.texts["title"] == other.texts["h1"]
    assert other.blocks == english.blocks
    assert other.ids == english.ids
    assert all(text for tag, texts in other.texts.items() if tag not in ("td", "th") for text in texts)


@pages_of_all
@each_host
def test_commands_and_names_of_scripts_are_the_same_in_every_language(host: str, language: str) -> None:
    english, other = page(host, "en"), page(host, language)
    assert Counter(other.texts["code"]) == Counter(english.texts["code"])
    assert other.texts.get("pre") == english.texts.get("pre")


@pytest.mark.parametrize("language", OTHERS)
@each_host
def test_entries_and_controls_are_called_as_in_the_dialogs(host: str, language: str) -> None:
    english, other = page(host, "en"), page(host, language)
    known = labels(host, language)
    for tag in NAMING & set(english.texts):
        named = Counter(known[text] for text in english.texts[tag] if text in known)
        assert named <= Counter(other.texts[tag]), tag
    assert known["Remove Background"] in other.texts["h1"]


@pages_of_all
def test_both_hosts_say_the_same_of_mouse_and_keys(language: str) -> None:
    gimp, krita = page("gimp", language), page("krita", language)
    rows = gimp.texts["tr"]
    assert len(rows) == 9
    assert krita.texts["tr"][: len(rows)] == rows


@pages_of_all
def test_gimp_finds_a_page_for_each_procedure(language: str) -> None:
    folder = GIMP / "help" / language
    items = ElementTree.parse(folder / "gimp-help.xml").getroot().findall("help-item")
    source = (GIMP / "remove-background.py").read_text("utf-8")
    assert [item.get("id") for item in items] == list(dict.fromkeys(re.findall(r'"(plug-in-[a-z-]+)"', source)))
    assert [item.get("title") for item in items] == page("gimp", language).texts["dt"][: len(items)]
    for item in items:
        name, _, anchor = item.get("ref", "").partition("#")
        assert not anchor or anchor in Page(folder / name).ids


def test_kritas_plugin_manager_finds_every_page() -> None:
    entry = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    entry.read(CHECKOUT / "plugins" / "krita" / "remove_background.desktop", "utf-8")
    section = entry["Desktop Entry"]
    assert section["X-Krita-Manual"] == "manual/en.html"
    assert {name: section[f"X-Krita-Manual[{name}]"] for name in PLURALS} == {
        name: f"manual/{name}.html" for name in PLURALS
    }


def test_every_page_is_installed() -> None:
    gimp, krita = (set(contents.files(registry.HOSTS[host])) for host in HOSTS)
    for language in documents.LANGUAGES:
        folder = f"plug-ins/remove-background/help/{language}"
        assert {f"{folder}/gimp-help.xml", f"{folder}/remove-background.html"} <= gimp
        assert f"pykrita/remove_background/manual/{language}.html" in krita
