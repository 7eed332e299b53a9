"""The mask of a view within what is selected. Whole planes at once, where it can be: a plug-in has no NumPy."""

from __future__ import annotations

from typing import Any, Optional


def least(alpha: Any, limit: Optional[bytes]) -> bytes:
    """Return the lesser of each byte of the mask and of the selection. limit: None for no selection."""
    own = bytes(alpha)
    if limit is None:
        return own
    if _is_hard(limit):
        both = int.from_bytes(own, "little") & int.from_bytes(limit, "little")
        return both.to_bytes(len(own), "little")
    return bytes(map(min, own, limit))


def mixed(old: bytes, new: Any, limit: Optional[bytes]) -> bytes:
    """Return the new mask where it is selected, and the old one elsewhere. limit: None for no selection."""
    own = bytes(new)
    if limit is None:
        return own
    if _is_hard(limit):
        before, after, inside = (int.from_bytes(each, "little") for each in (old, own, limit))
        return (before ^ ((before ^ after) & inside)).to_bytes(len(own), "little")
    return bytes(map(_between, old, own, limit))


def _between(was: int, now: int, far: int) -> int:
    return (was * (255 - far) + now * far + 127) // 255


def _is_hard(limit: bytes) -> bool:
    """Return whether a selection has a hard edge, as most have: no loop is needed then."""
    return limit.count(0) + limit.count(255) == len(limit)
