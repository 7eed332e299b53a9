"""Make ICC profiles byte by byte, for pictures whose colours are to be converted through them."""

from __future__ import annotations

import struct

from PIL import ImageCms


def icc(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body, offset = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s12s4s", 132 + 12 * len(tags) + len(body), b"", 0x02400000, kind, space, connection, b"", b"acsp"
    )
    head += bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + table + body


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WHITE = b"XYZ \0\0\0\0" + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
DESCRIPTION = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
LINEAR_GREY = icc(
    b"mntr",
    b"GRAY",
    b"XYZ ",
    {b"desc": DESCRIPTION, b"wtpt": WHITE, b"kTRC": b"curv\0\0\0\0" + struct.pack(">IHH", 1, 0x100, 0)},
)


def black_ink_only() -> bytes:
    """A CMYK profile of a press whose coloured inks cannot be seen: lightness is what black leaves of it."""
    straight = bytes(range(256))
    corners = b"".join(bytes([0 if corner & 1 else 255, 128, 128]) for corner in range(16))
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + straight * 4 + corners + straight * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"desc": DESCRIPTION, b"wtpt": WHITE, b"A2B0": table})
