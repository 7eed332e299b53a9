"""Inspect nodes and outputs of an OpenVINO graph, to recognise what operators compute together.

A function that raises Different says: the graph is not what is looked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Different(Exception):
    """The graph is not what is looked for. The text is for developers."""


def demand(fulfilled: bool, otherwise: str) -> None:
    """Raise Different with this text unless the condition holds."""
    if not fulfilled:
        raise Different(otherwise)


def kind_of(output: Any) -> str:
    """Return the type of the node that computes an output."""
    return str(output.get_node().get_type_name())


def expect(output: Any, kind: str) -> Any:
    """Return the node of this type that computes an output, under any shape. Raises Different."""
    node = same_order(output).get_node()
    demand(node.get_type_name() == kind, f"{node.get_type_name()} where {kind} was expected")
    return node


def is_same(one: Any, other: Any) -> bool:
    """Whether two outputs are one and the same. The objects are made anew whenever they are asked for."""
    names = one.get_node().get_name(), other.get_node().get_name()  # unique, which friendly names are not
    return bool(names[0] == names[1] and one.get_index() == other.get_index())


def shape_of(output: Any, rank: int | None = None) -> list[int]:
    """Return the shape of an output. Raises Different if it is not static or has another rank."""
    shape = output.get_partial_shape()
    demand(shape.is_static, "sizes that are known at run time only")
    demand(rank is None or len(shape) == rank, "another number of axes")
    return list(shape.to_shape())


def same_order(output: Any) -> Any:
    """Follow an output back through operators that only change its shape."""
    while kind_of(output) in ("Reshape", "Squeeze", "Unsqueeze"):
        output = output.get_node().input_value(0)
    return output


def transposed(output: Any, order: list[int]) -> Any:
    """Return what was transposed in this order, under any shape. Raises Different."""
    node = expect(output, "Transpose")
    demand(constant(node.input_value(1)).tolist() == order, "turned otherwise")
    return node.input_value(0)


def is_constant(output: Any) -> bool:
    """Whether an output is a constant, or one that is only converted."""
    kind = kind_of(output)
    return kind == "Constant" or (kind == "Convert" and is_constant(output.get_node().input_value(0)))


def constant(output: Any) -> NDArray[Any]:
    """Return the numbers of a constant, also of one that is kept in float16 to save space. Raises Different."""
    demand(is_constant(output), "something computed where a constant was expected")
    while kind_of(output) == "Convert":
        output = output.get_node().input_value(0)
    return np.asarray(output.get_node().data)


def scalar(output: Any) -> float:
    """Return the one number of a constant of any shape. Raises Different."""
    numbers = constant(output)
    demand(numbers.size == 1, "several numbers where one was expected")
    return float(numbers.reshape(-1)[0])


def shaped(output: Any, shape: list[int], kind: Any) -> Any:
    """Return the same elements in the same order with this shape and type."""
    import openvino.opset16 as operators

    output = same_order(output)
    if shape_of(output) != shape:
        output = operators.reshape(output, operators.constant(np.array(shape, np.int64)), False).output(0)
    if output.get_element_type() != kind:
        output = operators.convert(output, kind).output(0)
    return output
