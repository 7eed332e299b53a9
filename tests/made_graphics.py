"""Makes drawings, logos and things on flat grounds whose alpha is known, any number of them.

`python tests/made_graphics.py FOLDER --seeds 1-5` writes a set of them.
"""

from __future__ import annotations

import math

import numpy as np
import sheet as sheets
from canvas import (
    Colour,
    Floats,
    Point,
    blurred,
    clouds,
    composed,
    even,
    ramp,
    rounded,
    stacked,
    star,
    wander,
)
from sheet import BLACK, WHITE, Made, Sheet, finished, made_by, named

WORDS = ("ABCO%", "RS8", "B&Q6", "Door", "go4D", "PARQ", "0815", "a&e", "QUBE", "&co", "OpaL", "R2D", "BODEGA", "g8")
SMALL = ("small print 0123", "since 1896", "all rights reserved", "www.example.org", "a good idea", "Ltd & Sons")
SENTENCES = (
    "The quick brown fox jumps over 13 lazy dogs",
    "Sphinx of black quartz, judge my vow (4, 6, 8, 9)",
    "Pack my box with five dozen liquor jugs & go",
)
SIGNED = ("Sign here", "Anna B.", "approved", "Dr. Ogden", "yours, Q.")


# What is drawn: each returns the coverage


def mark(sheet: Sheet) -> Floats:
    """Draw a ring and a word beside it, and small print."""
    canvas = sheet.canvas()
    outer = sheet.length(60, 150)
    size = sheet.length(70, 150)
    word = sheet.one_of(WORDS)
    room = sheet.width - 2 * outer - sheet.length(60, 120)
    size *= min(1, room / canvas.text_width(word, size))
    gap = sheet.length(10, 40)
    whole = 2 * outer + gap + canvas.text_width(word, size)
    left = sheet.between(0.1, 0.9) * max(0.0, sheet.width - whole)
    middle = sheet.between(0.35, 0.65) * sheet.height
    before = sheet.perhaps()
    at = left + outer if before else left + whole - outer
    canvas.ring((at, middle), outer, outer * sheet.between(0.3, 0.8))
    start = left + 2 * outer + gap if before else left
    canvas.text((start, middle - size * sheet.between(0.5, 0.9)), word, size)
    if sheet.perhaps(0.6):
        canvas.text((start, middle + size * sheet.between(0.5, 0.7)), sheet.one_of(SMALL), sheet.length(16, 30))
    return canvas.coverage()


def strokes(sheet: Sheet, widths: Point, number: Point, margin: float = 0.1) -> Floats:
    """Draw strokes by hand. widths: in pixels whatever the picture's size; number: how many."""
    canvas = sheet.canvas()
    width = sheet.between(*widths)
    for _ in range(sheet.whole(int(number[0]), int(number[1]))):
        stride = sheet.length(6, 30)
        points = wander(sheet.random, sheet.place(margin), sheet.whole(8, 40), stride, sheet.between(0.15, 0.6))
        canvas.line(points, width * sheet.between(0.8, 1.2))
    return canvas.coverage()


def figure(sheet: Sheet) -> tuple[Floats, Point, float]:
    """Draw a body with a head. Returns the coverage, and the body's centre and radius."""
    canvas = sheet.canvas()
    centre, radius = sheet.place(0.4), sheet.length(110, 210)
    canvas.disc(centre, radius)
    angle = sheet.between(0, 2 * math.pi)
    head = radius * sheet.between(0.35, 0.6)
    away = radius * sheet.between(0.8, 1.1)
    canvas.disc((centre[0] + away * math.cos(angle), centre[1] + away * math.sin(angle)), head)
    return canvas.coverage(), centre, radius


def textured(sheet: Sheet, colour: Colour) -> Floats:
    """Return a foreground with soft light and dark spots: H x W x 3."""
    spots = clouds(sheet.random, sheet.width, sheet.height, sheet.length(50, 130), sheet.between(8, 40))
    inks: Floats = (np.asarray(colour) + spots[..., None]).clip(0, 255)
    return inks


# The kinds


def logo_white(sheet: Sheet) -> Made:
    ground = even(sheet.width, sheet.height, WHITE)
    return finished(sheet, mark(sheet), sheet.other_than(WHITE), ground, "colour")


def logo_colour(sheet: Sheet) -> Made:
    colour = sheet.colour()
    ground = even(sheet.width, sheet.height, colour)
    return finished(sheet, mark(sheet), sheet.other_than(colour), ground, "colour")


def logo_jpeg(sheet: Sheet) -> Made:
    ground = even(sheet.width, sheet.height, WHITE)
    return finished(sheet, mark(sheet), sheet.other_than(WHITE), ground, "colour", pressed=True)


def line_white(sheet: Sheet) -> Made:
    ground = even(sheet.width, sheet.height, WHITE)
    return finished(sheet, strokes(sheet, (2, 7), (3, 9)), sheet.dark(), ground, "colour")


def line_thin(sheet: Sheet) -> Made:
    ground = even(sheet.width, sheet.height, WHITE)
    return finished(sheet, strokes(sheet, (0.7, 1.8), (6, 16)), sheet.dark(), ground, "colour")


def line_paper(sheet: Sheet) -> Made:
    red = sheet.between(215, 250)
    paper = [red, red - sheet.between(0, 20), red - sheet.between(5, 45)]
    ground, alpha = sheet.lit(paper, 0.02, 0.25), strokes(sheet, (1.5, 4.5), (4, 10))
    inks = even(sheet.width, sheet.height, sheet.dark())
    picture = rounded(sheet.grained(composed(alpha, inks, ground), 1, 6))
    return Made(sheet.pressed(picture), alpha, inks, ground, "paper")


def ink_blue(sheet: Sheet) -> Made:
    ground = sheet.lit(sheet.near_white(), 0.02, 0.25)
    alpha = strokes(sheet, (3, 9), (2, 5), 0.25)
    canvas = sheet.canvas()
    x, y = sheet.place(0.3)
    canvas.text((x * 0.8, y), sheet.one_of(SIGNED), sheet.length(40, 80))
    alpha = np.maximum(alpha, canvas.coverage())
    inks = even(sheet.width, sheet.height, (sheet.between(0, 60), sheet.between(10, 80), sheet.between(100, 190)))
    picture = rounded(composed(alpha, inks, sheet.grained(ground, 1, 6)))
    return Made(picture, alpha, inks, ground, "paper")


def text_page(sheet: Sheet) -> Made:
    canvas = sheet.canvas()
    size = sheet.length(16, 34)
    left, top = sheet.between(0.03, 0.12) * sheet.width, sheet.between(0.03, 0.12) * sheet.height
    apart, words = size * sheet.between(1.2, 2.2), sheet.one_of(SENTENCES)
    while top < sheet.height - 1.5 * size:
        canvas.text((left, top), words, size)
        top += apart
    return finished(
        sheet, canvas.coverage(), sheet.dark(), even(sheet.width, sheet.height, sheet.near_white()), "colour"
    )


def cartoon_white_inside(sheet: Sheet) -> Made:
    alpha, centre, radius = figure(sheet)
    inks = textured(sheet, sheet.other_than(WHITE, 120))
    canvas = sheet.canvas()
    canvas.disc(centre, radius * sheet.between(0.45, 0.72))
    inside = canvas.coverage()
    inks = composed(inside if sheet.perhaps() else (inside > 0.5).astype(np.float64), WHITE, inks)
    return finished(sheet, alpha, inks, even(sheet.width, sheet.height, WHITE), "colour")


def drawing_ramp(sheet: Sheet) -> Made:
    start = sheet.colour(20, 235)
    end = [min(255.0, max(0.0, level + sheet.between(-110, 110))) for level in start]
    ground = ramp(sheet.width, sheet.height, start, end, sheet.between(0, 2 * math.pi))
    alpha, centre, _ = figure(sheet)
    canvas = sheet.canvas()
    for _ in range(sheet.whole(1, 4)):
        points = wander(sheet.random, centre, sheet.whole(10, 25), sheet.length(20, 40), 0.3)
        canvas.line(points, sheet.between(1.5, 8))
    inks = textured(sheet, sheet.other_than(np.mean([start, end], 0).tolist(), 110))
    return finished(sheet, np.maximum(alpha, canvas.coverage()), inks, ground, "ramp")


def green_screen(sheet: Sheet) -> Made:
    low, mid, high = sheet.between(20, 60), sheet.between(40, 110), sheet.between(150, 210)
    key = [low, high, mid] if sheet.perhaps(0.7) else [low, mid, high]
    ground = sheet.lit(key, 0.0, 0.2)
    alpha = blurred(figure(sheet)[0], sheet.between(0.4, 4))
    inks = textured(sheet, (sheet.between(120, 220), sheet.between(80, 160), sheet.between(60, 140)))
    picture = composed(alpha, inks, sheet.grained(ground, 1, 5))
    return Made(sheet.pressed(rounded(picture)), alpha, inks, ground, "key")


def sticker_shadow(sheet: Sheet) -> Made:
    canvas = sheet.canvas()
    centre, radius = sheet.place(0.4), sheet.length(90, 190)
    form = sheet.whole(0, 2)
    if form == 0:
        canvas.disc(centre, radius)
    elif form == 1:
        (x, y), tall = centre, radius * sheet.between(0.5, 1)
        canvas.box(x - radius, y - tall, x + radius, y + tall, sheet.length(0, 50))
    else:
        canvas.polygon(star(centre, radius, sheet.whole(4, 8), sheet.between(0.4, 0.8), sheet.between(0, 3)))
    sticker = canvas.coverage()
    right, down = round(sheet.length(-25, 35)), round(sheet.length(5, 35))
    cast = np.roll(sticker, (down, right), (0, 1))
    shadow = blurred(cast, sheet.length(4, 20)) * sheet.between(0.3, 0.7)
    alpha, inks = stacked([(shadow, BLACK), (sticker, sheet.other_than(WHITE))])
    return finished(sheet, alpha, inks, even(sheet.width, sheet.height, WHITE), "colour")


def pixel_art(sheet: Sheet) -> Made:
    cell = max(1, round(sheet.length(6, 40)))
    across, down = min(14, sheet.width // cell // 2 - 1), min(28, sheet.height // cell - 2)
    half_size = sheet.whole(min(8, down), down), sheet.whole(min(6, across), across)
    half = sheet.random.random(half_size) < sheet.between(0.35, 0.65)
    cells = np.kron(np.hstack([half, half[:, ::-1]]), np.ones((cell, cell)))
    colour = (255, 0, 255) if sheet.perhaps() else sheet.colour()
    inks, alpha = even(sheet.width, sheet.height, colour), np.zeros((sheet.height, sheet.width))
    top, left = (sheet.height - cells.shape[0]) // 2, (sheet.width - cells.shape[1]) // 2
    part = slice(top, top + cells.shape[0]), slice(left, left + cells.shape[1])
    alpha[part] = cells
    pick = np.kron(sheet.random.integers(0, sheet.whole(1, 3), (half_size[0], 2 * half_size[1])), np.ones((cell, cell)))
    choice = np.asarray([sheet.other_than(colour) for _ in range(3)], np.float64)
    inks[part] = choice[pick.astype(int)]
    return finished(sheet, alpha, inks, even(sheet.width, sheet.height, colour), "colour")


KINDS = named(
    logo_white,
    logo_colour,
    logo_jpeg,
    line_white,
    line_paper,
    line_thin,
    ink_blue,
    text_page,
    cartoon_white_inside,
    drawing_ramp,
    green_screen,
    sticker_shadow,
    pixel_art,
)


def make(kind: str, seed: int, width: int = 900, height: int = 640) -> Made:
    """Make a picture of a kind: the same for the same seed and size."""
    return made_by(KINDS[kind], seed, width, height)


if __name__ == "__main__":
    sheets.main(KINDS, __doc__)
