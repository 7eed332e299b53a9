"""From a mask that was only enlarged to one whose edge follows the layer's own pixels, and to what a person asks of it."""

from matted.edges.refine import refine
from matted.edges.tuning import tune

__all__ = ["refine", "tune"]
