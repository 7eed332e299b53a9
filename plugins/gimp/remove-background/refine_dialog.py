"""The dialog of "Refine Mask…": GIMP's own dialog of a procedure, with a preview in it."""

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from arguments import forget_unusable, options_of
from call import host
from controls import SPACE, grey_out, option_lines
from gi.repository import Gimp, GimpUi
from masked_layers import MaskedPicture
from matted_client import MattedError
from matted_client.options import RefineOptions
from preview.preview_dialog import PreviewDialog, connecting
from refinement import request
from texts import _

LIMITED = "limited"  # the line that says so
CONTROLS = "controls"  # the box of all lines


def ask(folder, procedure, config, image, drawables):
    """Let a person change `config`, and click in the preview.

    Returns whether to go on, and the OpenedLayer of the preview, which is to be closed. Raises MattedError where there
    is no mask to be refined.
    """
    layers = MaskedPicture(image, drawables).layers
    GimpUi.init("refine-mask")
    forget_unusable(config, RefineOptions)
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Refine Mask"))
    dialog.set_ok_label(_("Refi_ne"))

    def fields():
        return request(options_of(config, RefineOptions)), None

    def ask_view(picture, view, fields, on_progress, cancelled):
        return picture.refine(view=view.wire, on_progress=on_progress, cancelled=cancelled, **fields)

    controls = _controls(dialog, config, image)
    shown = PreviewDialog(dialog, controls, connecting(folder, host()), ask_view, fields, with_reach=True)
    about = _('Preview of "%s"; marks count for this layer only.') % layers[0].name if layers[1:] else ""
    try:
        shown.show(layers[0], about, layers[0].read_mask())
    except MattedError as error:
        shown.fail(error)
    config.connect("notify", lambda *changed: shown.change())
    go_on = shown.run()
    dialog.destroy()
    return go_on, shown.opened


def _controls(dialog, config, image):
    """Return a box of the control for each option, line by line."""
    lines = option_lines(dialog, config, RefineOptions)
    if not Gimp.Selection.is_empty(image):
        note = dialog.get_label(LIMITED, _("There is a selection: only what lies in it is changed."), False, False)
        note.set_xalign(0)
        lines.insert(0, LIMITED)
    box = dialog.fill_box(CONTROLS, lines)
    box.set_spacing(SPACE)
    grey_out(dialog, config, RefineOptions)
    return box
