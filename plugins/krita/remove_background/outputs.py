"""Turns a mask into the output: a transparency mask on the layer, the selection, or a new layer."""

from __future__ import annotations

from typing import Any

from krita import Selection

from . import masks, new_layers, pixels, selections
from .layers import Picture
from .matted_client.client import Mask
from .matted_client.options import NEW_LAYER, SELECTION, LayerOptions
from .pixels import Area
from .turns import NOW_MS, Turns


def put(
    main_window: Any,
    document: Any,
    node: Any,
    picture: Picture,
    mask: Mask,
    options: LayerOptions,
    limit: Any,
    first: bool,
) -> Turns:
    """Put the output of the layer `node` into the document, in one undo step. Returns the layer to be active.

    options: say which output, and how large.
    limit: the selection that limits the mask, or None.
    first: whether this is the first layer of several.

    Raises MattedError and changes nothing if Krita does not allow it.
    """
    alpha = yield from limited(limit, picture.area, mask.alpha)
    if options.output == SELECTION:
        yield from selections.select(main_window, document, picture.area, alpha, first)
        return node
    if options.output == NEW_LAYER:
        cut_out = mask.foreground if limit is None else None
        return (yield from new_layers.add(document, node, picture, alpha, mask.foreground, cut_out, options.crop))
    yield from masks.put(main_window, document, node, picture.area, alpha)
    return node


def limited(limit: Any, area: Area, alpha: bytearray) -> Turns:
    """Return the minimum of mask and selection, which is how Krita intersects selections. A bytearray.

    limit: the selection, or None.
    """
    if limit is None:
        return alpha
    selection, result = Selection(), bytearray()
    yield from pixels.write(selection, area, 1, alpha)
    selection.intersect(limit)
    yield NOW_MS
    yield from pixels.read(selection, area, 1, result.extend)
    return result
