"""The inferences that a server has been asked for: where it hangs, none of them waits out a timeout of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from matted.inference.engines.kserve.connection import Array, Call, ServerError, TooSlow


class Flights:
    """The inferences that are under way on a server. All methods are thread-safe.

    A server hangs where one of them has waited for its whole timeout, and meanwhile none was answered, of whichever
    model. Then all others are given up: they were asked for later, so they would be answered later still. One that was
    asked for a moment before the timeout is no worse off than one of a moment after it, which asks no such server. But
    where the server has answered another one meanwhile, it is only slow with this one, and all others go on.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without any. clock: monotonic, seconds."""
        self._clock = clock
        self._waiting: set[Call] = set()
        self._answered: float | None = None  # when the server has answered last
        self._hung: ServerError | None = None
        self._lock = threading.Lock()

    def require_alive(self) -> None:
        """Raise TooSlow if the server was found to hang: it need not be asked."""
        if self._hung is not None:
            raise self._hung.alone()

    def wait(self, call: Call) -> list[Array]:
        """Wait for the outputs of an inference that has just begun. Raises ServerError, at once if the server hangs."""
        begun = self._clock()
        with self._lock:
            hung = self._hung
            if hung is None:
                self._waiting.add(call)
        if hung is not None:
            call.cancel()
            raise hung.alone()
        try:
            outputs = call.result()
        except TooSlow as error:
            self._found_slow(error, begun)
            raise
        except ServerError:
            if self._hung is not None and call not in self._waiting:
                raise self._hung.alone() from None  # it was given up
            raise
        finally:
            with self._lock:
                self._waiting.discard(call)
        with self._lock:
            self._answered = self._clock()
        return outputs

    def _found_slow(self, error: TooSlow, begun: float) -> None:
        """Give up the others if the server has answered none since this one began."""
        with self._lock:
            if self._hung is not None or (self._answered is not None and self._answered >= begun):
                return
            self._hung = error.alone()
            others, self._waiting = self._waiting, set()
        for each in others:
            each.cancel()
