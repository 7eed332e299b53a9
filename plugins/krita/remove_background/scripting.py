"""For other scripts in Krita:

import remove_background

def done(removal):
    print(removal.failures or "done")

removal = remove_background.start(output="selection", feather=2.0)
removal.finished.connect(done)
"""

from __future__ import annotations

from typing import Any, Optional, Sequence

from krita import Krita

from . import options, windows
from .extension import RemoveBackground
from .matted_client.errors import MattedError
from .removal import Removal

_extension = RemoveBackground(Krita.instance())
Krita.instance().addExtension(_extension)


def start(document: Any = None, layers: Optional[Sequence[Any]] = None, anyway: bool = False, **wishes: Any) -> Removal:
    """Begin to remove the background, and return at once; Krita's event loop does the rest.

    document: a krita.Document, or the one in front. layers: krita.Nodes of it, or its active layer. anyway: a mask is
    wanted also where the model sees no subject. wishes: fields of options.Options; what is not given is as at first,
    whatever a person chose last. The result emits `finished` with itself; its `failures` are pairs of a layer and a
    MattedError, and no message is shown. Raises MattedError for unknown wishes, without a document, and while another
    removal runs in the same window.
    """
    chosen = options.of(wishes)
    document = document or Krita.instance().activeDocument()
    if document is None:
        raise MattedError("No picture is open.", "Open one, or give a document.")
    nodes = [document.activeNode()] if layers is None else list(layers)
    return _extension.start(windows.window_of(document), document, nodes, chosen, anyway)
