"""For other scripts in Krita:

import remove_background

def done(removal):
    print(removal.failures or "done")

removal = remove_background.start(output="selection", feather=2.0)
removal.finished.connect(done)
refinement = remove_background.refine(reach=12)
"""

from __future__ import annotations

from typing import Any, Optional, Sequence

from krita import Krita

from . import windows
from .extension import RemoveBackground
from .matted_client.errors import MattedError
from .matted_client.options import KritaOptions, RefineOptions, checked
from .refinement import Refinement
from .removal import Removal

_extension = RemoveBackground(Krita.instance())
Krita.instance().addExtension(_extension)


def start(document: Any = None, layers: Optional[Sequence[Any]] = None, **options: Any) -> Removal:
    """Begin to remove the background, and return at once; Krita's event loop does the rest.

    document: a krita.Document, or the one in front.
    layers: krita.Nodes of it, or its active layer.
    options: fields of matted_client.options.KritaOptions. What is not given has its default, whatever a person chose
    last.

    The result emits `finished` with itself; its `failures` are pairs of a layer and a MattedError, its `notices`
    sentences on what may not be expected of the result, its `remarks` what else there is to say, such as what the flat
    ground of a drawing is, and no message is shown.

    Raises MattedError for an unknown option or value, without a document, and while another removal runs in the same
    window.
    """
    chosen = checked(KritaOptions, options)
    document = _given(document)
    nodes = [document.activeNode()] if layers is None else list(layers)
    return _extension.start(windows.window_of(document), document, nodes, chosen)


def refine(document: Any = None, node: Any = None, **options: Any) -> Refinement:
    """Begin to refine a mask, and return at once; Krita's event loop does the rest.

    document: a krita.Document, or the one in front.
    node: a krita.Node of it, a mask or a layer that has one; or the active one.
    options: fields of matted_client.options.RefineOptions. What is not given has its default.

    The result and the errors are those of `start`.
    """
    chosen = checked(RefineOptions, options)
    document = _given(document)
    return _extension.refine(windows.window_of(document), document, node or document.activeNode(), chosen)


def _given(document: Any) -> Any:
    """Return the document, or the one in front. Raises MattedError if there is none."""
    document = document or Krita.instance().activeDocument()
    if document is None:
        raise MattedError("No picture is open.", "Open one, or give a document.")
    return document
