"""Switching a plug-in on and off in Krita's settings without touching anything else."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matted.hosts.kritarc import resource_folder, switch_off, switch_on

PLUGIN = "remove_background"
OTHERS = "[python]\nenable_assistant=false\nenable_tenbrushes=true\n"
SETTINGS = "theme=dark\n\n[MainWindow]\nState=AAAA\n"

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_ ]{0,10}", fullmatch=True).filter(lambda name: name != "python")
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
KEYS = st.lists(st.tuples(NAMES, VALUES).map(lambda pair: f"{pair[0]}={pair[1]}\n"), min_size=1, max_size=3).map(
    "".join
)
SECTIONS = st.tuples(st.one_of(NAMES, st.just("python")), KEYS).map(lambda pair: f"[{pair[0]}]\n{pair[1]}")
# As KConfig writes it: keys without a section first, a blank line between sections.
FILES = st.tuples(st.one_of(st.just([]), KEYS.map(lambda keys: [keys])), st.lists(SECTIONS, max_size=4)).map(
    lambda parts: "\n".join([*parts[0], *parts[1]])
)


def value(text: str, plugin: str = PLUGIN) -> str | None:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(f"[-]\n{text}")
    return parser.get("python", f"enable_{plugin}", fallback=None)


@pytest.mark.parametrize("text", ["", SETTINGS, OTHERS, SETTINGS + "\n" + OTHERS, OTHERS + "\n" + SETTINGS])
def test_the_plugin_is_on_afterwards(text: str) -> None:
    assert value(switch_on(text, PLUGIN)) == "true"


def test_a_plugin_that_was_off_is_on_afterwards() -> None:
    text = f"[python]\nenable_{PLUGIN}=false\nenable_assistant=false\n"
    on = switch_on(text, PLUGIN)
    assert (value(on), on.count(PLUGIN)) == ("true", 1)


def test_switching_on_twice_is_as_good_as_once() -> None:
    once = switch_on(SETTINGS, PLUGIN)
    assert switch_on(once, PLUGIN) == once


def test_other_plugins_stay_as_they_are() -> None:
    on = switch_on(OTHERS, PLUGIN)
    assert (value(on, "assistant"), value(on, "tenbrushes")) == ("false", "true")


def test_a_plugin_whose_name_begins_alike_stays_as_it_is() -> None:
    text = f"[python]\nenable_{PLUGIN}_more=true\n"
    assert value(switch_off(switch_on(text, PLUGIN), PLUGIN), f"{PLUGIN}_more") == "true"


def test_every_other_line_is_kept_in_its_order() -> None:
    text = SETTINGS + "\n" + OTHERS + "\n[Zoom]\nfactor=2\n"
    added = [line for line in switch_on(text, PLUGIN).splitlines() if PLUGIN not in line]
    assert added == text.splitlines()


@pytest.mark.slow
@settings(max_examples=100)
@given(FILES)
@example("")
@example(SETTINGS)
@example(OTHERS)
@example(OTHERS + "\n" + SETTINGS)
def test_switching_on_and_off_leaves_the_text_as_it_was(text: str) -> None:
    assert switch_off(switch_on(text, PLUGIN), PLUGIN) == text


@pytest.mark.parametrize("text", [SETTINGS.rstrip("\n"), OTHERS.rstrip("\n"), SETTINGS + "\n", SETTINGS + "\n\n"])
def test_the_end_of_the_text_stays_as_it_was(text: str) -> None:
    assert switch_off(switch_on(text, PLUGIN), PLUGIN) == text


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_value_with_an_odd_separator_stays_one_line(separator: str) -> None:
    text = f"[recent]\nname=one{separator}two\n"
    assert switch_off(switch_on(text, PLUGIN), PLUGIN) == text


def test_lines_that_end_as_on_windows_stay_so() -> None:
    text = (SETTINGS + "\n" + OTHERS).replace("\n", "\r\n")
    assert switch_off(switch_on(text, PLUGIN), PLUGIN) == text


@pytest.mark.slow
@settings(max_examples=100)
@given(FILES)
def test_switching_off_what_is_not_on_changes_nothing(text: str) -> None:
    assert switch_off(text, PLUGIN) == text


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("", ""),
        (SETTINGS, ""),
        ("theme=dark\nResourceDirectory=/home/me/my resources\n\n" + OTHERS, "/home/me/my resources"),
        ("ResourceDirectory=C:\\\\Users\\\\me\r\n", "C:\\Users\\me"),
        ("ResourceDirectory=\n", ""),
        ("theme=dark\n\n[Other]\nResourceDirectory=/elsewhere\n", ""),
    ],
)
def test_the_resource_folder_is_what_stands_before_all_sections(text: str, folder: str) -> None:
    assert resource_folder(text) == folder
