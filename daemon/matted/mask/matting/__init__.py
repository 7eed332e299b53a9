"""Matting: from a layer and a rough mask of its subject to the band that is made anew, and to alpha."""

from matted.mask.matting.band import SIDE, Band, BandInView, MaskInView, Rough, find
from matted.mask.matting.fitting import FittedAlpha, fit

__all__ = ["SIDE", "Band", "BandInView", "FittedAlpha", "MaskInView", "Rough", "find", "fit"]
