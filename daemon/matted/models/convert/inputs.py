"""Inputs of a graph that are no pictures: they become constants, or are computed of the picture's size, in the graph.

So whatever runs the model feeds it pictures alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import openvino


def fill(
    graph: openvino.Model, constants: Sequence[tuple[str, float]], coarse: tuple[str, int] | None
) -> list[openvino.op.Parameter]:
    """Fill inputs of a graph in place. Returns those that are left: the pictures. What the graph lacks is left out.

    constants: name of an input, and the value that all its elements have. It has as few elements as it can.
    coarse: name of an input of one element, and pixels: it becomes pixels / longer side of the first input, at most 1.
    """
    import openvino.opset13 as operators

    left: list[openvino.op.Parameter] = graph.get_parameters()
    pictures = left[0]
    values = {name: _constant(graph, name, value) for name, value in constants if _has(graph, name)}
    if coarse is not None and _has(graph, coarse[0]):
        # The limit is taken of integers: OpenVINO 2026.4 joins a division to the maximum of real numbers before it, and
        # turns it over then.
        sides = operators.gather(operators.shape_of(pictures), np.array([2, 3]), np.int64(0))
        longer = operators.reduce_max(
            operators.concat([sides, operators.constant(np.array([coarse[1]]))], 0), np.array([0]), keep_dims=True
        )
        values[coarse[0]] = operators.divide(np.float32(coarse[1]), operators.convert(longer, "f32"))
    for name, value in values.items():
        port = graph.input(name)
        left = [parameter for parameter in left if parameter.output(0) != port]
        port.replace(value.output(0))
    return left


def _has(graph: openvino.Model, name: str) -> bool:
    return any(name in port.get_names() for port in graph.inputs)


def _constant(graph: openvino.Model, name: str, value: float) -> openvino.Node:
    import openvino.opset13 as operators

    shape = graph.input(name).get_partial_shape()
    return operators.constant(np.full([side.get_min_length() or 1 for side in shape], value, np.float32))
