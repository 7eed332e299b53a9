"""Make PNG files byte by byte, so that their headers can claim any size."""

from __future__ import annotations

import struct
import zlib


def png_claiming(width: int, height: int, data: bytes = b"", bits: int = 8, colour: int = 2) -> bytes:
    """Make a PNG whose header claims a size, whatever data it has.

    data: the rows of pixels before compression, each with its filter byte in front.
    bits: of a sample.
    colour: the PNG's colour type: 0 grey, 2 RGB, 4 and 6 these with alpha.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(data, 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
