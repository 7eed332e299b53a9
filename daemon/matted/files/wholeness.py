"""Tell whether the end of a film is missing, by the lengths that its container announces."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # ids of Matroska's two elements at the top (RFC 9559)
# Boxes at the top of MP4 and MOV (ISO/IEC 14496-12); the first of them are those that a file begins with.
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp")
_BOXES = (*_FIRST_BOXES, b"moof", b"mfra", b"sidx", b"ssix", b"emsg", b"prft", b"meta", b"uuid", b"pdin", b"pnot")
_PNG = b"\x89PNG\r\n\x1a\n"
_GIF_BEFORE_BLOCKS = 13  # bytes of the signature and the size of the screen
_GIF_EXTENSION, _GIF_IMAGE, _GIF_END = b"\x21", b"\x2c", b"\x3b"


def is_cut_short(path: Path) -> bool:
    """Return whether a file ends before what its container announces, as a download does that was broken off.

    False where the container announces nothing, as one that was written while it was sent, or is none of these: MP4,
    MOV, Matroska, WebM, AVI, WebP, PNG, GIF.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            is_cut = _judge(file)
            return is_cut is not None and is_cut(file, size)
    except OSError:
        return False


def _judge(file: BinaryIO) -> Callable[[BinaryIO, int], bool] | None:
    """Return what looks at files like this one. It gets the file and its size, and returns whether it is cut short."""
    head = file.read(12)
    if head[:4] == _EBML:
        return _is_cut_matroska
    if head[4:8] in _FIRST_BOXES:
        return _is_cut_mp4
    if head[:4] == b"RIFF":
        return _is_cut_riff
    if head[:8] == _PNG:
        return _is_cut_png
    return _is_cut_gif if head[:4] == b"GIF8" else None


def _is_cut_matroska(file: BinaryIO, size: int) -> bool:
    place = 0
    for wanted in (_EBML, _SEGMENT):
        file.seek(place)
        if file.read(4) != wanted:
            return False
        length, width = _number(file.read(8))
        if length is None:
            return False
        place += 4 + width + length
    return place > size


def _number(data: bytes) -> tuple[int | None, int]:
    """Return a length of Matroska and how many bytes it has; None for one that is not known."""
    width = 9 - data[0].bit_length() if data else 9
    if width > min(8, len(data)):
        return None, 0
    marked = int.from_bytes(data[:width], "big")
    value = marked - (1 << (7 * width))
    return (None if value == (1 << (7 * width)) - 1 else value), width


def _is_cut_mp4(file: BinaryIO, size: int) -> bool:
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or head[4:8] not in _BOXES:  # 0: it goes on to the end of the file; else what follows is no box
            return False
        place += length
    return place > size


def _is_cut_riff(file: BinaryIO, size: int) -> bool:
    place = 0
    while place < size:
        file.seek(place)
        head = file.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length == 0:  # something else, or a file whose writer did not end it
            return False
        place += 8 + length
    return place > size


def _is_cut_png(file: BinaryIO, size: int) -> bool:
    place = len(_PNG)
    while place + 12 <= size:
        file.seek(place)
        head = file.read(8)
        place += 12 + int.from_bytes(head[:4], "big")
        if head[4:] == b"IEND":
            return place > size
    return True


def _is_cut_gif(file: BinaryIO, size: int) -> bool:
    file.seek(_GIF_BEFORE_BLOCKS - 3)
    place = _GIF_BEFORE_BLOCKS + _table(file.read(1))
    while place < size:
        file.seek(place)
        kind = file.read(1)
        if kind == _GIF_EXTENSION:
            place += 2
        elif kind == _GIF_IMAGE:
            place += 11 + _table(file.read(9)[8:])
        else:
            return kind != _GIF_END
        while place < size:
            file.seek(place)
            length = file.read(1)[0]
            place += 1 + length
            if length == 0:
                break
    return True


def _table(flags: bytes) -> int:
    """Return the bytes of a table of colours. flags: of the screen or the picture, that tell its size."""
    return 3 * 2 ** (1 + flags[0] % 8) if flags and flags[0] & 0x80 else 0
