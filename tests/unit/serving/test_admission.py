"""What is checked of a mask request before it is queued."""

from __future__ import annotations

from typing import Any

import psutil
import pytest
from matted.serving import admission
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest

GB = 1_000_000_000
REAL = psutil.virtual_memory()


class Frame:
    """A frame of so many bytes that takes no memory."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the computer has; the test may change it."""
    has = {"total": 8 * GB, "available": 4 * GB}
    monkeypatch.setattr(psutil, "virtual_memory", lambda: REAL._replace(**has))
    return has


def check(width: int, height: int, **fields: Any) -> None:
    request = MaskRequest(width, height, "RGBA8", **fields)
    frames: list[Any] = [Frame(size) for size in request.frame_sizes(width, height, "RGBA8")]
    admission.check(request, frames)


def refusal(width: int, height: int, **fields: Any) -> Rejected:
    with pytest.raises(Rejected) as refused:
        check(width, height, **fields)
    return refused.value


def test_a_picture_beyond_the_protocol_s_limit_is_too_large_whatever_is_free(memory: dict[str, int]) -> None:
    memory["available"] = 1000 * GB
    check(20_000, 10_000)
    error = refusal(20_000, 10_001)
    assert error.code == messages.TOO_LARGE and "20000 x 10001" in error.message and "200 megapixels" in error.hint


def test_too_little_free_memory_is_no_fault_of_the_picture(memory: dict[str, int]) -> None:
    memory["available"] = GB // 10
    error = refusal(6000, 4000)
    assert error.code == messages.OUT_OF_MEMORY
    figures = "the picture needs 0.5 GB, and 0.2 GB are free."
    assert error.message == f"This computer has too little free memory now: {figures}"
    assert error.hint == "Close other programs, or scale the picture down."


def test_memory_is_looked_at_for_each_request(memory: dict[str, int]) -> None:
    memory["available"] = GB // 10
    refusal(6000, 4000)
    memory["available"] = GB
    check(6000, 4000)


def test_the_memory_of_the_picture_that_has_arrived_counts_as_free(memory: dict[str, int]) -> None:
    memory["available"] = 390_000_000
    check(6000, 4000)  # 480 MB, 96 of them taken by the picture
    memory["available"] = 380_000_000
    refusal(6000, 4000)


def test_where_no_program_could_be_closed_for_it_the_hint_says_so(memory: dict[str, int]) -> None:
    memory.update(total=2 * GB, available=GB)
    error = refusal(20_000, 10_000)
    assert error.code == messages.OUT_OF_MEMORY
    assert error.hint == "Scale the picture down: this computer has 2.0 GB in all."
