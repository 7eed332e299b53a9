"""matted's msgpack against the real one, both ways, and against hostile bytes."""

from __future__ import annotations

import struct
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matted_client import ProtocolError
from matted_client.packing import MAX_DEPTH, pack, unpack

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INTEGERS = st.integers(-(2**63), 2**64 - 1)
SCALARS = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False), TEXT, st.binary())
KEYS = st.one_of(TEXT, INTEGERS, st.binary(max_size=8))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(KEYS, inner, max_size=20),
    max_leaves=40,
)
RELAXED = settings(max_examples=150)
BOUNDARIES = [0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536]


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(item) for item in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0


SHALLOW = VALUES.filter(lambda value: depth(value) <= MAX_DEPTH)


@pytest.mark.slow
@RELAXED
@given(VALUES)
def test_msgpack_reads_what_we_pack(value: Any) -> None:
    assert msgpack.unpackb(pack(value), strict_map_key=False) == value


@pytest.mark.slow
@RELAXED
@given(SHALLOW)
def test_we_read_what_msgpack_packs(value: Any) -> None:
    assert unpack(msgpack.packb(value)) == value


@RELAXED
@given(st.floats(width=32, allow_nan=False))
def test_we_read_single_precision_floats(value: float) -> None:
    assert unpack(msgpack.packb(value, use_single_float=True)) == value


@pytest.mark.parametrize("value", [True, False, 1, 0, 1.0])
def test_the_type_of_a_number_survives(value: Any) -> None:
    assert type(unpack(pack(value))) is type(value)


@pytest.mark.parametrize("exponent", [7, 8, 16, 32, 63])
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_integers_at_the_edges_of_their_encodings_survive(exponent: int, offset: int) -> None:
    for value in (2**exponent + offset, -(2**exponent) - offset):
        if value >= -(2**63):
            assert unpack(msgpack.packb(value)) == value == msgpack.unpackb(pack(value))


@pytest.mark.parametrize("length", BOUNDARIES)
@pytest.mark.parametrize(
    "make", [lambda n: "a" * n, lambda n: b"a" * n, lambda n: [1] * n, lambda n: {str(i): i for i in range(n)}]
)
def test_lengths_at_the_edges_of_their_encodings_survive(length: int, make: Any) -> None:
    value = make(length)
    assert unpack(msgpack.packb(value)) == value == msgpack.unpackb(pack(value))


@pytest.mark.parametrize("value", [bytearray(b"abc"), memoryview(b"abc")])
def test_any_bytes_like_object_is_packed_as_bytes(value: Any) -> None:
    assert unpack(pack(value)) == b"abc"


def test_a_tuple_is_packed_as_a_list() -> None:
    assert unpack(pack((1, "two"))) == [1, "two"]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_an_integer_that_does_not_fit_is_refused(value: int) -> None:
    with pytest.raises(OverflowError):
        pack(value)


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, [object()], {"a": object()}])
def test_a_type_that_headers_do_not_carry_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        pack(value)


def test_a_path_that_is_not_valid_unicode_can_be_packed() -> None:
    path = b"/home/caf\xe9/connection.json".decode("utf-8", "surrogateescape")
    assert msgpack.unpackb(pack(path)).startswith("/home/caf")


@settings(max_examples=500)
@given(st.binary(max_size=200))
@example(b"")
@example(b"\xc1")
@example(b"\x81\x90\x00")
@example(b"\xa1\xff")
@example(b"\xd4\x01\x00")
def test_arbitrary_bytes_raise_nothing_but_a_protocol_error(data: bytes) -> None:
    try:
        unpack(data)
    except ProtocolError:
        pass


@pytest.mark.slow
@RELAXED
@given(SHALLOW, st.data())
def test_a_value_that_is_cut_short_is_refused(value: Any, data: st.DataObject) -> None:
    packed = msgpack.packb(value)
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(ProtocolError):
        unpack(packed[:cut])


@pytest.mark.slow
@RELAXED
@given(SHALLOW, st.binary(min_size=1, max_size=4))
def test_bytes_behind_the_value_are_refused(value: Any, rest: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack(msgpack.packb(value) + rest)


@pytest.mark.parametrize(
    "opening", [b"\x91", b"\xdc\x00\x01", b"\xdd\x00\x00\x00\x01", b"\x81\xa1k", b"\xde\x00\x01\xa1k"]
)
def test_bottomless_nesting_is_refused(opening: bytes) -> None:
    with pytest.raises(ProtocolError):
        unpack(opening * 100_000 + b"\xc0")


def test_nesting_is_allowed_up_to_the_limit() -> None:
    value: Any = None
    for _ in range(MAX_DEPTH):
        value = [value]
    assert unpack(pack(value)) == value
    with pytest.raises(ProtocolError, match="nested"):
        unpack(pack([value]))


@pytest.mark.parametrize("code", [0xC6, 0xDB, 0xDD, 0xDF])
def test_a_huge_declared_length_allocates_nothing(code: int) -> None:
    data = struct.pack(">BI", code, 2**32 - 1)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            unpack(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("value", [msgpack.ExtType(1, b"x"), msgpack.Timestamp(0)])
def test_extension_types_are_refused(value: Any) -> None:
    with pytest.raises(ProtocolError):
        unpack(msgpack.packb(value))


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ProtocolError):
        unpack(b"\xa2\xc3\x28")


def test_a_map_key_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(ProtocolError):
        unpack(b"\x81\x91\x01\x02")
