"""Inputs of a graph: all graphs get the same ones, in the same shapes, whoever exported them.

Those that are no pictures become constants, or are computed of the picture's size, in the graph. So whatever runs the
model feeds it pictures alone; one with a memory its states, too; and a decoder what the pictures gave, and a prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matted.models.spec import Decoder

if TYPE_CHECKING:
    import openvino


def fill(
    graph: openvino.Model, constants: Sequence[tuple[str, float]], coarse: tuple[str, int] | None
) -> list[openvino.op.Parameter]:
    """Fill inputs of a graph in place. Returns those that are left: pictures, states. What the graph lacks is left out.

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


def states_last(
    parameters: list[openvino.op.Parameter], states: Sequence[str], file: str
) -> list[openvino.op.Parameter]:
    """Return a graph's parameters in order: the pictures, then the states.

    states: their names, in the order that they shall have. file: what the graph is from.

    Raises ValueError for a state that the graph lacks.
    """
    known = {name: each for each in parameters for name in each.output(0).get_names()}
    for name in states:
        if name not in known:
            raise ValueError(f"{file} has no input {name!r}. It has: {', '.join(sorted(known))}.")
    last = [known[name] for name in states]
    return [*(each for each in parameters if each not in last), *last]


def _has(graph: openvino.Model, name: str) -> bool:
    return any(name in port.get_names() for port in graph.inputs)


def _constant(graph: openvino.Model, name: str, value: float) -> openvino.Node:
    import openvino.opset13 as operators

    port = graph.input(name)
    shape = [side.get_min_length() or 1 for side in port.get_partial_shape()]
    return operators.constant(np.full(shape, value, port.get_element_type().to_dtype()))


def channels_first(graph: openvino.Model) -> openvino.Model:
    """Return the graph with inputs of 1 x 3 x height x width in the place of those of height x width x 3."""
    import openvino
    import openvino.opset13 as operators

    parameters = []
    for parameter in graph.get_parameters():
        shape = parameter.get_partial_shape()
        if len(shape) == 3 and shape[2] == 3:
            planes = operators.parameter([1, 3, shape[0], shape[1]], parameter.get_element_type())
            last = operators.transpose(operators.squeeze(planes, np.array([0])), np.array([1, 2, 0]))
            parameter.output(0).replace(last.output(0))
            parameter = planes
        parameters.append(parameter)
    return openvino.Model(graph.get_results(), parameters, graph.get_friendly_name())


def of_a_decoder(graph: openvino.Model, decoder: Decoder) -> list[openvino.op.Parameter]:
    """Fill the constants of a decoder in place. Returns its other inputs in the decoder's order. Raises ValueError.

    Points become 1 x number x 2 and labels 1 x number, also where the file has one more axis, for questions at once.
    """
    import openvino.opset13 as operators

    fill(graph, decoder.constants, None)
    known = {name: port.get_node() for port in graph.inputs for name in port.get_names()}
    parameters = []
    for name in decoder.inputs:
        if name not in known:
            raise ValueError(f"The decoder has no input {name!r}. It has: {', '.join(sorted(known))}.")
        parameter = known[name]
        wanted = {decoder.points: 3, decoder.labels: 2}.get(name)
        if wanted is not None:
            shape = parameter.get_partial_shape()
            plain = operators.parameter([1, -1, 2][:wanted], np.float32)
            given = plain.output(0)
            for _ in range(len(shape) - wanted):
                given = operators.unsqueeze(given, np.array([1])).output(0)
            parameter.output(0).replace(operators.convert(given, parameter.get_element_type()).output(0))
            parameter = plain
        parameters.append(parameter)
    return parameters
