"""The client of the matted daemon. Standard library only, CPython 3.8 and later: it runs inside GIMP and Krita.

Only the errors are here. The rest takes longer to import than a person who clicks should wait for, and is imported from
its modules: `from matted_client.client import connect`.
"""

from .errors import MattedError, NotRunning, ProtocolError, Rejected, Timeout, Unavailable

__all__ = [
    "MattedError",
    "NotRunning",
    "ProtocolError",
    "Rejected",
    "Timeout",
    "Unavailable",
]
