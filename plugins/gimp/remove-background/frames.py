"""Layers that are frames of one scene: all are looked at in one area, and each gets its part. Knows nothing of GIMP.

A model that follows the subject needs frames of one size, and the same place in all of them.
"""


def around(boxes):
    """Return the box around boxes: left, top, right, bottom."""
    return (
        *(min(box[edge] for box in boxes) for edge in (0, 1)),
        *(max(box[edge] for box in boxes) for edge in (2, 3)),
    )


def part(samples, area, size):
    """Cut a layer's part out of what was made of a larger area.

    samples: rows of pixels, a bytearray.
    area: left, top, width, height of the area in the layer's own coordinates: the first two are not above 0.
    size: width and height of the layer.

    Returns `samples` themselves where the area is the layer.
    """
    left, top, width, height = area
    if (width, height) == tuple(size):
        return samples
    from matted_client import cropping  # only here: frames of one size do not need it

    return cropping.part(samples, width, height, (-left, -top, size[0] - left, size[1] - top))
