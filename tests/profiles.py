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


def working_space(columns: list[tuple[float, float, float]], gamma: float, curve: bytes = b"") -> bytes:
    """An RGB profile that is a matrix and a curve. columns: XYZ of its red, green and blue, under D50."""
    curve = curve or b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(gamma * 256), 0)
    tags = {b"desc": DESCRIPTION, b"wtpt": WHITE, b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
        tags[name] = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in column))
    return icc(b"mntr", b"RGB ", b"XYZ ", tags)


# ProPhoto RGB, and Rec. 2020 in linear light.
PROPHOTO = [(0.7976749, 0.2880402, 0.0), (0.1351917, 0.7118741, 0.0), (0.0313534, 0.0000857, 0.82521)]
WIDE = working_space(PROPHOTO, 1.8)
LINEAR = working_space(
    [(0.6734241, 0.2790177, -0.00193), (0.1656411, 0.6753402, 0.0299784), (0.1251286, 0.0456377, 0.797333)], 1.0
)
