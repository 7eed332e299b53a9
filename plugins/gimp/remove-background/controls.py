"""The controls of the options dialog where GIMP's own do not suit: lists of choices, and numbers within their range."""

import gi

gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import GimpUi, Gtk
from matted_client import options
from texts import _

SPACE = 6  # pixels
PAGE = 10  # steps


def add_choice_list(dialog, config, name, entry):
    """Give a GimpUi.ProcedureDialog a list of choices for an argument that is a text.

    name: of the argument. Returns (id, label): what the dialog is to be filled with, and the label before the list.
    """
    rows = Gtk.ListStore(str, str)  # value, what is shown
    for choice in entry.choices:
        rows.append((choice.value, _(choice.label)))
    choices = GimpUi.prop_string_combo_box_new(config, name, rows, 0, 1)
    choices.set_tooltip_text(_(entry.about))
    label = dialog.get_label(name + "-label", _(entry.label), False, True)
    line = dialog.fill_box(name + "-line", [name + "-label"])
    in_line(line, label, choices)
    return name + "-line", label


def in_line(line, label, widget):
    """Make a line of a label, which may be there already, and of the widget to which its key leads."""
    label.set_xalign(0)
    label.set_mnemonic_widget(widget)
    line.set_orientation(Gtk.Orientation.HORIZONTAL)
    line.set_spacing(SPACE)
    if label.get_parent() is None:
        line.pack_start(label, False, False, 0)
    line.pack_start(widget, True, True, 0)
    line.show_all()


def limit(scale, entry):
    """Let a GimpUi.ScaleEntry have the range and the steps of its option."""
    scale.set_bounds(entry.low, entry.high, False)
    scale.set_increments(entry.step, PAGE * entry.step)
    scale.set_digits(0 if entry.kind == options.WHOLE else len(repr(entry.step).partition(".")[2]))
