"""The dialog of "Remove Background…": GIMP's own dialog of a procedure, with the daemon's models and a preview in it.

The daemon is asked in threads: the dialog is usable before the answers arrive, also where no daemon can be had.
"""

import threading

import daemon_requests
import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from arguments import forget_unusable, options_of
from call import host
from controls import SPACE, grey_out, option_lines
from gi.repository import Gimp, GimpUi, GLib, GObject
from layers import GimpLayer, chosen_layers, refuse_if_closed
from matted_client import MattedError
from matted_client.options import LayerOptions
from matted_client.sentences import in_words
from model_chooser import ModelChooser
from preview.preview_dialog import PreviewDialog, connecting
from texts import WORDS, _

LIMITED = "limited"  # the line that says so
CONTROLS = "controls"  # the box of all lines


def ask(folder, procedure, config, image, drawables):
    """Let a person change `config`, and click in the preview.

    Returns whether to go on, and the OpenedLayer of the preview, which is to be closed; None: there was none.
    """
    GimpUi.init("remove-background")
    forget_unusable(config)
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Remove Background"))
    dialog.set_ok_label(_("Remo_ve"))
    plate = dialog.get_widget("plate", GObject.TYPE_NONE)
    models = ModelChooser(config, lambda chosen: plate.set_sensitive(chosen is None or chosen.plate))
    controls = _controls(dialog, config, image, models)
    shown = _with_preview(dialog, controls, connecting(folder, host()), config, plate, image, drawables)
    config.connect("notify", lambda *changed: shown.change())
    threading.Thread(target=_ask_the_daemon, args=(folder, host(), models), daemon=True).start()
    go_on = shown.run()
    if not plate.get_sensitive():  # chosen for another model before
        config.set_property("plate", None)
    dialog.destroy()
    return go_on, shown.opened


def _with_preview(dialog, controls, connect, config, plate, image, drawables):
    """Return the PreviewDialog of the first of the layers."""
    found = []

    def fields():
        chosen, box = options_of(config), found[0].box()
        return chosen.request(), box if chosen.within_selection else None

    def ask_view(picture, view, fields, on_progress, cancelled):
        return picture.mask(view=view.wire, on_progress=on_progress, cancelled=cancelled, **fields)

    def chosen_plate():
        return config.get_property("plate") if plate.get_sensitive() else None

    shown = PreviewDialog(dialog, controls, connect, ask_view, fields, chosen_plate)
    try:
        refuse_if_closed(image)
        layers = chosen_layers(image, drawables)
        found.append(GimpLayer(image, layers[0]))
        about = _('Preview of "%s"; marks count for this layer only.') % found[0].name if layers[1:] else ""
        shown.show(found[0], about)
    except MattedError as error:
        shown.fail(error)
    return shown


def _controls(dialog, config, image, models):
    """Return a box of the control for each option, line by line."""
    lines = option_lines(dialog, config, LayerOptions, models.label)
    limited = not Gimp.Selection.is_empty(image)
    dialog.set_sensitive("within-selection", limited, None, None, False)
    if limited:
        note = dialog.get_label(LIMITED, _("There is a selection: only what lies in it is kept."), False, False)
        note.set_xalign(0)
        lines.insert(0, LIMITED)
    box = dialog.fill_box(CONTROLS, lines)
    box.set_spacing(SPACE)
    box.pack_start(models.widget, False, False, 0)
    box.reorder_child(models.widget, 0)
    grey_out(dialog, config, LayerOptions)
    return box


def _ask_the_daemon(folder, host, models):
    """In a thread. Tells `models` in the main thread which there are, or why that is not known."""
    try:
        facts, trouble = daemon_requests.models(folder, host), ""
    except MattedError as error:
        facts, trouble = [], " ".join(in_words(error, WORDS))
    GLib.idle_add(models.fill, facts, trouble)
