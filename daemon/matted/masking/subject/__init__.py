"""The subject of a picture: whether there is one, a second look at a small one, and what a person said of it."""

from matted.masking.subject.presence import confidence, is_present

__all__ = ["confidence", "is_present"]
