"""Makes more of what lies on flat grounds, with known alpha: what painters, offices and makers of icons have.

`python tests/more_graphics.py FOLDER --seeds 1-3` writes a set of them.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import sheet as sheets
from canvas import Colour, Floats, Point, blurred, clouds, composed, even, grain, ramp, rounded, stacked, star
from made_graphics import SENTENCES, WORDS, figure, mark, strokes, textured
from sheet import BLACK, WHITE, Made, Sheet, finished, made_by, named

Layer = tuple[Floats, Floats | Colour]


def _plain(sheet: Sheet, layers: list[Layer], colour: Colour, pressed: bool = False) -> Made:
    """Finish a picture of layers on a ground of one colour."""
    alpha, inks = stacked(layers)
    return finished(sheet, alpha, inks, even(sheet.width, sheet.height, colour), "colour", pressed)


def _paper(sheet: Sheet) -> Floats:
    level = sheet.between(215, 250)
    return sheet.lit([level, level - sheet.between(0, 10), level - sheet.between(0, 30)], 0.02, 0.2)


# Logos and icons


def logo_gradient(sheet: Sheet) -> Made:
    one, other = sheet.other_than(WHITE), sheet.other_than(WHITE)
    inks = ramp(sheet.width, sheet.height, one, other, sheet.between(0, 2 * math.pi))
    return _plain(sheet, [(mark(sheet), inks)], WHITE)


def logo_inks(sheet: Sheet) -> Made:
    """Fields of several inks that touch each other, with an open ring in their midst, and a word."""
    colour = WHITE if sheet.perhaps(0.7) else sheet.colour()
    fields = sheet.whole(3, 6)
    inks = [sheet.other_than(colour) for _ in range(fields)]
    radius, centre = sheet.length(100, 180), sheet.place(0.35)
    x, y = np.meshgrid(np.arange(sheet.width) - centre[0], np.arange(sheet.height) - centre[1])
    turn = sheet.between(0, 2 * math.pi)
    field = ((np.arctan2(y, x) + turn) % (2 * math.pi) / (2 * math.pi) * fields).astype(int).clip(0, fields - 1)
    ring, word = sheet.canvas(), sheet.canvas()
    ring.ring(centre, radius, radius * sheet.between(0.2, 0.6))
    word.text((sheet.width * 0.05, sheet.height * 0.8), sheet.one_of(WORDS), sheet.length(60, 100))
    layers: list[Layer] = [(ring.coverage(), np.asarray(inks, np.float64)[field]), (word.coverage(), inks[0])]
    return _plain(sheet, layers, colour)


def badge(sheet: Sheet) -> Made:
    """White letters on a coloured badge on white: they belong to the badge."""
    canvas, letters = sheet.canvas(), sheet.canvas()
    word, size = sheet.one_of(WORDS), sheet.length(60, 120)
    wide, centre = canvas.text_width(word, size), (sheet.width / 2, sheet.height * sheet.between(0.4, 0.6))
    form, margin = sheet.whole(0, 2), sheet.length(25, 60)
    if form == 0:
        canvas.disc(centre, wide / 2 + margin)
    elif form == 1:
        left, tall = centre[0] - wide / 2 - margin, size * 0.7 + margin / 2
        canvas.box(left, centre[1] - tall, sheet.width - left, centre[1] + tall, sheet.length(0, 60))
    else:
        canvas.polygon(star(centre, wide / 2 + 2 * margin, sheet.whole(9, 16), sheet.between(0.8, 0.9)))
    letters.text((centre[0] - wide / 2, centre[1] - size * 0.65), word, size)
    return _plain(sheet, [(canvas.coverage(), sheet.other_than(WHITE)), (letters.coverage(), WHITE)], WHITE)


def ui_icon(sheet: Sheet) -> Made:
    """A tile with a symbol and a faint shadow, as on a screen."""
    colour: Colour = [sheet.whole(0, 255)] * 3 if sheet.perhaps() else sheet.colour()
    tile, symbol = sheet.canvas(), sheet.canvas()
    (x, y), half = sheet.place(0.4), sheet.length(80, 170)
    tile.box(x - half, y - half, x + half, y + half, half * sheet.between(0.2, 0.6))
    symbol.polygon(star((x, y), half * 0.7, sheet.whole(3, 7), sheet.between(0.3, 0.9), sheet.between(0, 3)))
    symbol.disc((x, y), half * sheet.between(0.1, 0.25), ink=False)
    cover = tile.coverage()
    shadow = blurred(np.roll(cover, round(sheet.length(2, 8)), 0), sheet.length(3, 10)) * sheet.between(0.15, 0.4)
    shade = ramp(sheet.width, sheet.height, face := sheet.other_than(colour), sheet.other_than(colour), math.pi / 2)
    layers: list[Layer] = [(cover, shade), (symbol.coverage(), sheet.other_than(face))]
    if max(colour) > 80:  # on a dark ground nobody sees it
        layers.insert(0, (shadow, BLACK))
    return _plain(sheet, layers, colour)


def icon_32(sheet: Sheet) -> Made:
    return _icon(replace(sheet, width=32, height=32))


def icon_64(sheet: Sheet) -> Made:
    return _icon(replace(sheet, width=64, height=64))


def _icon(sheet: Sheet) -> Made:
    colour = WHITE if sheet.perhaps() else sheet.colour()
    side, canvas, dot = sheet.width, sheet.canvas(), sheet.canvas()
    form = sheet.whole(0, 2)
    if form == 0:
        canvas.ring((side / 2, side / 2), side * sheet.between(0.3, 0.45), side * sheet.between(0.1, 0.22))
    elif form == 1:
        canvas.polygon(star((side / 2, side / 2), side * 0.45, sheet.whole(4, 8), sheet.between(0.4, 0.7)))
    else:
        canvas.text((side * 0.15, side * 0.02), sheet.one_of(("R", "8", "A", "g", "&")), side * 0.75)
    ink = sheet.other_than(colour)
    dot.disc((side * 0.78, side * 0.78), side * sheet.between(0.08, 0.18))
    return _plain(sheet, [(canvas.coverage(), ink), (dot.coverage(), sheet.other_than(colour))], colour)


# Drawings and paintings


def glow(sheet: Sheet) -> Made:
    """Something that shines on a black ground: the glow is its colour, half transparent."""
    canvas = sheet.canvas()
    if sheet.perhaps():
        canvas.polygon(star(sheet.place(0.4), sheet.length(60, 130), sheet.whole(4, 8), sheet.between(0.3, 0.8)))
    else:
        canvas.text((sheet.width * 0.15, sheet.height * 0.35), sheet.one_of(WORDS), sheet.length(110, 190))
    core = canvas.coverage()
    light = sheet.other_than(BLACK, 180)
    halo = (blurred(core, sheet.length(8, 30)) * sheet.between(1, 2)).clip(0, 1) * sheet.between(0.5, 0.95)
    return _plain(sheet, [(halo, light), (core, sheet.other_than(BLACK, 200))], BLACK)


def airbrush(sheet: Sheet) -> Made:
    """Strokes of soft half-transparent dabs of several colours over white."""
    alpha, mixed = np.zeros((sheet.height, sheet.width)), np.zeros((sheet.height, sheet.width, 3))  # mixed: times alpha
    for _ in range(sheet.whole(3, 7)):
        colour, flow = np.asarray(sheet.other_than(WHITE, 100)), sheet.between(0.1, 0.4)
        radius, at, heading = sheet.length(15, 70), np.asarray(sheet.place(0.2)), sheet.between(0, 2 * math.pi)
        for _ in range(sheet.whole(10, 60)):
            heading += sheet.random.normal(0, 0.25)
            at = at + radius * 0.3 * np.asarray([math.cos(heading), math.sin(heading)])
            left, top = (max(0, math.floor(place - radius)) for place in at)
            part = np.s_[top : max(0, math.ceil(at[1] + radius)), left : max(0, math.ceil(at[0] + radius))]
            rows, columns = np.indices(alpha[part].shape)
            away = ((columns + left - at[0]) ** 2 + (rows + top - at[1]) ** 2) / radius**2
            dab = flow * (1 - away).clip(0, 1) ** 2
            alpha[part] += dab * (1 - alpha[part])
            mixed[part] = dab[..., None] * colour + (1 - dab[..., None]) * mixed[part]
    inks = mixed / alpha[..., None].clip(1e-9)
    return finished(sheet, alpha, inks, even(sheet.width, sheet.height, WHITE), "colour")


def cartoon_outlined(sheet: Sheet) -> Made:
    """A person in flat colours with black outlines, white eyes and a white shirt: all inside belongs to it."""
    width = sheet.length(3, 9)
    x, top = sheet.width * sheet.between(0.35, 0.65), sheet.height * sheet.between(0.06, 0.15)
    head, long = sheet.length(80, 120), sheet.length(200, 260)
    wide = head * sheet.between(0.9, 1.6)
    neck = top + 2 * head
    body: list[Point] = [
        (x - wide * 0.7, neck),
        (x + wide * 0.7, neck),
        (x + wide, neck + long),
        (x - wide, neck + long),
    ]
    layers: list[Layer] = []

    def field(colour: Colour, corners: list[Point]) -> None:
        inside, outline = sheet.canvas(), sheet.canvas()
        inside.polygon(corners)
        outline.line([*corners, *corners[:2]], width)
        layers.extend([(inside.coverage(), colour), (outline.coverage(), BLACK)])

    def oval(colour: Colour, centre: Point, across: float, down: float) -> None:
        inside, outline = sheet.canvas(), sheet.canvas()
        outline.oval(centre, (across + width / 2, down + width / 2))
        inside.oval(centre, (across - width / 2, down - width / 2))
        layers.extend([(outline.coverage(), BLACK), (inside.coverage(), colour)])

    field(WHITE, body)
    field(sheet.other_than(WHITE), [body[3], body[2], (x + wide, neck + long * 1.3), (x - wide, neck + long * 1.3)])
    oval((250, sheet.between(170, 225), sheet.between(130, 190)), (x, top + head), head, head)
    apart = head * sheet.between(0.35, 0.45)
    for side in (-1, 1):
        eye = (x + side * apart, top + head * 0.85)
        oval(WHITE, eye, head * 0.24, head * 0.3)
        oval(BLACK, (eye[0] + head * 0.05, eye[1]), head * 0.06, head * 0.08)
    mouth = sheet.canvas()
    smile = [(x + head * 0.5 * math.cos(a), top + head * (1.2 + 0.3 * math.sin(a))) for a in np.linspace(0.2, 2.9, 20)]
    mouth.line(smile, width)
    layers.append((mouth.coverage(), BLACK))
    return _plain(sheet, layers, WHITE)


def hatching(sheet: Sheet) -> Made:
    """An outlined form that is hatched, or cross-hatched: between the lines is ground."""
    cross, width, apart = sheet.perhaps(), sheet.between(1, 2.5), sheet.length(7, 16)
    canvas, form = sheet.canvas(), sheet.canvas()
    centre, radius = sheet.place(0.4), sheet.length(130, 220)
    outline = star(centre, radius, sheet.whole(5, 9), sheet.between(0.6, 0.95), sheet.between(0, 3))
    form.polygon(outline)
    reach = sheet.width + sheet.height
    for angle in [sheet.between(0, math.pi) + turn for turn in ([0, sheet.between(0.6, 1.5)] if cross else [0])]:
        along, aside = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        for offset in np.arange(-radius, radius, apart) + sheet.random.normal(
            0, apart / 12, math.ceil(2 * radius / apart)
        ):
            middle = [centre[axis] + offset * aside[axis] for axis in (0, 1)]
            ends = [(middle[0] + part * along[0], middle[1] + part * along[1]) for part in (-reach, reach)]
            canvas.line(ends, width)
    edge = sheet.canvas()
    edge.line([*outline, *outline[:2]], width * 1.5)
    cover = np.maximum(canvas.coverage() * form.coverage(), edge.coverage())
    return _plain(sheet, [(cover, sheet.dark())], WHITE)


def pencil(sheet: Sheet) -> Made:
    """Grey strokes, broken by the paper's grain."""
    ground = _paper(sheet)
    tooth = grain(sheet.random, sheet.width, sheet.height, 0.2, sheet.between(0.6, 1.2))
    drawn = blurred(strokes(sheet, (2, 6), (6, 14)), 0.6)
    alpha = drawn * (sheet.between(0.45, 0.8) + tooth).clip(0.05, 1)
    inks = even(sheet.width, sheet.height, [sheet.whole(30, 70)] * 3)
    picture = rounded(sheet.grained(composed(alpha, inks, ground), 1, 4))
    return Made(sheet.pressed(picture), alpha, inks, ground, "paper")


def scanned_page(sheet: Sheet) -> Made:
    canvas, size = sheet.canvas(), sheet.length(18, 32)
    left, top, apart = sheet.length(30, 110), sheet.length(20, 90), size * sheet.between(1.2, 2)
    while top < sheet.height - 1.5 * size:
        canvas.text((left, top), sheet.one_of(SENTENCES)[: sheet.whole(20, 60)], size)
        top += apart
    ground, alpha = _paper(sheet), blurred(canvas.coverage(), sheet.between(0.4, 0.9))
    inks = even(sheet.width, sheet.height, sheet.dark())
    picture = rounded(sheet.grained(composed(alpha, inks, ground), 1, 4))
    return Made(sheet.pressed(picture), alpha, inks, ground, "paper")


def lattice(sheet: Sheet) -> Made:
    """Crossing bars, as of a fence: open between them."""
    canvas, colour = sheet.canvas(), WHITE if sheet.perhaps(0.6) else sheet.colour()
    apart, width = sheet.length(35, 90), sheet.length(5, 14)
    left, top, right, bottom = (sheet.length(70, 140) for _ in range(4))
    right, bottom = sheet.width - right, sheet.height - bottom
    slant = sheet.between(0, 40) if sheet.perhaps() else 0
    for x in np.arange(left, right + 1, apart):
        canvas.line([(x, top), (x + slant, bottom)], width)
    for y in np.arange(top, bottom + 1, apart * sheet.between(0.7, 2)):
        canvas.line([(left - width, y), (right + slant, y)], width)
    return _plain(sheet, [(canvas.coverage(), sheet.other_than(colour))], colour)


def on_black(sheet: Sheet) -> Made:
    """White lines and letters on black."""
    words = sheet.canvas()
    words.text(sheet.place(0.3), sheet.one_of(WORDS), sheet.length(50, 100))
    white: Colour = [sheet.whole(225, 255)] * 3
    return _plain(sheet, [(strokes(sheet, (1, 6), (3, 9)), white), (words.coverage(), white)], BLACK)


def on_grey(sheet: Sheet) -> Made:
    """Light and dark inks, and colours, on the grey in the middle."""
    grey: Colour = (128, 128, 128)
    light: Colour = [sheet.whole(210, 255)] * 3
    layers: list[Layer] = [(mark(sheet), light if sheet.perhaps() else sheet.other_than(grey, 70))]
    return _plain(sheet, [*layers, (strokes(sheet, (2, 7), (2, 5)), sheet.dark())], grey)


def at_border(sheet: Sheet) -> Made:
    """A figure that the picture's border cuts, on one side or two."""
    canvas, radius = sheet.canvas(), sheet.length(170, 280)
    x = 0 if sheet.perhaps() else sheet.width * sheet.between(0.3, 0.7)
    canvas.disc((x, sheet.height), radius)
    canvas.disc((x + radius * 0.4, sheet.height - radius), radius * sheet.between(0.4, 0.6))
    colour = WHITE if sheet.perhaps() else sheet.colour()
    inks = textured(sheet, sheet.other_than(colour, 130))
    return _plain(sheet, [(canvas.coverage(), inks)], colour)


# Nothing but ground


def _nothing(sheet: Sheet, ground: Floats, picture: Floats, ground_kind: str, pressed: bool = False) -> Made:
    alpha, pixels = np.zeros((sheet.height, sheet.width)), rounded(picture)
    return Made(sheet.pressed(pixels) if pressed else pixels, alpha, np.zeros_like(ground), ground, ground_kind)


def nothing_flat(sheet: Sheet) -> Made:
    ground = even(sheet.width, sheet.height, WHITE if sheet.perhaps() else sheet.colour())
    return _nothing(sheet, ground, ground, "colour")


def nothing_ramp(sheet: Sheet) -> Made:
    ground = ramp(sheet.width, sheet.height, sheet.colour(), sheet.colour(), sheet.between(0, 2 * math.pi))
    return _nothing(sheet, ground, ground, "ramp")


def nothing_paper(sheet: Sheet) -> Made:
    ground = _paper(sheet)
    return _nothing(sheet, ground, sheet.grained(ground, 1, 6), "paper", pressed=True)


def nothing_noise(sheet: Sheet) -> Made:
    """A key colour with noise of its own in each channel, and clouds that are hardly to be seen."""
    ground = sheet.lit(sheet.colour(30, 220), 0, 0.1)
    noise = np.stack([grain(sheet.random, sheet.width, sheet.height, sheet.between(2, 6)) for _ in range(3)], -1)
    spots = clouds(sheet.random, sheet.width, sheet.height, sheet.length(100, 200), sheet.between(0, 1.5))
    return _nothing(sheet, ground, ground + noise + spots[..., None], "key", pressed=True)


# Pictures with a transparency of their own


def own_alpha(sheet: Sheet) -> Made:
    """A drawing on a white layer, parts of which somebody has erased: there is nothing, whatever the values."""
    alpha, inks = stacked(
        [(figure(sheet)[0], textured(sheet, sheet.other_than(WHITE))), (strokes(sheet, (2, 6), (2, 5)), BLACK)]
    )
    erased = _erased(sheet)
    made = finished(sheet, alpha, inks, even(sheet.width, sheet.height, WHITE), "colour")
    picture = np.where((erased == 0)[..., None], np.uint8(0), made.picture)
    return replace(made, picture=picture, alpha=alpha * erased, own_alpha=erased)


def _erased(sheet: Sheet) -> Floats:
    """Return what is left of a layer: H x W, 0..1."""
    canvas = sheet.canvas()
    canvas.box(0, 0, sheet.width, sheet.height)
    for _ in range(sheet.whole(1, 3)):
        canvas.disc(sheet.place(0.0), sheet.length(40, 120), ink=False)
    return blurred(canvas.coverage(), sheet.between(0, 6))


KINDS = named(
    logo_gradient,
    logo_inks,
    badge,
    ui_icon,
    icon_32,
    icon_64,
    glow,
    airbrush,
    cartoon_outlined,
    hatching,
    pencil,
    scanned_page,
    lattice,
    on_black,
    on_grey,
    at_border,
    nothing_flat,
    nothing_ramp,
    nothing_paper,
    nothing_noise,
    own_alpha,
)


def make(kind: str, seed: int, width: int = 900, height: int = 640) -> Made:
    """Make a picture of a kind: the same for the same seed and size."""
    return made_by(KINDS[kind], seed, width, height)


if __name__ == "__main__":
    sheets.main(KINDS, __doc__)
