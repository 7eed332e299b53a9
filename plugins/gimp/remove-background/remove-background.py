#!/usr/bin/env python3
"""Remove Background for GIMP 3: registers the procedures and their menu entries, and reports success and errors.

GIMP runs this file at every change of its plug-ins to ask what there is, so it imports what does the work only when
somebody clicks. What talks to the daemon is imported while the layer is read: see operation.py.
"""

import dataclasses
import os
import sys
import traceback
from contextlib import ExitStack

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio, GLib

FOLDER = os.path.dirname(os.path.abspath(__file__))
if FOLDER not in sys.path:  # a Python that was told to be safe leaves it out
    sys.path.insert(0, FOLDER)

from matted_client.translations import N_
from texts import WORDS, _

ONE_CLICK, DIALOG = "plug-in-remove-background", "plug-in-remove-background-dialog"
REFINE = "plug-in-refine-mask"
# Of the letters of "Remove Background", c is one that no entry of GIMP in Layer > Mask or in Filters has.
LABELS = {
    ONE_CLICK: N_("Remove Ba_ckground"),
    DIALOG: N_("Remove Background…"),
    REFINE: N_("Refine Mask…"),
}
BLURBS = {
    ONE_CLICK: N_("Find the subject of the layer and hide everything else with a layer mask"),
    DIALOG: N_("Find the subject of the layer: see it, click on it, choose the edges and what is made of it"),
    REFINE: N_("Work out the edges of the layer's mask anew, along those of the picture"),
}
REMOVING = N_(
    "The matted daemon on this computer makes the mask; it is started if it does not run. The layer's "
    "pixels stay as they are. A mask that a layer already has is replaced. Several layers are done "
    "together. If there is a selection, masks are limited to it. One undo step."
)
REFINING = N_(
    "The matted daemon on this computer makes the mask anew near its edges, and where it is neither black nor white. "
    "It does not matter who made it: paint black or white on it, and refine it again. Several layers are done "
    "together. If there is a selection, only what lies in it is changed. One undo step."
)
# Where masks are made, where plug-ins are looked for, and a right click on the layer in the Layers dialog.
MENUS = ("<Image>/Layer/Mask/[Modify]", "<Image>/Filters", "<Layers>/Layers Menu")


def run(procedure, run_mode, image, drawables, config, data):
    """Run a procedure, as GIMP calls it. The one click uses the options that were chosen last in the dialog."""
    try:
        from matted_client import MattedError

        work = _refine if procedure.get_name() == REFINE else _remove
        try:
            done = work(procedure, run_mode, image, drawables, config)
        except (MattedError, MemoryError) as error:
            from matted_client.messages import OUT_OF_MEMORY
            from matted_client.sentences import SENTENCES, in_words

            said = error if isinstance(error, MattedError) else MattedError(*SENTENCES[OUT_OF_MEMORY])
            return _failed(procedure, "\n".join(part for part in in_words(said, WORDS) if part))
    except ImportError as error:
        text = _("Remove Background is incomplete: %s. Run: matted install gimp") % error
        return _failed(procedure, text)
    except Exception as error:
        traceback.print_exc()
        return _failed(procedure, _("An internal error occurred in Remove Background: %s.") % error)
    status = Gimp.PDBStatusType.SUCCESS if done else Gimp.PDBStatusType.CANCEL
    return procedure.new_return_values(status, None)


def _remove(procedure, run_mode, image, drawables, config):
    """Return False if a person was asked and gave up. Raises MattedError."""
    import arguments
    import call
    import settings

    shows_dialog = run_mode == Gimp.RunMode.INTERACTIVE and procedure.get_name() == DIALOG
    with ExitStack() as stack:
        opened = None
        if shows_dialog:
            from preview import beginning

            arguments.forget_unusable(config)
            begun = beginning.begin_removal(FOLDER, image, drawables, config)
            stack.callback(begun.close)
            import options_dialog  # with GIMP's widgets, while the daemon is at work

            if not options_dialog.ask(FOLDER, procedure, config, image, begun):
                return False
            opened = begun.opened
        if procedure.get_name() == DIALOG or run_mode == Gimp.RunMode.NONINTERACTIVE:
            options = arguments.options_of(config)
        else:
            options = dataclasses.replace(settings.remembered(), plate=config.get_property("plate"))
        done = call.run(FOLDER, image, drawables, options, run_mode, opened)
    if done and shows_dialog:
        settings.remember(options)
    return done


def _refine(procedure, run_mode, image, drawables, config):
    """As _remove."""
    import arguments
    import call
    from matted_client.options import RefineOptions

    with ExitStack() as stack:
        opened = None
        if run_mode == Gimp.RunMode.INTERACTIVE:
            from preview import beginning

            arguments.forget_unusable(config, RefineOptions)
            begun = beginning.begin_refinement(FOLDER, image, drawables, config)
            stack.callback(begun.close)
            import refine_dialog

            if not refine_dialog.ask(procedure, config, image, begun):
                return False
            opened = begun.opened
        call.refine(FOLDER, image, drawables, arguments.options_of(config, RefineOptions), opened)
    return True


def _failed(procedure, text):
    """Return an error, which GIMP shows to a person and returns to a script."""
    return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(text))


class RemoveBackground(Gimp.PlugIn):
    def do_set_i18n(self, name):
        return False  # texts.py translates

    def do_query_procedures(self):
        self.set_help_domain("https://matted.invalid/help", Gio.File.new_for_path(os.path.join(FOLDER, "help")))
        return list(LABELS)

    def do_create_procedure(self, name):
        import arguments
        from matted_client.options import GimpOptions, RefineOptions

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
            _(REFINING if name == REFINE else REMOVING),
            name,
        )
        procedure.set_attribution("The matted authors", "The matted authors", "2026")
        arguments.add_to(procedure, RefineOptions if name == REFINE else GimpOptions)
        return procedure


Gimp.main(RemoveBackground.__gtype__, sys.argv)
