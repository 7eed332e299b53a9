"""Pictures that stay in a real daemon, questions about them, and clients that leave: libzmq, and the own client."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np
import psutil
import pytest
from conftest import Daemon, wait_for
from matted.serving.kept.open_pictures import MOST_OF_A_CLIENT
from matted_client import MattedError, Rejected, Unavailable, messages
from matted_client.client import Session
from matted_client.filling import Filling
from matted_client.formats import BYTES_PER_PIXEL
from peers import LibzmqClient, disc

SIZE = (300, 200)
LARGE = (2000, 1500)
PIXELS = SIZE[0] * SIZE[1]
VIEW = [0, 0, *SIZE, 100, 80]
HINT = np.tile(np.repeat(np.uint8([0, 128, 255]), SIZE[0] // 3), (SIZE[1], 1)).tobytes()


@pytest.fixture
def session(daemon: Daemon) -> Iterator[Session]:
    with daemon.session() as made:
        yield made


def opened(client: LibzmqClient, name: int = 1, size: tuple[int, int] = SIZE, **fields: Any) -> dict[str, Any]:
    width, height = size
    return client.ask("open", [disc(*size)], picture=name, width=width, height=height, format="RGBA8", **fields)


def status(daemon: Daemon) -> dict[str, Any]:
    with daemon.session() as session:
        return session.status()


# -- the same mask, however the picture comes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"depth": 16, "grow": 2}, {"edges": "hair", "foreground": True}, {"threshold": 0.5, "invert": True}],
    ids=lambda options: ",".join(options),
)
def test_a_mask_by_name_is_the_mask_by_pixels_in_every_pixel(session: Session, options: dict[str, Any]) -> None:
    expected = session.mask(disc(*SIZE), *SIZE, "RGBA8", **options)
    with session.open(disc(*SIZE), *SIZE, "RGBA8") as picture:
        for _ in range(2):
            mask = picture.mask(**options)
            assert (mask.alpha, mask.foreground) == (expected.alpha, expected.foreground)


@pytest.mark.parametrize("format", list(BYTES_PER_PIXEL))
def test_so_it_is_in_every_format(session: Session, format: str) -> None:
    pixels = disc(*SIZE)[: PIXELS * BYTES_PER_PIXEL[format]]
    expected = session.mask(pixels, *SIZE, format, anyway=True).alpha
    with session.open(pixels, *SIZE, format) as picture:
        assert picture.mask(anyway=True).alpha == expected


def test_a_picture_that_is_sent_as_it_is_read_has_the_same_mask(session: Session) -> None:
    pixels = disc(*SIZE)
    expected = session.mask(pixels, *SIZE, "RGBA8").alpha

    def filled() -> Filling:
        filling = Filling(len(pixels))
        rows = [pixels[start : start + 4 * SIZE[0]] for start in range(0, len(pixels), 4 * SIZE[0])]
        threading.Thread(target=lambda: [filling.add(row) for row in rows]).start()
        return filling

    assert session.mask(filled(), *SIZE, "RGBA8").alpha == expected
    with session.open(filled(), *SIZE, "RGBA8") as picture:
        assert picture.mask().alpha == expected


@pytest.mark.parametrize("way", ["fails", "cancelled"])
def test_a_picture_that_is_not_read_to_its_end_costs_the_connection_alone(daemon: Daemon, way: str) -> None:
    filling = Filling(len(disc(*SIZE)))
    filling.add(disc(*SIZE)[:1000])
    if way == "fails":
        filling.fail(MattedError("The layer was removed."))
    with daemon.session() as session:
        with pytest.raises(MattedError, match=r"The layer was removed|Cancelled"):
            session.mask(filling, *SIZE, "RGBA8", cancelled=lambda: way == "cancelled")
        with pytest.raises(Unavailable):
            session.status()
    assert status(daemon)["jobs"] == []


def test_a_refined_mask_by_name_is_that_by_pixels(session: Session) -> None:
    expected = session.refine(disc(*SIZE), *SIZE, "RGBA8", HINT, depth=16, foreground=True)
    assert expected.info.model == expected.info.device == ""
    with session.open(disc(*SIZE), *SIZE, "RGBA8", hint=HINT) as picture:
        for mask in (picture.refine(depth=16, foreground=True), picture.refine(HINT, depth=16, foreground=True)):
            assert (mask.alpha, mask.foreground) == (expected.alpha, expected.foreground)
        assert picture.refine(bytes(PIXELS)).alpha == bytes(PIXELS)


def test_the_band_of_a_reach_says_where_the_refined_mask_may_differ(session: Session) -> None:
    given = np.tile(np.repeat(np.uint8([0, 255]), SIZE[0] // 2), (SIZE[1], 1))
    given[10:50, 20:60] = 128
    bands = []
    with session.open(disc(*SIZE), *SIZE, "RGBA8", hint=given.tobytes()) as picture:
        for reach in (0, 3, 30):
            band, refined = (
                np.frombuffer(picture.refine(reach=reach, band=each).alpha, np.uint8).reshape(given.shape)
                for each in (True, False)
            )
            assert np.array_equal(refined[band == 0], given[band == 0]), "outside of it nothing changes"
            bands.append(band == 255)
    assert np.array_equal(bands[0], given == 128), "what is decided stays, with a reach of 0"
    assert (bands[1] & ~bands[2]).sum() == 0 and (bands[1][60:].sum(axis=1) == 6).all()
    assert (bands[2][60:].sum(axis=1) > 50).all()
    by_pixels = session.refine(disc(*SIZE), *SIZE, "RGBA8", given.tobytes(), reach=3, band=True)
    assert np.array_equal(np.frombuffer(by_pixels.alpha, np.uint8).reshape(given.shape) == 255, bands[1])


@pytest.mark.parametrize("view", [[0, 0, *SIZE, 150, 100], [30, 20, 230, 180, 100, 80], [100, 50, 200, 150, 100, 100]])
def test_a_view_is_the_mask_cut_out_and_reduced(session: Session, view: list[int]) -> None:
    left, top, right, bottom, width, height = view
    with session.open(disc(*SIZE), *SIZE, "RGBA8") as picture:
        whole = np.frombuffer(picture.mask().alpha, np.uint8).reshape(SIZE[1], SIZE[0]).astype(float)
        by_name, by_pixels = picture.mask(view=view), session.mask(disc(*SIZE), *SIZE, "RGBA8", view=view)
    assert (by_name.info.width, by_name.info.height) == (width, height)
    assert by_name.alpha == by_pixels.alpha
    part = whole[top:bottom, left:right]
    smaller = part.reshape(height, part.shape[0] // height, width, part.shape[1] // width).mean((1, 3))
    difference = np.abs(np.frombuffer(by_name.alpha, np.uint8).reshape(height, width) - smaller)
    assert difference.mean() < 4 and np.mean(difference > 64) < 0.02


# -- forgotten, and sent again -----------------------------------------------------------------------------------------


def test_a_picture_is_gone_once_it_is_closed(client: LibzmqClient) -> None:
    assert opened(client)["op"] == "done"
    assert client.ask("close", picture=1).get("found", True) is True
    assert client.ask("close", picture=1)["found"] is False
    assert client.ask("mask", picture=1)["code"] == "picture_forgotten"


def test_the_own_client_sends_a_forgotten_picture_again(session: Session) -> None:
    picture = session.open(disc(*SIZE), *SIZE, "RGBA8")
    expected = picture.mask().alpha
    for number in range(MOST_OF_A_CLIENT):
        session.open(disc(8, 8, number), 8, 8, "RGBA8")
    with pytest.raises(Rejected) as refusal:
        session.answer(messages.MaskRequest(picture=1), [], picture._opening, print, bool)
    assert refusal.value.code == "picture_forgotten"
    assert picture.mask().alpha == expected == picture.mask().alpha
    picture.close()
    with pytest.raises(Rejected) as refusal:
        picture.mask()
    assert refusal.value.code == "picture_forgotten", "one that was closed is not sent again"


def test_pictures_that_are_opened_and_never_closed_take_a_bounded_part_of_memory(
    daemon: Daemon, client: LibzmqClient
) -> None:
    size = LARGE[0] * LARGE[1] * 4
    before = psutil.Process(daemon.pid()).memory_info().rss
    for name in range(3 * MOST_OF_A_CLIENT):
        assert opened(client, name, LARGE)["op"] == "done"
    now = status(daemon)
    assert now["pictures"] <= MOST_OF_A_CLIENT and now["picture_bytes"] == now["pictures"] * size
    assert psutil.Process(daemon.pid()).memory_info().rss - before < (MOST_OF_A_CLIENT + 8) * size
    for name in range(3 * MOST_OF_A_CLIENT):
        client.ask("close", picture=name)
    assert status(daemon)["pictures"] == 0


# -- clients that leave ------------------------------------------------------------------------------------------------


def test_clients_that_die_while_their_pictures_are_open_leave_nothing_behind(daemon: Daemon) -> None:
    for _ in range(100):
        session = daemon.session()
        session.open(disc(*LARGE), *LARGE, "RGBA8")
        session._socket.close()  # without a word, as when its process is killed
    wait_for(lambda: status(daemon)["pictures"] == 0, "the end of their pictures")
    wait_for(lambda: status(daemon)["resident_bytes"] < 1_000_000_000, "the return of the memory")


def test_a_client_that_dies_at_work_ends_its_questions_at_once(daemon: Daemon) -> None:
    session = daemon.session()
    picture = session.open(disc(*LARGE), *LARGE, "RGBA8")
    for number in range(8):
        session._send(session._pack(messages.MaskRequest(picture=picture._opening.picture, grow=number, edges="hair")))
    wait_for(lambda: len(status(daemon)["jobs"]) > 4, "the questions")
    session._socket.close()
    wait_for(lambda: not status(daemon)["jobs"] and not status(daemon)["pictures"], "the end of all of it")


def test_a_client_that_reconnects_all_the_time_gets_its_answers(daemon: Daemon) -> None:
    """The system gives each connection the descriptor of the one before it."""
    expected = None
    for _ in range(30):
        with daemon.session() as session, session.open(disc(*SIZE), *SIZE, "RGBA8") as picture:
            mask = picture.mask(edges="off").alpha
            assert expected is None or mask == expected
            expected = mask


# -- overtaking --------------------------------------------------------------------------------------------------------


def test_a_view_is_overtaken_by_the_next_question_and_the_whole_mask_is_not(client: LibzmqClient) -> None:
    opened(client, size=LARGE)
    view = [0, 0, *LARGE, 500, 375]
    whole = client.send("mask", picture=1, edges="hair")
    asked = [client.send("mask", picture=1, view=view, grow=number) for number in range(10)]
    ends = [client.reply(each)[0] for each in asked]
    assert ends[-1]["op"] == "result" and (ends[-1]["width"], ends[-1]["height"]) == (500, 375)
    assert {each["code"] for each in ends[:-1] if each["op"] == "error"} == {"cancelled"}
    assert client.reply(whole)[0]["op"] == "result"


def test_a_dialog_that_asks_anew_gets_its_last_answer(session: Session) -> None:
    """Questions are given up, the first before its answer, and the session goes on at once."""
    with session.open(disc(*LARGE), *LARGE, "RGBA8") as picture:
        for number in range(8):
            end = time.monotonic() + 0.01 * number
            view = [0, 0, *LARGE, 500, 375]
            try:
                picture.mask(view=view, grow=number, cancelled=lambda end=end: time.monotonic() > end)
                assert number > 0  # later ones may be answered in time
            except Rejected as refusal:
                assert refusal.code == "cancelled"
        assert len(picture.mask(view=[0, 0, *LARGE, 500, 375]).alpha) == 500 * 375
        assert len(picture.mask().alpha) == LARGE[0] * LARGE[1]


# -- what no correct client says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({"keep": [[SIZE[0], 0]]}, []),
        ({"drop": [[0, SIZE[1]]]}, []),
        ({"box": [0, 0, SIZE[0], SIZE[1] + 1]}, []),
        ({"box": [9, 9, 9, 20]}, []),
        ({"view": [0, 0, *SIZE, 0, 0]}, []),
        ({"view": [0, 0, *SIZE, SIZE[0] + 1, 1]}, []),
        ({"view": [5, 5, 5, 5, 1, 1]}, []),
        ({"view": [0, 0, SIZE[0] + 1, 1, 1, 1]}, []),
        ({"view": [0, 0, 1 << 40, 1, 1, 1]}, []),
        ({"keep": [[1, 1]] * (messages.MAX_POINTS + 1)}, []),
        ({"hint": True}, []),
        ({"hint": True}, [HINT[1:]]),
        ({"hint": True}, [HINT * 2]),
        ({"hint": True}, [HINT, HINT]),
        ({}, [HINT]),
        ({"plate": True}, [disc(*SIZE)]),
        ({"width": 3, "height": 2, "format": "RGB8"}, [b"pixels" * 3]),
        ({"picture": -1}, []),
        ({"picture": None}, []),
    ],
)
@pytest.mark.parametrize("op", ["mask", "refine"])
def test_a_question_that_does_not_add_up_is_refused(
    client: LibzmqClient, op: str, fields: dict[str, Any], frames: list[bytes]
) -> None:
    opened(client)
    reply = client.ask(op, frames, **{"picture": 1, **fields})
    assert reply["op"] == "error" and reply["code"] == "bad_request" and reply["message"].endswith(".")


def test_ten_thousand_clicks_are_a_bad_request(client: LibzmqClient) -> None:
    opened(client)
    for clicks in ([[1, 1]] * 10_000, [[299, 199]] * 10_000):
        client.send_raw([msgpack.packb({"op": "mask", "id": 50, "picture": 1, "keep": clicks})])
        header, _ = client.receive()
        assert header["op"] == "error" and header["code"] == "bad_request"


def test_the_own_client_does_not_send_what_would_be_refused(session: Session) -> None:
    with session.open(disc(*SIZE), *SIZE, "RGBA8") as picture:
        before = session.status()["requests"]
        for wrong in (
            {"keep": [[SIZE[0], 0]]},
            {"view": [0, 0, *SIZE, 0, 0]},
            {"box": [2, 2, 1, 1]},
            {"hint": b"short"},
        ):
            with pytest.raises(Rejected) as refusal:
                picture.mask(**wrong)
            assert refusal.value.code == "bad_request"
        with pytest.raises(Rejected, match="more points"):
            picture.mask(keep=[[299, 199]] * 11_000)
        assert session.status()["requests"] == before + 1
        assert len(picture.mask().alpha) == PIXELS


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({}, [disc(*SIZE)[1:]]),
        ({}, []),
        ({"hint": True}, [disc(*SIZE)]),
        ({"hint": True}, [HINT, disc(*SIZE)]),
        ({"plate": True, "hint": True}, [disc(*SIZE), HINT]),
        ({"picture": "one"}, [disc(*SIZE)]),
        ({"width": 0}, [b""]),
    ],
)
def test_a_picture_that_does_not_add_up_is_not_kept(
    client: LibzmqClient, fields: dict[str, Any], frames: list[bytes]
) -> None:
    whole = {"picture": 1, "width": SIZE[0], "height": SIZE[1], "format": "RGBA8", **fields}
    assert client.ask("open", frames, **whole)["code"] == "bad_request"
    assert client.ask("mask", picture=1)["code"] == "picture_forgotten"
