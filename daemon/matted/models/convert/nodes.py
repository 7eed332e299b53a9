"""Questions to the nodes and outputs of an OpenVINO graph, for code that recognises what operators compute together.

Each answers, or raises Different: the graph is not what the one who asks looks for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Different(Exception):
    """The graph is not what is looked for. The words are for developers."""


def demand(fulfilled: bool, otherwise: str) -> None:
    if not fulfilled:
        raise Different(otherwise)


def kind_of(output: Any) -> str:
    return str(output.get_node().get_type_name())


def expect(output: Any, kind: str) -> Any:
    node = same_order(output).get_node()
    demand(node.get_type_name() == kind, f"{node.get_type_name()} where {kind} was expected")
    return node


def is_same(one: Any, other: Any) -> bool:
    """Whether two outputs are one and the same. The objects are made anew whenever they are asked for."""
    names = one.get_node().get_name(), other.get_node().get_name()  # unique, which friendly names are not
    return bool(names[0] == names[1] and one.get_index() == other.get_index())


def shape_of(output: Any, rank: int | None = None) -> list[int]:
    shape = output.get_partial_shape()
    demand(shape.is_static, "sizes that are known at run time only")
    demand(rank is None or len(shape) == rank, "another number of axes")
    return list(shape.to_shape())


def same_order(output: Any) -> Any:
    """Look through what only gives the same elements another shape."""
    while kind_of(output) in ("Reshape", "Squeeze", "Unsqueeze"):
        output = output.get_node().input_value(0)
    return output


def transposed(output: Any, order: list[int]) -> Any:
    node = expect(output, "Transpose")
    demand(constant(node.input_value(1)).tolist() == order, "turned otherwise")
    return node.input_value(0)


def is_constant(output: Any) -> bool:
    kind = kind_of(output)
    return kind == "Constant" or (kind == "Convert" and is_constant(output.get_node().input_value(0)))


def constant(output: Any) -> NDArray[Any]:
    """The numbers of a constant, also of one that is kept in float16 to save space."""
    demand(is_constant(output), "something computed where a constant was expected")
    while kind_of(output) == "Convert":
        output = output.get_node().input_value(0)
    return np.asarray(output.get_node().data)


def scalar(output: Any) -> float:
    """The one number of a constant, of any shape."""
    numbers = constant(output)
    demand(numbers.size == 1, "several numbers where one was expected")
    return float(numbers.reshape(-1)[0])


def shaped(output: Any, shape: list[int], kind: Any) -> Any:
    """The same elements in the same order under this shape and type."""
    import openvino.opset16 as operators

    output = same_order(output)
    if shape_of(output) != shape:
        output = operators.reshape(output, operators.constant(np.array(shape, np.int64)), False).output(0)
    if output.get_element_type() != kind:
        output = operators.convert(output, kind).output(0)
    return output
