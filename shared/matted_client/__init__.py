"""The client of the matted daemon. Standard library only, CPython 3.8 and later: it runs inside GIMP and Krita."""

from .client import Session, connect
from .errors import MattedError, NotRunning, ProtocolError, Rejected, Timeout, Unavailable
from .messages import Progress
from .pictures import Mask, OpenPicture

__all__ = [
    "Mask",
    "MattedError",
    "NotRunning",
    "OpenPicture",
    "Progress",
    "ProtocolError",
    "Rejected",
    "Session",
    "Timeout",
    "Unavailable",
    "connect",
]
