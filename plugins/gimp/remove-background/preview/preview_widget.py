"""The preview in the dialogs: a widget of GTK that paints what a Presenter says, and hands on mouse and keys."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, GLib, Gtk
from matted_client import MattedError
from matted_client.preview.presenter import KEYS, LEFT, MIDDLE, RIGHT, Presenter, Widget
from texts import WORDS, _

from .painting import Painter
from .views import Views

LEAST = 420, 360  # logical pixels
NAME = "remove-background-preview"
STYLE = b"""
#remove-background-preview { border: 1px solid alpha(currentColor, 0.2); }
#remove-background-preview.has-keys { border-color: alpha(currentColor, 0.8); }
"""  # in the colours of the person's theme, which draws no frame that would show where the keys go
HAS_KEYS = "has-keys"
BUTTONS = {1: LEFT, 2: MIDDLE, 3: RIGHT}
# GDK's names of keys, where they are not the presenter's.
NAMES = {
    "KP_Enter": "Return",
    "ISO_Enter": "Return",
    "BackSpace": "Backspace",
    "plus": "+",
    "equal": "+",  # the same key as +, on many keyboards
    "KP_Add": "+",
    "minus": "-",
    "KP_Subtract": "-",
    "space": "Space",
    "KP_Delete": "Delete",
    "KP_0": "0",
    "KP_1": "1",
    "KP_Left": "Left",
    "KP_Right": "Right",
    "KP_Up": "Up",
    "KP_Down": "Down",
}
EVENTS = (
    Gdk.EventMask.BUTTON_PRESS_MASK
    | Gdk.EventMask.BUTTON_RELEASE_MASK
    | Gdk.EventMask.BUTTON_MOTION_MASK
    | Gdk.EventMask.SCROLL_MASK
    | Gdk.EventMask.SMOOTH_SCROLL_MASK
    | Gdk.EventMask.KEY_PRESS_MASK
    | Gdk.EventMask.KEY_RELEASE_MASK
    | Gdk.EventMask.FOCUS_CHANGE_MASK
)
# The reading of the whole layer, which goes on in idle moments too, comes after both.
SOON, PAINTING = GLib.PRIORITY_DEFAULT_IDLE, GLib.PRIORITY_HIGH_IDLE + 15


class PreviewWidget(Widget):
    """Shows a layer and its mask. `widget`: GTK's. `presenter`: what it shows. `colour`: behind the subject, RGB.

    `on_key`: called with the name of a key that means nothing to the presenter; says whether it means something.

    opened: an OpenedLayer.
    ask: asks the daemon for a view, as a Presenter needs it.
    on_change: called when there is something else to be said.
    on_error: called with the MattedError that says why a view cannot be read.
    """

    def __init__(self, opened, ask, on_change, on_error):
        self.presenter = Presenter(self, opened.conversation, opened.size, ask, WORDS)
        opened.marks = self.presenter.marks
        self.on_key = lambda name: False
        self.colour = (0x40, 0x80, 0xC0)
        self._views = Views(opened.layer)
        self._on_change = on_change
        self._on_error = on_error
        self._painter = Painter()
        self._size = None  # in the screen's pixels, and those a logical one
        self._wanted = self._reading = None  # the view whose pixels are to be got, and what gets them
        self._paints = self._closed = False
        self._shown = Gtk.Image()
        self._place = Gtk.Layout(can_focus=True)
        self._place.set_size_request(*LEAST)
        self._place.put(self._shown, 0, 0)
        self._place.add_events(EVENTS)
        for name, handler in self._handlers().items():
            self._place.connect(name, handler)
        self._place.get_accessible().set_name(_("Preview"))
        self._place.get_accessible().set_description(_(KEYS))
        self.widget = Gtk.Box(name=NAME)
        self.widget.pack_start(self._place, True, True, 0)
        style = Gtk.CssProvider()
        style.load_from_data(STYLE)
        self.widget.get_style_context().add_provider(style, Gtk.STYLE_PROVIDER_PRIORITY_APPLICATION)

    def close(self):
        """Take no more answers, and call nothing of the dialog, which ends. The conversation goes on."""
        self._closed = True
        self.presenter.close()

    def focus(self):
        self._place.grab_focus()

    def paint_with(self, colour):
        """Take another colour behind the subject."""
        self.colour = colour
        self.redraw()

    # -- what a Presenter needs ----------------------------------------------------------------------------------------

    def redraw(self):
        if not self._paints:
            self._paints = True
            GLib.idle_add(self._paint, priority=PAINTING)

    def say(self):
        if not self._closed:
            self._on_change()

    def want_image(self, view):
        if self._wanted is None:
            GLib.idle_add(self._get_image, priority=SOON)
        self._wanted, self._reading = view, self._views.seen(view)

    def limit(self, view):
        try:
            return self._views.limit(view)
        except MattedError:  # the layer cannot be read any more, which is said when the next view is
            return None

    def later(self, milliseconds, act):
        def now():
            if not self._closed:
                act()
            return GLib.SOURCE_REMOVE

        GLib.timeout_add(milliseconds, now)

    # -- what GTK calls ------------------------------------------------------------------------------------------------

    def _handlers(self):
        return {
            "size-allocate": lambda place, area: self._resize(),
            "notify::scale-factor": lambda place, changed: self._resize(),
            "button-press-event": self._press,
            "button-release-event": self._release,
            "motion-notify-event": self._move,
            "scroll-event": self._scroll,
            "key-press-event": self._key,
            "key-release-event": lambda place, event: self.presenter.key_released(_name(event)),
            "focus-in-event": lambda place, event: self._show_focus(True),
            "focus-out-event": lambda place, event: self._show_focus(False),
        }

    def _paint(self):
        self._paints = False
        if not self._closed:
            # As an icon, the pixels are those of the screen also where GTK enlarges everything.
            self._shown.set_from_gicon(self._painter.paint(self.presenter, self.colour), Gtk.IconSize.INVALID)
        return GLib.SOURCE_REMOVE

    def _get_image(self):
        """Read one piece of what is to be seen."""
        image = None
        try:
            if not self._closed:
                image = next(self._reading)
                if image is None:
                    return GLib.SOURCE_CONTINUE
        except MattedError as error:
            self._on_error(error)
        view, self._wanted = self._wanted, None
        if image is not None:
            self.presenter.image_came(view, image)
        return GLib.SOURCE_REMOVE

    def _resize(self):
        area, scale = self._place.get_allocation(), self._place.get_scale_factor()
        size = area.width * scale, area.height * scale, scale
        if size != self._size:  # GTK allocates anew also for every picture that is shown
            self._size = size
            self.presenter.resize(*size)

    def _at(self, event):
        scale = self._place.get_scale_factor()
        return event.x * scale, event.y * scale

    def _press(self, place, event):
        if event.type == Gdk.EventType.BUTTON_PRESS and event.button in BUTTONS:
            place.grab_focus()
            alt = bool(event.state & Gdk.ModifierType.MOD1_MASK)
            self.presenter.press(*self._at(event), BUTTONS[event.button], alt)
        return True

    def _release(self, place, event):
        if event.button in BUTTONS:
            self.presenter.release(*self._at(event), BUTTONS[event.button])
        return True

    def _move(self, place, event):
        self.presenter.move(*self._at(event))
        return True

    def _scroll(self, place, event):
        smooth, _across, down = event.get_scroll_deltas()
        steps = {Gdk.ScrollDirection.UP: 1, Gdk.ScrollDirection.DOWN: -1}
        by = -down if smooth else steps.get(event.direction, 0)
        if by:
            self.presenter.zoom(by, *self._at(event))
        return True

    def _key(self, place, event):
        state, name = event.state, _name(event)
        ctrl, shift = bool(state & Gdk.ModifierType.CONTROL_MASK), bool(state & Gdk.ModifierType.SHIFT_MASK)
        alt = bool(state & Gdk.ModifierType.MOD1_MASK)
        if alt and name != "Return":
            return False  # it is of a control of the dialog
        return self.presenter.key(name, ctrl, shift, alt) or (not ctrl and self.on_key(name))

    def _show_focus(self, has_it):
        if not has_it:
            self.presenter.lose_focus()
        style = self.widget.get_style_context()
        (style.add_class if has_it else style.remove_class)(HAS_KEYS)
        return False


def _name(event):
    """The presenter's name of a key."""
    name = Gdk.keyval_name(event.keyval) or ""
    return NAMES.get(name, name.upper() if len(name) == 1 else name)
