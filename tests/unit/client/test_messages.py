"""The messages of matted/1: to the wire and back, and every way in which a header can be wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matted_client import ProtocolError, messages
from matted_client.formats import BYTES_PER_PIXEL
from matted_client.messages import (
    Cancel,
    Done,
    Failure,
    Hello,
    MaskRequest,
    MaskResult,
    Message,
    ModelsReply,
    ModelsRequest,
    Progress,
    RefineRequest,
    Shutdown,
    StatusReply,
    StatusRequest,
    Welcome,
    split_header,
)

EXAMPLES: list[Message] = [
    Hello(1, b"n" * 16, "GIMP 3.0"),
    Hello(1, b"n" * 64),
    MaskRequest(640, 480, "RGBA8", model="u2netp", depth=16),
    MaskRequest(1, messages.MAX_SIDE, "GRAY8"),
    MaskRequest(8, 8, "RGB8", plate=True, foreground=True, keep_alive=5.0),
    MaskRequest(8, 8, "RGB8", foreground=True, tiles=True),
    MaskRequest(8, 8, "RGB8", edges="hair", threshold=0.5, grow=-3, feather=2.5, invert=True, anyway=True),
    MaskRequest(picture=7, box=[1, 2, 30, 40], keep=[[5, 6], [7, 8]], drop=[[9, 9]], hint=True),
    MaskRequest(8, 8, "RGB8", holes="open", shadow="keep"),
    MaskRequest(picture=7, view=[0, 0, 600, 400, 300, 200]),
    MaskRequest(8, 8, "RGB8", sequence=0, plate=True),
    MaskRequest(8, 8, "RGB8", sequence=(1 << 63) - 1, steady=False),
    RefineRequest(8, 8, "RGB8", hint=True, reach=12.5, grow=1),
    RefineRequest(picture=3, reach=40, band=True, view=[0, 0, 8, 8, 4, 4]),
    RefineRequest(picture=0, keep=[[1, 1]]),
    messages.Open(7, 640, 480, "RGBA8"),
    messages.Open(0, 640, 480, "RGBA8", plate=True, hint=True),
    messages.Close(7),
    messages.Close(sequence=7),
    messages.Load("u2netp", 60),
    messages.Load("u2netp", download=True),
    messages.Load("rmbg-1.4", download=True, accept_licence="bria-rmbg-1.4"),
    messages.Offer("isnet-general-use"),
    messages.Unload("u2netp"),
    messages.Reload(),
    Cancel(7),
    StatusRequest(),
    ModelsRequest(),
    Shutdown(),
    Welcome(1, "0.1.0", b"p" * 32, 200, 100, ["RGBA8", "GRAY8"]),
    Progress("waiting", place=3),
    Progress("inference", 0.5),
    Progress("downloading", 0, detail="a model, 4.6 MB"),
    MaskResult(640, 480, 8, "u2netp", "CPU", 0.25, True, 0.9, True, {"inference": 0.1}, ["small"]),
    MaskResult(64, 48, 8, "flat", "", 0.25, ground="paper", ground_colour=[250, 246, 235], chosen=True),
    MaskResult(64, 48, 8, "u2netp", "CPU", 0.25, ground="of a later version"),
    MaskResult(64, 48, 8, "u2netp", "CPU", 0.25, foreground=True, tiles=True),
    Failure("busy", "Too much to do.", "Wait."),
    Failure("busy", "Too much to do."),
    Done(False),
    StatusReply({"pid": 1, "jobs": [{"stage": "waiting"}]}),
    ModelsReply([{"id": "u2netp", "installed": True}]),
]


def name(message: Message) -> str:
    return type(message).__name__


def header(message: Message, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {**split_header(message.to_wire(1))[2], **(changes or {})}


@pytest.mark.parametrize("message", EXAMPLES, ids=name)
def test_a_message_survives_the_wire(message: Message) -> None:
    op, request_id, fields = split_header(message.to_wire(42))
    assert (op, request_id) == (message.op, 42)
    assert type(message).from_wire(fields) == message


def test_every_kind_of_message_is_among_the_examples() -> None:
    kinds = {*Message.__subclasses__(), *messages.Question.__subclasses__()} - {messages.Question}
    assert {type(message) for message in EXAMPLES} == kinds


@pytest.mark.parametrize("message", EXAMPLES, ids=name)
def test_unknown_fields_are_ignored(message: Message) -> None:
    assert type(message).from_wire(header(message, {"newer_field": [1, 2]})) == message


def _default(field: Any) -> Any:
    return field.default if field.default is not dataclasses.MISSING else field.default_factory()


@pytest.mark.parametrize("message", EXAMPLES, ids=name)
def test_a_missing_field_is_named_or_has_its_default(message: Message) -> None:
    for field in dataclasses.fields(message):
        fields = header(message)
        fields.pop(field.name, None)
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if has_default:
            changed = dataclasses.replace(message, **{field.name: _default(field)})
            if not changed.problem():
                assert type(message).from_wire(fields) == changed
        else:
            with pytest.raises(ProtocolError, match=f"'{field.name}'"):
                type(message).from_wire(fields)


class Alien:
    """Of no type that a header can have."""


@pytest.mark.parametrize("message", EXAMPLES, ids=name)
def test_a_field_of_a_wrong_type_is_named(message: Message) -> None:
    for field in dataclasses.fields(message):
        with pytest.raises(ProtocolError, match=f"'{field.name}' of a wrong type"):
            type(message).from_wire(header(message, {field.name: Alien()}))


WIDTH = MaskRequest(10, 10, "RGB8")
PROGRESS = Progress("inference", 0.5)
WELCOME = Welcome(1, "0.1.0", b"p" * 32, 200, 100)
RESULT = MaskResult(1, 1, 8, "m", "CPU", 0.5)


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (Hello(1, b"n" * 16), "v", -1),
        (Hello(1, b"n" * 16), "nonce", b"n" * 15),
        (Hello(1, b"n" * 16), "nonce", b"n" * 65),
        (Hello(1, b"n" * 16), "client", "c" * (messages.MAX_TEXT + 1)),
        (WIDTH, "width", 0),
        (WIDTH, "width", -5),
        (WIDTH, "width", messages.MAX_SIDE + 1),
        (WIDTH, "height", 0),
        (WIDTH, "height", 2**64 - 1),
        (WIDTH, "format", "R" * 17),
        (WIDTH, "model", "m" * (messages.MAX_TEXT + 1)),
        (Cancel(1), "target", -1),
        (WELCOME, "proof", b"p" * 31),
        (WELCOME, "proof", b"p" * 33),
        (WELCOME, "max_pixels", 0),
        (WELCOME, "max_side", 0),
        (PROGRESS, "fraction", -0.01),
        (PROGRESS, "fraction", 1.01),
        (PROGRESS, "fraction", 2),
        (PROGRESS, "fraction", float("inf")),
        (PROGRESS, "fraction", float("nan")),
        (PROGRESS, "place", -1),
        (RESULT, "width", 0),
        (RESULT, "height", 0),
        (RESULT, "coverage", 1.5),
        (RESULT, "coverage", float("nan")),
        (RESULT, "ground_colour", [1, 2, 3, 4]),
        (WIDTH, "holes", "drop"),
        (WIDTH, "shadow", "open"),
    ],
)
def test_a_field_out_of_range_is_named(message: Message, field: str, value: Any) -> None:
    with pytest.raises(ProtocolError, match=f"'{field}' out of range"):
        type(message).from_wire(header(message, {field: value}))


@pytest.mark.parametrize(
    ("message", "field"),
    [(Hello(1, b"n" * 16), "v"), (WIDTH, "width"), (WIDTH, "depth"), (Cancel(1), "target"), (PROGRESS, "fraction")],
)
def test_a_boolean_is_not_a_number(message: Message, field: str) -> None:
    with pytest.raises(ProtocolError, match=f"'{field}' of a wrong type"):
        type(message).from_wire(header(message, {field: True}))


def test_a_number_is_not_a_boolean() -> None:
    with pytest.raises(ProtocolError, match="'found'"):
        Done.from_wire({"found": 1})


def test_text_is_not_bytes() -> None:
    with pytest.raises(ProtocolError, match="'nonce'"):
        Hello.from_wire({"v": 1, "nonce": "n" * 16})


@pytest.mark.parametrize("colour", [[1], [255, 255]])
def test_a_colour_has_three_numbers(colour: list[int]) -> None:
    with pytest.raises(ProtocolError, match="red, green and blue"):
        MaskResult.from_wire(header(RESULT, {"ground": "colour", "ground_colour": colour}))


@pytest.mark.parametrize("colour", [[0, 0, 256], [-1, 0, 0], [0.5, 0, 0], [True, 0, 0], ["0", 0, 0]])
def test_a_colour_is_of_whole_numbers_of_eight_bits(colour: list[Any]) -> None:
    with pytest.raises(ProtocolError, match="'ground_colour' with a wrong entry"):
        MaskResult.from_wire(header(RESULT, {"ground": "colour", "ground_colour": colour}))


def test_a_result_without_a_ground_says_nothing_of_one() -> None:
    assert not {"ground", "ground_colour", "chosen", "reason"} & set(header(RESULT))


def test_a_fraction_may_be_left_open() -> None:
    assert Progress.from_wire({"stage": "loading", "fraction": None}).fraction is None


def test_two_messages_do_not_share_a_default_list() -> None:
    one, other = (Welcome.from_wire(header_without_formats()) for _ in range(2))
    one.formats.append("RGB8")
    assert other.formats == []


def header_without_formats() -> dict[str, Any]:
    fields = header(WELCOME)
    fields.pop("formats", None)
    return fields


# -- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 1, "mask", [1, 2], b"mask"])
def test_a_header_that_is_not_a_map_is_refused(value: Any) -> None:
    with pytest.raises(ProtocolError, match="map"):
        split_header(msgpack.packb(value))


@pytest.mark.parametrize("op", [None, 5, b"mask", "", ["mask"]])
def test_a_header_needs_the_name_of_an_operation(op: Any) -> None:
    with pytest.raises(ProtocolError, match="'op'"):
        split_header(msgpack.packb({"op": op, "id": 1}))


@pytest.mark.parametrize("request_id", [None, "1", 1.0, True, -1, 2**63, 2**64 - 1])
def test_a_header_needs_an_id_in_range(request_id: Any) -> None:
    with pytest.raises(ProtocolError, match="'id'"):
        split_header(msgpack.packb({"op": "mask", "id": request_id}))


@pytest.mark.parametrize("request_id", [0, 2**63 - 1])
def test_the_smallest_and_the_largest_id_are_taken(request_id: int) -> None:
    assert split_header(StatusRequest().to_wire(request_id))[1] == request_id


def test_a_header_without_op_or_id_is_refused() -> None:
    for fields in ({}, {"op": "mask"}, {"id": 1}):
        with pytest.raises(ProtocolError):
            split_header(msgpack.packb(fields))


def test_a_header_that_is_too_large_is_refused() -> None:
    largest = messages.MAX_HEADER_BYTES
    padding = "x" * (largest - len(msgpack.packb({"op": "mask", "id": 1, "pad": "x" * largest})) + largest)
    fields = {"op": "mask", "id": 1, "pad": padding}
    assert split_header(msgpack.packb(fields))[0] == "mask"
    fields["pad"] += "xxxxxxxx"
    with pytest.raises(ProtocolError, match=str(largest)):
        split_header(msgpack.packb(fields))


@settings(max_examples=300)
@given(st.binary(max_size=100))
def test_garbage_raises_nothing_but_a_protocol_error(data: bytes) -> None:
    try:
        split_header(data)
    except ProtocolError:
        pass


JSON_LIKE = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(), st.text(), st.binary(), st.just([]))


@pytest.mark.slow
@settings(max_examples=200)
@given(st.sampled_from([type(message) for message in EXAMPLES]), st.data())
def test_fields_of_any_value_raise_nothing_but_a_protocol_error(kind: type[Message], data: st.DataObject) -> None:
    names = [field.name for field in dataclasses.fields(kind)]
    fields = data.draw(st.dictionaries(st.sampled_from(names), JSON_LIKE) if names else st.just({}))
    try:
        kind.from_wire(fields)
    except ProtocolError:
        pass


# -- sizes and proofs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "size"), [("RGBA8", 24), ("BGRA8", 24), ("RGB8", 18), ("GRAYA8", 12), ("GRAY8", 6)])
def test_the_pixel_frame_has_the_size_of_its_format(format: str, size: int) -> None:
    assert MaskRequest(3, 2, format).frame_sizes(3, 2, format) == [size]
    assert messages.Open(7, 3, 2, format).frame_sizes == [size]


def test_plate_and_hint_are_frames_too() -> None:
    assert MaskRequest(3, 2, "RGB8", plate=True, hint=True).frame_sizes(3, 2, "RGB8") == [18, 18, 6]
    assert messages.Open(7, 3, 2, "RGB8", plate=True, hint=True).frame_sizes == [18, 18, 6]
    assert RefineRequest(3, 2, "RGB8", hint=True).frame_sizes(3, 2, "RGB8") == [18, 6]
    assert MaskRequest(picture=7).frame_sizes(3, 2, "RGB8") == []
    assert RefineRequest(picture=7, hint=True).frame_sizes(3, 2, "RGB8") == [6]


def test_every_format_has_a_size() -> None:
    assert set(BYTES_PER_PIXEL) == {"RGBA8", "BGRA8", "RGB8", "GRAYA8", "GRAY8"}


def test_the_result_has_the_size_of_the_view() -> None:
    assert MaskRequest(300, 200, "RGB8").result_size(300, 200) == (300, 200)
    assert MaskRequest(picture=7, view=[10, 20, 110, 80, 50, 30]).result_size(300, 200) == (50, 30)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (MaskRequest(), "neither the name"),
        (MaskRequest(3, 2), "neither the name"),
        (MaskRequest(3, 2, "RGB8", picture=7), "both the name"),
        (MaskRequest(picture=7, plate=True), "comes with 'open'"),
        (MaskRequest(picture=7, sequence=7), "brings its pixels"),
        (MaskRequest(3, 2, "RGB8", sequence=7, view=[0, 0, 2, 2, 2, 2]), "a view, which a frame"),
        (messages.Close(), "either a picture or a sequence"),
        (messages.Close(7, 7), "either a picture or a sequence"),
        (RefineRequest(3, 2, "RGB8"), "has no hint"),
        (MaskRequest(picture=7, box=[5, 0, 5, 9]), "box without pixels"),
        (MaskRequest(picture=7, box=[9, 0, 5, 9]), "box without pixels"),
        (RefineRequest(picture=7, view=[0, 0, 0, 9, 1, 1]), "view without pixels"),
        (RefineRequest(picture=7, view=[0, 0, 9, 9, 0, 1]), "view without pixels"),
        (MaskRequest(picture=7, view=[0, 0, 9, 9, 10, 9]), "larger than its part"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(message: Message, words: str) -> None:
    _, _, fields = split_header(message.to_wire(1))
    with pytest.raises(ProtocolError, match=words):
        type(message).from_wire(fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"keep": [[3, 0]]}, "a point outside the picture of 3 x 2"),
        ({"drop": [[0, 0], [0, 2]]}, "a point outside"),
        ({"box": [0, 0, 4, 2]}, "a box outside"),
        ({"view": [0, 0, 3, 3, 1, 1]}, "a view outside"),
        ({"keep": [[2, 1]], "box": [0, 0, 3, 2], "view": [0, 0, 3, 2, 3, 2]}, ""),
    ],
)
def test_what_lies_outside_the_picture_is_named(fields: dict[str, Any], words: str) -> None:
    problem = MaskRequest(picture=7, **fields).outside(3, 2)
    assert words in problem and bool(words) == bool(problem)


@pytest.mark.parametrize("keep", [[[1, 2, 3]], [[1]], [[1, "2"]], [[-1, 2]], [[1.0, 2]], [1, 2], ["ab"], [[0, 65536]]])
def test_a_point_is_two_coordinates(keep: Any) -> None:
    with pytest.raises(ProtocolError, match="'keep' with a wrong entry: it has to be a list of at most 1000 entries"):
        MaskRequest.from_wire({"picture": 7, "keep": keep})


def test_a_thousand_clicks_fit_into_a_header_and_more_are_refused() -> None:
    clicks = [[messages.MAX_SIDE, messages.MAX_SIDE]] * messages.MAX_POINTS
    assert len(MaskRequest(picture=7, keep=clicks, drop=clicks).to_wire(1)) < messages.MAX_HEADER_BYTES
    with pytest.raises(ProtocolError, match="'keep' out of range"):
        MaskRequest.from_wire({"picture": 7, "keep": [*clicks, [0, 0]]})


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=80))
def test_a_server_proof_never_equals_a_client_password(key: bytes, nonce: bytes) -> None:
    proof = messages.server_proof(key, nonce)
    for asked in (nonce, nonce.hex().encode(), b"matted/1 server " + nonce):
        password = messages.client_password(key, asked)
        if asked != b"matted/1 server " + nonce:
            assert password not in (proof, proof.hex().encode())
        assert password != proof


def test_a_password_is_good_for_one_nonce_and_one_key_only() -> None:
    passwords = {messages.client_password(key, nonce) for key in (b"k" * 32, b"l" * 32) for nonce in (b"1", b"2")}
    assert len(passwords) == 4


def test_a_proof_is_good_for_one_nonce_and_one_key_only() -> None:
    proofs = {messages.server_proof(key, nonce) for key in (b"k" * 32, b"l" * 32) for nonce in (b"1", b"2")}
    assert len(proofs) == 4
