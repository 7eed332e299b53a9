"""What is done in the real Krita. Each check fills `seen`; tests/hosts/test_krita.py says what it should have seen."""

import json
import os
import re
import signal
import time

from krita import InfoObject, Selection
from PyQt5.QtCore import QByteArray
from PyQt5.QtWidgets import QApplication
from remove_background import pixels as pixels_in_parts

from .program import (
    FOLDER,
    SELECTED,
    action,
    activate,
    add_mask,
    close,
    export,
    in_front,
    krita,
    look,
    masks,
    open_photograph,
    photograph_screen,
    pixels,
    save_mask,
    select,
    selected,
    turns,
    undo,
    window,
)
from .steps import (
    BUSY_REQUESTS,
    SETTINGS,
    Busy,
    click,
    connection_file,
    daemon_pid,
    daemon_status,
    daemon_that_stands_still,
    idle,
    is_asking,
    is_gone,
    is_modal,
    model_process,
    press_cancel,
    progress,
    progress_value,
    remove_background,
    stop_daemon,
    take_messages,
    waits_in_line,
)


def menu(seen):
    entries = [entry.objectName() for entry in _menu("filter").actions()]
    seen["in the Filter menu"] = "remove_background" in entries
    yield turns()
    seen["enabled without a document"] = action("remove_background").isEnabled()
    yield from open_photograph()
    yield turns()
    seen["enabled with a document"] = action("remove_background").isEnabled()


def _menu(name):
    for entry in window().qwindow().menuBar().actions():
        if entry.menu() and entry.menu().objectName().lower() == name:
            return entry.menu()
    raise AssertionError([entry.menu().objectName() for entry in window().qwindow().menuBar().actions()])


def first_click(seen):
    """The daemon does not run: the click starts it."""
    seen["daemon before"] = connection_file().exists()
    document = yield from open_photograph()
    node = document.activeNode()
    seen["before"] = look(document, node)

    click()
    yield progress
    seen["modal"] = is_modal(progress())
    seen["progress"] = []

    def over():
        """the mask"""
        if progress():
            seen["progress"].append(progress_value())
        return idle()

    yield over
    yield turns()
    seen["messages"] = take_messages()
    seen["after"] = look(document, node)
    seen["pid"] = daemon_pid()
    export(document, "masked.png")  # which has Krita compute anew what it shows
    seen["computed anew"] = look(document, node)
    photograph_screen("masked-screen.png")

    action("edit_undo").trigger()
    document.waitForDone()
    yield turns()
    seen["undone"] = look(document, node)
    export(document, "undone.png")
    action("edit_redo").trigger()
    document.waitForDone()
    yield turns()
    seen["redone"] = look(document, node)
    export(document, "redone.png")


def second_click(seen):
    """Our mask is replaced in one undo step; a mask of the user's own stays and multiplies."""
    document = yield from open_photograph()
    node = document.activeNode()
    add_mask(document, node, "Mine", 128)
    yield from activate(document, node)
    yield from remove_background()
    yield turns()
    # what an older model, or the user's brush, might have left in our mask
    earlier = masks(node)[-1]
    earlier.setPixelData(QByteArray(bytes([77]) * (60 * 60)), 0, 0, 60, 60)
    document.refreshProjection()
    document.waitForDone()
    select(document, *SELECTED)
    yield turns()
    seen["before"] = look(document, node)
    seen["selection before"] = selected(document)
    save_mask(node, "second-before.mask")
    yield from activate(document, earlier)

    seen["messages"] = yield from remove_background()
    seen["after"] = look(document, node)
    seen["selection after"] = selected(document)
    save_mask(node, "second-after.mask")
    export(document, "second.png")

    action("edit_undo").trigger()
    document.waitForDone()
    yield turns()
    seen["undone"] = look(document, node)
    save_mask(node, "second-undone.mask")
    action("edit_redo").trigger()
    document.waitForDone()
    yield turns()
    save_mask(node, "second-redone.mask")


def killed_before(seen):
    """kill -9 between two clicks."""
    document = yield from open_photograph()
    pid = daemon_pid()
    os.kill(pid, signal.SIGKILL)
    yield is_gone(pid)
    seen["messages"] = yield from remove_background()
    seen["another daemon"] = daemon_pid() != pid
    save_mask(document.activeNode(), "killed-before.mask")


def killed_in_the_middle(seen):
    document = yield from open_photograph()
    node = document.activeNode()
    yield turns()
    seen["before"] = look(document, node)
    busy = Busy()
    yield _is_busy
    click()
    yield waits_in_line
    pid = daemon_pid()
    os.kill(pid, signal.SIGSTOP)  # from here on nothing can arrive any more
    yield turns()
    seen["still waiting"] = progress() is not None
    photograph_screen("waiting.png")
    os.kill(pid, signal.SIGKILL)
    yield idle
    yield turns()
    yield from busy.stop()
    photograph_screen("message.png")
    seen["messages"] = take_messages()
    seen["after"] = look(document, node)
    seen["messages of the next click"] = yield from remove_background()
    save_mask(node, "killed-in-the-middle.mask")


def _is_busy():
    """more work in the daemon than it can do at once"""
    return len(daemon_status()["jobs"]) == BUSY_REQUESTS


def cannot_start(seen):
    document = yield from open_photograph()
    node = document.activeNode()
    yield turns()
    seen["before"] = look(document, node)
    yield from stop_daemon()
    installed = SETTINGS.read_text()
    commands = {
        "missing": ["/nonexistent/python3", "-m", "matted"],
        "broken": ["/bin/sh", "-c", "echo This computer is on strike. >&2; exit 3"],
    }
    try:
        for name, command in commands.items():
            SETTINGS.write_text(json.dumps({**json.loads(installed), "command": command}))
            seen[name] = yield from remove_background()
        SETTINGS.unlink()
        seen["not installed"] = yield from remove_background()
    finally:
        SETTINGS.write_text(installed)
    seen["after"] = look(document, node)
    seen["messages of the next click"] = yield from remove_background()


def cancelled(seen):
    """The click waits behind others; the model is stopped, so that they stay."""
    document = yield from open_photograph()
    node = document.activeNode()
    yield turns()
    seen["before"] = look(document, node)
    model = model_process()
    os.kill(model, signal.SIGSTOP)
    try:
        busy = Busy()
        yield _is_busy
        click()
        yield waits_in_line
        yield from _cancel(seen, BUSY_REQUESTS)
        seen["escape"] = yield from _escape()
    finally:
        os.kill(model, signal.SIGCONT)
    yield from busy.stop()
    yield from _afterwards(seen, document, node, "cancelled.mask")


def cancelled_at_work(seen):
    """The model is in the middle of its work, which goes on only when the click on Cancel was made."""
    document = yield from open_photograph()
    node = document.activeNode()
    yield from remove_background()
    yield from undo(document)
    node.setPixelData(QByteArray(bytes(range(256)) * 36), 0, 0, 48, 48)  # the daemon knows the picture as it was
    yield turns()
    seen["before"] = look(document, node)
    model = model_process()
    os.kill(model, signal.SIGSTOP)
    try:
        click()

        def at_work():
            """the model at work"""
            return [job["stage"] for job in daemon_status()["jobs"]] == ["inference"]

        yield at_work
        yield from _cancel(seen, 0, lambda: os.kill(model, signal.SIGCONT))
    finally:
        os.kill(model, signal.SIGCONT)
    (FOLDER / "cancelled-at-work.pixels").write_bytes(pixels(node))
    yield from _afterwards(seen, document, node, "cancelled-at-work.mask")


def _cancel(seen, jobs, then=lambda: None):
    """Click on Cancel, and do `then`; the daemon has so many jobs afterwards."""
    clicked = time.monotonic()
    press_cancel()
    seen["gone at once"] = idle()
    then()

    def job_is_gone():
        """the daemon to drop the job"""
        return len(daemon_status()["jobs"]) <= jobs

    yield job_is_gone
    seen["seconds to cancel"] = time.monotonic() - clicked


def no_jobs():
    """the daemon to have nothing to do"""
    return not daemon_status()["jobs"]


def _afterwards(seen, document, node, name):
    """Nothing is left, and the next click works."""
    yield no_jobs
    yield turns()
    seen["messages"] = take_messages()
    seen["after"] = look(document, node)
    seen["messages of the next click"] = yield from remove_background()
    save_mask(node, name)


def _escape():
    """The dialog's close button and Escape are the same as Cancel."""
    click()
    yield waits_in_line
    progress().reject()
    return idle()


def closed_while_waiting(seen):
    document = yield from open_photograph()
    with daemon_that_stands_still():
        click()
        yield is_asking
        document.setModified(False)
        document.close()
    yield idle
    yield turns()
    seen["closed"] = take_messages()
    yield from _while_waiting(seen, "removed", lambda layer: layer.remove())
    yield from _while_waiting(seen, "locked", lambda layer: layer.setLocked(True))
    yield from _removed_while_read(seen)


def _removed_while_read(seen):
    document = yield from open_photograph()
    layer = document.activeNode().duplicate()
    document.rootNode().addChildNode(layer, None)
    yield from activate(document, layer)
    yield in_front(document, layer)
    kept = pixels_in_parts.read

    def read(*values):
        turns_of_it = kept(*values)
        yield next(turns_of_it)
        layer.remove()
        yield from turns_of_it

    pixels_in_parts.read = read
    try:
        seen["read"] = yield from remove_background()
    finally:
        pixels_in_parts.read = kept
    yield no_jobs
    seen["read layers"] = [[child.name() for child in node.childNodes()] for node in document.topLevelNodes()]
    yield from close(document)


def _while_waiting(seen, name, happening):
    document = yield from open_photograph()
    layer = document.activeNode().duplicate()
    document.rootNode().addChildNode(layer, None)
    yield from activate(document, layer)
    yield in_front(document, layer)
    with daemon_that_stands_still():
        click()
        yield is_asking
        happening(layer)
        document.waitForDone()
    yield idle
    yield turns()
    seen[name] = take_messages()
    seen[name + " layers"] = [[child.name() for child in node.childNodes()] for node in document.topLevelNodes()]
    yield from close(document)


def layer_kinds(seen):
    """What is around a layer stays as it was; table.py has more kinds. Each is shown alone when it is exported."""
    document = yield from open_photograph()
    photograph = document.activeNode()
    root = document.rootNode()
    width, height = document.width(), document.height()

    offset = document.createNode("offset", "paintlayer")
    offset.setPixelData(QByteArray(pixels(photograph)), -70, 45, width, height)

    group = document.createGroupLayer("group")
    half = document.createNode("half", "paintlayer")
    half.setPixelData(QByteArray(b"\x20\x40\xc0\x80" * (80 * 60)), 30, 200, 80, 60)

    everything = Selection()
    everything.select(0, 0, width, height, 255)
    colour = InfoObject()
    colour.setProperty("color", "#2060a0")
    fill = document.createFillLayer("fill", "color", colour, everything)

    shrunk = photograph.duplicate()
    shrunk.setName("transform mask")
    for layer in (offset, group, fill, shrunk):
        root.addChildNode(layer, None)
    group.addChildNode(photograph.duplicate(), None)
    group.addChildNode(half, None)
    transform = document.createTransformMask("half the size")
    shrunk.addChildNode(transform, None)
    document.waitForDone()
    seen["scale"] = _halve(transform)
    document.waitForDone()
    layers = [photograph, offset, group, fill, shrunk]

    for layer in layers[1:]:
        for other in layers:
            other.setVisible(other.name() == layer.name())
        yield from activate(document, layer)
        document.refreshProjection()
        document.waitForDone()
        export(document, f"{layer.name()}-before.png")
        before = look(document, layer)
        messages = yield from remove_background()
        after = look(document, layer)
        export(document, f"{layer.name()}-after.png")
        seen[layer.name()] = {
            "type": layer.type(),
            "messages": messages,
            "before": before,
            "after": after,
            "area": save_mask(layer, f"{layer.name()}.mask") if masks(layer) else None,
        }


def _halve(transform):
    """Scale by a half, where scripts can: from Krita 5.2 on. Returns the scale."""
    if not hasattr(transform, "toXML"):
        return 1.0
    description, count = re.subn(r"<(scale[XY]) [^>]*/>", r'<\1 type="value" value="0.5"/>', transform.toXML())
    assert count == 2, description
    assert transform.fromXML(description)
    return 0.5


def chosen_layer(seen):
    """A mask is selected, the layer is locked, in a locked group, empty, hidden, or a filter layer."""
    document = yield from open_photograph()
    photograph = document.activeNode()
    root = document.rootNode()
    mine = add_mask(document, photograph, "Mine", 255)
    yield from activate(document, mine)
    seen["mask selected"] = yield from remove_background()
    seen["mask selected, after"] = look(document, photograph)

    hidden = document.createNode("hidden", "paintlayer")
    hidden.setPixelData(QByteArray(pixels(photograph)), 0, 0, document.width(), document.height())
    empty = document.createNode("empty", "paintlayer")
    locked = photograph.duplicate()
    locked.setName("locked")
    group = document.createGroupLayer("locked group")
    inside = photograph.duplicate()
    inside.setName("inside")
    everything = Selection()
    everything.select(0, 0, document.width(), document.height(), 255)
    filter_layer = document.createFilterLayer("filter", krita.filter("invert"), everything)
    for layer in (hidden, empty, locked, group, filter_layer):
        root.addChildNode(layer, None)
    group.addChildNode(inside, None)
    hidden.setVisible(False)
    locked.setLocked(True)
    group.setLocked(True)
    document.waitForDone()
    for layer in (hidden, empty, locked, inside, filter_layer):
        yield from activate(document, layer)
        before = look(document, layer)
        messages = yield from remove_background()
        seen[layer.name()] = {"messages": messages, "before": before, "after": look(document, layer)}


def earlier_mask_locked(seen):
    document = yield from open_photograph()
    node = document.activeNode()
    yield from remove_background()
    masks(node)[-1].setLocked(True)
    yield turns()
    seen["before"] = look(document, node)
    seen["messages"] = yield from remove_background()
    seen["after"] = look(document, node)


def last(seen):
    """Leaves a daemon running for the tests to ask, and says what is left on the screen."""
    yield from open_photograph()
    yield from remove_background()
    seen["pid"] = daemon_pid()
    seen["windows"] = [w.windowTitle() for w in QApplication.topLevelWidgets() if w.isVisible() and w.isModal()]


FIRST = [("first click", first_click)]
ALL = [
    ("menu", menu),
    *FIRST,
    ("second click", second_click),
    ("killed before", killed_before),
    ("killed in the middle", killed_in_the_middle),
    ("cannot start", cannot_start),
    ("cancelled", cancelled),
    ("cancelled at work", cancelled_at_work),
    ("while waiting", closed_while_waiting),
    ("layer kinds", layer_kinds),
    ("chosen layer", chosen_layer),
    ("earlier mask locked", earlier_mask_locked),
]
LAST = [("last", last)]
