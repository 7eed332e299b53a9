"""The colours of a cut-out: the subject's own, where subject and background mix in a pixel."""

from matted.mask.colours.cut_out import CutOut
from matted.mask.colours.estimate import estimate

__all__ = ["CutOut", "estimate"]
