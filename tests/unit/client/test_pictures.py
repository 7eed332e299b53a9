"""What comes back of a picture is checked; one that the daemon has forgotten is sent again, which can be cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from matted_client import ProtocolError, Rejected, messages
from matted_client.client import Session
from matted_client.messages import MaskRequest, MaskResult, Open
from matted_client.pictures import Cancelled, Mask, OpenPicture, received

OPENING = Open(1, 4, 2, "GRAY8")
MASK = Mask(bytearray(8), MaskResult(4, 2, 8, "", "", 0.0))
PIXELS = memoryview(bytes(8))


@pytest.mark.parametrize(("samples", "empty"), [(bytes(8), True), (bytes([0, 0, 1, 0]), False), (b"\1" * 4, False)])
def test_a_mask_in_which_nothing_stays_is_empty(samples: bytes, empty: bool) -> None:
    assert Mask(bytearray(samples), MASK.info).is_empty is empty


WIDTH, HEIGHT = 2 * messages.TILE + 10, messages.TILE + 3  # three tiles and three below, of which four are smaller


def result(*frames: bytes) -> Mask:
    """What a client makes of the frames behind a result in tiles."""
    request = MaskRequest(WIDTH, HEIGHT, "RGB8", foreground=True, tiles=True)
    header = {"width": WIDTH, "height": HEIGHT, "depth": 8, "model": "", "device": "", "coverage": 0.0}
    fields = {**header, "foreground": True, "tiles": True}
    return received(MaskResult.op, fields, [*map(bytearray, frames)], request, (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    ("marks", "pixels"),
    [
        (b"\0\0\0\0\0\0", 0),
        (b"\1\0\0\0\0\0", 64 * 64),
        (b"\0\0\7\0\0\0", 10 * 64),
        (b"\0\0\0\1\0\0", 64 * 3),
        (b"\0\0\0\0\0\1", 10 * 3),
        (b"\1\1\1\1\1\1", WIDTH * HEIGHT),
    ],
)
def test_of_a_cut_out_in_tiles_the_marked_ones_have_to_come(marks: bytes, pixels: int) -> None:
    alpha = bytes(WIDTH * HEIGHT)
    mask = result(alpha, marks, bytes(4 * pixels))
    assert (mask.alpha, mask.tiles, mask.foreground) == (alpha, marks, bytes(4 * pixels))
    for frames in (
        (alpha, marks, bytes(4 * pixels + 4)),
        (alpha, marks + b"\0", bytes(4 * pixels)),
        (alpha, marks[:-1], bytes(4 * pixels)),
        (alpha, b"", b""),
        (alpha, marks),
        (alpha,),
        (),
    ):
        with pytest.raises(ProtocolError, match="too few or too many bytes"):
            result(*frames)


class Forgetful:
    """A session whose daemon forgets a picture once, and which gives up sending once it is cancelled."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self._knows = False

    def answer(self, question: object, frames: object, about: object, on_progress: object, cancelled: object) -> Mask:
        if not self._knows:
            raise Rejected(messages.PICTURE_FORGOTTEN, "Forgotten.")
        return MASK

    def keep(self, opening: Open, frames: Sequence[memoryview], cancelled: Cancelled = bool) -> None:
        if cancelled():
            raise Rejected(messages.CANCELLED, "Cancelled.")
        self.sent.append((opening, list(frames)))
        self._knows = True


@pytest.mark.parametrize("ask", [OpenPicture.mask, OpenPicture.refine])
def test_a_forgotten_picture_is_sent_again_unless_that_is_cancelled(ask: Any) -> None:
    session = Forgetful()
    picture = OpenPicture(cast(Session, session), OPENING, [PIXELS])
    with pytest.raises(Rejected) as refusal:
        ask(picture, cancelled=lambda: True)
    assert refusal.value.code == messages.CANCELLED and session.sent == []
    assert ask(picture) is MASK
    assert session.sent == [(OPENING, [PIXELS])]
