"""What is checked of pictures and questions before they are taken."""

from __future__ import annotations

from typing import Any

import psutil
import pytest
from matted.masking.picture import Picture
from matted.serving import admission
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest, Open

GB = 1_000_000_000
MP24 = (6000, 4000)
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


def picture(width: int, height: int) -> Picture:
    frames: list[Any] = [Frame(width * height * 4)]
    return Picture(width, height, "RGBA8", frames)


def check(width: int, height: int, can_be_freed: int = 0, view: list[int] | None = None, keyed: bool = False) -> int:
    """Return the bytes that have to be freed for a question."""
    admission.check_size(width, height)
    about = picture(width, height)
    needed = admission.memory_to_answer(MaskRequest(width, height, "RGBA8", view=view), about, keyed)
    return admission.check_memory(needed, about.frame_bytes, can_be_freed)


def refusal(width: int, height: int, **fields: Any) -> Rejected:
    with pytest.raises(Rejected) as refused:
        check(width, height, **fields)
    return refused.value


def test_a_picture_beyond_the_protocol_s_limit_is_too_large_whatever_is_free(memory: dict[str, int]) -> None:
    memory["available"] = 1000 * GB
    assert check(20_000, 10_000) == 0
    error = refusal(20_000, 10_001)
    assert error.code == messages.TOO_LARGE and "20000 x 10001" in error.message and "200 megapixels" in error.hint


def test_too_little_free_memory_is_no_fault_of_the_picture(memory: dict[str, int]) -> None:
    memory["available"] = GB // 10
    error = refusal(*MP24)
    assert error.code == messages.OUT_OF_MEMORY
    figures = "the picture needs 0.5 GB, and 0.2 GB are free."
    assert error.message == f"This computer has too little free memory now: {figures}"
    assert error.hint == "Close other programs, or scale the picture down."


def test_memory_is_looked_at_for_each_request(memory: dict[str, int]) -> None:
    memory["available"] = GB // 10
    refusal(*MP24)
    memory["available"] = GB
    assert check(*MP24) == 0


def test_the_memory_of_the_picture_that_has_arrived_counts_as_free(memory: dict[str, int]) -> None:
    memory["available"] = 390_000_000
    assert check(*MP24) == 0  # 480 MB, 96 of them taken by the picture
    memory["available"] = 380_000_000
    refusal(*MP24)


def test_what_is_missing_is_to_be_freed_where_that_is_enough(memory: dict[str, int]) -> None:
    memory["available"] = 380_000_000
    assert check(*MP24, can_be_freed=4_000_000) == 4_000_000
    assert "0.5 GB are free" in refusal(*MP24, can_be_freed=3_999_999).message


def test_a_view_needs_less_memory_than_the_whole_picture(memory: dict[str, int]) -> None:
    memory["available"] = 200_000_000
    refusal(*MP24)
    assert check(*MP24, view=[0, 0, *MP24, 1024, 683]) == 0
    assert check(*MP24, view=[0, 0, 1024, 683, 1024, 683]) == 0
    refusal(*MP24, view=[0, 0, *MP24, *MP24])


def test_a_view_whose_mask_a_flat_ground_may_make_needs_memory_for_all_of_the_picture(memory: dict[str, int]) -> None:
    part = [0, 0, 1024, 683, 1024, 683]
    memory["available"] = 330_000_000
    assert check(*MP24, view=part, keyed=True) == 0  # 13 bytes a pixel of the picture, 20 of the view
    memory["available"] = 320_000_000
    refusal(*MP24, view=part, keyed=True)


def test_a_picture_that_is_kept_needs_memory_for_what_is_made_of_it(memory: dict[str, int]) -> None:
    kept = picture(*MP24)
    memory["available"] = 96_000_000
    assert admission.check_memory(admission.memory_to_keep(kept), kept.frame_bytes, 0) == 0
    memory["available"] = 95_000_000
    assert admission.check_memory(admission.memory_to_keep(kept), kept.frame_bytes, GB) == 1_000_000


def test_where_no_program_could_be_closed_for_it_the_hint_says_so(memory: dict[str, int]) -> None:
    memory.update(total=2 * GB, available=GB)
    error = refusal(20_000, 10_000)
    assert error.code == messages.OUT_OF_MEMORY
    assert error.hint == "Scale the picture down: this computer has 2.0 GB in all."


def test_frames_are_as_the_header_says() -> None:
    opening = Open(1, 2, 2, "RGB8", plate=True, hint=True)
    admission.check_frames(opening.frame_sizes, [memoryview(bytes(size)) for size in (12, 12, 4)])
    for sizes in [(), (12,), (12, 12), (12, 4, 12), (12, 12, 4, 4), (12, 12, 5)]:
        with pytest.raises(Rejected, match="Frames of 12, 12, 4 bytes expected") as refused:
            admission.check_frames(opening.frame_sizes, [memoryview(bytes(size)) for size in sizes])
        assert refused.value.code == messages.BAD_REQUEST
