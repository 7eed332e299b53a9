"""What makers of pictures share: random numbers, lengths, colours, and the writing of a set with its truth."""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from canvas import Bytes, Canvas, Colour, Floats, Point, composed, fall_off, grain, jpeg, rounded
from PIL import Image

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True)
class Made:
    """A made picture.

    - picture: H x W x 3 bytes
    - alpha: H x W, 0..1, what it was composed with
    - foreground, ground: H x W x 3, 0..255, what it was composed of, before grain and JPEG
    - ground_kind: colour, ramp, paper or key
    - own_alpha: H x W, 0..1, the picture's own transparency: it is in alpha too. None: the picture has none
    """

    picture: Bytes
    alpha: Floats
    foreground: Floats
    ground: Floats
    ground_kind: str
    own_alpha: Floats | None = None


@dataclass(frozen=True)
class Sheet:
    """What a maker draws on: its random numbers, the size, and the unit that grows with the size."""

    random: np.random.Generator
    width: int
    height: int

    @property
    def unit(self) -> float:
        """A length that is a pixel in a picture of 900 x 640."""
        return min(self.width / 900, self.height / 640)

    def canvas(self) -> Canvas:
        return Canvas(self.width, self.height)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def length(self, low: float, high: float) -> float:
        return self.between(low, high) * self.unit

    def whole(self, low: int, high: int) -> int:
        """Return a whole number, `high` among them."""
        return int(self.random.integers(low, high + 1))

    def one_of(self, choices: tuple[str, ...]) -> str:
        return choices[self.whole(0, len(choices) - 1)]

    def perhaps(self, chance: float = 0.5) -> bool:
        return bool(self.random.random() < chance)

    def place(self, margin: float) -> Point:
        """Return a point. margin: how far from the borders, as a part of the width and the height."""
        across, down = self.between(margin, 1 - margin), self.between(margin, 1 - margin)
        return across * self.width, down * self.height

    def colour(self, low: float = 0, high: float = 255) -> Colour:
        return [round(self.between(low, high)) for _ in range(3)]

    def other_than(self, ground: Colour, distance: float = 90) -> Colour:
        """Return a colour that differs from the ground by the distance in a channel at least."""
        while True:
            colour = self.colour()
            if np.abs(np.subtract(colour, ground)).max() >= distance:
                return colour

    def dark(self) -> Colour:
        """Return a black or nearly black ink."""
        return [round(level) for level in self.between(0, 40) + self.random.uniform(-5, 5, 3).clip(-5)]

    def near_white(self) -> Colour:
        level = self.between(238, 255)
        return [round(min(255.0, level + self.between(-4, 3))) for _ in range(3)]

    def lit(self, colour: Colour, low: float, high: float) -> Floats:
        """Return a ground of the colour with a soft light on it. low, high: of the light's loss."""
        light = fall_off(
            self.width, self.height, (self.between(0.3, 0.7), self.between(0.3, 0.7)), self.between(low, high)
        )
        ground: Floats = light[..., None] * np.asarray(colour)
        return ground

    def grained(self, picture: Floats, low: float, high: float) -> Floats:
        """Return the picture with noise. low, high: of its standard deviation in levels."""
        noise = grain(self.random, self.width, self.height, self.between(low, high), self.between(0.3, 0.9))
        noisy: Floats = picture + noise[..., None]
        return noisy

    def pressed(self, picture: Bytes) -> Bytes:
        return jpeg(picture, self.whole(75, 95), self.perhaps(0.7))


def finished(
    sheet: Sheet, alpha: Floats, foreground: Floats | Colour, ground: Floats, ground_kind: str, pressed: bool = False
) -> Made:
    picture = rounded(composed(alpha, foreground, ground))
    inks = np.broadcast_to(np.asarray(foreground, np.float64), ground.shape)
    return Made(sheet.pressed(picture) if pressed else picture, alpha, inks, ground, ground_kind)


Maker = Callable[[Sheet], Made]


def named(*makers: Maker) -> dict[str, Maker]:
    return {maker.__name__: maker for maker in makers}


def made_by(maker: Maker, seed: int, width: int, height: int) -> Made:
    """Make a picture: the same for the same maker, seed and size. Some makers have sizes of their own."""
    random = np.random.default_rng((seed, zlib.crc32(maker.__name__.encode())))
    return maker(Sheet(random, width, height))


def write(folder: Path, makers: dict[str, Maker], seeds: Iterable[int], width: int = 900, height: int = 640) -> None:
    """Write images/, gt/ and index.csv, one row a picture, as an evaluation set has them."""
    for name in ("images", "gt"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with open(folder / "index.csv", "w", newline="") as file:
        index = csv.writer(file)
        index.writerow("name source licence category gt_type composite width height note".split())
        for kind, seed in ((kind, seed) for kind in makers for seed in seeds):
            made, name = made_by(makers[kind], seed, width, height), f"{kind}_{seed}"
            as_image(made).save(folder / "images" / f"{name}.png")
            Image.fromarray(rounded(made.alpha * 255)).save(folder / "gt" / f"{name}.png")
            rows, columns = made.alpha.shape
            index.writerow([name, "made", "MIT", kind, "alpha", 1, columns, rows, made.ground_kind])


def as_image(made: Made) -> Image.Image:
    """Return the picture as Pillow has it: RGB, or RGBA where it has a transparency of its own."""
    image = Image.fromarray(made.picture)
    if made.own_alpha is not None:
        image.putalpha(Image.fromarray(rounded(made.own_alpha * 255)))
    return image


def main(makers: dict[str, Maker], description: str | None) -> None:
    """Write a set: the command line of the modules with makers."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="1-5", help="the first and the last, as 1-5")
    parser.add_argument("--kinds", nargs="*", default=list(makers), choices=list(makers))
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    write(options.folder, {kind: makers[kind] for kind in options.kinds}, range(int(first), int(last or first) + 1))
