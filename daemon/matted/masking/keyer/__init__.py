"""Key a picture out of its flat ground: the alpha of everything that is before it, without a model."""

from matted.masking.keyer.clicks import Said
from matted.masking.keyer.keyed import Keyed, key

__all__ = ["Keyed", "Said", "key"]
