"""The pictures of the documents: kept small, and compared with those that lie in docs/pictures."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

CHECKOUT = Path(__file__).resolve().parents[1]
DOCUMENTED = CHECKOUT / "docs" / "pictures"
MAX_BYTES = 200_000
QUALITY = 88
GAP = 24  # pixels between two pictures
THUMBNAIL, ALIKE = (64, 48), 2.0  # size in pixels; mean difference of samples. A changed dialog makes 5, no mask 10


def keep(picture: Image.Image, name: str, folder: Path) -> None:
    """Save the picture, and check that the document shows the same. folder: for what a test makes.

    With $MATTED_PICTURES, as `make pictures` has it, the picture goes there instead.
    """
    target = Path(os.environ.get("MATTED_PICTURES") or folder) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").save(target, quality=QUALITY, method=6)
    assert target.stat().st_size < MAX_BYTES
    there = DOCUMENTED / name
    assert there.exists(), "there is no such picture: make pictures"
    with Image.open(target) as made, Image.open(there) as shown:
        assert made.size == shown.size, "what is shown has another size: make pictures"
        assert difference(made, shown) < ALIKE, "what is shown is something else: make pictures"


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures' samples, 0..255, at thumbnails' size."""
    small = [each.convert("RGB").resize(THUMBNAIL, Image.Resampling.BOX) for each in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*small)).mean) / 3


def chequered(size: tuple[int, int], square: int = 16) -> Image.Image:
    """What image editors show where nothing is."""
    fields = Image.new("L", (size[0] // square + 1, size[1] // square + 1))
    fields.putdata([204 if (x + y) % 2 else 153 for y in range(fields.height) for x in range(fields.width)])
    large = fields.resize((fields.width * square, fields.height * square), Image.Resampling.NEAREST)
    return large.crop((0, 0, *size)).convert("RGB")


def on_chequers(cut_out: Image.Image) -> Image.Image:
    """What image editors show of a picture with transparency."""
    shown = chequered(cut_out.size)
    shown.paste(cut_out, mask=cut_out.getchannel("A"))
    return shown


def side_by_side(*pictures: Image.Image) -> Image.Image:
    """Pictures of one height in one, with gaps between them."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    result, left = Image.new("RGB", (width, pictures[0].height), "white"), 0
    for picture in pictures:
        result.paste(picture, (left, 0))
        left += picture.width + GAP
    return result
