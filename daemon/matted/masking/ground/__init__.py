"""The flat ground of a picture: whether there is one, its colour everywhere, and what is not of that colour."""

from matted.masking.ground.field import Field
from matted.masking.ground.finding import Ground, find
from matted.masking.ground.trimming import Trimming

__all__ = ["Field", "Ground", "Trimming", "find"]
