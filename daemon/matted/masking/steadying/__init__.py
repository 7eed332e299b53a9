"""Settle the mattes of a film's frames, from the frame before to the next: `Steadier`, one a film."""

from matted.masking.steadying.steadier import Steadier

__all__ = ["Steadier"]
