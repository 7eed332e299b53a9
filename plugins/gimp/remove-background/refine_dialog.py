"""The dialog of "Refine Mask…": GIMP's own dialog of a procedure, with a preview in it."""

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from controls import SPACE, grey_out, option_lines
from gi.repository import Gimp, GimpUi
from matted_client.options import RefineOptions
from preview.preview_dialog import PreviewDialog
from texts import _

LIMITED = "limited"  # the line that says so
CONTROLS = "controls"  # the box of all lines


def ask(procedure, config, image, begun):
    """Let a person change `config`, and click in the preview of what was Begun. Returns whether to go on."""
    GimpUi.init("refine-mask")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Refine Mask"))
    dialog.set_ok_label(_("Refi_ne"))
    shown = PreviewDialog(dialog, _controls(dialog, config, image), begun, with_reach=True)
    config.connect("notify", lambda *changed: shown.change())
    go_on = shown.run()
    dialog.destroy()
    return go_on


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
