"""Check a picture or a question before it is taken: its size, its frames, whether there is memory for it, its plate."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest, Question

from matted.masking.picture import Picture
from matted.models.spec import Entry

# Bytes of memory for each pixel at a request's peak.
WHOLE_BYTES = 20  # of a whole mask's: the picture, mask, foreground colours and intermediate arrays
PART_BYTES = 4  # of the part of the picture that a view shows, or of a picture that is kept: what is read of it
KEYED_BYTES = 13  # of the whole picture where a flat ground makes the mask: how far from it all is, and the edges


def check_size(width: int, height: int) -> None:
    """Check the size of a picture. Raises Rejected("too_large")."""
    if width * height > messages.MAX_PIXELS:
        message = f"The picture is too large: {width} x {height} pixels."
        hint = f"At most {messages.MAX_PIXELS // 1_000_000} megapixels are possible; scale it down."
        raise Rejected(messages.TOO_LARGE, message, hint)


def check_frames(expected: Sequence[int], frames: Sequence[memoryview]) -> None:
    """Check the sizes of the frames that came with a header. Raises Rejected("bad_request")."""
    arrived = [len(frame) for frame in frames]
    if arrived != list(expected):
        message = f"Frames of {_listed(expected)} bytes expected behind the header, not {_listed(arrived)}."
        raise Rejected(messages.BAD_REQUEST, message)


def memory_to_keep(picture: Picture) -> int:
    """Return the bytes that an open picture takes."""
    return picture.frame_bytes + picture.width * picture.height * PART_BYTES


def memory_to_answer(question: Question, picture: Picture, keyed: bool = False) -> int:
    """Return the bytes that a question about a picture needs at its peak, with the picture itself.

    keyed: whether the picture's flat ground may make the mask. For a view it looks at all of the picture, too.
    """
    pixels = picture.width * picture.height
    if question.view is None:
        return pixels * WHOLE_BYTES
    left, top, right, bottom, width, height = question.view
    read = pixels * KEYED_BYTES if keyed else (right - left) * (bottom - top) * PART_BYTES
    return picture.frame_bytes + read + width * height * WHOLE_BYTES


def check_memory(needed: int, there: int, can_be_freed: int) -> int:
    """Return how many bytes have to be freed first, so that a request has enough memory.

    needed: at the request's peak.
    there: bytes of that which are in memory already, as the frames are.
    can_be_freed: how many bytes could be freed.

    Memory is looked at for each request: what was free when its client connected tells nothing about now.

    Raises Rejected("out_of_memory") if that would not be enough.
    """
    memory = psutil.virtual_memory()
    missing = needed - int(memory.available) - there
    if missing > can_be_freed:
        free = int(memory.available) + there + can_be_freed
        figures = f"the picture needs {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
        hint = "Close other programs, or scale the picture down."
        if needed > memory.total:
            hint = f"Scale the picture down: this computer has {memory.total / 1e9:.1f} GB in all."
        raise Rejected(messages.OUT_OF_MEMORY, f"This computer has too little free memory now: {figures}.", hint)
    return max(0, missing)


def check_model(has_plate: bool, model: Entry) -> None:
    """Check that the model finds subjects, and that there is a plate if it needs one.

    Raises Rejected: "plate_needed", or "bad_request".
    """
    if model.refines:
        message = f"{model.title} finds no subject: it refines the edge of what another model has found."
        hint = 'Choose another model; with the edges "hair" this one is used by itself.'
        raise Rejected(messages.BAD_REQUEST, message, hint)
    if model.needs_plate and not has_plate:
        raise Rejected(
            messages.PLATE_NEEDED,
            f"{model.title} compares the picture with a plate: the same scene without the subject.",
            "Add a plate (matted remove --plate), or use another model; see: matted models",
        )
    if has_plate and not model.needs_plate:
        message = f"{model.title} takes no plate."
        raise Rejected(messages.BAD_REQUEST, message, "Leave the plate out, or use a model that takes one.")


def check_clicks(question: MaskRequest, model: Entry) -> None:
    """Check that a model that takes clicks is told of the subject. Raises Rejected("clicks_needed")."""
    if model.takes_clicks and question.box is None and not question.keep:
        raise Rejected(
            messages.CLICKS_NEEDED,
            f"{model.title} cuts out what a box or clicks point at, and there are none.",
            "Draw a box or click on the subject (matted remove --box, --keep), or use another model.",
        )


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes[:4])) or "none"
