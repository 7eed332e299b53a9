"""Puts a preview beside the controls of one of GIMP's own dialogs, and keeps both in step while the dialog is open."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from controls import SPACE
from gi.repository import Gdk, GLib, Gtk
from matted_client import MattedError
from matted_client.sentences import in_words
from texts import WORDS, _

from .dialog_parts import StatusLine, ToolRow, legend
from .preview_widget import PreviewWidget

SHARE = 0.6  # of the screen
SMALLEST = 1200, 724  # logical pixels: with less, nothing can be judged, and the controls have to be scrolled
FRAME = 40, 60  # what the window's own frame and a panel take
BORDER = 12
CONTROLS = 340  # logical pixels that they are wide at least: a scale is too short to be moved with less
READING = GLib.PRIORITY_LOW  # after all that a person sees


class PreviewDialog:
    """A dialog with a preview.

    dialog: of GTK. controls: the widget beside the preview.
    begun: the Begun that it is to show, or why it cannot.
    plate: returns the plate that is chosen, or None.
    follow: called with the Presenter when it has something new.
    """

    def __init__(self, dialog, controls, begun, plate=lambda: None, follow=lambda presenter: None, with_reach=False):
        self._dialog = dialog
        self._begun = begun
        self._plate = plate
        self._follow = follow
        self._with_reach = with_reach
        self._trouble = ""  # what is said in the place of the presenter's status
        self._changes = self._anew = self._open = False
        self._preview = self._tools = None
        self._status = StatusLine()
        self._left = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
        self._left.pack_end(self._status.widget, False, False, 0)
        self._lay_out(controls)
        if begun.error is None:
            self._show()
        else:
            self._show_nothing()

    def _show(self):
        """Show the layer that was begun with."""
        opened = self._begun.opened
        self._preview = PreviewWidget(opened, self._begun.ask, self._say, self._complain)
        self._tools = ToolRow(self._preview, self._with_reach)
        self._preview.on_key = self._key
        for each, grows in ((self._preview.widget, True), (self._tools.widget, False), (legend(), False)):
            self._left.pack_start(each, grows, grows, 0)
        self._left.show_all()
        self._preview.focus()
        self._open = True
        GLib.idle_add(self._read_on, priority=READING)
        self.change()

    def _show_nothing(self):
        """Say why there is no preview."""
        self._left.pack_start(Gtk.Label(label=_("There is no preview."), width_chars=60), True, True, 0)
        self._left.show_all()
        self._complain(self._begun.error)

    def change(self, anew=False):
        """Show what is chosen now, at the end of this turn of the main loop.

        anew: also if nothing else is chosen, as when a model has come.
        """
        self._anew |= anew
        if self._open and not self._changes:
            self._changes = True
            GLib.idle_add(self._change, priority=GLib.PRIORITY_HIGH_IDLE)

    def run(self):
        """Have a person choose. Returns whether to go on. The layer stays open."""
        self._dialog.connect(
            "key-press-event", lambda window, event: self._tools is not None and self._window_key(event)
        )
        go_on = self._dialog.run()
        if self._preview is not None:
            self._preview.close()
        self._open = False
        return go_on

    def _lay_out(self, controls):
        scrolled = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER, propagate_natural_height=True)
        scrolled.set_hexpand(False)  # all that more room there is goes to the preview
        scrolled.add(controls)
        scrolled.set_size_request(CONTROLS, -1)
        both = Gtk.Box(spacing=2 * BORDER)
        both.pack_start(self._left, True, True, 0)
        both.pack_start(scrolled, False, False, 0)
        both.show_all()
        content = self._dialog.get_content_area()
        content.pack_start(both, True, True, 0)
        content.reorder_child(both, 0)
        area = _screen()
        sides = ((area.width, 0), (area.height, 1))
        wanted = [min(side - FRAME[axis], max(round(SHARE * side), SMALLEST[axis])) for side, axis in sides]
        self._dialog.set_default_size(*wanted)

    def _change(self):
        self._changes = False
        if not self._open:
            return GLib.SOURCE_REMOVE
        plate_before = self._begun.opened.plate_reading
        try:
            self._begun.opened.take_plate(self._plate())
            options, within = self._begun.fields()
        except MattedError as error:
            self._complain(error)
            return GLib.SOURCE_REMOVE
        self._trouble = ""
        replaced = self._begun.opened.plate_reading is not plate_before
        self._preview.presenter.change(options, within, anew=replaced or self._anew)
        self._anew = False
        self._say()
        if replaced:
            GLib.idle_add(self._read_on, priority=READING)
        return GLib.SOURCE_REMOVE

    def _read_on(self):
        if not self._open:
            return GLib.SOURCE_REMOVE  # the rest is read after the dialog
        try:
            return self._begun.opened.read_on()
        except MattedError as error:
            self._complain(error)
            return GLib.SOURCE_REMOVE

    def _complain(self, error):
        self._trouble = " ".join(part for part in in_words(error, WORDS) if part)
        self._say()

    def _say(self):
        presenter = self._preview and self._preview.presenter
        if presenter is None or self._trouble:
            self._status.show(self._trouble)
            return
        self._tools.follow()
        self._follow(presenter)
        said = " ".join(each for each in (self._begun.about, presenter.status) if each)
        self._status.show(said, presenter.is_busy, presenter.fraction)

    def _key(self, name):
        """A key that means nothing to the presenter."""
        if name == "F":
            self._tools.next_shade()
        return name == "F"

    def _window_key(self, event):
        """Whether a key was for the preview, wherever the focus is."""
        presenter, name = self._preview.presenter, Gdk.keyval_name(event.keyval) or ""
        if name == "Escape":
            return presenter.cancel_drag()
        if not event.state & Gdk.ModifierType.CONTROL_MASK or name.upper() not in ("Z", "Y"):
            return False
        return presenter.key(name.upper(), True, bool(event.state & Gdk.ModifierType.SHIFT_MASK))


def _screen():
    """Return the part of the smallest screen where windows go: nobody knows on which one this one opens."""
    display = Gdk.Display.get_default()
    areas = [display.get_monitor(each).get_workarea() for each in range(display.get_n_monitors())]
    return min(areas, key=lambda area: area.width * area.height)
