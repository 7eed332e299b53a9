"""Remove Background for Krita: the entry in the Filter menu.

    extension   the menu entry
    removal     one removal, from the click to the mask
    layers      what the daemon gets to see of a layer
    masks       how the mask gets onto the layer
    worker      the thread that talks to the daemon
    dialog      progress and messages
    qt          Qt 5 or Qt 6, whichever this Krita has

`matted install krita` puts the package `matted_client` and the file matted.json into this folder.
"""

import sys
import traceback

try:
    from krita import Krita

    from .extension import RemoveBackground

    Krita.instance().addExtension(RemoveBackground(Krita.instance()))
except Exception:  # a broken installation must not take Krita's other plug-ins down with it
    print("The plug-in Remove Background could not be loaded. Try: matted install krita", file=sys.stderr)
    traceback.print_exc()
