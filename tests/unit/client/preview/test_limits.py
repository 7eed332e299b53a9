"""The mask of a view within what is selected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from matted_client.preview.limits import least, mixed


@given(pairs=st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255))), hard=st.booleans())
def test_it_is_the_lesser_of_each_pair(pairs: list[tuple[int, int]], hard: bool) -> None:
    alpha = bytes(one for one, _ in pairs)
    limit = bytes((255 if other > 127 else 0) if hard else other for _, other in pairs)
    assert least(bytearray(alpha), limit) == bytes(min(pair) for pair in zip(alpha, limit, strict=True))


@given(st.lists(st.tuples(*3 * [st.integers(0, 255)])), st.booleans())
def test_the_old_mask_stays_where_nothing_is_selected(triples: list[tuple[int, int, int]], hard: bool) -> None:
    old, new, limit = (bytes(each[place] for each in triples) for place in range(3))
    if hard:
        limit = bytes(255 if each > 127 else 0 for each in limit)
    made = mixed(old, bytearray(new), limit)
    shares = [far / 255 for far in limit]
    wanted = [was + (now - was) * share for was, now, share in zip(old, new, shares, strict=True)]
    assert all(abs(one - other) <= 0.51 for one, other in zip(made, wanted, strict=True))
    assert mixed(old, bytearray(new), None) == new


def test_without_a_selection_the_mask_is_as_it_is() -> None:
    assert least(bytearray(b"\x00\x80\xff"), None) == b"\x00\x80\xff"
