"""Read TOML files, and change them while keeping comments, order and line ends, as users edit them too.

They are read with tomllib, which is quick enough for the daemon's start. tomlkit takes twice as long to import and six
times as long to parse, so it is imported only for a change.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def parse(text: str) -> dict[str, Any]:
    """Return the values in a text. Raises ValueError."""
    return tomllib.loads(text)


def read(path: Path) -> dict[str, Any]:
    """Return the values in a file, empty if there is no such file. Raises OSError, ValueError."""
    return parse(read_text(path))


def read_text(path: Path) -> str:
    """Return the text of a file with its line ends, empty if there is no such file. Raises OSError, ValueError."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""


def with_value(text: str, name: str, value: str) -> str:
    """Return the text with `name = value` at its top level, replacing an earlier value. Raises ValueError."""
    import tomlkit

    expected = {**parse(text), name: value}
    document = tomlkit.parse(text)
    document[name] = value
    return _checked(text, tomlkit.dumps(document), expected)


def with_table(text: str, array: str, fields: Mapping[str, Any]) -> str:
    """Return the text with a table added at the end of `[[array]]`. Raises ValueError."""
    import tomlkit

    values = parse(text)
    expected = {**values, array: [*_tables(values, array), dict(fields)]}
    if not text or text.endswith("\n\n"):
        gap = ""
    else:
        gap = "\n" if text.endswith("\n") else "\n\n"
    return _checked(text, text + gap + tomlkit.dumps({array: [dict(fields)]}), expected)


def without_table(text: str, array: str, id: str) -> str:
    """Return the text without the first table of `[[array]]` that has this `id`, if there is one. Raises ValueError."""
    import tomlkit

    values = parse(text)
    tables = _tables(values, array)
    index = next((index for index, table in enumerate(tables) if table.get("id") == id), None)
    if index is None:
        return text
    document = tomlkit.parse(text)
    kept: Any = document[array]
    comments = _comments_after(kept[index])  # tomlkit takes what comes before the next table for the end of this one
    if index + 1 < len(kept):
        kept[index + 1].trivia.indent = comments + kept[index + 1].trivia.indent
        comments = ""
    del kept[index]
    if not kept:
        del document[array]
    del tables[index]
    expected = {**values, array: tables} if tables else {name: values[name] for name in values if name != array}
    rest = tomlkit.dumps(document).rstrip("\r\n")
    if comments:
        rest = f"{rest}\n\n{comments}".strip("\r\n")
    return _checked(text, f"{rest}\n" if rest else "", expected)


def _tables(values: Mapping[str, Any], array: str) -> list[dict[str, Any]]:
    found = values.get(array, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise ValueError(f"{array} is not a list of tables")
    return list(found)


def _comments_after(table: Any) -> str:
    """Return the comments and blank lines after the last value of a table, from the first comment on."""
    tail: list[str] = []
    for key, item in reversed(table.value.body):
        if key is not None:
            break
        tail.insert(0, str(item.as_string()))
    return "".join(tail).lstrip("\r\n")


def _checked(before: str, after: str, expected: Mapping[str, Any]) -> str:
    """Return the changed text with the line ends of the old one. Raises ValueError if its values are not `expected`."""
    if "\r\n" in before and "\n" not in before.replace("\r\n", ""):
        after = re.sub(r"(?<!\r)\n", "\r\n", after)
    if parse(after) != expected:
        raise ValueError("it is written in a way that matted cannot change")
    return after
