"""Turns progress messages into words and into a position on one bar."""

from __future__ import annotations

from .client import STARTING
from .messages import Progress
from .translations import ENGLISH, Words

# Where each stage lies on one bar from 0 to 1. Inference takes most of a warm request.
_SPANS = {
    "waiting": (0.0, 0.0),
    "downloading": (0.0, 0.10),
    "quantizing": (0.10, 0.10),
    "loading": (0.10, 0.20),
    "preparing": (0.20, 0.25),
    "inference": (0.25, 0.65),
    "second_look": (0.65, 0.80),
    "mask": (0.80, 0.85),
    "edges": (0.85, 0.95),
    "refining": (0.85, 0.95),
    "colours": (0.95, 1.0),
}


def overall(progress: Progress) -> float:
    """Return the position on one bar, 0 to 1. It does not run backwards within a request."""
    start, end = _SPANS.get(progress.stage, (0.0, 0.0))
    return start + (end - start) * (progress.fraction or 0.0)


def describe(progress: Progress, words: Words = ENGLISH) -> str:
    """Describe in one line what the daemon is doing."""
    _ = words.gettext
    if progress.stage == STARTING:
        return _("Starting the matted daemon")
    if progress.place:
        sentence = words.ngettext("Waiting for %d other request", "Waiting for %d other requests", progress.place)
        return sentence % progress.place
    if progress.stage == "waiting":
        return _("Starting")
    if progress.stage == "downloading":
        return _("Downloading %s") % progress.detail
    if progress.stage == "quantizing":
        return _("Making %s quicker") % progress.detail
    if progress.stage == "loading":
        return _("Loading %s") % progress.detail
    if progress.stage == "inference":
        return _("Finding the subject")
    if progress.stage == "second_look":
        return _("Taking a second look")
    if progress.stage in ("edges", "refining"):
        return _("Refining the edges")
    if progress.stage == "colours":
        return _("Cleaning the colours")
    if progress.stage == "mask":
        return _("Making the mask")
    return _("Preparing the picture")
