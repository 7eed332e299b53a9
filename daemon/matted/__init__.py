"""Background removal on this computer: for programs, and for the `matted` command, its daemon, and GIMP and Krita.

    from matted import remove, mask, refine, Session

docs/python.md shows how. What these need is imported when one of them is used for the first time.
"""

import sys

TYPE_CHECKING = False  # as `typing` has it, which takes longer to import than all the rest
if TYPE_CHECKING:
    from matted_client import MattedError, NotRunning, ProtocolError, Rejected, Timeout, Unavailable

    from matted.files.pictures import PictureError
    from matted.library.session import OpenPicture, Session, mask, refine, remove

__version__ = "0.1.0"
__all__ = [
    "MattedError",
    "NotRunning",
    "OpenPicture",
    "PictureError",
    "ProtocolError",
    "Rejected",
    "Session",
    "Timeout",
    "Unavailable",
    "mask",
    "refine",
    "remove",
]

# Importing OpenVINO reports that to its makers over the network, unless the package that does it is not there. matted
# promises that nothing leaves the computer, so no process of it ever finds that package.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import matted_client

    from matted.files import pictures
    from matted.library import session

    value = next(getattr(place, name) for place in (session, matted_client, pictures) if hasattr(place, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
