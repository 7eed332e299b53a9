"""What a mask request has to be, to be let into the queue."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest

from matted.models.spec import ModelSpec

BYTES_PER_PIXEL = 20  # that a request takes at its peak: pixels, mask, foreground, and what is needed in between


def check(request: MaskRequest, frames: Sequence[memoryview]) -> None:
    """Raises Rejected if the picture is too large, or if the frames are not those that the request announces."""
    _check_size(request)
    expected = [request.frame_bytes] * (2 if request.plate else 1)
    if [len(frame) for frame in frames] != expected:
        sizes = ", ".join(str(len(frame)) for frame in frames[:4]) or "none"
        count = "Two frames, picture and plate," if request.plate else "One frame"
        message = f"{count} of {request.frame_bytes} bytes expected behind the header, not {sizes}."
        raise Rejected(messages.BAD_REQUEST, message)


def check_plate(request: MaskRequest, spec: ModelSpec) -> None:
    """Raises Rejected if there is a plate and the model needs none, or the other way round."""
    if spec.needs_plate and not request.plate:
        raise Rejected(
            messages.PLATE_NEEDED,
            f"{spec.title} compares the picture with a plate: the same scene without the subject.",
            "Give one (matted remove --plate), or use another model; see: matted models",
        )
    if request.plate and not spec.needs_plate:
        message = f"{spec.title} has no use for a plate."
        raise Rejected(messages.BAD_REQUEST, message, "Leave it out, or use a model that takes one.")


def most_pixels() -> int:
    """What a picture may have at this moment, so that nobody sends what would not fit into memory."""
    return max(1, min(messages.MAX_PIXELS, int(psutil.virtual_memory().available) // BYTES_PER_PIXEL))


def _check_size(request: MaskRequest) -> None:
    pixels = request.width * request.height
    if pixels > messages.MAX_PIXELS:
        message = f"The picture is too large: {request.width} x {request.height} pixels."
        hint = f"At most {messages.MAX_PIXELS // 1_000_000} megapixels are possible; scale it down."
        raise Rejected(messages.TOO_LARGE, message, hint)
    if pixels > most_pixels():
        needed, free = pixels * BYTES_PER_PIXEL, psutil.virtual_memory().available
        message = f"This picture needs {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free."
        raise Rejected(messages.OUT_OF_MEMORY, message, "Close other programs or scale it down.")
