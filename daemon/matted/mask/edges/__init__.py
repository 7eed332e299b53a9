"""The edge of a mask: `fit` finds what brings it to the layer's own pixels, `tune` changes it as a user asks."""

from matted.mask.edges.fitting import fit
from matted.mask.edges.refinement import EdgeModels, Refinement
from matted.mask.edges.tuning import tune

__all__ = ["EdgeModels", "Refinement", "fit", "tune"]
