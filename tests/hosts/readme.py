"""The pictures of the README: kept small, and compared with those that lie in docs/pictures."""

from __future__ import annotations

import os
from pathlib import Path

from hosts.roots import CHECKOUT
from PIL import Image, ImageChops, ImageStat

DOCUMENTED = CHECKOUT / "docs" / "pictures"
PHOTOGRAPH = CHECKOUT / "tests" / "photographs" / "coffee.jpg"
SUITE = "trixie"  # the Debian whose GIMP and Krita are shown
MAX_BYTES = 200_000
QUALITY = 88
THUMBNAIL, ALIKE = (64, 48), 2.0  # size in pixels; mean difference of samples. A changed dialog makes 5, no mask 10


def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as picture:
        return picture.convert("RGB")


def keep(picture: Image.Image, name: str, folder: Path) -> None:
    """Save the picture, and check that the README shows the same. folder: for what a test makes.

    With $MATTED_PICTURES, as `make pictures` has it, the picture goes there instead.
    """
    target = Path(os.environ.get("MATTED_PICTURES") or folder) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.convert("RGB").save(target, quality=QUALITY, method=6)
    assert target.stat().st_size < MAX_BYTES
    there = DOCUMENTED / name
    assert there.exists(), "the README has no such picture: make pictures"
    with Image.open(target) as made, Image.open(there) as shown:
        assert made.size == shown.size, "what the README shows has another size: make pictures"
        assert difference(made, shown) < ALIKE, "the README shows something else: make pictures"


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
