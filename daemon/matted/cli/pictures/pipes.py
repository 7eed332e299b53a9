"""Let pictures come through pipes, and go through standard output: `-` in the place of a file's name."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO

from matted.cli.output import WrongArguments
from matted.files.pictures import PictureError

PIPE = "-"
_INPUT = "standard input"


class Pipes:
    """Gives what comes and goes through pipes files, in a folder that is deleted at the end of the block.

    The streams are those of bytes, which have no ends of lines to be changed on any system.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._result: Path | None = None
        self._read = False
        self.called: dict[Path, str] = {}

    def __enter__(self) -> Pipes:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def aside(self) -> bool:
        """Whether the result goes to standard output."""
        return self._result is not None

    def incoming(self, path: Path) -> Path:
        """Return a file with what standard input holds for `-`, or another pipe, and any other path as it is.

        Another pipe has a name: /dev/stdin, a FIFO, or what a shell puts in the place of <(command).

        Raises WrongArguments if standard input was asked for twice; PictureError if there is nothing.
        """
        if str(path) != PIPE:
            return self._copy(path) if path.is_fifo() or path.is_char_device() else path
        if self._read:
            raise WrongArguments("Standard input was given twice: only one picture can come through it.")
        if sys.stdin is None:
            raise WrongArguments("There is no picture in standard input: it is closed.", "cat a.jpg | matted ... -")
        if sys.stdin.isatty():
            raise WrongArguments("There is no picture in standard input: it is a terminal.", "cat a.jpg | matted ... -")
        self._read = True
        return self._kept(sys.stdin.buffer, _INPUT)

    def _copy(self, path: Path) -> Path:
        """Keep what comes through a pipe that has a name. Raises PictureError."""
        try:
            with open(path, "rb") as pipe:
                return self._kept(pipe, str(path))
        except OSError as error:
            raise PictureError(f"{path} cannot be read: {error.strerror or error}.") from error

    def _kept(self, pipe: IO[bytes], name: str) -> Path:
        """Return a file with all that comes through a pipe. name: what it is called. Raises PictureError."""
        place = self._place(f"input-{len(self.called)}")
        with open(place, "wb") as file:
            shutil.copyfileobj(pipe, file)
        if not place.stat().st_size:
            raise PictureError(f"There is nothing in {name}.", "Does the command before the pipe say why?")
        self.called[place] = name
        return place

    def outgoing(self, output: str | None, inputs: list[Path], suffix: str) -> str | None:
        """Return the file for a result that goes to standard output, and any other output as it is.

        output: as it was given; None goes to standard output if the picture comes through a pipe.
        inputs: as `incoming` returned them.
        suffix: of the result's format.

        Raises WrongArguments if there is not one picture, or standard output is a terminal.
        """
        if output != PIPE and not (output is None and any(path in self.called for path in inputs)):
            return output
        if len(inputs) != 1 or inputs[0].is_dir():
            raise WrongArguments("One result goes to standard output, and there are several pictures.")
        hint = "Send it to a file or a program with > or |, or name a file with -o."
        if sys.stdout is None:
            raise WrongArguments("Standard output is closed, and the result was to go there.", hint)
        if sys.stdout.isatty():
            raise WrongArguments("Standard output is a terminal, which shows no pictures.", hint)
        self._result = self._place(f"result{suffix}")
        self.called[self._result] = "standard output"
        return str(self._result)

    def deliver(self) -> None:
        """Write the result to standard output, if it goes there and there is one. Raises OSError."""
        if self._result is not None and self._result.exists():
            with open(self._result, "rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()

    def _place(self, name: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="matted-")
        return Path(self._folder.name) / name
