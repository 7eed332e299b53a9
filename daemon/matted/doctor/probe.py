"""Run a program to see whether it works."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence

_LONGEST = 300  # characters of a reason


class ProbeFailedError(Exception):
    """The program could not be run, crashed, took too long or ended with an error.

    The text says which, in words that fit behind a colon. output: what it had written to standard output until then.
    """

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


def run(command: Sequence[str], seconds: float, env: Mapping[str, str] | None = None, cwd: str | None = None) -> str:
    """Return what the program writes to its standard output. Raises ProbeFailedError.

    env, cwd: the environment and the folder that it runs in. None: this process's.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            env=env,
            cwd=cwd,
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeFailedError(f"it did not end within {seconds:.0f} s") from error
    except OSError as error:
        raise ProbeFailedError(f"{command[0]}: {error.strerror or error}") from error
    if done.returncode:
        raise ProbeFailedError(_reason(done.returncode, done.stderr), done.stdout)
    return done.stdout


def _reason(code: int, errors: str) -> str:
    if code < 0:
        return f"it crashed ({_signal_name(-code)})"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return lines[-1][:_LONGEST].rstrip(".") if lines else f"it ended with code {code} and gave no reason"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
