"""Draw what came of a film on a sheet: some of its frames, small, evenly from the whole, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from matted.files import pictures, sheet
from matted.files.batches.contact import A_PAGE, COLUMNS, form_of_sheet, numbered, small
from matted.files.films import animated, plates
from matted.files.films.source import Source, clock, spread
from matted.files.pictures import Picture
from matted.files.sheet import Cell

if TYPE_CHECKING:
    from matted.files.films.runner import Film

_RATE = Fraction(25)


def names(path: Path, count: int) -> list[Path]:
    """Return the sheets of so many films: one each. Raises PictureError if it is no name of a picture."""
    form_of_sheet(path)
    return [numbered(path, number, count) for number in range(1, count + 1)]


def draw(film: Film, target: Path, overwrite: bool) -> None:
    """Draw the result of a film, which is there. Raises MattedError."""
    files = list(_files(film))
    result: Source = animated.Numbered(film.target, files, _RATE) if files else plates.open_film(film.target)
    shown = spread(result, A_PAGE, small)
    cells = [Cell(image, files[frame.index].name if files else clock(frame.time)) for frame, image in shown]
    page = sheet.draw(cells, COLUMNS if len(cells) > COLUMNS else 0)
    pictures.write(Picture(page, {}), target, overwrite, form_of_sheet(target))


def _files(film: Film) -> Iterator[Path]:
    """Yield the numbered files of a result; none if it is a film."""
    index = 0
    while film.name is not None:
        try:
            file = film.name(index)
        except IndexError:  # of a folder, whose frames are counted
            return
        if not file.is_file():
            return
        yield file
        index += 1
