"""Takes the place of the GIMP plug-in's options_dialog.py, which is options_dialog_itself.py then, with a person in it.

Runs in the plug-in's process, where benchmarks/dialog_watch.py is dialog_watch.py, and gimp_beginning.py has begun.
"""

import json
import os
import traceback

import call
import options_dialog_itself
import outputs
from dialog_watch import TICK_MS, TURN_MS, now
from gi.repository import GimpUi, GLib, Gtk
from matted_client.preview.presenter import LEFT, Presenter
from preview import preview_dialog, preview_widget
from preview.beginning import FOLDER, watch

PATIENCE = 60.0  # seconds for what a person waits for


def ask(folder, procedure, config, image, begun):
    watch.watch_presenter(Presenter)
    _watch_the_host()
    return options_dialog_itself.ask(folder, procedure, config, image, begun)


def _watch_the_host():
    begin_widget, begin_dialog = preview_widget.PreviewWidget.__init__, preview_dialog.PreviewDialog.__init__
    run, show, remove = preview_dialog.PreviewDialog.run, outputs.show, call.run
    made = {}

    def widget_made(itself, *args, **kwargs):
        begin_widget(itself, *args, **kwargs)
        made["preview"] = itself
        itself.widget.connect("realize", lambda widget: widget.get_frame_clock().connect("after-paint", _painted))

    def dialog_made(itself, dialog, *args, **kwargs):
        made["dialog"] = dialog
        begin_dialog(itself, dialog, *args, **kwargs)

    def running(itself):
        GLib.timeout_add(TICK_MS, _ticked)
        Person(made["dialog"], made["preview"])
        return run(itself)

    def showing(*args):
        begun = now()
        try:
            return show(*args)
        finally:
            watch.inserts(begun)

    def removing(*args):
        try:
            return remove(*args)
        finally:
            _write()

    preview_widget.PreviewWidget.__init__, preview_dialog.PreviewDialog.__init__ = widget_made, dialog_made
    preview_dialog.PreviewDialog.run, outputs.show, call.run = running, showing, removing


def _painted(clock):
    watch.painted()


def _ticked():
    watch.tick()
    return GLib.SOURCE_CONTINUE


def _write():
    with open(os.path.join(FOLDER, "watched.json"), "w") as file:
        json.dump(watch.told(), file)


class Person:
    """Does in the dialog what dialog_watch.py says. Leaves it where something fails, which the log tells."""

    def __init__(self, dialog, preview):
        self._dialog, self._preview = dialog, preview
        self._steps = watch.use(self)
        self._condition = lambda: True
        self._deadline = now() + PATIENCE
        GLib.timeout_add(TURN_MS, self._turn)

    def set(self, option, value):
        self._dialog.get_widget(option, GimpUi.ScaleEntry.__gtype__).set_value(value)

    def click(self, x, y):
        presenter = self._preview.presenter
        width, height = presenter.camera.window
        presenter.press(x * width, y * height, LEFT)
        presenter.release(x * width, y * height, LEFT)

    def accept(self):
        self._dialog.response(Gtk.ResponseType.OK)

    def _turn(self):
        try:
            if self._condition():
                self._condition = next(self._steps)
                self._deadline = now() + PATIENCE
            elif now() > self._deadline:
                raise AssertionError(f"in vain waited for {self._condition}")
        except StopIteration:
            return GLib.SOURCE_REMOVE
        except Exception:
            traceback.print_exc()
            self._dialog.response(Gtk.ResponseType.CANCEL)
            return GLib.SOURCE_REMOVE
        return GLib.SOURCE_CONTINUE
