"""The dialog of "Remove Background…": GIMP's own dialog of a procedure, with the daemon's models in it.

The daemon is asked in a thread: the dialog comes up at once, also where no daemon can be had.
"""

import threading

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk
from matted_client import MattedError, plugin
from matted_client.sentences import in_words
from model_chooser import SPACE, ModelChooser
from options import LAYER
from texts import _


def ask(folder, procedure, config, image):
    """Let a person change `config`. Returns whether to go on."""
    GimpUi.init("remove-background")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Remove Background"))
    dialog.set_ok_label(_("Remo_ve"))
    plate = dialog.get_widget("plate", GObject.TYPE_NONE)
    models = ModelChooser(config, lambda choice: plate.set_sensitive(choice is None or choice.plate))
    dialog.get_content_area().pack_start(models.widget, False, False, SPACE)
    same_width = Gtk.SizeGroup.new(Gtk.SizeGroupMode.HORIZONTAL)
    same_width.add_widget(models.label)
    for choice in ("output", "edges"):  # GIMP 3.2 would make the shorter one a frame of radio buttons
        same_width.add_widget(dialog.get_widget(choice, Gtk.ComboBox.__gtype__).get_label())
    dialog.get_widget("threshold", GimpUi.ScaleEntry.__gtype__)
    dialog.get_widget("grow", GimpUi.ScaleEntry.__gtype__)
    dialog.get_widget("feather", GimpUi.ScaleEntry.__gtype__)
    if not Gimp.Selection.is_empty(image):
        note = dialog.get_label("limited", _("There is a selection: only what lies in it is kept."), False, False)
        note.set_xalign(0)
        dialog.fill(["limited"])
    dialog.fill(["output", "clean-colours", "plate"])
    dialog.fill(["edges", "grow", "feather", "hard-edge", "threshold", "invert", "anyway"])
    dialog.set_sensitive("threshold", True, config, "hard-edge", False)
    only_for_layers = Gimp.ValueArray.new(1)
    only_for_layers.append(GObject.Value(str, LAYER))
    dialog.set_sensitive_if_in("clean-colours", None, "output", only_for_layers, True)
    threading.Thread(target=_ask_the_daemon, args=(folder, models), daemon=True).start()
    go_on = dialog.run()
    if not plate.get_sensitive():  # chosen for another model before
        config.set_property("plate", None)
    dialog.destroy()
    return go_on


def _ask_the_daemon(folder, models):
    """In a thread. Tells `models` in the main thread which there are, or why that is not known."""
    try:
        with plugin.open_session(folder, "GIMP %s" % Gimp.version(), lambda progress: None, lambda: False) as session:
            facts, trouble = session.models(), ""
    except MattedError as error:
        facts, trouble = [], " ".join(in_words(error, _))
    GLib.idle_add(models.fill, facts, trouble)
