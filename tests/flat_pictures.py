"""Draws the pictures of docs/flat-grounds.md, with known alpha: what people have on flat grounds, and can recognise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from canvas import (
    Bytes,
    Canvas,
    Colour,
    Floats,
    Point,
    blurred,
    clouds,
    composed,
    even,
    fall_off,
    grain,
    jpeg,
    rounded,
    stacked,
    star,
)
from sheet import BLACK, WHITE, Made

WIDTH, HEIGHT, LOGO_HEIGHT = 560, 360, 220
NAVY, ORANGE, YELLOW, TEAL = (24, 44, 92), (232, 112, 24), (250, 200, 40), (40, 150, 150)
RED, INK, PAPER = (205, 40, 60), (30, 28, 34), (243, 237, 222)
OUTLINE = 6  # pixels, of the mug
RING, RING_RADII = (115, 110), (82, 50)  # of the logo
LABEL, LABEL_RADIUS = (240, 205), 68  # of the mug
HANDLE, HANDLE_RADII = (372, 195), (76, 40)
Layers = list[tuple[Floats, Floats | Colour]]


def logo() -> Made:
    """Draw a ring and letters, each in one ink, on white."""
    ring, letters = Canvas(WIDTH, LOGO_HEIGHT), Canvas(WIDTH, LOGO_HEIGHT)
    ring.ring(RING, *RING_RADII)
    letters.text((222, 35), "Good Boat", 66)
    letters.text((226, 125), "boards, oars & rope since 1896", 21)
    return _on_white([(ring.coverage(), ORANGE), (letters.coverage(), NAVY)])


def boat() -> Made:
    """Draw a boat in ink on paper, in uneven light, as a scanner sees it: with grain and JPEG."""
    return _on_paper(np.zeros((HEIGHT, WIDTH)))


def creased_boat() -> Made:
    """Draw the same on a sheet that is no longer flat: light and shade on it are no smooth field."""
    return _on_paper(clouds(np.random.default_rng(5), WIDTH, HEIGHT, 60, 4))


def sticker(with_shadow: bool = True) -> Made:
    """Draw a star with a face, and its soft shadow."""
    outside, face = _canvas(), _canvas()
    outside.polygon(star((280, 172), 150, 5, 0.55, -math.pi / 2))
    for side in (-1, 1):
        face.oval((280 + side * 26, 150), (9, 14))
    face.line(_curve([(236, 190), (255, 212), (280, 219), (305, 212), (324, 190)]), 8)
    layers: Layers = [(outside.coverage(), YELLOW), (face.coverage(), INK)]
    if with_shadow:
        layers.insert(0, (0.5 * blurred(np.roll(layers[0][0], (14, 12), (0, 1)), 9), BLACK))
    return _on_white(layers)


def mug() -> Made:
    """Draw a mug as in a comic: a white label that is a part of it, and a handle that one sees through."""
    layers: Layers = []
    for wider, colour in ((OUTLINE / 2, INK), (-OUTLINE / 2, TEAL)):
        handle = _canvas()
        handle.ring(HANDLE, HANDLE_RADII[0] + wider, HANDLE_RADII[1] - wider)
        layers.append((handle.coverage(), colour))
    for wider, colour in ((OUTLINE / 2, INK), (-OUTLINE / 2, TEAL)):
        body = _canvas()
        body.box(135 - wider, 90 - wider, 345 + wider, 320 + wider, 24 + wider)
        layers.append((body.coverage(), colour))
    for wider, colour in ((OUTLINE / 2, INK), (-OUTLINE / 2, WHITE)):
        label = _canvas()
        label.disc(LABEL, LABEL_RADIUS + wider)
        layers.append((label.coverage(), colour))
    heart, steam, (x, y) = _canvas(), _canvas(), LABEL
    for side in (-1, 1):
        heart.disc((x + side * 19, y - 14), 22)
    heart.polygon([(x - 38, y - 3), (x + 38, y - 3), (x, y + 44)])
    for left in (190, 240, 290):
        steam.line(_curve([(left, 72), (left + 12, 56), (left - 8, 38), (left + 6, 18)]), 5)
    return _on_white([*layers, (heart.coverage(), RED), (steam.coverage(), INK)])


def before_white(thing: Bytes, alpha: Floats) -> Made:
    """Lay a photographed thing before a white wall, as shops do, with a shadow.

    - thing: H x W x 3, with anything around it
    - alpha: H x W, 0..1: what of it is the thing
    """
    height, width = alpha.shape
    shadow = 0.35 * blurred(np.roll(alpha, (16, 8), (0, 1)), 10)
    wall = composed(shadow, BLACK, even(width, height, (250, 250, 250)))
    wall += grain(np.random.default_rng(1), width, height, 1)[..., None]
    colours = thing.astype(np.float64)
    return Made(jpeg(rounded(composed(alpha, colours, wall)), quality=90), alpha, colours, wall, "paper")


def _canvas() -> Canvas:
    return Canvas(WIDTH, HEIGHT)


def _on_white(layers: Layers) -> Made:
    alpha, inks = stacked(layers)
    ground = even(WIDTH, len(alpha), WHITE)
    return Made(rounded(composed(alpha, inks, ground)), alpha, inks, ground, "colour")


def _on_paper(light: Floats) -> Made:
    """Draw the boat. light: H x W, levels that are added to the paper's."""
    alpha, inks = _boat_in_ink(), even(WIDTH, HEIGHT, INK)
    ground = fall_off(WIDTH, HEIGHT, (0.4, 0.35), 0.2)[..., None] * np.asarray(PAPER) + light[..., None]
    noise = grain(np.random.default_rng(1), WIDTH, HEIGHT, 3)[..., None]
    return Made(jpeg(rounded(composed(alpha, inks, ground) + noise), quality=88), alpha, inks, ground, "paper")


def _boat_in_ink() -> Floats:
    pen = _canvas()
    for points, width in (
        ([(130, 248), (180, 296), (300, 312), (402, 298), (454, 242)], 3.5),  # the hull
        ([(454, 242), (370, 258), (290, 262), (210, 258), (130, 248)], 3.5),
        ([(286, 262), (284, 150), (287, 38)], 4.0),  # the mast
        ([(296, 60), (360, 135), (412, 226)], 2.8),  # the sails
        ([(412, 226), (350, 238), (295, 236), (299, 150), (296, 60)], 2.8),
        ([(276, 80), (232, 152), (168, 230)], 2.8),
        ([(168, 230), (222, 239), (276, 236), (273, 160), (276, 80)], 2.8),
        ([(40, 318), (80, 308), (120, 320), (160, 330), (210, 320)], 2.2),  # waves
        ([(230, 336), (280, 326), (330, 338), (380, 330), (430, 338)], 1.8),
        ([(440, 314), (480, 304), (520, 318)], 1.4),
        ([(70, 90), (92, 76), (104, 92), (116, 76), (140, 88)], 1.8),  # gulls
        ([(150, 52), (163, 44), (170, 54), (178, 44), (192, 50)], 1.2),
    ):
        pen.line(_curve(points), width)
    pen.ring((470, 80), 34, 31.5)
    for ray in range(10):
        angle = 2 * math.pi * ray / 10
        pen.line([(470 + far * math.cos(angle), 80 + far * math.sin(angle)) for far in (44, 60)], 1.6)
    return pen.coverage()


def _curve(points: Sequence[Point], steps: int = 12) -> list[Point]:
    """Return a smooth line through some points, a Catmull-Rom spline. steps: from one point to the next."""
    given = np.asarray([points[0], *points, points[-1]], np.float64)
    t = (np.arange(steps) / steps)[:, None]
    result: list[Point] = []
    for a, b, c, d in zip(given, given[1:], given[2:], given[3:], strict=False):
        piece = (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3) / 2
        result.extend((float(x), float(y)) for x, y in piece)
    return [*result, points[-1]]
