"""Draw contact sheets: the results of a run, small, with their names, to look through a thousand at a glance."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image

from matted.files import pictures, sheet
from matted.files.batches.outcomes import DONE, EXISTING, LEFT, Outcome
from matted.files.formats import known
from matted.files.formats.known import Form
from matted.files.pictures import Picture, PictureError
from matted.files.sheet import Cell

SIDE = 240  # pixels, the longer side of a result on a sheet
COLUMNS, ROWS = 8, 6  # of a page
A_PAGE = COLUMNS * ROWS


def small(picture: Picture) -> Image.Image:
    """Return a picture at the size of a cell, over a checkerboard where it is transparent. RGB."""
    image = picture.image
    scale = min(1.0, SIDE / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    factor = max(1, math.floor(min(image.width / size[0], image.height / size[1]) / 2))
    reduced = image.reduce(factor).resize(size, Image.Resampling.BOX)
    return sheet.over(reduced, None) if reduced.mode == "RGBA" else reduced.convert("RGB")


def form_of_sheet(path: Path) -> Form:
    """Return the format of a sheet. Raises PictureError if its name is none of a picture."""
    form = known.form_of(path.name)
    if form is None:
        endings = ", ".join(form.suffixes[0] for form in known.FORMS.values())
        raise PictureError(f"{path} is no name of a picture.", f"A sheet is a picture: its name ends in {endings}.")
    return form


def numbered(path: Path, number: int, count: int) -> Path:
    """Return the name of one of so many sheets, from 1 on: the path if there is one alone. count: 0 if not known."""
    return path if count == 1 else path.with_name(f"{path.stem}-{number:0{len(str(count))}}{path.suffix}")


class Contact:
    """Collects the outcomes of a run, and writes a page when it is full, or `flush` is called: memory stays level."""

    def __init__(self, path: Path, count: int, overwrite: bool) -> None:
        """Write nothing yet.

        path: of the sheet; several pages have -1, -2 and so on behind the name.
        count: how many outcomes will come; 0 where that is not known.
        overwrite: whether pages may replace files that exist.

        Raises PictureError if no page could be written.
        """
        self._form = form_of_sheet(path)
        self._path = path
        self._pages = math.ceil(count / A_PAGE)
        self._overwrite = overwrite
        self._page = 1
        self._cells: dict[Path, Cell] = {}  # of the latest page, by the pictures
        self._changed = False
        self.pages = [self._name(page) for page in range(1, max(self._pages, 1) + 1)]  # as far as it is known
        for page in self.pages:
            pictures.refuse_to_replace(page, overwrite)
        self.written: list[Path] = []

    def add(self, outcome: Outcome) -> None:
        """Put an outcome on the sheet, in the place of an earlier one of the same picture on the latest page.

        Raises PictureError if a page that is full cannot be written.
        """
        if outcome.state == LEFT:
            return
        if len(self._cells) == A_PAGE and outcome.source not in self._cells:
            self._page += 1
            self._cells.clear()
        self._cells[outcome.source] = _cell(outcome)
        self._changed = True
        if len(self._cells) == A_PAGE:
            self.flush()

    def flush(self) -> None:
        """Write the page as far as there is one. Raises PictureError."""
        if not self._changed:
            return
        self._changed = False
        target, again = self._name(self._page), self._name(self._page) in self.written
        columns = COLUMNS if len(self._cells) > COLUMNS or self._pages != 1 else 0
        page = Picture(sheet.draw(list(self._cells.values()), columns), {})
        pictures.write(page, target, self._overwrite or again, self._form)
        if not again:
            self.written.append(target)

    def _name(self, page: int) -> Path:
        return numbered(self._path, page, self._pages)


def _cell(outcome: Outcome) -> Cell:
    name = outcome.source.name
    if outcome.error is not None:
        sentence = outcome.error.message.replace(str(outcome.source), name).removeprefix(f"{name}: ")
        return Cell(None, name, (outcome.state,), sentence=sentence)
    if outcome.small is None:
        return Cell(None, name, sentence="It cannot be shown." if outcome.state in (DONE, EXISTING) else outcome.state)
    lines = [outcome.info.model] if outcome.info is not None and outcome.info.model else []
    return Cell(outcome.small, name, lines)
