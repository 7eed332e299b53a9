"""Says which model refined the edge of a mask, and where."""

from __future__ import annotations

from .messages import MaskResult
from .translations import ENGLISH, N_, Words


def describe_refiner(info: MaskResult, words: Words = ENGLISH) -> str:
    """Return in a person's language which model refined the edge; empty where none did."""
    if not info.refined_by:
        return ""
    if "://" in info.refined_on:  # no device of this computer
        return words.gettext(N_("%s refined the edge on the server %s.")) % (info.refined_by, info.refined_on)
    return words.gettext(N_("%s refined the edge.")) % info.refined_by
