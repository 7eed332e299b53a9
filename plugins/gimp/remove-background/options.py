"""What a person or a script can choose about one removal. Knows nothing of GIMP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from matted_client import choices, messages

MASK, SELECTION, LAYER = OUTPUTS = ("mask", "selection", "layer")  # what becomes of the matte


@dataclass(frozen=True)
class Options:
    """The defaults are the plain "Remove Background".

    model: id, or "default" for the one of matted's settings. edges, threshold, grow (pixels), feather (pixels), invert
    and anyway: as in messages.MaskRequest. output: one of OUTPUTS. clean_colours: a new layer gets the subject's
    colours without the background's; masks and selections leave colours alone.
    """

    model: str = choices.DEFAULT
    edges: str = messages.FINE
    threshold: Optional[float] = None
    grow: int = 0
    feather: float = 0.0
    invert: bool = False
    anyway: bool = False
    output: str = MASK
    clean_colours: bool = True

    @property
    def foreground(self):
        """Whether the daemon shall send the subject's own colours."""
        return self.output == LAYER and self.clean_colours

    def request(self):
        """The fields of a mask request, but for the picture's."""
        return {
            "model": self.model,
            "edges": self.edges,
            "threshold": self.threshold,
            "grow": self.grow,
            "feather": self.feather,
            "invert": self.invert,
            "anyway": self.anyway,
            "foreground": self.foreground,
        }
