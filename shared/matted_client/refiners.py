"""Says which model refined the edge of a mask."""

from __future__ import annotations

from .messages import MaskResult
from .translations import ENGLISH, N_, Words


def describe_refiner(info: MaskResult, words: Words = ENGLISH) -> str:
    """Return in a person's language which model refined the edge; empty where none did."""
    return words.gettext(N_("%s refined the edge.")) % info.refined_by if info.refined_by else ""
