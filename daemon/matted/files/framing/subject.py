"""Find the box of the subject in its alpha."""

from __future__ import annotations

from typing import Any

import numpy as np
from matted_client.cropping import SEEN
from numpy.typing import NDArray

from matted.files.formats import samples
from matted.files.framing.layout import Found

_CUT_OFF = 0.01  # of a side of the picture: a subject that touches less of its edge is not cut off there


def find(alpha: NDArray[Any]) -> Found | None:
    """Return where alpha is more than noise, and at which edges of the picture it ends. None if it is nowhere.

    alpha: height x width, uint8, uint16 or float.
    """
    seen = alpha > alpha.dtype.type(SEEN / 255 * samples.full_scale(alpha.dtype))
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    half = alpha.dtype.type(samples.full_scale(alpha.dtype) / 2)
    edges = (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1])
    left, top, right, bottom = (int((edge > half).sum()) > _CUT_OFF * edge.size for edge in edges)
    return Found(box, (left, top, right, bottom))
