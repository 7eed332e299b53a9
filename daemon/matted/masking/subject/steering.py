"""Bring a matte into line with what a person said of the subject, in the part of the picture that it is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference.layer import Layer
from matted.masking import interactive
from matted.masking.interactive import Hints
from matted.masking.interactive.hints import Box as Edges
from matted.masking.interactive.hints import Grid
from matted.masking.picture import Findings
from matted.masking.subject.second_look import Box

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_AROUND = 0.5  # of the width and height of what is worked at, on each side: background to learn its colours from
_MOST = 0.6  # of the picture's area; a part that is larger is not worth less context
_SUBJECT = 0.5  # alpha from which a pixel is subject
_MAX_CANVAS = 2048  # pixels a side of the matte of the whole picture, at most

# When the model's own subject is the one that a box was drawn around. People draw boxes some percent off.
_GAP = 0.1  # of the box's side: further from a side it does not reach it
_THIN = 0.02  # of the box's side: what is thinner does not count as reaching
_AGREEING = 0.9  # intersection over union of what it sees in the whole picture and in the box
_BEYOND = 0.1  # of its area inside the box: more of it outside, and it is a larger thing that was not meant


@dataclass(frozen=True)
class Look:
    """What the model saw in a part of the picture. matte: rows x columns of the part, 0..1."""

    where: Box
    matte: Floats


def looks(hints: Hints, width: int, height: int) -> list[Box]:
    """Return the parts of a picture of width x height pixels that the model is to be shown besides the whole."""
    return [Box(*edges) for edges in interactive.looks(hints, width, height)]


def steer(
    matte: Floats,
    layer: Layer,
    hints: Hints,
    seen: Sequence[Look],
    check: Callable[[], None],
    answers: Findings,
) -> Floats:
    """Return the matte of the subject that a person means, of the whole picture, 0..1.

    matte: rows x columns of the whole picture, 0..1: what the model made of it.
    layer: the picture.
    hints: what the person said, in pixels of the picture.
    seen: what the model saw in the parts that `looks` named.
    check: called between pieces of the work; raises to stop.
    answers: what has been found out with the same trimap.

    Wherever the decision agrees with the model, the model's own alpha stays: it has finer detail.
    """
    where = _part(matte, hints, layer.width, layer.height)
    scale = min(1.0, interactive.WORKING_SIDE / max(where.width, where.height))
    guide = layer.part(where, max(1, round(where.width * scale)), max(1, round(where.height * scale)))
    trimap = hints.trimap
    if trimap is not None:
        key = ("trimap", where, guide.width)
        trimap = answers.get(key, partial(_reduced, trimap, where, guide.width, guide.height))
    inner = _cut(matte, where, layer.width, layer.height)
    fitting = _fitting(inner, where, hints, seen)
    if fitting is not None:
        canvas = _canvas(matte, fitting, where, layer.width, layer.height)
        return _agreed(canvas, [], fitting, where, layer.width, layer.height, outside=False)
    decided = interactive.segment(
        guide.planes(),
        inner,
        [(_shifted(each.where, where), each.matte) for each in seen],
        _within(hints, where, trimap),
        where.width,
        where.height,
        check,
    )
    canvas = _canvas(matte, decided, where, layer.width, layer.height)
    return _agreed(canvas, seen, decided, where, layer.width, layer.height, outside=hints.box is None)


def adopt(clicked: Floats, matte: Floats | None, hints: Hints, width: int, height: int) -> Floats:
    """Return the matte of the subject that a model that takes clicks has found, of the whole picture, 0..1.

    clicked: rows x columns: what it found.
    matte: rows x columns: what another model made of the picture; None: there is none. Where both have the same edge,
        its alpha stays: it has finer detail.
    hints: what the person said, in pixels of the picture. A trimap does not count here.
    width, height: of the picture.
    """
    said = replace(hints, trimap=None)
    if matte is None:
        return interactive.agreed(clicked, clicked, said, width, height)
    size = max(clicked.shape[1], matte.shape[1]), max(clicked.shape[0], matte.shape[0])
    decided, believed = (np.asarray(Image.fromarray(each).resize(size)).clip(0, 1) for each in (clicked, matte))
    return interactive.agreed(decided, believed, said, width, height)


def _part(matte: Floats, hints: Hints, width: int, height: int) -> Box:
    """Return the part of the picture to work at: the box, or the subject and all that was said, with a margin."""
    if hints.box is not None:
        left, top, right, bottom = map(float, hints.box)
    else:
        rows, columns = matte.shape
        found = matte >= _SUBJECT
        ys, xs = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
        across = [x + 0.5 for x, _ in (*hints.keep, *hints.drop)]
        down = [y + 0.5 for _, y in (*hints.keep, *hints.drop)]
        if len(xs):
            across += [xs[0] / columns * width, (xs[-1] + 1) / columns * width]
            down += [ys[0] / rows * height, (ys[-1] + 1) / rows * height]
        if hints.trimap is not None or not across:
            return Box(0, 0, width, height)
        left, top, right, bottom = min(across), min(down), max(across), max(down)
    more = _AROUND * max(right - left, 1.0), _AROUND * max(bottom - top, 1.0)
    part = Box(
        max(0, int(left - more[0])),
        max(0, int(top - more[1])),
        min(width, int(right + more[0]) + 1),
        min(height, int(bottom + more[1]) + 1),
    )
    return part if part.width * part.height <= _MOST * width * height else Box(0, 0, width, height)


def _fitting(inner: Floats, where: Box, hints: Hints, seen: Sequence[Look]) -> Floats | None:
    """Return what the model believes in the part `where` if that is just what the box says; None if it is not.

    A person draws a box close around the subject. Where the model's own subject reaches all four sides and hardly
    beyond, in the whole picture and in the box alike, it is the one that was meant, and the model knows its outline
    better than colours do.

    inner: the matte of the part, seen in the whole picture. seen: further looks.
    """
    if hints.box is None or hints.keep or hints.drop or hints.trimap is not None:
        return None
    box = _shifted(hints.box, where)
    beliefs = []
    for each in seen:
        look = _shifted(each.where, where)
        whole = _canvas(inner, each.matte, look, where.width, where.height)
        place = Grid(whole.shape, where.width, where.height).nearly(look)
        whole[place] = _enlarged(each.matte, place)
        beliefs.append(whole)
    beliefs.append(np.asarray(Image.fromarray(inner).resize(beliefs[0].shape[::-1])) if beliefs else inner)
    if not all(_fills(belief, box, where) for belief in beliefs) or _agreement(beliefs) < _AGREEING:
        return None
    mean: Floats = np.mean(beliefs, axis=0, dtype=np.float32)
    return mean


def _agreement(beliefs: Sequence[Floats]) -> float:
    """Return the area that all of them call subject, as a share of that which any of them does."""
    subjects = np.stack(beliefs) > _SUBJECT
    return float(subjects.all(axis=0).sum() / max(1, subjects.any(axis=0).sum()))


def _fills(belief: Floats, box: Box, where: Box) -> bool:
    """Return whether a subject reaches all sides of a box, and hardly beyond. belief, box: of the part `where`."""
    inside = Grid(belief.shape, where.width, where.height).nearly(box)
    subject = belief > _SUBJECT
    part = subject[inside]
    ys = np.flatnonzero(part.sum(axis=1) > _THIN * part.shape[1])
    xs = np.flatnonzero(part.sum(axis=0) > _THIN * part.shape[0])
    if not len(ys) or not len(xs):
        return False
    gaps = (ys[0], part.shape[0] - 1 - ys[-1]), (xs[0], part.shape[1] - 1 - xs[-1])
    reaches = all(max(gap) <= _GAP * side for gap, side in zip(gaps, part.shape, strict=True))
    beyond = np.count_nonzero(subject) - np.count_nonzero(part)
    return bool(reaches and beyond <= _BEYOND * np.count_nonzero(part))


def _shifted(box: Edges, where: Box) -> Box:
    """Return a box in pixels of the part `where`."""
    left, top, right, bottom = box
    return Box(left - where.left, top - where.top, right - where.left, bottom - where.top)


def _reduced(trimap: Bytes, where: Box, width: int, height: int) -> tuple[Bytes, int]:
    """Return the part of a trimap at width x height pixels, and its bytes.

    A pixel is decided if any that it shows is, as most of these are.
    """
    image = Image.fromarray(trimap)
    shares = [
        np.asarray(image.point(levels).resize((width, height), Image.Resampling.BOX, where))
        for levels in ([255, *[0] * 255], [*[0] * 255, 255])
    ]
    background, subject = shares
    small = np.full((height, width), 128, np.uint8)
    small[(background > 0) & (background >= subject)] = 0
    small[subject > background] = 255
    return small, small.nbytes


def _within(hints: Hints, where: Box, trimap: Bytes | None) -> Hints:
    """Return the hints in pixels of a part of the picture. trimap: that of the part, at a smaller size."""

    def moved(points: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple((x - where.left, y - where.top) for x, y in points if _contains(where, x, y))

    box = None if hints.box is None else _shifted(hints.box, where)
    return Hints(box, moved(hints.keep), moved(hints.drop), trimap)


def _contains(box: Box, x: int, y: int) -> bool:
    return box.left <= x < box.right and box.top <= y < box.bottom


def _cut(matte: Floats, where: Box, width: int, height: int) -> Floats:
    """Return the part of a matte of the whole picture, with about as many samples as it has there."""
    rows, columns = matte.shape
    across, down = columns / width, rows / height
    box = (where.left * across, where.top * down, where.right * across, where.bottom * down)
    size = max(1, round(where.width * across)), max(1, round(where.height * down))
    return np.asarray(Image.fromarray(matte).resize(size, Image.Resampling.BILINEAR, box))


def _canvas(matte: Floats, decided: Floats, where: Box, width: int, height: int) -> Floats:
    """Return the matte of the whole picture, as fine as the finer one of both."""
    rows, columns = decided.shape
    size = (
        min(width, _MAX_CANVAS, max(matte.shape[1], round(width * columns / where.width))),
        min(height, _MAX_CANVAS, max(matte.shape[0], round(height * rows / where.height))),
    )
    return np.array(Image.fromarray(matte).resize(size, Image.Resampling.BILINEAR))


def _agreed(
    canvas: Floats, seen: Sequence[Look], decided: Floats, where: Box, width: int, height: int, outside: bool
) -> Floats:
    """Return the canvas with what was decided in its part.

    seen: further looks, whose detail is taken where they agree with the decision.
    outside: whether what lies outside the part stays; else it is cleared.
    """
    grid = Grid(canvas.shape, width, height)
    place = grid.nearly(where)
    decision = np.zeros_like(canvas)
    decision[place] = _enlarged(decided, place)
    agreed = np.where((canvas > _SUBJECT) == (decision > _SUBJECT), canvas, decision)
    for each in seen:
        spot = grid.nearly(each.where)
        view = _enlarged(each.matte, spot)
        agreed[spot] = np.where((view > _SUBJECT) == (decision[spot] > _SUBJECT), view, agreed[spot])
    result = canvas if outside else np.zeros_like(canvas)
    result[place] = agreed[place]
    return result


def _enlarged(part: Floats, place: tuple[slice, slice]) -> Floats:
    """Return the matte of a part of a canvas at the size that it has there."""
    rows, columns = place
    size = columns.stop - columns.start, rows.stop - rows.start
    return np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BILINEAR)).clip(0.0, 1.0)
