"""Changing TOML files that a user wrote: the values change, and nothing else."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matted.system import toml_file

FIELDS = {"id": "mine", "title": 'Say "mine", \u00fcber \\ 1', "side": 320}
TABLE = '[[model]]\nid = "mine"\ntitle = "Say \\"mine\\", \u00fcber \\\\ 1"\nside = 320\n'
ENDS = pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])


def lines(*text: str, end: str = "\n") -> str:
    return "".join(f"{line}{end}" for line in text)


@ENDS
def test_a_value_is_replaced_in_its_place(end: str) -> None:
    before = lines("# mine", "'model' = \"a\"  # for now", "", "queue = [ 1,", "  2 ]", "[table]", "x = 0x10", end=end)
    after = toml_file.with_value(before, "model", 'b"\u00fc')
    assert after == before.replace('"a"', '"b\\"\u00fc"')


@ENDS
def test_a_value_that_was_not_there_stands_before_the_tables(end: str) -> None:
    before = lines("# mine", "queue = 5", "[table]", "x = 1", end=end)
    after = toml_file.with_value(before, "model", "b")
    after = after.replace(f"{end}{end}[", f"{end}[")  # versions of tomlkit differ in the blank line
    assert after == before.replace(f"queue = 5{end}", f'queue = 5{end}model = "b"{end}')


def test_a_file_of_mixed_line_ends_keeps_each() -> None:
    before = 'a = 1\r\nb = 2\n# c\r\nmodel = "a"\r\n'
    assert toml_file.with_value(before, "model", "b") == before.replace('"a"', '"b"')


@pytest.mark.parametrize("before", ["", "# mine", "queue = 5", "# model = 'a'\n"])
def test_a_value_can_be_the_first(before: str) -> None:
    after = toml_file.with_value(before, "model", "b")
    assert after.startswith(before) and after.endswith('model = "b"\n')
    assert toml_file.parse(after) == {**toml_file.parse(before), "model": "b"}


@ENDS
def test_a_table_is_added_last_and_removed_without_a_trace(end: str) -> None:
    before = lines("# my models", '[[model]]  # "[[model]]"', "id = 'b'", "", "# other", "[other]", "x = [", "[1]", "]")
    before = before.replace("\n", end)
    after = toml_file.with_table(before, "model", FIELDS)
    assert after == before + end + TABLE.replace("\n", end)
    assert toml_file.without_table(after, "model", "mine") == before


@pytest.mark.parametrize("before", ["", "# mine\n", "# mine\r\n"])
def test_the_first_table_is_removed_without_a_trace(before: str) -> None:
    after = toml_file.with_table(before, "model", FIELDS)
    assert toml_file.without_table(after, "model", "mine") == before


def test_a_file_whose_last_line_has_no_end_gets_one() -> None:
    assert toml_file.with_table("# mine", "model", FIELDS) == f"# mine\n\n{TABLE}"


def test_a_table_goes_with_what_is_below_it_and_the_comment_of_the_next_stays() -> None:
    first = lines("# top", "[[model]]  # the first", 'id = "a"', "[model.more]", "x = 1", "")
    second = lines("[[model]]", 'id = "b"  # its id', "", "# about the third", "# more about it")
    third = lines("  [[model]]", 'id = "c"')
    text = first + second + third
    about = "# about the third\n# more about it\n"
    assert toml_file.without_table(text, "model", "a") == "# top\n" + second + third
    assert toml_file.without_table(text, "model", "b") == first + about + third
    assert toml_file.without_table(text, "model", "c") == first + second
    assert toml_file.without_table(text, "model", "d") == text


def test_what_looks_like_a_table_inside_a_string_is_none() -> None:
    text = lines("[[model]]", 'id = "a"', 'about = """', "[[model]]", 'id = "b"', '"""', "[[model]]", 'id = "c"')
    assert toml_file.without_table(text, "model", "b") == text
    assert toml_file.without_table(text, "model", "a") == lines("[[model]]", 'id = "c"')


@pytest.mark.parametrize(
    "text",
    ["model = [", "model = 3\n", 'model = [{id = "a"}]\n', 'model = ["a"]\n', 'a = 1\na = 2\n[[model]]\nid = "a"\n'],
)
def test_what_cannot_be_changed_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        toml_file.with_table(text, "model", FIELDS)


@pytest.mark.parametrize("id", ["a", "b"])
def test_comments_after_the_last_table_stay(id: str) -> None:
    text = '[[model]]\nid = "a"\n\n# about b\n[[model]]\nid = "b"\n\n# [[model]]\n# id = "c"\n'
    left = toml_file.without_table(text, "model", id)
    assert left.endswith('# [[model]]\n# id = "c"\n') and [table["id"] for table in toml_file.parse(left)["model"]] != [
        id
    ]


def test_comments_after_the_only_table_stay() -> None:
    assert toml_file.without_table('[[model]]\nid = "a"\n# tail\n', "model", "a") == "# tail\n"


VALUES = st.one_of(st.text(max_size=8), st.integers(-9, 9), st.booleans(), st.lists(st.text(max_size=3), max_size=2))
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=3)
TABLES = st.lists(st.dictionaries(NAMES, VALUES, max_size=3), max_size=4)


@given(TABLES, st.data())
def test_any_table_can_be_added_and_taken_away(tables: list[dict[str, Any]], data: st.DataObject) -> None:
    wanted = [{**table, "id": str(index)} for index, table in enumerate(tables)]
    text = "# mine\n"
    for table in wanted:
        text = toml_file.with_table(text, "model", table)
    assert toml_file.parse(text).get("model", []) == wanted
    while wanted:
        gone = wanted.pop(data.draw(st.integers(0, len(wanted) - 1)))
        text = toml_file.without_table(text, "model", gone["id"])
        assert toml_file.parse(text).get("model", []) == wanted
    assert text == "# mine\n"
