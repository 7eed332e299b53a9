"""How long a click takes on large layers, and for how long Krita's event loop stands still in it.

benchmarks/hosts.py puts the pictures there, and stages.py or dialog_watch.py, and reads this. The plug-in may be that
of another checkout, so this imports only what a click needs.
"""

import time
from contextlib import contextmanager

from krita import Node
from PyQt5.QtCore import Qt, QTimer
from remove_background import layers, removal
from remove_background.matted_client.client import Session

from .program import (
    FOLDER,
    action,
    close,
    krita,
    masks,
    messages,
    show,
    turns,
)
from .steps import (
    click,
    idle,
)

SETTLE = 50  # turns, after which nothing of what was before goes on


def clicks(seen):
    """The first picture is a small one, with which daemon and model come up."""
    from .stages import Stages, parts  # only benchmarks have it

    seen["clicks"] = []
    stages = Stages()
    stages.begins(layers, "read", "read")
    stages.begins(removal.Removal, "_end", "done")
    stages.watch_requests(Session)
    for document in _documents():
        yield from show(document)
        yield turns(SETTLE)
        stages.moments.clear()
        clicked = time.perf_counter()
        click()
        yield idle
        painted = time.perf_counter() - stages.moments["done"]
        assert not messages()
        seen["clicks"].append({**parts(stages.told(), clicked, stages.moments["done"]), "painted": painted})
        yield from close(document)


def gaps(seen):
    """How long Krita's event loop stands still at worst: in a click, in the plug-in's own steps, for Krita's mask."""
    from .dialog_watch import Watch  # only benchmarks have it

    seen["gaps"] = []
    watch = Watch("", ())
    steps = _Steps()
    for document in _documents():
        yield from show(document)
        yield turns(SETTLE)
        steps.longest = 0.0
        with ticking(watch):
            click()
            yield idle
            yield turns(SETTLE)
            document.waitForDone()
        assert not messages()
        of_click = _longest(watch)
        masks(document.activeNode())[-1].remove()
        document.waitForDone()
        yield turns(SETTLE)
        with ticking(watch):
            action("add_new_transparency_mask").trigger()
            yield turns(SETTLE)
        seen["gaps"].append({"click": of_click, "plug-in": steps.longest, "host": _longest(watch)})
        yield from close(document)


@contextmanager
def ticking(watch):
    """Have a dialog_watch.Watch look at Krita's event loop, and forget what was before."""
    from .dialog_watch import TICK_MS

    watch.clear()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(TICK_MS)
    timer.timeout.connect(watch.tick)
    timer.start()
    try:
        yield
    finally:
        timer.stop()


def _longest(watch):
    return max((last - first for first, last in watch.gaps), default=0.0)


class _Steps:
    """The longest of the plug-in's own steps, without the moment in which Krita itself puts the mask in. Seconds."""

    def __init__(self):
        self.longest = 0.0
        step = removal.Removal._step

        def timed(*values):
            start, self._krita = time.perf_counter(), 0.0
            step(*values)
            self.longest = max(self.longest, time.perf_counter() - start - self._krita)

        removal.Removal._step = timed
        add = Node.addChildNode

        def added(node, *arguments):
            start = time.perf_counter()
            try:
                return add(node, *arguments)
            finally:
                self._krita += time.perf_counter() - start

        Node.addChildNode = added


def _documents():
    for picture in pictures():
        yield krita.openDocument(str(picture))


def pictures():
    return sorted(FOLDER.glob("benchmark-*.png"))


ALL = [("clicks", clicks), ("gaps", gaps)]
