"""The pictures of the documents: made by the pages' commands, kept small, and compared with those in docs/pictures."""

from __future__ import annotations

import os
import re
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageStat

CHECKOUT = Path(__file__).resolve().parents[1]
DOCUMENTED = CHECKOUT / "docs" / "pictures"
MAX_BYTES = 200_000
QUALITY = 88
GAP = 24  # pixels between two pictures
MARK = 11  # pixels from the middle of a mark to its rim
THUMBNAIL, ALIKE = (64, 48), 2.0  # size in pixels; mean difference of samples. A changed dialog makes 5, no mask 10


def commands(page: str) -> list[str]:
    """Return the commands of a page of docs/, from the first to the last, without comments."""
    text = (CHECKOUT / "docs" / page).read_text("utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def places(command: str, option: str) -> list[list[int]]:
    """Return the numbers of each time that a command has an option, such as --keep."""
    words = command.split()
    return [[int(number) for number in words[at + 1].split(",")] for at, word in enumerate(words) if word == option]


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


def shown(path: Path) -> Image.Image:
    """Return a picture of a file as it is shown."""
    with Image.open(path) as picture:
        return on_chequers(picture) if picture.mode == "RGBA" else picture.convert("RGB")


def marked(picture: Image.Image, command: str) -> Image.Image:
    """Return a picture with what a command says of it: green and red rings, and a frame."""
    result = picture.copy()
    draw = ImageDraw.Draw(result)
    for option, colour in (("--keep", "#00c000"), ("--drop", "#e00000")):
        for x, y in places(command, option):
            for radius, shade, width in ((MARK + 2, "white", 8), (MARK, colour, 4)):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=shade, width=width)
    for left, top, right, bottom in places(command, "--box"):
        draw.rectangle((left, top, right - 1, bottom - 1), outline="#2060ff", width=4)
    return result


def of_width(picture: Image.Image, most: int) -> Image.Image:
    """Return a picture that is no wider. most: in pixels."""
    size = most, round(picture.height * most / picture.width)
    return picture if picture.width <= most else picture.resize(size, Image.Resampling.LANCZOS)


def side_by_side(*pictures: Image.Image) -> Image.Image:
    """Pictures of one height in one, with gaps between them."""
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    result, left = Image.new("RGB", (width, pictures[0].height), "white"), 0
    for picture in pictures:
        result.paste(picture, (left, 0))
        left += picture.width + GAP
    return result
