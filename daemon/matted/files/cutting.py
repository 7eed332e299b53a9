"""Put a mask into a picture as its alpha channel, with colours that show nothing of the background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from matted.files.pictures import Picture
from matted.mask.colours import band


def cut_out(picture: Picture, mask: NDArray[np.uint8], foreground: NDArray[np.uint8] | None = None) -> Picture:
    """Return the picture with the mask as its alpha channel, multiplied with the alpha that it has.

    mask: height x width.
    foreground: the foreground colours, height x width x 3, RGB; None to keep the picture's own.

    With `foreground`, its colours replace those of the picture, except where the mask is 255. Pixels far from the
    subject become black: what was removed cannot be recovered from the file, and the file is smaller.
    """
    alpha = Image.fromarray(mask)
    image = picture.image
    if image.mode == "RGBA":
        alpha = ImageChops.multiply(alpha, image.getchannel("A"))
    result = image.convert("RGB") if foreground is None else _with_foreground(image, mask, foreground)
    result.putalpha(alpha)
    return Picture(result, picture.metadata)


def _with_foreground(image: Image.Image, mask: NDArray[np.uint8], foreground: NDArray[np.uint8]) -> Image.Image:
    result = Image.fromarray(foreground)
    result.paste(image.convert("RGB"), mask=Image.fromarray(mask == 255))
    result.paste((0, 0, 0), mask=Image.fromarray(_removed(mask)))
    return result


def _removed(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Mark where the mask is 0 and no soft edge is near.

    Near a soft edge the colours are kept, because an editor that scales the cut-out mixes them into the edge.
    """
    removed: NDArray[np.bool_] = mask == 0
    for row, soft in enumerate(band.soft_blocks(mask)):
        strip = removed[row * band.BLOCK : (row + 1) * band.BLOCK]
        strip &= ~np.repeat(soft, band.BLOCK)[: mask.shape[1]]
    return removed
