"""Call a function in a process of its own: its memory is freed with it, and a crash ends only that process."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from matted_client import python

T = TypeVar("T")
_CHECK_SECONDS = 0.1
_KILLED = -9  # by the signal that Linux sends when memory runs out; somebody may have sent it by hand


def call(function: Callable[..., T], *arguments: Any, check: Callable[[], None] = lambda: None) -> T:
    """Return function(*arguments), called in a new process.

    function: at the top level of a module.
    arguments: can be pickled, as the result can.
    check: called often meanwhile; what it raises ends the process.

    Raises what the function raises, MemoryError if the system killed its process for want of memory, or RuntimeError if
    it died otherwise.
    """
    command = python.command("from matted.system.subprocess_call import main; main()")
    # A file, as Popen.communicate forgets what does not fit into a pipe when its time is over before the process reads.
    with tempfile.TemporaryFile() as question:
        pickle.dump((function, arguments), question)
        question.seek(0)
        with subprocess.Popen(command, stdin=question, stdout=subprocess.PIPE) as process:
            try:
                reply = _reply(process, check)
            except BaseException:
                process.kill()
                raise
    if process.returncode == _KILLED:
        raise MemoryError("the system ended the process that worked on it: there is too little memory")
    if not reply:
        raise RuntimeError(f"the process that worked on it ended with code {process.returncode}")
    error, value = pickle.loads(reply)
    if error is not None:
        try:
            raise error
        finally:
            del error  # it would hold itself, and the variables of all callers, until Python collects them
    result: T = value
    return result


def _reply(process: subprocess.Popen[bytes], check: Callable[[], None]) -> bytes:
    """Return what a process wrote until it ended."""
    while True:
        try:
            return process.communicate(timeout=_CHECK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            check()


def take_stdout() -> BinaryIO:
    """Return the standard output for replies alone; what OpenVINO or a driver prints then goes to standard error."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def main() -> None:
    """Call what standard input says, and write the result to standard output: see `call`."""
    replies = take_stdout()
    function, arguments = pickle.load(sys.stdin.buffer)
    try:
        reply = pickle.dumps((None, function(*arguments)))
    except Exception as error:
        try:
            reply = pickle.dumps((error, None))
        except (pickle.PicklingError, TypeError, AttributeError):
            reply = pickle.dumps((RuntimeError(str(error)), None))
    with replies:
        replies.write(reply)
