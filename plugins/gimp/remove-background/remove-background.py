#!/usr/bin/env python3
"""Remove Background for GIMP 3: registers the procedures and their menu entries, and reports success and errors.

GIMP runs this file at every change of its plug-ins to ask what there is, so it imports what does the work only when
somebody clicks.
"""

import dataclasses
import os
import sys
import traceback

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio, GLib

FOLDER = os.path.dirname(os.path.abspath(__file__))
if FOLDER not in sys.path:  # a Python that was told to be safe leaves it out
    sys.path.insert(0, FOLDER)

from matted_client.translations import N_
from texts import WORDS, _

ONE_CLICK, DIALOG = PROCEDURES = ("plug-in-remove-background", "plug-in-remove-background-dialog")
# Of the letters of "Remove Background", c is one that no entry of GIMP in Layer > Mask or in Filters has.
LABELS = {ONE_CLICK: N_("Remove Ba_ckground"), DIALOG: N_("Remove Background…")}
BLURBS = {
    ONE_CLICK: N_("Find the subject of the layer and hide everything else with a layer mask"),
    DIALOG: N_("Find the subject of the layer: choose the model, the edges, and what is made of it"),
}
# Where masks are made, where plug-ins are looked for, and a right click on the layer in the Layers dialog.
MENUS = ("<Image>/Layer/Mask/[Modify]", "<Image>/Filters", "<Layers>/Layers Menu")


def run(procedure, run_mode, image, drawables, config, data):
    """Run a procedure, as GIMP calls it. The one click uses the options that were chosen last in the dialog."""
    interactive = run_mode == Gimp.RunMode.INTERACTIVE
    shows_dialog = interactive and procedure.get_name() == DIALOG
    try:
        import arguments
        import call
        import settings
        from matted_client import MattedError
        from matted_client.sentences import in_words
    except ImportError as error:
        text = _("Remove Background is incomplete: %s. Run: matted install gimp") % error
        return _failed(procedure, text)
    opened = None
    try:
        if shows_dialog:
            import options_dialog

            go_on, opened = options_dialog.ask(FOLDER, procedure, config, image, drawables)
            if not go_on:
                return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        if procedure.get_name() == DIALOG or run_mode == Gimp.RunMode.NONINTERACTIVE:
            options = arguments.options_of(config)
        else:
            options = dataclasses.replace(settings.remembered(), plate=config.get_property("plate"))
        done = call.run(FOLDER, image, drawables, options, run_mode, opened)
        if done and shows_dialog:
            settings.remember(options)
    except MattedError as error:
        return _failed(procedure, "\n".join(part for part in in_words(error, WORDS) if part))
    except Exception as error:
        traceback.print_exc()
        return _failed(procedure, _("An internal error occurred in Remove Background: %s.") % error)
    finally:
        if opened is not None:
            opened.close()
    status = Gimp.PDBStatusType.SUCCESS if done else Gimp.PDBStatusType.CANCEL
    return procedure.new_return_values(status, None)


def _failed(procedure, text):
    """Return an error, which GIMP shows to a person and returns to a script."""
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(text))


class RemoveBackground(Gimp.PlugIn):
    def do_set_i18n(self, name):
        return False  # texts.py translates

    def do_query_procedures(self):
        self.set_help_domain("https://matted.invalid/help", Gio.File.new_for_path(os.path.join(FOLDER, "help")))
        return list(PROCEDURES)

    def do_create_procedure(self, name):
        import arguments

        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("*")
        # Never greyed out while a picture is open: a sentence says why it can't be done, a grey entry does not.
        some = Gimp.ProcedureSensitivityMask
        procedure.set_sensitivity_mask(some.DRAWABLE | some.DRAWABLES | some.NO_DRAWABLES)
        procedure.set_menu_label(_(LABELS[name]))
        for menu in MENUS:
            procedure.add_menu_path(menu)
        procedure.set_icon_file(Gio.File.new_for_path(os.path.join(FOLDER, "icon.svg")))
        procedure.set_documentation(
            _(BLURBS[name]),
            _(
                "The matted daemon on this computer makes the mask; it is started if it does not run. The layer's "
                "pixels stay as they are. A mask that a layer already has is replaced. Several layers are done "
                "together. If there is a selection, masks are limited to it. One undo step."
            ),
            name,
        )
        procedure.set_attribution("The matted authors", "The matted authors", "2026")
        arguments.add_to(procedure)
        return procedure


Gimp.main(RemoveBackground.__gtype__, sys.argv)
