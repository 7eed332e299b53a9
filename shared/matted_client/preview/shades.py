"""What a preview shows in the place of what goes, as choices of a list."""

from __future__ import annotations

from typing import Optional, Tuple

from ..options import Choice
from ..translations import N_

Colour = Tuple[int, int, int]

CHECKS, BLACK, WHITE, COLOUR, MASK, RED, BAND = "checks", "black", "white", "colour", "mask", "red", "band"
SHADES = (
    Choice(CHECKS, N_("On checks"), N_("What goes is transparent")),
    Choice(BLACK, N_("On black"), N_("Shows light fringes")),
    Choice(WHITE, N_("On white"), N_("Shows dark fringes")),
    Choice(COLOUR, N_("On a colour"), N_("Shows how it looks before another background")),
    Choice(MASK, N_("As the mask"), N_("White stays, black goes")),
    Choice(RED, N_("Red over what goes"), N_("Shows the whole layer")),
)
REACH = Choice(BAND, N_("The reach"), N_("Blue over where the mask is made anew"))  # only where a mask is refined

LIGHT, DARK, CHECK = (0xCC, 0xCC, 0xCC), (0x99, 0x99, 0x99), 8  # of the checks, and their side in logical pixels
OVER_WHAT_GOES, OVER_THE_BAND, VEIL = (0xE0, 0x20, 0x20), (0x30, 0x60, 0xFF), 0.6  # and how opaque it is at most


def behind(shade: str, chosen: Colour) -> Optional[Colour]:
    """Return the one colour behind the subject, or None where there is none. chosen: that of COLOUR."""
    return {BLACK: (0, 0, 0), WHITE: (255, 255, 255), COLOUR: chosen}.get(shade)
