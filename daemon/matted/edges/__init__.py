"""A mask's edge: brought to the layer's own pixels, and tuned to what a person asks for."""

from matted.edges.refine import refine
from matted.edges.tuning import tune

__all__ = ["refine", "tune"]
