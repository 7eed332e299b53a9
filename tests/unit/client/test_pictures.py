"""A picture that the daemon has forgotten: when it is sent again, and that this can be cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from matted_client import Rejected, messages
from matted_client.client import Session
from matted_client.messages import MaskResult, Open
from matted_client.pictures import Cancelled, Mask, OpenPicture

OPENING = Open(1, 4, 2, "GRAY8")
MASK = Mask(bytearray(8), MaskResult(4, 2, 8, "", "", 0.0))
PIXELS = memoryview(bytes(8))


@pytest.mark.parametrize(("samples", "empty"), [(bytes(8), True), (bytes([0, 0, 1, 0]), False), (b"\1" * 4, False)])
def test_a_mask_in_which_nothing_stays_is_empty(samples: bytes, empty: bool) -> None:
    assert Mask(bytearray(samples), MASK.info).is_empty is empty


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
