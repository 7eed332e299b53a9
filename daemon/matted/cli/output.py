"""Print the results of commands: errors, tables, sizes and times in a form for people. And the exit codes."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from matted_client import MattedError
from matted_client.endpoint import COMPLAINT

OK, FAILED = 0, 1
WRONG = 2  # arguments, as argparse has it
UNDECIDED = 3  # nothing was done: a person has to decide, and there is no terminal to ask at
INTERRUPTED = 130  # what shells report for Ctrl-C
Show = Callable[[str], None]  # prints a line
_UNWRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_HANDLER = "matted"  # the name of the handler of errors for `open` and the like


class WrongArguments(MattedError):
    """The words of the command do not fit together, or not what they name."""

    code = "arguments"


def accept_all_text(stream: TextIO | None) -> None:
    """Have a stream of text take every character, whatever its encoding. Nothing is done to None and other objects.

    A name that is not text in the system's encoding is written as it is. Other characters that the encoding lacks are
    spelt out, as in \\xb2.
    """
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(_HANDLER, _spell_out)
        stream.reconfigure(errors=_HANDLER)


def _spell_out(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return what is written for the first character that cannot be encoded, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    escaped = 0xDC80 <= ord(character) <= 0xDCFF  # a byte that Python could not read: see os.fsdecode
    if escaped and os.name == "posix":
        return bytes([ord(character) - 0xDC00]), error.start + 1
    return character.encode("ascii", "backslashreplace").decode("ascii"), error.start + 1


def reader_gone(error: OSError) -> bool:
    """Whether an error of printing means that the program which reads the output has ended, as `| head` does."""
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def output_failed(error: OSError) -> bool:
    """Whether an error can be one of printing: the disk is full, or the reader gone. Those of files name them."""
    return error.filename is None and (error.errno in _UNWRITABLE or reader_gone(error))


def as_error(error: OSError) -> MattedError:
    """Return the error for one of the system's: of a file that was named, by too long a name, say, or of ours."""
    where = f"{error.filename}: " if error.filename else ""
    return MattedError(f"{where}{error.strerror or error}.")


def has_terminal() -> bool:
    """Whether a person can be asked: the input and the output are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def discard_output() -> None:
    """Have all that is printed from now on go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(error: MattedError) -> None:
    """Print an error and its hint to stderr."""
    print(f"{COMPLAINT}{error.message}", file=sys.stderr)
    if error.hint:
        print(f"        {error.hint}", file=sys.stderr)


def table(*lines: tuple[str, str]) -> None:
    """Print names and values in two columns. A line without a value is left out."""
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        if value:
            print(f"{name:<{width}}  {value}")


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table. A row with fewer cells than the first one ends with a sentence, of any length."""
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    widths[0] = max(len(row[0]) for row in rows)
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]


def duration(seconds: float) -> str:
    """Return a time such as "3 h", "12 min" or "40 s"."""
    minutes = int(seconds) // 60
    if minutes >= 120:
        return f"{minutes // 60} h"
    return f"{minutes} min" if minutes >= 2 else f"{int(seconds)} s"


def megabytes(count: int) -> str:
    """Return a size such as "4.6 MB" or "1.02 GB"."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
