"""Check a mask request before it is queued: its size, its frames, and whether it has a plate."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest

from matted.models.spec import ModelSpec

BYTES_PER_PIXEL = 20  # of memory at a request's peak: the picture, mask, foreground colours and intermediate arrays


def check(request: MaskRequest, frames: Sequence[memoryview]) -> None:
    """Check the size of the picture and of the frames that came with the request, and whether there is memory for it.

    Memory is looked at for each request: what was free when its client connected tells nothing about now.

    Raises Rejected: "too_large", "out_of_memory", or "bad_request" where the frames do not fit the request.
    """
    _check_size(request)
    expected = request.frame_sizes(request.width, request.height, request.format)
    arrived = [len(frame) for frame in frames]
    if arrived != expected:
        message = f"Frames of {_listed(expected)} bytes expected behind the header, not {_listed(arrived)}."
        raise Rejected(messages.BAD_REQUEST, message)
    _check_memory(request, sum(arrived))


def check_plate(request: MaskRequest, spec: ModelSpec) -> None:
    """Check that there is a plate if the model needs one. Raises Rejected: "plate_needed", or "bad_request"."""
    if spec.needs_plate and not request.plate:
        raise Rejected(
            messages.PLATE_NEEDED,
            f"{spec.title} compares the picture with a plate: the same scene without the subject.",
            "Add a plate (matted remove --plate), or use another model; see: matted models",
        )
    if request.plate and not spec.needs_plate:
        message = f"{spec.title} takes no plate."
        raise Rejected(messages.BAD_REQUEST, message, "Leave the plate out, or use a model that takes one.")


def _check_size(request: MaskRequest) -> None:
    if request.width * request.height > messages.MAX_PIXELS:
        message = f"The picture is too large: {request.width} x {request.height} pixels."
        hint = f"At most {messages.MAX_PIXELS // 1_000_000} megapixels are possible; scale it down."
        raise Rejected(messages.TOO_LARGE, message, hint)


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes[:4])) or "none"


def _check_memory(request: MaskRequest, arrived: int) -> None:
    memory = psutil.virtual_memory()
    needed = request.width * request.height * BYTES_PER_PIXEL
    free = int(memory.available) + arrived  # the frames have their memory already
    if needed > free:
        figures = f"the picture needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        hint = "Close other programs, or scale the picture down."
        if needed > memory.total:
            hint = f"Scale the picture down: this computer has {memory.total / 1e9:.1f} GB in all."
        raise Rejected(messages.OUT_OF_MEMORY, f"This computer has too little free memory now: {figures}.", hint)
