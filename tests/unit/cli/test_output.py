"""What the commands print reaches every terminal, pipe and file, whatever characters these can take."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest
from matted.cli import output

COMMANDS = {
    "help": ["--help"],
    "help of a command": ["remove", "--help"],
    "a wrong argument": ["models", "pull", "--ж"],
    "models": ["models"],
    "an unknown model": ["models", "info", "модель²"],
    "models for programs": ["models", "--json"],
    "status": ["status"],
    "logs": ["logs"],
    "a picture that is missing": ["remove", "ж².png"],
}
STRANGE = os.fsdecode(b"caf\xe9.png")  # a name in Latin-1


def run(
    folder: Path, arguments: list[str], stdout: int | BinaryIO = subprocess.PIPE, **environ: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command that needs no daemon, with folders of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MATTED_", "PYTHON", "LC_"))}
    own |= {"MATTED_STATE_DIR": str(folder / "state"), "MATTED_CONFIG_DIR": str(folder / "config")}
    own |= {"MATTED_DATA_DIR": str(folder / "data"), "HOME": str(folder), **environ}
    command = [sys.executable, "-m", "matted", *arguments]
    return subprocess.run(command, env=own, stdout=stdout, stderr=subprocess.PIPE, cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["cp1251", "ascii"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_in_every_encoding(tmp_path: Path, command: str, encoding: str) -> None:
    done = run(tmp_path, COMMANDS[command], PYTHONIOENCODING=encoding)
    assert b"Error" not in done.stderr and b"Traceback" not in done.stderr, done.stderr
    assert done.stdout + done.stderr
    (done.stdout + done.stderr).decode(encoding)


@pytest.mark.slow
def test_json_is_whole_in_every_encoding(tmp_path: Path) -> None:
    wanted = json.loads(run(tmp_path, ["models", "--json"], PYTHONIOENCODING="utf-8").stdout)["models"]
    printed = run(tmp_path, ["models", "--json"], PYTHONIOENCODING="cp1251").stdout
    assert json.loads(printed.decode("cp1251"))["models"] == wanted
    assert any(not model["title"].isascii() for model in wanted), "no title tells the encodings apart"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are text there")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8:strict", "cp1251", "ascii"])
def test_a_name_that_is_not_utf_8_is_printed_as_it_is(tmp_path: Path, encoding: str) -> None:
    done = run(tmp_path, ["remove", STRANGE, "-o", "out.png"], PYTHONIOENCODING=encoding, LC_ALL="C.UTF-8")
    assert done.stderr.startswith(b"matted: caf\xe9.png cannot be read"), done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="arguments are text there")
@pytest.mark.parametrize("option", ["--title", "--licence"])
def test_what_is_no_text_is_refused_where_text_is_kept(tmp_path: Path, option: str) -> None:
    done = run(tmp_path, ["models", "add", "net.onnx", "--like", "u2netp", "--id", "mine", option, STRANGE])
    assert done.returncode == 2
    assert done.stderr.endswith(option.encode() + b": caf\xe9.png is not text in UTF-8\n"), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor", "--report"],
        ["install", "krita", "--zip"],
        ["models", "add", "--like", "u2netp", "--id", "mine"],
        ["remove"],
        ["benchmark", "--images", ".", "-o"],
    ],
)
def test_a_name_that_the_system_refuses_is_a_sentence(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, [*arguments, "x" * 300], PYTHONIOENCODING="utf-8")
    assert done.returncode == 1 and done.stderr.startswith(b"matted: ") and b"Traceback" not in done.stderr, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sh")
@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["remove", "--help"]])
def test_a_pipe_whose_reader_is_gone_is_no_fault_of_the_command(tmp_path: Path, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run(tmp_path, arguments, write)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux")
@pytest.mark.parametrize("unbuffered", ["", "1"])  # whether it fails at the end or at once, as it does for long output
@pytest.mark.parametrize("arguments", [["models"], ["models", "--json"], ["logs"]])
def test_output_that_cannot_be_written_is_said(tmp_path: Path, arguments: list[str], unbuffered: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "matted.log").write_text("a line\n")
    with open("/dev/full", "wb") as full:
        done = run(tmp_path, arguments, full, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr == b"matted: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize(
    ("text", "encoding", "wanted"),
    [
        ("U²-Net", "cp1251", b"U\\xb2-Net"),
        ("фото.jpg", "cp1251", "фото.jpg".encode("cp1251")),
        ("фото.jpg", "latin-1", rb"\u0444\u043e\u0442\u043e.jpg"),
        ("a\ud800b\U0001f600", "ascii", rb"a\ud800b\U0001f600"),  # half a character, as Windows has in names
        ("a\ud800b", "utf-8", rb"a\ud800b"),
    ],
)
def test_what_a_terminal_lacks_is_spelt_out(text: str, encoding: str, wanted: bytes) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding, errors="strict")
    output.accept_all_text(stream)
    stream.write(text)
    stream.flush()
    assert raw.getvalue() == wanted


def test_a_stream_that_is_none_of_the_systems_is_left_alone() -> None:
    output.accept_all_text(None)
    output.accept_all_text(io.StringIO())
