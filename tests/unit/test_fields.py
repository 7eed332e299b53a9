"""What a field may hold, in words."""

from __future__ import annotations

from typing import Any

import pytest
from matted_client.fields import Field

NONE = type(None)


@pytest.mark.parametrize(
    ("field", "wanted"),
    [
        (Field((bool,)), "true or false"),
        (Field((int,)), "a whole number"),
        (Field((int,), 1, 65535), "a whole number from 1 to 65535"),
        (Field((int,), 0), "a whole number of at least 0"),
        (Field((float, int), None, 2.5), "a number of at most 2.5"),
        (Field((float, int, NONE), 0, 1), "a number from 0 to 1 or nothing"),
        (Field((str,), high=16), "text of at most 16 characters"),
        (Field((bytes,), 16, 64), "a byte string of 16 to 64 bytes"),
        (Field((bytes,), 32, 32), "a byte string of 32 bytes"),
        (Field((list,)), "a list"),
        (Field((dict,)), "a map"),
        (Field((int,), values=(8, 16)), "one of 8, 16"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wanted(field: Field, wanted: str) -> None:
    assert field.wanted == wanted
    assert field.problem(object()) == f"of a wrong type: it has to be {wanted}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field((str,), 1, 3), "abcd"),
        (Field((str,), 1, 3), ""),
        (Field((list,), high=1), [1, 2]),
        (Field((int,), values=(8, 16)), 12),
        (Field((float, int), 0, 1), float("nan")),
        (Field((float, int), 0), -0.1),
    ],
)
def test_what_is_out_of_range(field: Field, value: Any) -> None:
    assert field.problem(value) == f"out of range: it has to be {field.wanted}"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field((int, NONE), 1, 3), None),
        (Field((int,), 1, 3), 3),
        (Field((bool,)), False),
        (Field((str,), values=("a",)), "a"),
        (Field((float, int), 0), float("inf")),
        (Field((bytes,), 2, 2), b"ab"),
    ],
)
def test_what_is_possible(field: Field, value: Any) -> None:
    assert field.problem(value) == ""


def test_a_boolean_is_a_number_only_where_it_may_be_one() -> None:
    assert Field((int,)).problem(True).startswith("of a wrong type")
    assert Field((int, bool)).problem(True) == ""
