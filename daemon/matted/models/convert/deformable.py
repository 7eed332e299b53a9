"""Fold deformable convolutions that an exporter took apart into one operator.

ONNX has DeformConv since opset 19, and exporters came to it later: public BiRefNet files carry each deformable
convolution as some fifty operators, which sample the picture at four neighbours of each tap of the kernel, blend, and
convolve the taps laid side by side. That is exact, but it holds several copies of the picture as many times over as
the kernel has taps; one DeformableConvolution takes half the time and a fraction of the memory.

Sources of the mathematics: Dai et al., Deformable Convolutional Networks, https://arxiv.org/abs/1703.06211; Zhu et al.,
Deformable ConvNets v2 (the modulation), https://arxiv.org/abs/1811.11168; OpenVINO's DeformableConvolution-8. The forms
that are recognised are the ones that the Python package deform_conv2d_onnx_exporter writes (GatherND and
GatherElements), and the same sampling by GridSample.

Shapes below: batch B, offset groups G, channels of a group C, kernel KH x KW with K = KH * KW taps, output R x S,
picture H x W, and the picture with its border of zeros BH x BW. "Same order" means the same elements in the same order
under any shape, which is what a Reshape keeps: so they are looked through everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matted.models.convert.gathering import by_gathering
from matted.models.convert.grid_sample import by_grid_sample
from matted.models.convert.nodes import (
    Different,
    constant,
    demand,
    is_constant,
    kind_of,
    same_order,
    shape_of,
    shaped,
    transposed,
)
from matted.models.convert.sampling import Sampled, Size, narrow_and_wide

if TYPE_CHECKING:
    import openvino

_SAMPLERS = {"GatherND", "GatherElements", "GridSample"}


def fold(graph: openvino.Model) -> int:
    """Fold, in place, every deformable convolution that is recognised. Returns how many there were.

    Only what computes the same is replaced: each operator on the way, its constants and its shape have to be as
    expected. All else stays as it is, and so does what has sizes that are only known at run time.
    """
    if not any(node.get_type_name() in _SAMPLERS for node in graph.get_ops()):
        return 0
    count = 0
    for node in graph.get_ordered_ops():
        if node.get_type_name() in ("Convolution", "GroupConvolution"):
            try:
                folded = _folded(node)
            except Different:
                continue
            folded.set_friendly_name(node.get_friendly_name())
            node.output(0).replace(folded.output(0))
            count += 1
    graph.validate_nodes_and_infer_types()
    return count


def _folded(convolution: Any) -> Any:
    """Make the operator that computes what `convolution` does. Raises Different."""
    import openvino.opset16 as operators

    filters, filter_groups, kernel = _filters(convolution)
    values, size = _laid_out(convolution, kernel)
    mask = None
    if kind_of(values) == "Multiply":
        mask, values = narrow_and_wide(values.get_node(), size)
    if kind_of(values) == "GridSample":
        found = by_grid_sample(values.get_node(), size)
    else:
        found = by_gathering(values, size)
    grid, offsets = _grid_and_offsets(found.places, size)
    strides, dilations, pads = _geometry(grid, found, size)
    kind = found.picture.get_element_type()
    if filters.get_element_type() != kind:
        raise Different("weights of another type")
    offsets = shaped(offsets, [size.batch, 2 * size.groups * size.taps, size.rows, size.columns], kind)
    if mask is not None:
        mask = shaped(mask, [size.batch, size.groups * size.taps, size.rows, size.columns], kind)
    groups = (filter_groups, size.groups)
    return operators.deformable_convolution(
        found.picture, offsets, filters, strides, pads, pads, dilations, mask, "explicit", *groups, True
    )


# From the convolution back to the sampled values


def _filters(convolution: Any) -> tuple[Any, int, tuple[int, int]]:
    """Return the weights as filters x channels x KH x KW, the number of groups they are in, and the kernel."""
    import openvino.opset16 as operators

    weights = convolution.input_value(1)
    grouped = convolution.get_type_name() == "GroupConvolution"
    shape = shape_of(weights, 5 if grouped else 4)
    kernel = (shape[-2], shape[-1])
    attributes = convolution.get_attributes()
    adds_up_blocks = (
        list(attributes["strides"]) == list(kernel)
        and list(attributes["dilations"]) == [1, 1]
        and not any([*attributes["pads_begin"], *attributes["pads_end"]])
        and attributes["auto_pad"] in ("explicit", "valid")
    )
    if not adds_up_blocks:
        raise Different("a convolution of neighbours")
    if not grouped:
        return weights, 1, kernel
    joined = operators.constant(np.array([shape[0] * shape[1], *shape[2:]], np.int64))
    return operators.reshape(weights, joined, False).output(0), shape[0], kernel


def _laid_out(convolution: Any, kernel: tuple[int, int]) -> tuple[Any, Size]:
    """Return what was sampled, in the order B, G, C, K, R, S, before its taps were laid side by side as blocks."""
    blocks = convolution.input_value(0)
    batch, channels, height, width = shape_of(blocks, 4)
    rows, columns = height // kernel[0], width // kernel[1]
    values = same_order(blocks)
    if kernel != (1, 1) or kind_of(values) == "Transpose":  # one tap may have been left where it is
        turned = transposed(blocks, [0, 1, 4, 2, 5, 3])
        demand(shape_of(turned) == [batch, channels, *kernel, rows, columns], "blocks of another size")
        values = same_order(turned)
    if kind_of(values) == "GridSample":
        groups = shape_of(values, 4)[0] // batch
    else:
        groups = shape_of(values, 6)[1]
    demand(groups >= 1 and channels % groups == 0, "channels that do not divide into groups")
    return values, Size(batch, groups, channels // groups, kernel, rows, columns)


# Where the taps look


def _grid_and_offsets(places: Any, size: Size) -> tuple[NDArray[np.float32], Any]:
    """Return where the taps look without offsets, and the offsets."""
    demand(places.get_type_name() == "Add", "places without offsets")
    offsets, grid = places.input_values()
    if is_constant(offsets):
        offsets, grid = grid, offsets
    demand(shape_of(offsets) == shape_of(places.output(0)) == size.places, "another number of places")
    numbers = constant(grid).astype(np.float32)
    demand(numbers.ndim == 6, "a grid of another shape")
    return numbers, offsets


def _geometry(grid: NDArray[np.float32], found: Sampled, size: Size) -> tuple[list[int], list[int], list[int]]:
    """Find the strides, dilations and paddings (equal on both sides) for y and x that make this grid."""
    demand(grid.shape[2:] == (size.taps, 2, size.rows, size.columns), "a grid of another shape")
    taps = grid[0, 0].reshape(*size.kernel, 2, size.rows, size.columns)
    strides, dilations, pads = [], [], []
    for axis, (side, kernel, count) in enumerate(
        zip(shape_of(found.picture)[2:], size.kernel, (size.rows, size.columns), strict=True)
    ):
        along_taps = np.moveaxis(taps[:, :, axis, 0, 0], axis, 0)[:, 0]
        along_picture = np.moveaxis(taps[0, 0, axis], axis, 0)[:, 0]
        first = float(along_picture[0])
        dilation = float(along_taps[1]) - first if kernel > 1 else 1.0
        stride = float(along_picture[1]) - first if count > 1 else 1.0
        pad = found.border[axis] - first
        demand(min(dilation, stride) >= 1 and pad >= 0, "taps in another order")
        demand(all(number.is_integer() for number in (dilation, stride, pad)), "taps between pixels")
        demand((side + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 == count, "another padding on each side")
        strides.append(int(stride))
        dilations.append(int(dilation))
        pads.append(int(pad))
    y, x = (
        np.arange(count)[None] * stride + np.arange(kernel)[:, None] * dilation + border - pad
        for count, stride, kernel, dilation, border, pad in zip(
            (size.rows, size.columns), strides, size.kernel, dilations, found.border, pads, strict=True
        )
    )
    regular = np.empty(taps.shape, np.float32)
    regular[:, :, 0] = y[:, None, :, None]
    regular[:, :, 1] = x[None, :, None, :]
    demand(bool((grid == regular.reshape(grid.shape[2:])).all()), "not a regular grid")
    return strides, dilations, pads
