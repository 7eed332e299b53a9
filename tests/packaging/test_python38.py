"""What runs inside GIMP and Krita: CPython 3.8 can read it, and the client needs nothing but the standard library."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CLIENT = CHECKOUT / "shared" / "matted_client"
HOST_SIDE = sorted([*CLIENT.rglob("*.py"), *(CHECKOUT / "plugins").rglob("*.py")])
SOURCES = pytest.mark.parametrize("path", HOST_SIDE, ids=lambda path: path.relative_to(CHECKOUT).as_posix())

ROUND_TRIP = """
import sys
sys.path.insert(0, sys.argv[1])
import matted_client
from matted_client import endpoint, messages, plugin, progress, zmtp
from matted_client.packing import pack, unpack
value = {"op": "mask", "sizes": [1, -40000, 2 ** 40], "frame": b"\\x00\\xff", "text": "U\\u00b2", "half": [0.5, None]}
assert unpack(pack(value)) == value
request = messages.MaskRequest(4, 3, "RGBA8")
op, number, header = messages.split_header(request.to_wire(7))
assert (op, number, messages.MaskRequest.from_wire(header)) == ("mask", 7, request)
assert zmtp.Dealer(b"user", b"password").greeting()
print("%d.%d" % sys.version_info[:2])
"""
COMPILE = """
import sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        compile(file.read(), path, "exec")
print("compiled")
"""


def runs(program: str) -> bool:
    command = [program, "-c", "import sys; print(sys.version_info[:2])"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() == "(3, 8)"
    except OSError:
        return False


@pytest.fixture(scope="module")
def python38() -> str:
    found = [shutil.which("python3.8")]
    found += [str(path) for path in sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))]
    for program in found:
        if program and runs(program):
            return program
    pytest.skip("This machine has no Python 3.8.")


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, by absolute name."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_there_is_something_to_look_at() -> None:
    assert {path.relative_to(CHECKOUT).parts[0] for path in HOST_SIDE} == {"shared", "plugins"}


@SOURCES
def test_the_grammar_is_that_of_python_3_8(path: Path) -> None:
    ast.parse(path.read_text("utf-8"), str(path), feature_version=(3, 8))


@SOURCES
def test_annotations_are_not_evaluated(path: Path) -> None:
    """Else `list[str]` or `int | None` in one would fail in Python 3.8, where the grammar allows both."""
    tree = ast.parse(path.read_text("utf-8"))
    annotations = ("annotation", "returns")
    annotated = any(getattr(node, name, None) for node in ast.walk(tree) for name in annotations)
    future = any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)
    assert future or not annotated


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=lambda path: path.name)
def test_the_client_imports_nothing_but_the_standard_library(path: Path) -> None:
    assert imported(path) <= {*sys.stdlib_module_names, "matted_client"}


def test_python_3_8_itself_can_use_the_client(python38: str, tmp_path: Path) -> None:
    command = [python38, "-I", "-B", "-W", "error", "-c", ROUND_TRIP, str(CLIENT.parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "3.8\n", done.stderr


def test_python_3_8_itself_can_compile_the_plugins(python38: str) -> None:
    command = [python38, "-I", "-c", COMPILE, *map(str, HOST_SIDE)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "compiled\n", done.stderr
