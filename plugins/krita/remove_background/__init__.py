"""Remove Background for Krita: three entries in the Filter menu.

    extension         the entries
    scripting         the way in for other scripts
    settings          the options of last time
    options_dialog    where they are chosen; controls are what it is made of, model_chooser is its list of models
    refine_dialog     the same for a mask that is there
    preview           the picture in both dialogs
    removal           one removal, from the click to the masks
    refinement        the same for a mask that is there; operation is what both have in common
    progress_dialog   how far it is, with a way out
    remedies          what went wrong, with a button for what helps; download gets a model
    layers            what the daemon gets to see of a layer; frames are those of an animated one, and its cut-outs
    pixels            moves them to and from Krita in parts; turns is work that is done bit by bit
    outputs           what becomes of a mask; masks puts it onto a layer
    daemon_requests   what is asked of the daemon, and request_thread, which waits for the answer
    texts             the words in the language of Krita
    windows           Krita's windows and their menu entries
    qt                Qt 5 or Qt 6, whichever this Krita has

`matted install krita` puts the package `matted_client` and the file matted.json into this folder.
"""

import sys
import traceback

try:
    from .scripting import refine, start
except Exception:  # a broken installation must not take Krita's other plug-ins down with it
    print("The plug-in Remove Background could not be loaded. Try: matted install krita", file=sys.stderr)
    traceback.print_exc()
else:
    __all__ = ["refine", "start"]
