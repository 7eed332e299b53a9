"""The colours of a cut-out: the subject's own, where subject and background mix in a pixel."""

from matted.masking.colours.cut_out import CutOut
from matted.masking.colours.estimate import Learned, estimate, learn
from matted.masking.colours.unmixed import unmix

__all__ = ["CutOut", "Learned", "estimate", "learn", "unmix"]
