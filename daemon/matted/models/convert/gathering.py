"""Recognise bilinear sampling that an exporter wrote as a weighted sum of four gathered neighbours.

The forms are those of `deformable`, which has the meaning of the letters in shapes and of "same order".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matted.models.convert.nodes import (
    constant,
    demand,
    expect,
    is_constant,
    is_same,
    kind_of,
    same_order,
    scalar,
    shape_of,
    transposed,
)
from matted.models.convert.sampling import Sampled, Size, component, narrow_and_wide, pair


@dataclass(frozen=True)
class _Neighbour:
    """A pixel beside a place: for y and x the whole number below, or the next one (after = 1)."""

    place: Any
    after: tuple[int, int]


def by_gathering(total: Any, size: Size) -> Sampled:
    """Recognise the sum over a place's four neighbours of the pixel there times its share. Raises Different."""
    found: dict[tuple[int, int], Sampled] = {}
    for term in _summands(total):
        share, values = narrow_and_wide(expect(term, "Multiply"), size)
        if kind_of(values) == "Transpose":
            neighbour, picture, border = _gathered_by_points(values, size)
        else:
            neighbour, picture, border = _gathered_by_elements(values, size)
        place, after = _share(share, size)
        demand(is_same(place, neighbour.place) and after == neighbour.after, "the share of another neighbour")
        found[after] = Sampled(picture, place.get_node(), border)
    demand(len(found) == 4, "not four neighbours")
    first, *others = found.values()
    for other in others:
        alike = is_same(other.picture, first.picture) and is_same(other.places.output(0), first.places.output(0))
        demand(alike and other.border == first.border, "neighbours in different pictures")
    return first


def _summands(total: Any) -> list[Any]:
    total = same_order(total)
    if kind_of(total) != "Add":
        return [total]
    terms = [term for value in total.get_node().input_values() for term in _summands(value)]
    demand(len(terms) <= 4, "more than four neighbours")
    return terms


def _gathered_by_points(values: Any, size: Size) -> tuple[_Neighbour, Any, tuple[int, int]]:
    """Recognise a GatherND of all channels at B x G x K*R*S points."""
    count = size.taps * size.rows * size.columns
    by_point = transposed(values, [0, 1, 3, 2])
    demand(shape_of(by_point) == [size.batch, size.groups, count, size.channels], "another number of points")
    gather = expect(by_point, "GatherND")
    demand(gather.get_attributes()["batch_dims"] == 2, "points across groups")
    channels_first = transposed(gather.input_value(0), [0, 1, 3, 4, 2])
    picture, border, sides = _without_border(channels_first, size)
    demand(shape_of(channels_first) == [size.batch, size.groups, size.channels, *sides], "a picture of another shape")
    y, x = pair(gather.input_value(1), [size.batch, size.groups, count, 2])
    return _neighbour(y, x, sides, size), picture, border


def _gathered_by_elements(values: Any, size: Size) -> tuple[_Neighbour, Any, tuple[int, int]]:
    """Recognise a GatherElements from rows that are joined to one line, at y * BW + x."""
    count = size.taps * size.rows * size.columns
    gather = expect(values, "GatherElements")
    demand(gather.get_attributes()["axis"] in (3, -1), "gathered along another axis")
    line = gather.input_value(0)
    picture, border, sides = _without_border(line, size)
    demand(
        shape_of(line) == [size.batch, size.groups, size.channels, sides[0] * sides[1]], "a picture of another shape"
    )
    everywhere = expect(gather.input_value(1), "Broadcast")
    demand(shape_of(everywhere.output(0)) == [size.batch, size.groups, size.channels, count], "another index")
    position = everywhere.input_value(0)
    demand(shape_of(position) == [size.batch, size.groups, 1, count], "an index that differs among channels")
    rows, column = expect(position, "Add").input_values()
    if kind_of(same_order(rows)) != "Multiply":
        rows, column = column, rows
    row, width = expect(rows, "Multiply").input_values()
    if is_constant(row):
        row, width = width, row
    demand(scalar(width) == sides[1], "rows of another length")
    demand(shape_of(row) == shape_of(column) == shape_of(position), "rows and columns of different numbers")
    return _neighbour(row, column, sides, size), picture, border


def _without_border(padded: Any, size: Size) -> tuple[Any, tuple[int, int], tuple[int, int]]:
    """Return the picture, its border at the top and at the left, and its sides with the border.

    What lies outside has to be 0 wherever a clipped index can point: a border on each side.
    """
    pad = expect(padded, "Pad")
    values = [constant(value).tolist() for value in pad.input_values()[1:3]]
    begin, end = values
    demand(len(begin) == 4 and begin[:2] == end[:2] == [0, 0], "padded channels")
    demand(min(begin[2:] + end[2:]) >= 1, "a side without a border")
    demand(pad.get_attributes()["pad_mode"] == "constant", "a border that is not zeros")
    if len(pad.inputs()) == 4:
        demand(scalar(pad.input_value(3)) == 0, "a border that is not zeros")
    batch, channels, height, width = shape_of(pad.output(0), 4)
    demand([batch, channels] == [size.batch, size.groups * size.channels], "another number of channels")
    return pad.input_value(0), (begin[2], begin[3]), (height, width)


def _neighbour(y: Any, x: Any, sides: tuple[int, int], size: Size) -> _Neighbour:
    places, after = [], []
    for axis, output in enumerate((y, x)):
        output = _clipped(output, sides[axis] - 1)
        step = 0
        if kind_of(output) == "Add":
            left, right = output.get_node().input_values()
            output, one = (right, left) if is_constant(left) else (left, right)
            demand(scalar(one) == 1, "not the next pixel")
            step = 1
        place, found_axis = component(output, size, floor=True)
        demand(found_axis == axis, "x and y the other way round")
        places.append(place)
        after.append(step)
    demand(is_same(places[0], places[1]), "x and y of different places")
    return _Neighbour(places[0], (after[0], after[1]))


def _clipped(output: Any, last: int) -> Any:
    """Return what was clipped to 0..last."""
    output = same_order(output)
    if kind_of(output) == "Clamp":
        attributes = output.get_node().get_attributes()
        demand((attributes["min"], attributes["max"]) == (0, last), "clipped elsewhere")
        return same_order(output.get_node().input_value(0))
    limits = {}
    for _ in range(2):
        kind = kind_of(output)
        demand(kind in ("Minimum", "Maximum") and kind not in limits, "not clipped")
        left, right = output.get_node().input_values()
        output, limit = (right, left) if is_constant(left) else (left, right)
        limits[kind] = scalar(limit)
        output = same_order(output)
    demand(limits == {"Maximum": 0, "Minimum": last}, "clipped elsewhere")
    return output


def _share(product: Any, size: Size) -> tuple[Any, tuple[int, int]]:
    """Return the place of which this product is a neighbour's share, and which neighbour's it is.

    The fraction of a coordinate is the share of the next pixel, 1 minus the fraction that of the pixel before.
    """
    place, after = None, {}
    factors = expect(product, "Multiply")
    for factor in factors.input_values():
        demand(shape_of(factor) == shape_of(factors.output(0)), "shares of different numbers")
        factor = same_order(factor)
        step = 1
        if kind_of(factor) == "Subtract" and is_constant(factor.get_node().input_value(0)):
            one, factor = factor.get_node().input_values()
            demand(scalar(one) == 1, "not the rest to 1")
            step = 0
        difference, axis = component(factor, size)
        whole_and_part, whole = expect(difference, "Subtract").input_values()
        floor = expect(whole, "Floor")
        demand(is_same(same_order(floor.input_value(0)), same_order(whole_and_part)), "not a fraction")
        demand(place is None or is_same(place, same_order(whole_and_part)), "fractions of different places")
        place = same_order(whole_and_part)
        after[axis] = step
    demand(after.keys() == {0, 1}, "not the fractions of y and x")
    return place, (after[0], after[1])
