"""Share pieces of arithmetic among the processor's cores: NumPy and Pillow release Python's lock."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_HELPERS = max(1, min(3, _CORES - 1))  # more gain little: between two pieces the lock is held
_SLICE = 1 << 14  # things: arrays of as many stay in a core's cache
_pool = ThreadPoolExecutor(_HELPERS, "helper")


def for_each(work: Callable[[T], None], pieces: Iterable[T]) -> None:
    """Call `work` for each piece, in this thread and in others as far as they are idle.

    work: must not depend on the order, nor on what it does for other pieces. What it raises ends the work at the pieces
        that have not begun, and is raised again.
    """
    left = deque(pieces)

    def take_part() -> None:
        while True:
            try:
                piece = left.popleft()
            except IndexError:
                return
            try:
                work(piece)
            except BaseException:
                left.clear()
                raise

    helpers = [_pool.submit(take_part) for _ in range(min(_HELPERS, len(left) - 1))]
    try:
        take_part()
    finally:
        # One that has not begun finds nothing to do. The others are waited for, whatever was raised here.
        begun = [helper for helper in helpers if not helper.cancel()]
        wait(begun)
    for helper in begun:
        helper.result()


def for_each_slice(work: Callable[[slice], None], count: int) -> None:
    """Call `work` for slices of things that are looked at one by one. count: of all things. Else as `for_each`."""
    for_each(work, [slice(first, first + _SLICE) for first in range(0, count, _SLICE)])
