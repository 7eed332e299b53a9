"""Draw pictures side by side on one sheet, with words beneath each, for people who choose by eye."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

GAP = 14  # pixels between two cells, and around all
INNER = 6  # pixels between the parts of a cell
TITLE, TEXT = 19, 15  # pixels: the sizes of the letters
LEADING = 1.3  # heights of a letter from one line to the next
NARROWEST = 240  # pixels of a cell, so that there is room for words
MOST_COLUMNS = 5
LANDSCAPE = 1.6  # width by height that a sheet has about: that of a screen
SQUARE = 10  # pixels of a square of the checkerboard

PAPER, INK, FAINT, MARK = (250, 250, 250), (20, 20, 20), (95, 95, 95), (0, 96, 170)
LIGHT, DARK = 225, 165  # of the checkerboard


@dataclass(frozen=True)
class Cell:
    """One place of the sheet.

    image: RGB. None: the sentence stands in its place.
    detail: RGB, shown beneath it; None: there is none.
    title: in larger letters.
    lines: beneath the title.
    sentence: why there is no image.
    mark: what is special about this one, in colour; the cell has a frame then. Empty: nothing is.
    """

    image: Image.Image | None
    title: str
    lines: Sequence[str] = ()
    detail: Image.Image | None = None
    sentence: str = ""
    mark: str = ""


def draw(cells: Sequence[Cell], columns: int = 0) -> Image.Image:
    """Draw a sheet of some cells, row by row. columns: cells of a row; 0: as many as make it fit a screen. RGB."""
    images = [cell.image for cell in cells if cell.image is not None] or [Image.new("RGB", (NARROWEST, TEXT))]
    width = max(NARROWEST, *(image.width for image in images), *(_width(cell.detail) for cell in cells))
    height = max(image.height for image in images)
    below = max(_height(cell.detail) for cell in cells)
    columns = columns or _columns(len(cells), width, height + below)
    pens = [_Pen(cell, width, height, below) for cell in cells]
    rows = [pens[start : start + columns] for start in range(0, len(pens), columns)]
    tops = [GAP]
    for row in rows:
        tops.append(tops[-1] + max(pen.height for pen in row) + GAP)
    page = Image.new("RGB", (GAP + columns * (width + GAP), tops[-1]), PAPER)
    for row, top, bottom in zip(rows, tops, tops[1:], strict=False):
        for column, pen in enumerate(row):
            pen.put(page, GAP + column * (width + GAP), top, bottom - GAP)
    return page


def over(cut_out: Image.Image, background: Colour | None) -> Image.Image:
    """Return a cut-out, RGBA, over a colour, or over a checkerboard for None. RGB."""
    base = checkerboard(cut_out.size) if background is None else Image.new("RGB", cut_out.size, background)
    base.paste(cut_out, mask=cut_out.getchannel("A"))
    return base


def checkerboard(size: tuple[int, int]) -> Image.Image:
    """Return the pattern that stands for nothing. size: width, height. RGB."""
    rows, columns = np.ogrid[: size[1], : size[0]]
    dark = (rows // SQUARE + columns // SQUARE) % 2 == 1
    return Image.fromarray(np.where(dark, DARK, LIGHT).astype(np.uint8)).convert("RGB")


def framed(image: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    """Return an image with a part of it in a frame. box: left, top, right, bottom in its pixels. RGB."""
    result = image.copy()
    pen = ImageDraw.Draw(result)
    left, top, right, bottom = (round(edge) for edge in box)
    pen.rectangle((left, top, right - 1, bottom - 1), outline="white", width=3)
    pen.rectangle((left + 1, top + 1, right - 2, bottom - 2), outline=MARK, width=1)
    return result


class _Pen:
    """Draws one cell. height: of all that it draws, in pixels."""

    def __init__(self, cell: Cell, width: int, height: int, below: int) -> None:
        """width: of the cell. height, below: the room for its image and for its detail."""
        self._cell = cell
        self._width = width
        self._room = height
        self._below = below
        lines = [(cell.title, TITLE, INK), (cell.mark, TEXT, MARK), *((line, TEXT, FAINT) for line in cell.lines)]
        self._lines = [
            (part, size, colour) for line, size, colour in lines for part in _wrapped(line, size, width) if line
        ]
        text = sum(round(size * LEADING) for _, size, _ in self._lines)
        self.height = height + INNER + (below + INNER if below else 0) + text

    def put(self, page: Image.Image, left: int, top: int, bottom: int) -> None:
        """Draw the cell. bottom: where its row ends."""
        pen, cell = ImageDraw.Draw(page), self._cell
        if cell.mark:
            half = GAP // 2
            frame = (left - half, top - half, left + self._width + half - 1, bottom + half - 1)
            pen.rectangle(frame, outline=MARK, width=3)
        if cell.image is not None:
            page.paste(cell.image, (left + (self._width - cell.image.width) // 2, top))
        else:
            self._say(pen, left, top)
        top += self._room + INNER
        if self._below:
            if cell.detail is not None:
                page.paste(cell.detail, (left + (self._width - cell.detail.width) // 2, top))
            top += self._below + INNER
        for line, size, colour in self._lines:
            pen.text((left, top), line, fill=colour, font=_font(size))
            top += round(size * LEADING)

    def _say(self, pen: ImageDraw.ImageDraw, left: int, top: int) -> None:
        """Write the sentence in the place of the image, as much of it as there is room for."""
        step = round(TEXT * LEADING)
        lines = list(_wrapped(self._cell.sentence, TEXT, self._width))[: max(1, self._room // step)]
        top += max(0, self._room - step * len(lines)) // 2
        for line in lines:
            pen.text((left + self._width / 2, top), line, fill=FAINT, font=_font(TEXT), anchor="ma")
            top += step


def _columns(count: int, width: int, height: int) -> int:
    """Return the number of columns that makes the sheet's sides those of a screen, about."""

    def unlike(columns: int) -> float:
        rows = math.ceil(count / columns)
        empty = (columns * rows - count) / count
        return abs(math.log(columns * width / (rows * height) / LANDSCAPE)) + empty

    return min(range(1, min(count, MOST_COLUMNS) + 1), key=unlike)


def _wrapped(text: str, size: int, width: int) -> Iterator[str]:
    """Yield the lines of a text that fit into a width; a word that does not is cut."""
    font, line = _font(size), ""
    for word in _plain(text).split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            yield line
            longer = word
        while font.getlength(longer) > width and len(longer) > 1:
            fits = next(
                end for end in range(len(longer) - 1, 0, -1) if end == 1 or font.getlength(longer[:end]) <= width
            )
            yield longer[:fits]
            longer = longer[fits:]
        line = longer
    yield line


def _plain(text: str) -> str:
    """Return a text in the letters that the font has: those of ASCII."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that Pillow brings, which is the same on every computer."""
    return ImageFont.load_default(size)


def _width(image: Image.Image | None) -> int:
    return 0 if image is None else image.width


def _height(image: Image.Image | None) -> int:
    return 0 if image is None else image.height
