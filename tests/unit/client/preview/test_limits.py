"""The mask of a view within what is selected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from matted_client.preview.limits import least


@given(pairs=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255))), hard=st.booleans())
def test_it_is_the_lesser_of_each_pair(pairs: list[tuple[int, int]], hard: bool) -> None:
    alpha = bytes(one for one, _ in pairs)
    limit = bytes((255 if other > 127 else 0) if hard else other for _, other in pairs)
    assert least(bytearray(alpha), limit) == bytes(min(pair) for pair in zip(alpha, limit, strict=True))


def test_without_a_selection_the_mask_is_as_it_is() -> None:
    assert least(bytearray(b"\x00\x80\xff"), None) == b"\x00\x80\xff"
