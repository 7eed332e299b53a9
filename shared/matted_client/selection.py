"""What a selection in the host means for a layer: the box in which the model is to look for the subject."""

from __future__ import annotations

from typing import List, Optional, Sequence

from .errors import MattedError
from .translations import N_


def box_of(selection: Sequence[int], layer: Sequence[int], name: str) -> Optional[List[int]]:
    """Return the part of a layer that lies within the edges of what is selected, as `box` of a mask request has it.

    selection, layer: left, top, right, bottom, in pixels of the host's picture. The layer may reach beyond its canvas.
    name: of the layer.

    None stands for the whole layer. Raises MattedError if there is no such part.
    """
    left, top = max(selection[0], layer[0]), max(selection[1], layer[1])
    right, bottom = min(selection[2], layer[2]), min(selection[3], layer[3])
    if left >= right or top >= bottom:
        raise MattedError(
            N_('The selection lies outside the layer "%s".'),
            N_("The mask is limited to the selection. Select none, or a part of the layer, and try again."),
            (name,),
        )
    if (left, top, right, bottom) == tuple(layer):
        return None
    return [left - layer[0], top - layer[1], right - layer[0], bottom - layer[1]]
