"""Read a mask from a picture file, of whatever kind that is: 0 background, 255 subject, else undecided."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageChops

from matted.files import pictures
from matted.files.pictures import Picture, PictureError

BLACK, UNDECIDED, WHITE = 0, 128, 255
_LOSS = 16  # levels by which a JPEG's black and white differ from what was saved
_TINT = 24  # levels between the channels of a grey picture, as colour profiles and JPEG leave them
_FEW = 0.001  # of a grey picture's pixels may have more than a tint
_MOST = 0.95  # of a painted picture's, or a mask's, pixels are black or white
_ENOUGH = 1024  # pixels a side to tell what kind of picture it is
_FIRST_THE_PICTURE = "Give the picture first, and then its mask."


def read(path: Path, source: Path, picture: Picture, strokes: bool = False) -> Image.Image:
    """Decode a mask file, and return what `of` makes of it. path: of the mask. Other parameters: as those of `of`."""
    return of(pictures.read(path), path, source, picture, strokes)


def of(found: Picture, path: Path, source: Path, picture: Picture, strokes: bool = False) -> Image.Image:
    """Return the mask that a picture is, of mode L and of the size of the one that it is for. Raises PictureError.

    found, path: the mask, and its file, or what stands for that in messages.
    picture, source: those of the picture that it is for.
    strokes: whether it is what a person said of the picture, of which little may be known; else it is a whole mask.

    Taken are
    - the alpha channel, if something is transparent: of a cut-out, say, or a flat colour;
    - but where black and white were painted on a transparent layer: these, and what was not painted is undecided;
    - of strokes black alone, and white alone, too. A whole mask in black alone is refused: it could mean either.
    - else the grey. Pictures in colour are refused, and wholly transparent ones.
    """
    if found.image.size != picture.image.size:
        sizes = "{} x {} pixels, the picture {} {} x {}".format(*found.image.size, source, *picture.image.size)
        raise PictureError(f"{path} has {sizes}.", "A mask has the size of its picture: scale or crop both alike.")
    mask = _from_alpha(found.image, path, strokes) or _from_grey(found.image)
    if _looks_swapped(mask, picture.image):
        raise PictureError(f"{source} looks like a mask, and {path} like a picture.", _FIRST_THE_PICTURE)
    if mask is None:
        hint = f"White is kept, black is removed, grey is undecided. {_FIRST_THE_PICTURE}"
        raise PictureError(f"{path} is in colour, and a mask is grey.", hint)
    return _without_loss(mask) if found.lossy else mask


def _from_alpha(image: Image.Image, path: Path, strokes: bool) -> Image.Image | None:
    """Return what the transparency says, None if nothing is transparent. Raises PictureError if all is."""
    if image.mode != "RGBA":
        return None
    alpha = image.getchannel("A")
    low, high = alpha.getextrema()
    if low == WHITE:
        return None
    if high == 0:
        raise PictureError(f"{path} is wholly transparent.", "Paint in white what is kept, in black what is removed.")
    grey = _from_grey(image)
    # At full size: a dot that is not seen would turn the meaning of all the rest.
    painted = None if grey is None else _extremes(grey, alpha.point(lambda level: WHITE if 2 * level >= high else 0))
    if grey is None or painted is None:
        return alpha
    if not strokes and painted != {BLACK, WHITE}:
        if painted == {WHITE}:
            return alpha
        hint = "Paint in white what is kept, too, or save the mask in grey, without transparency."
        raise PictureError(f"{path} holds black alone, which may be what is kept or what is removed.", hint)
    strength = alpha.point(lambda level: level * WHITE // high)  # of a layer that is not opaque, too
    return Image.composite(_without_loss(grey), Image.new("L", image.size, UNDECIDED), strength)


def _from_grey(image: Image.Image) -> Image.Image | None:
    """Return the grey of a picture, None if it is in colour. What is transparent counts as black."""
    some = _some(image)
    if some.mode == "RGBA":
        visible = some.getchannel("A").point(lambda level: WHITE if level else BLACK)
        some = Image.composite(some.convert("RGB"), Image.new("RGB", some.size), visible)
    red, green, blue = some.split()
    tint = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue)).histogram()
    return image.getchannel("G") if sum(tint[_TINT:]) <= _FEW * sum(tint) else None


def _extremes(grey: Image.Image, where: Image.Image | None = None) -> set[int] | None:
    """Return which of black and white there are, None unless nearly all pixels are one of them.

    where: white for the pixels that are looked at.
    """
    levels = grey.histogram(where)
    black, white = sum(levels[: _LOSS + 1]), sum(levels[-_LOSS - 1 :])
    if black + white < _MOST * sum(levels):
        return None
    return {level for level, count in ((BLACK, black), (WHITE, white)) if count}


def _is_black_and_white(grey: Image.Image) -> bool:
    """Whether nearly all pixels are black or white, and there are both."""
    return _extremes(_some(grey)) == {BLACK, WHITE}


def _some(image: Image.Image) -> Image.Image:
    """Return every n-th pixel of a large picture: enough to know what kind it is."""
    step = -(-max(image.size) // _ENOUGH)
    return image.resize((-(-image.width // step), -(-image.height // step)), Image.Resampling.NEAREST)


def _looks_swapped(mask: Image.Image | None, picture: Image.Image) -> bool:
    """Whether it is plain that the picture is a mask, and the mask a picture."""
    if mask is not None and _is_black_and_white(mask):
        return False
    grey = _from_grey(picture)
    return grey is not None and _is_black_and_white(grey)


def _without_loss(mask: Image.Image) -> Image.Image:
    """Make nearly black and nearly white what they were before they were compressed."""
    return mask.point(lambda level: BLACK if level <= _LOSS else WHITE if level >= WHITE - _LOSS else level)
