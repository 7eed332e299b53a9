"""What stands below a preview: the line that says what goes on, the row of tools, the legend."""

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")
from controls import SPACE
from gi.repository import Gdk, Gtk, Pango
from matted_client.preview import shades
from matted_client.preview.presenter import KEYS, LEGEND
from texts import _

LEAST_CHARACTERS, LINES = 20, 2
WIDE = 60  # characters that the legend wants to be wide
BAR = 120  # logical pixels
SHARE = 255


class StatusLine:
    """Two lines of text, which can be copied, and a thin bar. `widget`: both."""

    def __init__(self):
        self._label = Gtk.Label(xalign=0, yalign=0, selectable=True, width_chars=LEAST_CHARACTERS)
        self._label.set_line_wrap(True)
        self._label.set_lines(LINES)
        self._label.set_ellipsize(Pango.EllipsizeMode.END)
        # The preview above shall not change its size with every sentence.
        _width, height = self._label.create_pango_layout("\n".join(LINES * ["|"])).get_pixel_size()
        self._label.set_size_request(-1, height)
        self._bar = Gtk.ProgressBar(valign=Gtk.Align.START, margin_top=SPACE)
        self._bar.set_size_request(BAR, -1)
        self.widget = Gtk.Box(spacing=2 * SPACE)
        self.widget.pack_start(self._label, True, True, 0)
        self.widget.pack_start(self._bar, False, False, 0)
        self.widget.show_all()

    def show(self, text, is_busy=False, fraction=0.0):
        """Say something. fraction: of what is waited for, 0 to 1."""
        if text != self._label.get_text():  # what is selected stays
            self._label.set_text(text)
            self._label.set_tooltip_text(text)
        self._bar.set_opacity(1.0 if is_busy else 0.0)
        self._bar.set_fraction(fraction)


class ToolRow:
    """What is shown in the place of what goes, how large, and what takes a mark back. `widget`: all of it.

    preview: a PreviewWidget. with_reach: whether the reach of a refined mask can be shown.
    """

    def __init__(self, preview, with_reach):
        self._preview = preview
        presenter = preview.presenter
        self._shades = [*shades.SHADES, *([shades.REACH] if with_reach else [])]
        self._list = Gtk.ComboBoxText()
        for shade in self._shades:
            self._list.append(shade.value, _(shade.label))
        self._list.set_active_id(presenter.shade)
        self._list.connect("changed", self._shade)
        self._list.get_accessible().set_name(_("Background of the preview"))
        self._colour = Gtk.ColorButton(rgba=Gdk.RGBA(*[each / SHARE for each in preview.colour], 1.0))
        self._colour.set_title(_("Colour behind the subject"))
        self._colour.set_tooltip_text(_("Colour behind the subject"))
        self._colour.connect("color-set", self._choose_colour)
        self._undo = _button("edit-undo", _("Take the last mark back (Ctrl+Z)"), presenter.undo)
        self._redo = _button("edit-redo", _("Set the mark again (Ctrl+Shift+Z)"), presenter.redo)
        self._clear = _button("edit-clear", _("Take all marks back (Delete)"), presenter.clear)
        zoom_in = _button("zoom-in", _("Zoom in (+)"), lambda: presenter.zoom(1))
        zoom_out = _button("zoom-out", _("Zoom out (-)"), lambda: presenter.zoom(-1))
        actual = _button("zoom-original", _("One pixel of the layer a pixel of the screen (1)"), presenter.actual)
        fit = _button("zoom-fit-best", _("Show the whole layer (0)"), presenter.fit)
        self.widget = Gtk.Box(spacing=SPACE)
        self.widget.pack_start(self._list, False, False, 0)
        self.widget.pack_start(self._colour, False, False, 0)
        self.widget.pack_end(_linked(self._undo, self._redo, self._clear), False, False, 0)
        self.widget.pack_end(_linked(zoom_out, zoom_in, actual, fit), False, False, SPACE)
        self.widget.show_all()
        self._describe()
        self.follow()

    def follow(self):
        """Grey out what has no effect."""
        marks = self._preview.presenter.marks
        self._undo.set_sensitive(marks.can_undo)
        self._redo.set_sensitive(marks.can_redo)
        self._clear.set_sensitive(bool(marks.now.keep or marks.now.drop or marks.now.box))

    def next_shade(self):
        self._list.set_active((self._list.get_active() + 1) % len(self._shades))

    def _shade(self, chosen):
        self._preview.presenter.shade_with(chosen.get_active_id())
        self._describe()

    def _describe(self):
        shade = self._shades[self._list.get_active()]
        self._list.set_tooltip_text("%s (F)" % _(shade.about))
        self._colour.set_sensitive(shade.value == shades.COLOUR)

    def _choose_colour(self, button):
        rgba = button.get_rgba()
        self._preview.paint_with(tuple(round(SHARE * each) for each in (rgba.red, rgba.green, rgba.blue)))


def legend():
    """What mouse and keys do."""
    label = Gtk.Label(label=_(LEGEND), xalign=0, wrap=True, width_chars=LEAST_CHARACTERS, max_width_chars=WIDE)
    label.set_tooltip_text(_(KEYS))
    label.get_style_context().add_class(Gtk.STYLE_CLASS_DIM_LABEL)
    attributes = Pango.AttrList()
    attributes.insert(Pango.attr_scale_new(0.9))
    label.set_attributes(attributes)
    label.show()
    return label


def _button(icon, about, act):
    """A button that leaves the keys where they are when it is clicked."""
    button = Gtk.Button.new_from_icon_name(icon, Gtk.IconSize.BUTTON)
    button.set_focus_on_click(False)
    button.set_tooltip_text(about)
    button.get_accessible().set_name(about)
    button.connect("clicked", lambda clicked: act())
    return button


def _linked(*buttons):
    group = Gtk.Box()
    group.get_style_context().add_class(Gtk.STYLE_CLASS_LINKED)
    for button in buttons:
        group.pack_start(button, False, False, 0)
    return group
