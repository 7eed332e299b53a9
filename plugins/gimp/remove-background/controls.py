"""The controls of the dialogs, one for each option: GIMP's own, and others where those do not suit."""

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from arguments import name_of
from gi.repository import Gimp, GimpUi, GObject, Gtk
from matted_client import options
from matted_client.options import entries
from texts import _

SPACE = 6  # pixels
PAGE = 10  # steps
SAID, CONTROLS = "said", "controls"  # ids: of the line above the controls, of their box
USUAL = 100  # pixels: with more, a hand cannot set single ones


def option_box(dialog, config, kind, said, label=None, without=()):
    """Make a box of the control for each option but the model, line by line.

    kind: of options.
    said: a line above them; empty: there is none.
    label: of the list of models, which is as wide as those of the other lists.
    without: names of options that are not shown.

    Returns (box, lines of its lists by the names of their options).
    """
    lines, lists = _option_lines(dialog, config, kind, label, without)
    if said:
        dialog.get_label(SAID, said, False, False).set_xalign(0)
        lines.insert(0, SAID)
    box = dialog.fill_box(CONTROLS, lines)
    box.set_spacing(SPACE)
    _grey_out(dialog, config, kind)
    return box, lists


def _option_lines(dialog, config, kind, label, without):
    """Choose the controls. Returns their ids, from the top, and what `option_box` does of the lists."""
    lines, lists = [], {}
    same_width = Gtk.SizeGroup.new(Gtk.SizeGroupMode.HORIZONTAL)
    if label is not None:
        same_width.add_widget(label)
    for option, entry in entries(kind).items():
        name = name_of(option)
        if entry.kind == options.MODEL or option in without:
            continue
        if entry.switch is not None:
            lines.append(entry.switch.name)
        if entry.kind == options.CHOICE:
            line, its_label = add_choice_list(dialog, config, name, entry)
            same_width.add_widget(its_label)
            lists[option] = its_label.get_parent()
        else:
            line = name
        if entry.kind in (options.WHOLE, options.NUMBER):
            limit(dialog.get_widget(name, GimpUi.ScaleEntry.__gtype__), entry)
        lines.append(line)
    return lines, lists


def _grey_out(dialog, config, kind):
    """Grey out what has no effect."""
    for option, entry in entries(kind).items():
        if entry.switch is not None:
            dialog.set_sensitive(name_of(option), True, config, entry.switch.name, False)
        if entry.only_with is not None:
            other, value = entry.only_with
            values = Gimp.ValueArray.new(1)
            values.append(GObject.Value(str, value))
            dialog.set_sensitive_if_in(name_of(option), None, name_of(other), values, True)


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
    """Let a GimpUi.ScaleEntry have the range and the steps of its option; its scale only what is usual."""
    scale.set_bounds(entry.low, entry.high, False)
    scale.set_bounds(entry.low, min(entry.high, USUAL), True)
    scale.set_increments(entry.step, PAGE * entry.step)
    scale.set_digits(0 if entry.kind == options.WHOLE else len(repr(entry.step).partition(".")[2]))
