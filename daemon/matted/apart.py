"""Calling a function in a process of its own: its memory goes with it, and so does a crash in OpenVINO."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

T = TypeVar("T")


def call(function: Callable[..., T], *arguments: Any) -> T:
    """function(*arguments), all of which can be pickled. Raises what it raises, or RuntimeError if its process died."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise RuntimeError("the process that worked on it crashed") from None
