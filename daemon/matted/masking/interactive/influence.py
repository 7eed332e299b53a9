"""Influence: how far each place is from what a person said is to be kept, and from what is to be dropped.

A click decides what is near it, on the way that colours change least, and in the picture. How far it reaches depends on
how far the model is wrong: a click in the middle of a missed thing is meant for all of it, one close to the edge of the
mask for a small part.
"""

from __future__ import annotations

import numpy as np

from matted.masking.interactive import geodesic
from matted.masking.interactive.hints import Box, Floats, Grid, Hints, Marked, Marks, Point

Influence = tuple[Floats, Floats]  # how far from keep, how far from drop

_EDGE = 0.5  # alpha from which a pixel is subject

# How far a click reaches.
_COLOUR_REACH = 0.7  # change of colour on the way at which its evidence is a third
_MATTE_AS_COLOUR = 0.3  # how much a change of the matte counts as one of colour
_DISTANCE_REACH = 3.0  # distance at which its evidence is a third, in those to the pixels that are as the click says
_LEAST_REACH = 0.02  # of that distance, as a share of the longer side
_NOWHERE = 50.0  # far enough for no evidence
_APART = 24  # clicks of each kind that reach out each for itself, the last ones; older ones do together


def spread(grid: Grid, colours: Floats, believed: Floats, said: Marked, hints: Hints) -> Influence | None:
    """Return how far each cell is from what is to be kept and from what is to be dropped, None if nothing is said.

    grid: of cells over the picture.
    colours: 3 x rows x columns, opponent colours of the cells.
    believed: rows x columns, the model's matte.
    said: the cells that the hints decide.
    hints: what a person said.

    It is 1 where the evidence is down to a third. Older clicks and the trimap reach out together, as far as their mean.
    """
    side = max(grid.shape)
    seeds: list[Marks] = []
    kinds: list[tuple[bool, Point | None]] = []  # whether it is kept, and the click if it is one
    for kept, points, cells in ((True, hints.keep, said.subject), (False, hints.drop, said.background)):
        apart = grid.apart(points)
        seeds += [grid.disc(point) for point in apart[-_APART:]]
        kinds += [(kept, point) for point in apart[-_APART:]]
        if len(apart) > _APART or hints.trimap is not None:
            seeds.append(cells & _inside(grid, hints.box))
            kinds.append((kept, None))
    if not seeds:
        return None
    features = np.concatenate([colours, np.float32(_MATTE_AS_COLOUR) * believed[np.newaxis]])
    by_colour = geodesic.distances(features, np.stack(seeds)) / np.float32(_COLOUR_REACH)
    far = {kept: np.full(grid.shape, _NOWHERE, np.float32) for kept in (True, False)}
    labels = believed > _EDGE
    for (kept, point), colour, marks in zip(kinds, by_colour, seeds, strict=True):
        if point is None:
            distance = geodesic.steps(marks)
            wrong = geodesic.steps(labels == kept)[marks & (labels != kept)]
            reach = float(wrong.mean()) if wrong.size else 0.0
        else:
            distance = grid.distance(point)
            reach = float(distance[labels == kept].min(initial=side))
        reach = min(max(reach, _LEAST_REACH * side), side)
        here = colour + distance / np.float32(_DISTANCE_REACH * reach)
        np.minimum(far[kept], here, out=far[kept])
        labels = np.where(here < 1, kept, labels)
    return far[True], far[False]


def _inside(grid: Grid, box: Box | None) -> Marks:
    """Return the cells that a box touches; all of them if there is none."""
    inside = np.ones(grid.shape, bool)
    if box is not None:
        rows, columns = grid.limits(box)
        inside[:] = False
        inside[rows, columns] = True
    return inside
