"""Show a comparison of models: as a sheet, as a table, and as facts for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from matted.cli import output
from matted.cli.models import words
from matted.evaluation.comparing import Comparison, CutOut
from matted.files import sheet as sheets
from matted.files.sheet import Cell, Colour
from matted.models.spec import Entry

_CHOSEN = "chosen by itself for this picture"
_PICTURE = "The picture"

Known = Mapping[str, Entry]  # the models by id


def sheet(result: Comparison, made: Sequence[CutOut], known: Known, background: Colour | None) -> Image.Image:
    """Draw the picture, then each cut-out over a colour, or over a checkerboard for None. RGB.

    made: those of the result that are shown.
    """
    cells = [_cell_of_the_picture(result)]
    for each in made:
        entry = known[each.model]
        lines = [entry.id, *_pace(each), *_worth(entry), _licence(entry)]
        cells.append(
            Cell(
                None if each.image is None else sheets.over(each.image, background),
                entry.title,
                lines,
                None if each.detail is None else sheets.over(each.detail, background),
                _sentence(each),
                _CHOSEN if each.model == result.chosen else "",
            )
        )
    return sheets.draw(cells)


def table(result: Comparison, made: Sequence[CutOut], known: Known) -> list[str]:
    """Return the lines of a table: how long each took, how good it is said to be, and its licence; or why it failed."""
    rows = [["model", "inference", "quality", "licence"]]
    for each in made:
        entry = known[each.model]
        name = f"{each.model} *" if each.model == result.chosen else each.model
        worth = f"{words.quality_bar(entry.facts())} {words.quality_words(entry.facts())}".strip()
        rows.append([name, _sentence(each)] if each.error else [name, _seconds(each), worth, _licence(entry)])
    lines = output.columns(rows)
    return [*lines, f"* {_CHOSEN}"] if any(each.model == result.chosen for each in made) else lines


def facts(result: Comparison, made: Sequence[CutOut], known: Known) -> dict[str, Any]:
    """Return all that there is to know, for programs."""
    return {
        "size": list(result.size),
        "detail": None if result.where is None else list(result.where),
        "chosen": result.chosen,
        "models": [_facts(each, known[each.model]) for each in made],
    }


def _facts(made: CutOut, entry: Entry) -> dict[str, Any]:
    info, error = made.info, made.error
    names = ("device", "timings", "confidence", "coverage", "second_look", "ground", "warnings")
    return {
        "id": made.model,
        "title": entry.title,
        "licence": entry.licence,
        "commercial": entry.commercial,
        "quality": entry.facts()["quality"],
        "seconds": made.seconds,
        "result": None if info is None else {name: getattr(info, name) for name in names},
        "error": None if error is None else {"code": error.code, "message": error.message, "hint": error.hint},
    }


def _cell_of_the_picture(result: Comparison) -> Cell:
    image = sheets.over(result.original.convert("RGBA"), None)
    lines = ["{} x {} pixels".format(*result.size)]
    if result.where is None or result.original_detail is None:
        return Cell(image, _PICTURE, lines)
    across, down = image.width / result.size[0], image.height / result.size[1]
    left, top, right, bottom = result.where
    framed = sheets.framed(image, (left * across, top * down, right * across, bottom * down))
    lines.append("Beneath: what is in the frame, pixel by pixel.")
    return Cell(framed, _PICTURE, lines, sheets.over(result.original_detail.convert("RGBA"), None))


def _seconds(made: CutOut) -> str:
    """As "0.28 s"; what needs no inference takes no time."""
    return words.pace(made.seconds) or "none"


def _pace(made: CutOut) -> list[str]:
    if made.error:
        return []
    return ["no inference" if made.seconds is None else f"{_seconds(made)} an inference"]


def _worth(entry: Entry) -> list[str]:
    said = words.quality_words(entry.facts())
    return [f"quality: {said}"] if said else []


def _licence(entry: Entry) -> str:
    return f"{entry.licence} ({'free' if entry.commercial else 'non-commercial only'})"


def _sentence(made: CutOut) -> str:
    """Say why there is no cut-out; empty if there is one."""
    return "" if made.error is None else f"{made.error.message} {made.error.hint}".strip()
