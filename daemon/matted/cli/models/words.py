"""Say how good and how quick a model is, in bars and words for people at a terminal."""

from __future__ import annotations

import sys

from matted_client.models import QUALITY_LEVELS, Facts, quality, quality_level


def quality_bar(facts: Facts) -> str:
    """Return a bar of how good a model's masks are, in characters that the terminal has; empty if it is not known."""
    full = quality_level(facts)
    done, left = ("█", "░") if _has_blocks() else ("#", "-")
    return done * full + left * (QUALITY_LEVELS - full) if full else ""


def quality_words(facts: Facts) -> str:
    """Return the same in words, with the subject that it holds for; empty if it is not known."""
    said = quality(facts)
    return f"{said} for {facts['subject']}" if said and facts["subject"] != "any" else said


def pace(seconds: float | None, measured: bool = True) -> str:
    """Return seconds as "0.28 s" where they were measured, "about 5 s" where they are an estimate; empty for None."""
    if seconds is None:
        return ""
    if measured:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"about {seconds:.1f} s" if seconds < 1 else f"about {seconds:.0f} s"


def _has_blocks() -> bool:
    try:
        "█░".encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True
