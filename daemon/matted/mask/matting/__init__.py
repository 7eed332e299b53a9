"""Matting: from a layer and a rough mask of its subject to alpha."""

from matted.mask.matting.fitting import FittedAlpha, fit

__all__ = ["FittedAlpha", "fit"]
