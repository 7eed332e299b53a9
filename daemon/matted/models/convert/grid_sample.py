"""Recognise bilinear sampling that an exporter wrote as GridSample.

The forms are those of `deformable`, which has the meaning of the letters in shapes and of "same order".
"""

from __future__ import annotations

import math
from typing import Any

from matted.models.convert.nodes import Different, demand, is_constant, is_same, kind_of, same_order, scalar, shape_of
from matted.models.convert.sampling import Sampled, Size, component, pair

_TOLERANCE = 1e-3  # pixels by which the rounded constants before a GridSample may miss


def by_grid_sample(sampler: Any, size: Size) -> Sampled:
    """Recognise a sampler, the node of a GridSample. Raises Different."""
    attributes = sampler.get_attributes()
    demand(attributes["mode"] == "bilinear" and attributes["padding_mode"] == "zeros", "another interpolation")
    picture = _picture(sampler.input_value(0), size)
    height, width = shape_of(picture)[2:]
    grid = pair(sampler.input_value(1), [size.batch * size.groups, size.taps * size.rows, size.columns, 2])
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
        place, found_axis = component(output, size)
        demand(found_axis == axis, "x and y the other way round")
        places.append(place)
    demand(is_same(places[0], places[1]), "x and y of different places")
    return Sampled(picture, places[0].get_node(), (border[0], border[1]))


def _picture(reshaped: Any, size: Size) -> Any:
    """Return the picture as B x G*C x H x W, which was reshaped to B*G x C x H x W."""
    batches, channels, height, width = shape_of(reshaped, 4)
    demand([batches, channels] == [size.batch * size.groups, size.channels], "another number of channels")
    whole = [size.batch, size.groups * size.channels, height, width]
    for output in (reshaped, same_order(reshaped)):
        if shape_of(output) == whole:
            return output
    raise Different("a picture of another shape")


def _affine(output: Any) -> tuple[float, float, Any]:
    """Return scale, shift and x of output = scale * x + shift."""
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
