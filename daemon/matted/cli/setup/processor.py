"""Tell what the processor has for the arithmetic of models, as far as the system says so without a program."""

from __future__ import annotations

import re
from pathlib import Path

LISTING = Path("/proc/cpuinfo")  # Linux's description of the processors. Other systems have none
# What matters to models, by the names that Linux has for it.
_INT8 = {"amx_int8": "AMX", "avx512_vnni": "VNNI", "avx_vnni": "VNNI", "i8mm": "I8MM", "asimddp": "dot products"}
_BFLOAT16 = {"amx_bf16", "avx512_bf16", "bf16"}
_LINE = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)


def extensions(listing: Path = LISTING) -> list[str]:
    """List what makes models quick here, in words: "INT8 (AMX, VNNI)", "bfloat16". Empty where the system is silent."""
    flags = _flags(listing)
    words = dict.fromkeys(name for flag, name in _INT8.items() if flag in flags)
    return [*([f"INT8 ({', '.join(words)})"] if words else []), *(["bfloat16"] if flags & _BFLOAT16 else [])]


def is_quick_in_int8(listing: Path = LISTING) -> bool:
    """Return whether there are instructions for 8-bit integers. False where the system is silent."""
    return bool(_flags(listing) & _INT8.keys())


def _flags(listing: Path) -> set[str]:
    try:
        found = _LINE.search(listing.read_text("utf-8", "replace"))
    except OSError:
        return set()
    return set(found[1].split()) if found else set()
