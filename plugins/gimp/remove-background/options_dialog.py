"""The dialog of "Remove Background…": GIMP's own dialog of a procedure, with the daemon's models and a preview in it.

The daemon is asked in threads: the dialog is usable before the answers arrive, also where no daemon can be had.
"""

import threading

import daemon_requests
import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from call import host
from controls import option_box
from get_model import GetModel
from gi.repository import Gimp, GimpUi, GLib, GObject
from matted_client import MattedError
from matted_client.options import FrameOptions, GimpOptions, GroundOptions, entries
from matted_client.sentences import in_words
from model_chooser import ModelChooser
from preview.preview_dialog import PreviewDialog
from texts import WORDS, _


def ask(folder, procedure, config, image, begun):
    """Let a person change `config`, and click in the preview of what was Begun. Returns whether to go on."""
    GimpUi.init("remove-background")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Remove Background"))
    dialog.set_ok_label(_("Remo_ve"))
    plate = dialog.get_widget("plate", GObject.TYPE_NONE)
    name = host()  # asks GIMP, which only this thread may

    def get(*question):
        return daemon_requests.get(folder, name, *question)

    def listed(facts, came):
        models.list_anew(facts)
        if came:
            shown.change(anew=True)

    getter = GetModel(dialog, get, listed)
    models = ModelChooser(config, lambda chosen: plate.set_sensitive(chosen is None or chosen.plate), getter)
    controls, of_the_ground = _controls(dialog, config, image, models, bool(begun.about))

    def follow(presenter):
        """Grey out what has no effect. Of several layers, those that are not seen may have a flat ground."""
        for line in of_the_ground:
            line.set_sensitive(presenter.has_ground is not False or bool(begun.about))

    shown = PreviewDialog(
        dialog, controls, begun, lambda: config.get_property("plate") if plate.get_sensitive() else None, follow
    )
    config.connect("notify", lambda *changed: shown.change())
    chosen = config.get_property("model")
    threading.Thread(target=_ask_the_daemon, args=(folder, name, chosen, models), daemon=True).start()
    go_on = shown.run()
    getter.close()
    if not plate.get_sensitive():  # chosen for another model before
        config.set_property("plate", None)
    dialog.destroy()
    return go_on


def _controls(dialog, config, image, models, are_several):
    """Return a box of the models and of the control for each option, and the lines of GroundOptions.

    are_several: whether there are several layers, which may be frames.
    """
    limited = not Gimp.Selection.is_empty(image)
    said = _("There is a selection: only what lies in it is kept.") if limited else ""
    without = () if are_several else entries(FrameOptions)
    box, lists = option_box(dialog, config, GimpOptions, said, models.label, without)
    dialog.set_sensitive("within-selection", limited, None, None, False)
    box.pack_start(models.widget, False, False, 0)
    box.reorder_child(models.widget, 0)
    return box, [lists[name] for name in entries(GroundOptions)]


def _ask_the_daemon(folder, host, chosen, models):
    """In a thread. Tells `models` in the main thread which there are, or why that is not known."""
    try:
        facts, offered = daemon_requests.models(folder, host, chosen)
        trouble = ""
    except MattedError as error:
        facts, offered, trouble = [], {}, " ".join(in_words(error, WORDS))
    GLib.idle_add(models.fill, facts, offered, trouble)
