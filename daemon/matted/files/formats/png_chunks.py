"""Leave out of a PNG file what Pillow refuses for its size: text, and a colour profile, which is read here."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import PngImagePlugin

from matted.files.source import Source

MAX_PROFILE = 64 * 2**20  # bytes; the largest that people have are a tenth of it
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def without_large(source: Source) -> tuple[io.BytesIO, bytes | None] | None:
    """Return the PNG file without text and profiles beyond Pillow's limits, and the profile that was left out.

    None if it is no PNG file, or has nothing that is too large. Pillow's limits keep a few bytes from becoming
    gigabytes in memory; a photographer's history or a press's profile can be larger. Text is of no use here.

    Raises OSError, or ValueError for a profile that is larger than MAX_PROFILE.
    """
    result, profile, found, text = io.BytesIO(), None, False, 0
    with source.open() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return None
        result.write(_SIGNATURE)
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            chunk = file.read(min(length + 4, size))  # with its checksum; a length may be a lie
            if name in (b"tEXt", b"zTXt", b"iTXt"):
                grown = _text_size(name, chunk[:-4])
                if grown >= PngImagePlugin.MAX_TEXT_CHUNK or text + grown > PngImagePlugin.MAX_TEXT_MEMORY:
                    found = True
                    continue
                text += grown
            elif name == b"iCCP":
                unpacked = _profile(chunk[:-4])
                if unpacked is not None and len(unpacked) >= PngImagePlugin.MAX_TEXT_CHUNK:
                    profile, found = unpacked, True
                    continue
            result.write(head + chunk)
    result.seek(0)
    return (result, profile) if found else None


def _text_size(name: bytes, body: bytes) -> int:
    """Return how many bytes a chunk of text has in memory, at most one beyond the limit if it is compressed."""
    text = body.partition(b"\0")[2]
    compressed = name == b"zTXt"
    if compressed:
        text = text[1:]  # behind the number of the method
    elif name == b"iTXt":
        compressed = text[:1] == b"\1"
        text = text[2:].split(b"\0", 2)[-1]  # behind the language and the keyword's translation
    return len(_unpacked(text, PngImagePlugin.MAX_TEXT_CHUNK) if compressed else text)


def _profile(body: bytes) -> bytes | None:
    """Return the profile of an iCCP chunk; None if it is damaged, which Pillow ignores too."""
    packed = body.partition(b"\0")[2][1:]
    profile = _unpacked(packed, MAX_PROFILE)
    if len(profile) > MAX_PROFILE:
        raise ValueError(f"its colour profile has more than {MAX_PROFILE >> 20} MB")
    return profile or None


def _unpacked(packed: bytes, limit: int) -> bytes:
    """Decompress at most `limit` + 1 bytes. Empty if they are damaged."""
    try:
        return zlib.decompressobj().decompress(packed, limit + 1)
    except zlib.error:
        return b""
