"""The subject as a person steers it by a box, by clicks and by a hint: which pixels belong to it, at a working size."""

from matted.masking.interactive.choosing import WORKING_SIDE, agreed, looks, segment
from matted.masking.interactive.hints import Hints

__all__ = ["WORKING_SIDE", "Hints", "agreed", "looks", "segment"]
