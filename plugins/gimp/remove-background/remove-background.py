#!/usr/bin/env python3
"""Remove Background for GIMP 3: the procedure, its menu entries, and what GIMP is told about how it went.

GIMP runs this file at every change of its plug-ins to ask what there is, so it imports nothing of matted until
somebody clicks.
"""

import os
import sys
import traceback

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib

PROCEDURE = "plug-in-remove-background"
LABEL = "Remove Ba_ckground"  # of its letters, c is one that no entry of GIMP in Layer > Mask or in Filters has
# Where masks are made, where plug-ins are looked for, and a right click on the layer in the Layers dialog.
MENUS = ("<Image>/Layer/Mask/[Modify]", "<Image>/Filters", "<Layers>/Layers Menu")
FOLDER = os.path.dirname(os.path.abspath(__file__))

if FOLDER not in sys.path:  # a Python that was told to be safe leaves it out
    sys.path.insert(0, FOLDER)


def run(procedure, run_mode, image, drawables, config, data):
    try:
        from job import remove_background
        from layers import GimpPicture
        from matted_client import MattedError
    except ImportError as error:
        return _failed(procedure, "Remove Background is incomplete: %s. Run: matted install gimp" % error)
    try:
        remove_background(FOLDER, "GIMP %s" % Gimp.version(), GimpPicture(image, drawables))
    except MattedError as error:
        return _failed(procedure, "\n".join(filter(None, (error.message, error.hint))))
    except Exception as error:
        traceback.print_exc()
        return _failed(procedure, "Remove Background met an error of its own: %s." % error)
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


def _failed(procedure, text):
    """GIMP shows the text to whoever clicked, and hands it to whoever called."""
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(text))


class RemoveBackground(Gimp.PlugIn):
    def do_set_i18n(self, name):
        return False

    def do_query_procedures(self):
        return [PROCEDURE]

    def do_create_procedure(self, name):
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("*")
        # Never greyed out while a picture is open: a sentence says why it can't be done, a grey entry does not.
        some = Gimp.ProcedureSensitivityMask
        procedure.set_sensitivity_mask(some.DRAWABLE | some.DRAWABLES | some.NO_DRAWABLES)
        procedure.set_menu_label(LABEL)
        for menu in MENUS:
            procedure.add_menu_path(menu)
        procedure.set_documentation(
            "Find the subject of the layer and hide everything else with a layer mask",
            "The matted daemon on this computer makes the mask; it is started if it does not run. The layer's pixels "
            "stay as they are. A mask that the layer already has is replaced. One undo step.",
            name,
        )
        procedure.set_attribution("The matted authors", "The matted authors", "2026")
        return procedure


Gimp.main(RemoveBackground.__gtype__, sys.argv)
