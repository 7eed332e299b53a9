"""The subject's own colours over a layer's pixels, where they differ. Knows nothing of GIMP."""

_ANY = bytes([0]) + bytes([255]) * 255  # a table: 0 stays 0, everything else becomes 255


def overlay(pixels, foreground):
    """The pixels to be laid over a layer so that it has clean colours; the rest of it keeps its full precision.

    pixels: the layer's, RGB8 or RGBA8. foreground: RGBA8, the same number of pixels. Returns RGBA8: the foreground,
    opaque, where any of its channels differs from `pixels`, and zeros elsewhere. Works on whole planes as large
    integers, since a plug-in has no NumPy and a layer has millions of pixels.
    """
    count = len(foreground) // 4
    channels = len(pixels) // count
    planes = [_number(foreground[channel::4]) for channel in range(3)]
    different = 0
    for channel, plane in enumerate(planes):
        change = plane ^ _number(pixels[channel::channels])
        different |= _number(change.to_bytes(count, "big").translate(_ANY))
    result = bytearray(4 * count)
    for channel, plane in enumerate([*planes, different]):
        result[channel::4] = (plane & different).to_bytes(count, "big")
    return result


def _number(plane):
    return int.from_bytes(plane, "big")
