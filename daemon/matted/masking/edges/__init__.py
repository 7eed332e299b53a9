"""The edge of a mask: `fit` finds what brings it to the layer's own pixels, `tune` changes it as a user asks."""

from matted.masking.edges.fitting import fit
from matted.masking.edges.refinement import EdgeModels, Refinement
from matted.masking.edges.tuning import tune

__all__ = ["EdgeModels", "Refinement", "fit", "tune"]
