"""Work that lets Krita's event loop go on in between: a generator that yields wherever it may.

It yields the milliseconds until it wants to go on. Krita shows what was done, and takes what a person does, only then.
Its own nested event loops are out of the question: it holds events back while one runs.
"""

from __future__ import annotations

from typing import Any, Callable, Generator, List, Optional, Tuple

from .matted_client.errors import MattedError
from .matted_client.pictures import Cancelled, OnProgress
from .matted_client.sentences import as_matted_error
from .request_thread import RequestThread
from .texts import _

Turns = Generator[int, None, Any]  # returns the result

NOW_MS = 0  # there is more to do
LATER_MS = 10  # something else has to happen first


def fault(error: Exception) -> MattedError:
    """Return what a step raised, Krita's errors too, as an error for a person.

    It must not leave a slot of Qt's: Krita would show it in a dialog of its own.
    """
    return as_matted_error(error, _("matted could not finish its work."), _("Krita said: %s"))


def settled(document: Any) -> Turns:
    """Wait for what Krita computes in threads of its own.

    document.waitForDone() would have Krita stand still for all of it, this for the last part at most.
    """
    while not document.tryBarrierLock():
        yield LATER_MS
    document.unlock()


def in_thread(work: Callable[[], Any]) -> Turns:
    """Do what needs nothing of Krita's in a thread, and return what it gives. Raises what it raises."""
    ends: List[Tuple[Any, Optional[Exception]]] = []

    def task(_on_progress: OnProgress, _cancelled: Cancelled) -> Tuple[Any, Optional[Exception]]:
        try:
            return work(), None
        except Exception as error:  # not for the thread to tell: it takes every fault for one of a request
            return None, error

    thread = RequestThread(task)
    thread.succeeded.connect(ends.append)
    thread.start()
    while not ends:
        yield LATER_MS
    ((result, error),) = ends
    if error is not None:
        raise error
    return result
