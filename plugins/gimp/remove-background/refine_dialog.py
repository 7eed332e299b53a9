"""The dialog of "Refine Mask…": GIMP's own dialog of a procedure, with a preview in it."""

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from controls import option_box
from gi.repository import Gimp, GimpUi
from matted_client.options import RefineOptions
from preview.preview_dialog import PreviewDialog
from texts import _


def ask(procedure, config, image, begun):
    """Let a person change `config`, and click in the preview of what was Begun. Returns whether to go on."""
    GimpUi.init("refine-mask")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Refine Mask"))
    dialog.set_ok_label(_("Refi_ne"))
    limited = not Gimp.Selection.is_empty(image)
    said = _("There is a selection: only what lies in it is changed.") if limited else ""
    box, _lists = option_box(dialog, config, RefineOptions, said)
    shown = PreviewDialog(dialog, box, begun, with_reach=True)
    config.connect("notify", lambda *changed: shown.change())
    go_on = shown.run()
    dialog.destroy()
    return go_on
