"""The edge of a mask: `fit_refinement` brings it to the layer's own pixels, `tune` changes it as a user asks."""

from matted.mask.edges.fitting import fit_refinement
from matted.mask.edges.tuning import tune

__all__ = ["fit_refinement", "tune"]
