"""Work that lets Krita's event loop go on in between: a generator that yields wherever it may.

Krita shows what was done, and takes what a person does, only then. Its own nested event loops are out of the question:
it holds events back while one runs.
"""

from __future__ import annotations

from typing import Any, Callable, Generator, List, Optional

from .matted_client.errors import MattedError
from .request_thread import RequestThread

Turns = Generator[None, None, Any]  # returns the result

TURN_MS = 10


def settled(document: Any) -> Turns:
    """Wait for what Krita computes in threads of its own.

    document.waitForDone() would have Krita stand still for all of it, this for the last part at most.
    """
    while not document.tryBarrierLock():
        yield
    document.unlock()


def in_thread(work: Callable[[], Any]) -> Turns:
    """Do what needs nothing of Krita's in a thread, and return what it gives. Raises the MattedError that it raises."""
    results: List[Any] = []
    errors: List[MattedError] = []
    thread: Optional[RequestThread] = RequestThread(lambda on_progress, cancelled: work())
    thread.succeeded.connect(results.append)
    thread.failed.connect(errors.append)
    thread.start()
    while not results and not errors:
        yield
    if errors:
        raise errors[0]
    return results[0]
