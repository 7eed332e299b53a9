"""A Krita plug-in that runs checks in the running program and writes what it saw to results.json.

A check is a generator function. It yields a condition, a function without arguments: Krita's own event loop goes on,
and the check is resumed with the condition's first true value. Nothing blocks, exactly as with a person at the screen.
"""

import json
import os
import time
import traceback
from contextlib import suppress

from krita import Extension, Krita
from PyQt5.QtCore import QTimer

POLL_MS = 20
WAIT_SECONDS = 30.0


class Runner(Extension):
    def __init__(self, parent):
        super().__init__(parent)
        self._results = {}
        self._timer = QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._poll)

    def setup(self):
        pass

    def createActions(self, window):
        if not self._timer.isActive():
            self._checks = self._all()
            self._condition = next(self._checks)
            self._deadline = time.monotonic() + WAIT_SECONDS
            self._timer.start()

    @staticmethod
    def _window_is_open():
        windows = Krita.instance().windows()
        return windows and windows[0].qwindow().isVisible()

    def _poll(self):
        self._timer.stop()
        try:
            self._go_on()
        except StopIteration:
            self._quit()
            return
        self._timer.start()

    def _go_on(self):
        """Resume the check with what its condition gives or raises, or once it was in vain. Raises StopIteration."""
        value = error = None
        try:
            value = self._condition()
        except Exception as raised:  # Krita would show it in a dialog, and wait
            error = raised
        if not value and error is None:
            if time.monotonic() <= self._deadline:
                return
            name = self._condition.__doc__ or self._condition.__qualname__
            error = AssertionError(f"in vain waited for: {name}")
        self._condition = self._checks.throw(error) if error else self._checks.send(value)
        self._deadline = time.monotonic() + WAIT_SECONDS

    def _all(self):
        yield self._window_is_open
        from . import program  # not before Krita has a window

        for name, check in self._chosen():
            seen = self._results[name] = {}
            start = time.monotonic()
            try:
                yield from check(seen)
            except Exception:
                seen["failure"] = traceback.format_exc()
                with suppress(AssertionError):
                    program.photograph_screen(f"failure in {name}.png")
            seen["seconds"] = round(time.monotonic() - start, 1)
            program.FOLDER.joinpath("results.json").write_text(json.dumps(self._results, indent=1))
            yield from program.tidy_up()

    @staticmethod
    def _chosen():
        """(name, check) of all that this start of Krita is for."""
        if "MATTED_IMPORT" in os.environ:  # the others need the plug-in, which is not there yet
            from . import importing

            return importing.ALL
        if "MATTED_BENCHMARK" in os.environ:  # the plug-in may be another checkout's
            return _measured(os.environ["MATTED_BENCHMARK"])
        if "MATTED_CLICK" in os.environ:
            from . import checks

            return checks.FIRST + checks.LAST
        from . import animation, checks, getting, previewing, readme, studio, table, wishes

        if "MATTED_LANGUAGE" in os.environ:
            return wishes.LANGUAGE
        if "MATTED_README" in os.environ:
            return readme.ALL
        if "MATTED_GETTING" in os.environ:
            return getting.ALL
        if "MATTED_STUDIO" in os.environ:
            return studio.ALL
        if "MATTED_FRAMES" in os.environ:
            return animation.ALL + checks.LAST
        if "MATTED_PREVIEW" in os.environ:
            return previewing.ALL + checks.LAST
        return checks.ALL + table.ALL + wishes.ALL + checks.LAST

    def _quit(self):
        QTimer.singleShot(0, Krita.instance().action("file_quit").trigger)


def _measured(what):
    """The one check that is measured. Those of the click do without what the dialog needs."""
    if what == "dialogs":
        from . import dialog_benchmark

        return dialog_benchmark.ALL
    from . import benchmark

    return [(name, check) for name, check in benchmark.ALL if name == what]


Krita.instance().addExtension(Runner(Krita.instance()))
