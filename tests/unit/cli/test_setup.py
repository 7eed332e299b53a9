"""What `matted setup` says of the processor."""

from __future__ import annotations

from pathlib import Path

import pytest
from matted.cli.setup import processor

SERVER = "processor : 0\nflags\t\t: fpu avx512f avx512_vnni avx_vnni amx_int8 amx_bf16\n\nprocessor : 1\nflags : fpu\n"
LAPTOP = "processor : 0\nmodel name : made up vnni\nflags : fpu avx2\n"
BOARD = "processor : 0\nFeatures\t: fp asimd asimddp i8mm bf16\n"


@pytest.mark.parametrize(
    ("listing", "words", "quick"),
    [
        (SERVER, ["INT8 (AMX, VNNI)", "bfloat16"], True),
        (LAPTOP, [], False),
        (BOARD, ["INT8 (I8MM, dot products)", "bfloat16"], True),
        ("nothing that is known", [], False),
    ],
)
def test_what_makes_models_quick_is_named(tmp_path: Path, listing: str, words: list[str], quick: bool) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text(listing)
    assert processor.extensions(file) == words
    assert processor.is_quick_in_int8(file) is quick


def test_a_system_without_such_a_list_is_silent(tmp_path: Path) -> None:
    assert processor.extensions(tmp_path / "none") == [] and not processor.is_quick_in_int8(tmp_path / "none")
