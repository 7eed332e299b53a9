"""Programs that are run to see whether they work."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence

_LONGEST = 300  # characters of a reason


class ChildFailedError(Exception):
    """It could not be run, crashed, took too long or said no. Its text says which, in words that fit behind a colon.

    said: what it had written to its standard output until then.
    """

    def __init__(self, reason: str, said: str = "") -> None:
        super().__init__(reason)
        self.said = said


def run(command: Sequence[str], seconds: float, env: Mapping[str, str] | None = None) -> str:
    """What it wrote to its standard output. Raises ChildFailedError."""
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
        )
    except subprocess.TimeoutExpired:
        raise ChildFailedError(f"it did not end within {seconds:.0f} s") from None
    except OSError as error:
        raise ChildFailedError(f"{command[0]}: {error.strerror or error}") from None
    if done.returncode:
        raise ChildFailedError(_reason(done.returncode, done.stderr), done.stdout)
    return done.stdout


def _reason(code: int, complaints: str) -> str:
    if code < 0:
        return f"it crashed ({_signal_name(-code)})"
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    return lines[-1][:_LONGEST].rstrip(".") if lines else f"it ended with code {code} and gave no reason"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
