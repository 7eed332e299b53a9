"""`import matted`: what it imports, what `matted.mask` is, and the types that checkers see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matted
import matted_client
import pytest

# Of what NumPy and Pillow are for a program, matted has to take nothing before it is used.
LAZY = """
import sys
before = set(sys.modules)
import matted
new = {name.partition(".")[0] for name in set(sys.modules) - before}
assert new <= {"matted", "openvino_telemetry", "types", "warnings"}, new
assert set(matted.__all__) <= set(dir(matted))
"""
# `matted.mask` is the function, whichever rooms are imported, and when.
FUNCTION_FIRST = """
from matted import mask
import matted.masking.colours.band
assert callable(matted.mask) and matted.mask == mask
"""
ROOM_FIRST = """
import matted.masking.colours.band
from matted.masking.colours import band
from matted import mask
import matted
assert callable(mask) and matted.mask == mask and band.BLOCK
"""
TYPES = """
import io
from pathlib import Path
from typing import Any, assert_type
import numpy as np
from matted import OpenPicture, Session, mask, refine, remove
from numpy.typing import NDArray
from PIL import Image

image = Image.new("RGB", (9, 9))
floats = np.zeros((9, 9, 3), np.float32)
assert_type(remove("a.jpg"), Image.Image)
assert_type(remove(Path("a.jpg")), Image.Image)
assert_type(remove("a.jpg", "a.png", model="flat", background=(image)), Path)
assert_type(mask(b"..."), bytes)
assert_type(mask(floats), NDArray[np.float32])
assert_type(refine(image, floats, reach=3, cut_out=True), Image.Image)
with Session() as session:
    assert_type(session.remove(floats), NDArray[np.float32])
    assert_type(session.open("a.jpg"), OpenPicture[Image.Image])
    assert_type(session.open(b"...").mask(keep=[(1, 2)]), bytes)
    if session.info is not None:
        assert_type(session.info.model, str)
remove("a.jpg", edges="soft")  # wrong: edges
mask("a.jpg", background="white")  # wrong: background
remove(7)  # wrong: picture
"""


@pytest.mark.parametrize("code", [LAZY, FUNCTION_FIRST, ROOM_FIRST], ids=["lazy", "function first", "room first"])
def test_the_package_is_imported_as_it_is_used(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_checkers_of_types_see_what_comes_of_which_picture(tmp_path: Path) -> None:
    for package in (matted, matted_client):
        assert (Path(package.__file__).parent / "py.typed").is_file()
    code = tmp_path / "typed.py"
    code.write_text(TYPES)
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--python-version",
        "3.11",
        "--cache-dir",
        str(tmp_path / "cache"),
        str(code),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path)
    wrong = [number for number, line in enumerate(TYPES.splitlines(), 1) if "# wrong: " in line]
    found = sorted({int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error: " in line})
    assert found == wrong, done.stdout
