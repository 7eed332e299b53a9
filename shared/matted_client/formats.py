"""Lists the formats of pixels that the daemon takes, and how large a pixel is in each."""

BYTES_PER_PIXEL = {"RGBA8": 4, "BGRA8": 4, "RGB8": 3, "GRAYA8": 2, "GRAY8": 1}
