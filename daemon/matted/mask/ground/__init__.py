"""The flat ground of a picture: whether there is one, and its colour everywhere."""

from matted.mask.ground.field import Field
from matted.mask.ground.finding import Ground, find

__all__ = ["Field", "Ground", "find"]
