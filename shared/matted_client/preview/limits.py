"""The mask of a view within what is selected. Whole planes at once: a plug-in has no NumPy."""

from __future__ import annotations

from typing import Any, Optional


def least(alpha: Any, limit: Optional[bytes]) -> bytes:
    """Return the lesser of each byte of the mask and of the selection. limit: None for no selection."""
    own = bytes(alpha)
    if limit is None:
        return own
    if limit.count(0) + limit.count(255) == len(limit):  # a hard edge, as most selections have: no loop is needed
        both = int.from_bytes(own, "little") & int.from_bytes(limit, "little")
        return both.to_bytes(len(own), "little")
    return bytes(map(min, own, limit))
