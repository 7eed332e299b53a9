"""Bilinear sampling of a picture at the taps of a deformable convolution, as exporters write it in smaller operators.

The forms are those of `deformable`, which has the meaning of the letters in shapes and what "same order" means. Each
function takes what was sampled and returns where, or raises Different.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from matted.models.convert.nodes import (
    Different,
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

_TOLERANCE = 1e-3  # pixels by which the rounded constants before a GridSample may miss


@dataclass(frozen=True)
class Size:
    batch: int
    groups: int
    channels: int  # of one group
    kernel: tuple[int, int]
    rows: int
    columns: int

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    @property
    def values(self) -> list[int]:
        return [self.batch, self.groups, self.channels, self.taps, self.rows, self.columns]

    @property
    def shares(self) -> list[int]:
        """The shape of what is the same for all channels of a group."""
        return [self.batch, self.groups, 1, self.taps, self.rows, self.columns]

    @property
    def places(self) -> list[int]:
        return [self.batch, self.groups, self.taps, 2, self.rows, self.columns]


@dataclass(frozen=True)
class Sampled:
    """places: the node that computes where the taps look, B x G x K x (y, x) x R x S, in pixels of the picture with a
    border of this width at the top and at the left. picture: B x G*C x H x W, without the border."""

    picture: Any
    places: Any
    border: tuple[int, int]


def narrow_and_wide(product: Any, size: Size) -> tuple[Any, Any]:
    """The factor that all channels of a group share, and the one of every channel, out of their product."""
    demand(size.channels > 1, "one channel a group, where both look alike")
    factors = {tuple(shape_of(value)): value for value in product.input_values()}
    try:
        return same_order(factors[tuple(size.shares)]), same_order(factors[tuple(size.values)])
    except KeyError:
        raise Different("factors of other shapes") from None


# Sampling by GridSample


def by_grid_sample(sampler: Any, size: Size) -> Sampled:
    attributes = sampler.get_attributes()
    demand(attributes["mode"] == "bilinear" and attributes["padding_mode"] == "zeros", "another interpolation")
    picture = _picture(sampler.input_value(0), size)
    height, width = shape_of(picture)[2:]
    grid = _pair(sampler.input_value(1), [size.batch * size.groups, size.taps * size.rows, size.columns, 2])
    border = [0, 0]
    places = []
    for axis, side, coordinate in ((1, width, grid[0]), (0, height, grid[1])):
        scale, shift, output = _affine(coordinate)
        # From -1..1 to pixels: between the centres of the outermost pixels, or between their outer edges.
        if attributes["align_corners"]:
            scale, shift = scale * (side - 1) / 2, (shift + 1) * (side - 1) / 2
        else:
            scale, shift = scale * side / 2, ((shift + 1) * side - 1) / 2
        demand(math.isfinite(scale) and math.isfinite(shift), "coordinates on no scale")
        border[axis] = round(-shift)
        rounding = abs(scale - 1) * side + abs(shift + border[axis])
        demand(rounding < _TOLERANCE, "coordinates on another scale")
        place, found_axis = _component(output, size)
        demand(found_axis == axis, "x and y the other way round")
        places.append(place)
    demand(is_same(places[0], places[1]), "x and y of different places")
    return Sampled(picture, places[0].get_node(), (border[0], border[1]))


def _picture(reshaped: Any, size: Size) -> Any:
    """What is B*G x C x H x W as B x G*C x H x W."""
    batches, channels, height, width = shape_of(reshaped, 4)
    demand([batches, channels] == [size.batch * size.groups, size.channels], "another number of channels")
    whole = [size.batch, size.groups * size.channels, height, width]
    for output in (reshaped, same_order(reshaped)):
        if shape_of(output) == whole:
            return output
    raise Different("a picture of another shape")


def _affine(output: Any) -> tuple[float, float, Any]:
    """scale, shift and x, when output = scale * x + shift."""
    scale, shift = 1.0, 0.0
    while True:
        output = same_order(output)
        kind = kind_of(output)
        if kind not in ("Add", "Subtract", "Multiply", "Divide"):
            return scale, shift, output
        left, right = output.get_node().input_values()
        if is_constant(left) and kind in ("Add", "Multiply"):
            left, right = right, left
        number = scalar(right)
        if kind == "Add":
            shift += scale * number
        elif kind == "Subtract":
            shift -= scale * number
        else:
            demand(number != 0, "a scale of nothing")
            scale *= number if kind == "Multiply" else 1 / number
        output = left


# Sampling by gathering four neighbours


@dataclass(frozen=True)
class _Neighbour:
    """Where it is: the whole numbers of a place, or the next ones (after = 1), for (y, x)."""

    place: Any
    after: tuple[int, int]


def by_gathering(total: Any, size: Size) -> Sampled:
    """The sum over the four neighbours of a place of what is gathered there by how near they are."""
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
    """GatherND of all channels at B x G x K*R*S points."""
    count = size.taps * size.rows * size.columns
    by_point = transposed(values, [0, 1, 3, 2])
    demand(shape_of(by_point) == [size.batch, size.groups, count, size.channels], "another number of points")
    gather = expect(by_point, "GatherND")
    demand(gather.get_attributes()["batch_dims"] == 2, "points across groups")
    channels_first = transposed(gather.input_value(0), [0, 1, 3, 4, 2])
    picture, border, sides = _without_border(channels_first, size)
    demand(shape_of(channels_first) == [size.batch, size.groups, size.channels, *sides], "a picture of another shape")
    y, x = _pair(gather.input_value(1), [size.batch, size.groups, count, 2])
    return _neighbour(y, x, sides, size), picture, border


def _gathered_by_elements(values: Any, size: Size) -> tuple[_Neighbour, Any, tuple[int, int]]:
    """GatherElements from rows that are joined to one line, at y * BW + x."""
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
    """The picture, its border at the top and at the left, and its sides with the border.

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
        place, found_axis = _component(output, size, floor=True)
        demand(found_axis == axis, "x and y the other way round")
        places.append(place)
        after.append(step)
    demand(is_same(places[0], places[1]), "x and y of different places")
    return _Neighbour(places[0], (after[0], after[1]))


def _clipped(output: Any, last: int) -> Any:
    """What was clipped to 0..last."""
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
    """The place of which this is a neighbour's share, and which neighbour's.

    The fraction of a coordinate is the share of the next pixel, what it lacks to 1 that of the one before.
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
        difference, axis = _component(factor, size)
        whole_and_part, whole = expect(difference, "Subtract").input_values()
        floor = expect(whole, "Floor")
        demand(is_same(same_order(floor.input_value(0)), same_order(whole_and_part)), "not a fraction")
        demand(place is None or is_same(place, same_order(whole_and_part)), "fractions of different places")
        place = same_order(whole_and_part)
        after[axis] = step
    demand(after.keys() == {0, 1}, "not the fractions of y and x")
    return place, (after[0], after[1])


# Parts of places


def _pair(coordinates: Any, shape: list[int]) -> tuple[Any, Any]:
    """The two tensors that were put together along a last axis of 2."""
    joined = expect(coordinates, "Concat")
    demand(shape_of(joined.output(0)) == shape, "another number of points")
    demand(joined.get_attributes()["axis"] in (-1, len(shape) - 1), "put together along another axis")
    demand(len(joined.inputs()) == 2, "coordinates in more than two parts")
    return joined.input_value(0), joined.input_value(1)


def _component(output: Any, size: Size, floor: bool = False) -> tuple[Any, int]:
    """What `output` is the y (0) or the x (1) of, and which. floor: of its whole numbers, in any integer type."""
    axis = None
    floored = False
    while True:
        output = same_order(output)
        kind = kind_of(output)
        node = output.get_node()
        if kind == "Slice" and axis is None:
            axis = _sliced(node, size)
        elif floor and kind == "Convert" and not floored:  # of whole numbers, exact
            pass
        elif floor and kind == "Floor" and not floored:
            floored = True
        else:
            break
        output = node.input_value(0)
    if axis is None or floored != floor:
        raise Different("not the whole numbers of one axis")
    return output, axis


def _sliced(node: Any, size: Size) -> int:
    """Which of y and x is cut out. With one of them left it is the one at the start, whatever stop and step say."""
    demand(len(node.inputs()) == 5, "cut along all axes")
    start, axes = (constant(node.input_value(index)).tolist() for index in (1, 4))
    demand(shape_of(node.input_value(0)) == size.places and axes in ([3], [-3]), "cut along another axis")
    demand(shape_of(node.output(0))[3] == 1 and start[0] in (0, 1), "not one coordinate")
    return int(start[0])
