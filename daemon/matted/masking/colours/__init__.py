"""The colours of a cut-out: the subject's own, where subject and background mix in a pixel."""

from matted.masking.colours.band import edge_blocks
from matted.masking.colours.cut_out import CutOut, CutOutInTiles
from matted.masking.colours.estimate import Learned, estimate, estimate_tiles, learn
from matted.masking.colours.unmixed import unmix

__all__ = [
    "CutOut",
    "CutOutInTiles",
    "Learned",
    "edge_blocks",
    "estimate",
    "estimate_tiles",
    "learn",
    "unmix",
]
