"""What is sampled at the taps of a deformable convolution, and where: shared by the forms that exporters write.

The forms are those of `deformable`, which has the meaning of the letters in shapes and of "same order".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matted.models.convert.nodes import Different, constant, demand, expect, kind_of, same_order, shape_of


@dataclass(frozen=True)
class Size:
    """The sizes of a deformable convolution: `values`, `shares` and `places` are the shapes of tensors in it."""

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
        """The shape of what all channels of a group share."""
        return [self.batch, self.groups, 1, self.taps, self.rows, self.columns]

    @property
    def places(self) -> list[int]:
        return [self.batch, self.groups, self.taps, 2, self.rows, self.columns]


@dataclass(frozen=True)
class Sampled:
    """What is sampled, and where.

    picture: B x G*C x H x W, without its border.
    places: the node that computes where the taps look, B x G x K x (y, x) x R x S, in pixels, border included.
    border: its width at the top and at the left.
    """

    picture: Any
    places: Any
    border: tuple[int, int]


def narrow_and_wide(product: Any, size: Size) -> tuple[Any, Any]:
    """Return the factor of a product that all channels of a group share, and the other one. Raises Different."""
    demand(size.channels > 1, "one channel a group, where both look alike")
    factors = {tuple(shape_of(value)): value for value in product.input_values()}
    try:
        return same_order(factors[tuple(size.shares)]), same_order(factors[tuple(size.values)])
    except KeyError as error:
        raise Different("factors of other shapes") from error


def pair(coordinates: Any, shape: list[int]) -> tuple[Any, Any]:
    """Return the two tensors that were concatenated along a last axis of 2."""
    joined = expect(coordinates, "Concat")
    demand(shape_of(joined.output(0)) == shape, "another number of points")
    demand(joined.get_attributes()["axis"] in (-1, len(shape) - 1), "put together along another axis")
    demand(len(joined.inputs()) == 2, "coordinates in more than two parts")
    return joined.input_value(0), joined.input_value(1)


def component(output: Any, size: Size, floor: bool = False) -> tuple[Any, int]:
    """Return the places of which `output` is one coordinate, and which: 0 for y, 1 for x.

    floor: the output has the whole numbers of that coordinate, in any integer type.
    """
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
    """Return which of y and x is sliced out: the one at the start, as only one is left, whatever stop and step are."""
    demand(len(node.inputs()) == 5, "cut along all axes")
    start, axes = (constant(node.input_value(index)).tolist() for index in (1, 4))
    demand(shape_of(node.input_value(0)) == size.places and axes in ([3], [-3]), "cut along another axis")
    demand(shape_of(node.output(0))[3] == 1 and start[0] in (0, 1), "not one coordinate")
    return int(start[0])
