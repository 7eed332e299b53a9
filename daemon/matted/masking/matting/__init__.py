"""Matting: from a layer and a rough mask of its subject to the band that is made anew, and to alpha."""

from matted.masking.matting.band import SIDE, Band, BandInView, MaskInView, Rough, find
from matted.masking.matting.fitting import FittedAlpha, fit

__all__ = ["SIDE", "Band", "BandInView", "FittedAlpha", "MaskInView", "Rough", "find", "fit"]
