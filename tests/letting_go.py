"""Tell whether an error lets go of what its callers had, a picture say, or holds it until Python collects cycles."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")
SECONDS = 5.0  # for threads to end


def lets_go(made: Callable[[], T], fail: Callable[[T], object], error: type[Exception]) -> bool:
    """Return whether what was made is free soon after an error.

    made: returns it; nothing else has it. fail: called with it; raises the error.
    """
    gc.collect()
    gc.disable()
    try:
        reference = _failed(made, fail, error)
        deadline = time.monotonic() + SECONDS
        while reference() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        return reference() is None
    finally:
        gc.enable()


def _failed(made: Callable[[], T], fail: Callable[[T], object], error: type[Exception]) -> Callable[[], T | None]:
    """Fail, and return what gives the thing as long as it is there."""
    thing = made()
    reference = weakref.ref(thing)
    try:
        fail(thing)
    except error:
        return reference
    pytest.fail("it did not fail")
