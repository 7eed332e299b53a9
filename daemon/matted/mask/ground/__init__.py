"""The flat ground of a picture: whether there is one, its colour everywhere, and what is not of that colour."""

from matted.mask.ground.field import Field
from matted.mask.ground.finding import Ground, find
from matted.mask.ground.trimming import Trimming

__all__ = ["Field", "Ground", "Trimming", "find"]
