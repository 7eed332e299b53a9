"""A mask's edge: brought to the layer's own pixels, and tuned to what a person asks for."""

from matted.mask.edges.study import study
from matted.mask.edges.tuning import tune

__all__ = ["study", "tune"]
