"""The dialog of "Remove Background…": GIMP's own dialog of a procedure, with the daemon's models in it.

The daemon is asked in a thread: the dialog is usable before the answer arrives, also where no daemon can be had.
"""

import threading

import daemon_requests
import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from arguments import forget_unusable, name_of
from controls import SPACE, add_choice_list, limit
from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk
from matted_client import MattedError, options
from matted_client.options import LayerOptions, entries
from matted_client.sentences import in_words
from model_chooser import ModelChooser
from texts import WORDS, _

LIMITED = "limited"  # the line that says so


def ask(folder, procedure, config, image):
    """Let a person change `config`. Returns whether to go on."""
    GimpUi.init("remove-background")
    forget_unusable(config)
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Remove Background"))
    dialog.set_ok_label(_("Remo_ve"))
    plate = dialog.get_widget("plate", GObject.TYPE_NONE)
    models = ModelChooser(config, lambda chosen: plate.set_sensitive(chosen is None or chosen.plate))
    dialog.get_content_area().pack_start(models.widget, False, False, SPACE)
    lines = _controls(dialog, config, models.label)
    limited = not Gimp.Selection.is_empty(image)
    dialog.set_sensitive("within-selection", limited, None, None, False)
    if limited:
        note = dialog.get_label(LIMITED, _("There is a selection: only what lies in it is kept."), False, False)
        note.set_xalign(0)
        lines.insert(0, LIMITED)
    dialog.fill(lines)
    _connect(dialog, config)
    threading.Thread(target=_ask_the_daemon, args=(folder, models), daemon=True).start()
    go_on = dialog.run()
    if not plate.get_sensitive():  # chosen for another model before
        config.set_property("plate", None)
    dialog.destroy()
    return go_on


def _controls(dialog, config, label):
    """Choose the control for each option but the model. Returns what the dialog is filled with, line by line.

    label: of the list of models, which is as wide as those of the other lists.
    """
    lines = []
    same_width = Gtk.SizeGroup.new(Gtk.SizeGroupMode.HORIZONTAL)
    same_width.add_widget(label)
    for option, entry in entries(LayerOptions).items():
        name = name_of(option)
        if entry.kind == options.MODEL:
            continue
        if entry.switch is not None:
            lines.append(entry.switch.name)
        if entry.kind == options.CHOICE:
            line, its_label = add_choice_list(dialog, config, name, entry)
            same_width.add_widget(its_label)
        else:
            line = name
        if entry.kind in (options.WHOLE, options.NUMBER):
            limit(dialog.get_widget(name, GimpUi.ScaleEntry.__gtype__), entry)
        lines.append(line)
    return lines


def _connect(dialog, config):
    """Grey out what has no effect."""
    for option, entry in entries(LayerOptions).items():
        if entry.switch is not None:
            dialog.set_sensitive(name_of(option), True, config, entry.switch.name, False)
        if entry.only_with is not None:
            other, value = entry.only_with
            values = Gimp.ValueArray.new(1)
            values.append(GObject.Value(str, value))
            dialog.set_sensitive_if_in(name_of(option), None, name_of(other), values, True)


def _ask_the_daemon(folder, models):
    """In a thread. Tells `models` in the main thread which there are, or why that is not known."""
    try:
        facts, trouble = daemon_requests.models(folder, "GIMP %s" % Gimp.version()), ""
    except MattedError as error:
        facts, trouble = [], " ".join(in_words(error, WORDS))
    GLib.idle_add(models.fill, facts, trouble)
