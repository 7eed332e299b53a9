"""Draws coverage, grounds and grain for made pictures whose alpha is known."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Colour = Sequence[float]  # R, G, B, 0..255
Point = tuple[float, float]  # x, y in pixels

FINER = 4  # how much finer than the picture a shape is drawn


class Canvas:
    """Draws shapes anti-aliased; coordinates and widths are in pixels of the picture, fractions too."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._image = Image.new("L", (width * FINER, height * FINER))
        self._draw = ImageDraw.Draw(self._image)

    def coverage(self) -> Floats:
        """Return how much of each pixel is covered: H x W, 0..1."""
        fine = np.asarray(self._image, np.float64) / 255
        cover: Floats = fine.reshape(self.height, FINER, self.width, FINER).mean((1, 3))
        return cover

    def disc(self, centre: Point, radius: float, ink: bool = True) -> None:
        self.oval(centre, (radius, radius), ink)

    def oval(self, centre: Point, radii: Point, ink: bool = True) -> None:
        """Fill an ellipse, or with ink=False clear it."""
        (x, y), (across, down) = centre, radii
        self._draw.ellipse(_fine((x - across, y - down, x + across, y + down)), fill=255 * ink)

    def ring(self, centre: Point, outer: float, inner: float) -> None:
        self.disc(centre, outer)
        self.disc(centre, inner, ink=False)

    def box(self, left: float, top: float, right: float, bottom: float, rounded: float = 0, ink: bool = True) -> None:
        self._draw.rounded_rectangle(_fine((left, top, right, bottom)), rounded * FINER, fill=255 * ink)

    def polygon(self, points: Iterable[Point], ink: bool = True) -> None:
        self._draw.polygon(_fine(xy for point in points for xy in point), fill=255 * ink)

    def line(self, points: Sequence[Point], width: float, ink: bool = True) -> None:
        """Draw a polyline with round joints. width: in pixels, a fourth at least."""
        flat = _fine(xy for point in points for xy in point)
        self._draw.line(flat, fill=255 * ink, width=max(1, round(width * FINER)), joint="curve")

    def text(self, at: Point, words: str, size: float, ink: bool = True) -> None:
        """Write in the font that Pillow brings. at: left and top; size: in pixels."""
        self._draw.text((at[0] * FINER, at[1] * FINER), words, fill=255 * ink, font=_font(size))

    @staticmethod
    def text_width(words: str, size: float) -> float:
        length: float = _font(size).getlength(words)
        return length / FINER


def _font(size: float) -> Any:
    return ImageFont.load_default(size * FINER)


def _fine(numbers: Iterable[float]) -> list[float]:
    return [number * FINER for number in numbers]


def wander(random: np.random.Generator, start: Point, steps: int, stride: float, unsteady: float) -> list[Point]:
    """Return the points of a hand-drawn stroke.

    - stride: the mean length of a step in pixels
    - unsteady: how much the direction changes a step, standard deviation in radians
    """
    (x, y), heading, points = start, random.uniform(0, 2 * math.pi), [start]
    turning = 0.0
    for _ in range(steps):
        turning = 0.6 * turning + random.normal(0, unsteady)
        heading += turning
        length = stride * random.uniform(0.3, 1.7)
        x, y = x + length * math.cos(heading), y + length * math.sin(heading)
        points.append((x, y))
    return points


def star(centre: Point, radius: float, rays: int, depth: float, turn: float = 0) -> list[Point]:
    """Return a star's corners. depth: the inner corners' radius as a part of the outer ones', 0..1."""
    radii = (radius, radius * depth)
    angles = (turn + math.pi * corner / rays for corner in range(2 * rays))
    return [
        (centre[0] + radii[corner % 2] * math.cos(angle), centre[1] + radii[corner % 2] * math.sin(angle))
        for corner, angle in enumerate(angles)
    ]


def blurred(plane: Floats, sigma: float) -> Floats:
    """Return a plane blurred by a Gaussian, its borders continued. sigma: in pixels."""
    if not sigma:
        return plane
    reach = math.ceil(3.5 * sigma)
    kernel = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        margins = [(reach, reach) if axis == each else (0, 0) for each in (0, 1)]
        wide, length = np.pad(plane, margins, "edge"), plane.shape[axis]
        plane = sum(weight * wide.take(range(at, at + length), axis) for at, weight in enumerate(kernel))
    return plane


def stacked(layers: Iterable[tuple[Floats, Floats | Colour]]) -> tuple[Floats, Floats]:
    """Lay layers over each other, the lowest first. Each has an alpha, H x W, 0..1, and a colour or H x W x 3, 0..255.

    Returns the alpha of all, and their colours, not multiplied by it: black where nothing is.
    """
    alpha, premultiplied = np.zeros(()), np.zeros(())
    for above, colour in layers:
        premultiplied = above[..., None] * np.asarray(colour, np.float64) + (1 - above[..., None]) * premultiplied
        alpha = above + (1 - above) * alpha
    return alpha, premultiplied / alpha[..., None].clip(1e-9)


def composed(alpha: Floats, foreground: Floats | Colour, ground: Floats | Colour) -> Floats:
    """Return alpha F + (1 - alpha) B: H x W x 3, 0..255, in the picture's own values as image editors do."""
    cover = alpha[..., None]
    picture: Floats = cover * np.asarray(foreground, np.float64) + (1 - cover) * np.asarray(ground, np.float64)
    return picture


def even(width: int, height: int, colour: Colour) -> Floats:
    """Return a ground of one colour: H x W x 3, 0..255."""
    return np.broadcast_to(np.asarray(colour, np.float64), (height, width, 3)).copy()


def ramp(width: int, height: int, start: Colour, end: Colour, angle: float) -> Floats:
    """Return a ground that goes from one colour to another. angle: in radians, 0 from left to right."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
    along = x * math.cos(angle) + y * math.sin(angle)
    part = ((along - along.min()) / (along.max() - along.min()))[..., None]
    ground: Floats = np.asarray(start, np.float64) * (1 - part) + np.asarray(end, np.float64) * part
    return ground


def fall_off(width: int, height: int, centre: Point, strength: float) -> Floats:
    """Return how much light arrives: H x W, 1 at the centre. centre: parts of the width and the height, 0..1.

    strength: how much is lost at the width's distance from the centre, 0..1.
    """
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / width)
    light: Floats = 1 - strength * ((x - centre[0]) ** 2 + (y - centre[1] * height / width) ** 2)
    return light


def grain(random: np.random.Generator, width: int, height: int, sigma: float, size: float = 0.6) -> Floats:
    """Return noise: H x W, mean 0. sigma: standard deviation in levels; size: of the grains, in pixels."""
    noise = blurred(random.normal(0, 1, (height, width)), size)
    noise *= sigma / noise.std()
    return noise


def clouds(random: np.random.Generator, width: int, height: int, size: float, sigma: float) -> Floats:
    """Return a smooth texture: H x W, mean 0. sigma: standard deviation in levels; size: of the spots, in pixels."""
    coarse = random.normal(0, 1, (max(2, round(height / size)) + 1, max(2, round(width / size)) + 1))
    large = Image.fromarray(coarse.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    smooth = np.asarray(large, np.float64)
    spots: Floats = (smooth - smooth.mean()) * (sigma / max(float(smooth.std()), 1e-6))
    return spots


def rounded(values: Floats) -> Bytes:
    levels: Bytes = np.rint(values.clip(0, 255)).astype(np.uint8)
    return levels


def jpeg(picture: Bytes, quality: int, halved: bool = True) -> Bytes:
    """Return the picture after JPEG. halved: whether the colours are kept at half the size (4:2:0)."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=2 if halved else 0)
    pixels: Bytes = np.asarray(Image.open(file).convert("RGB"))
    return pixels
