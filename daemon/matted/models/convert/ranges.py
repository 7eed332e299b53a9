"""Make INT8 variants of known weights, without NNCF: put ranges that were found once into the graph.

What NNCF finds with photographs is, for weights that are known, always the same: where 8-bit integers stand between
operators, and within which range. `matted/models/ranges/` has it, a file a model, which `tests/int8_ranges.py` writes.
Weights need no photographs: their ranges are their largest magnitudes, channel by channel.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matted.models import convert
from matted.models.convert.nodes import Different, constant, demand
from matted.models.spec import ModelSpec

if TYPE_CHECKING:
    import openvino

_FOLDER = "ranges"  # beside the catalogue
_LEVELS = 256  # of an activation
_LARGEST = 127  # of a weight: -127 to 127, so that 0 is a level
_ALIKE = 2e-3  # relative, by how much half-precision copies of the same weights may differ in their largest magnitudes
_REAL = {"f16", "bf16", "f32"}


@dataclass(frozen=True)
class Activation:
    """A tensor that becomes 8-bit integers on its way to some operators.

    node: number of the node that computes it, in its `Chart`.
    users: numbers of the nodes that take it as integers, from the first to the last.
    low, high: its range. What is outside is clipped; 0 is one of the 256 levels.
    """

    node: int
    users: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Filters:
    """The weights of a convolution that become 8-bit integers.

    node: number of the convolution.
    largest: their largest magnitude, which tells other weights of the same graph apart.
    """

    node: int
    largest: float


@dataclass(frozen=True)
class Ranges:
    """What calibration has found for a model.

    weights: the files that it was found for or that have the same weights, as "algorithm:digest".
    found: by what, with which photographs; for people.
    graph: fingerprint of the `Chart` that the numbers of nodes are of.
    activations, filters: what becomes integers; all else stays as it is.
    """

    weights: tuple[str, ...]
    found: str
    graph: str
    activations: tuple[Activation, ...]
    filters: tuple[Filters, ...]


def find(model: str, weights: str) -> Ranges | None:
    """Return the ranges of a model; None if there are none for its weights.

    model: its id. weights: "algorithm:digest" of the file that they came in.
    """
    file = resources.files("matted.models").joinpath(_FOLDER, f"{model}.json")
    if not file.is_file():
        return None
    known = decode(file.read_text("utf-8"))
    return known if weights in known.weights else None


@cache
def covers(spec: ModelSpec) -> bool:
    """Return whether there are ranges for weights that a model is downloaded with, without being told from where."""
    digests = [source.digest for source in spec.automatic_sources if source.digest]
    return any(find(spec.id, ":".join(digest)) is not None for digest in digests)


def decode(text: str) -> Ranges:
    """Read a file of ranges."""
    table = json.loads(text)
    return Ranges(
        tuple(table["weights"]),
        table["found"],
        table["graph"],
        tuple(Activation(node, tuple(users), low, high) for node, users, low, high in table["activations"]),
        tuple(Filters(node, largest) for node, largest in table["filters"]),
    )


def encode(known: Ranges) -> str:
    """Write a file of ranges: a line a tensor."""
    activations = [[each.node, list(each.users), each.low, each.high] for each in known.activations]
    filters = [[each.node, each.largest] for each in known.filters]
    head = {"weights": list(known.weights), "found": known.found, "graph": known.graph}
    lines = [f'"{name}": {json.dumps(value)},' for name, value in head.items()]
    for name, rows in (("activations", activations), ("filters", filters)):
        lines.append(f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n],")
    return "{\n" + "\n".join(lines).rstrip(",") + "\n}\n"


def quantize(model_path: Path, known: Ranges, target: Path) -> None:
    """Write the INT8 variant of a model as an OpenVINO IR, in some seconds.

    model_path: what `convert.read` takes.
    known: its ranges.
    target: the .xml of the variant; its weights lie beside it.

    Raises OSError, and ValueError: the file cannot be read, or its graph or weights are not those of the ranges.
    """
    graph = convert.read(model_path)
    try:
        insert(graph, known)
    except Different as error:
        raise ValueError(f"{model_path} is not the model that the ranges of INT8 are known for: {error}.") from error
    convert.save(graph, target, compress=True)


def insert(graph: openvino.Model, known: Ranges) -> None:
    """Make the known tensors of a graph 8-bit integers, in place. Raises Different, and changes nothing then."""
    chart = Chart(graph)
    demand(chart.fingerprint() == known.graph, "its operators are others")
    filters = [(chart.nodes[each.node], each.largest) for each in known.filters]
    for convolution, largest in filters:
        found = float(np.abs(weights(convolution)).max())
        demand(abs(found - largest) <= _ALIKE * largest, "its weights are others")
    for convolution, _ in filters:
        _shrink(convolution)
    for activation in known.activations:
        _clip(chart, activation)


class Chart:
    """The nodes of a graph that compute real numbers of the picture, by number: each after those that it takes.

    The numbers follow the inputs of the operators from the results backwards. So they depend on nothing but the graph:
    not on names, nor on the order in which OpenVINO lists nodes. Copies in half and in single precision have the same,
    as conversions between the two are left out; so are constants and sizes.
    """

    def __init__(self, graph: openvino.Model) -> None:
        self._varying: set[str] = set()  # names of nodes, which are unique
        for node in graph.get_ordered_ops():
            if node.get_type_name() == "Parameter" or any(
                self._varies(port.get_source_output()) for port in node.inputs()
            ):
                self._varying.add(node.get_name())
        found: dict[str, openvino.Node] = {}
        waiting = [(result, False) for result in reversed(graph.get_results())]
        seen: set[str] = set()
        while waiting:
            node, ready = waiting.pop()
            if ready:
                found[node.get_name()] = node
            elif node.get_name() not in seen:
                seen.add(node.get_name())
                waiting.append((node, True))
                taken = [each.get_node() for each in self.sources(node) if each is not None]
                waiting.extend((each, False) for each in reversed(taken))
        self.nodes = list(found.values())
        self.numbers = {name: number for number, name in enumerate(found)}

    def sources(self, node: openvino.Node) -> list[openvino.Output | None]:
        """List what each input of a node takes, before what only converts it; None for constants and sizes."""
        outputs = [port.get_source_output() for port in node.inputs()]
        return [_unconverted(each) if self._varies(each) else None for each in outputs]

    def number(self, output: openvino.Output) -> int:
        """Return the number of the node that computes an output."""
        return self.numbers[output.get_node().get_name()]

    def fingerprint(self) -> str:
        """Return what identifies the graph, whatever its weights are: operators, what they take, shapes."""
        lines = []
        for node in self.nodes:
            taken = [None if each is None else self.number(each) for each in self.sources(node)]
            lines.append(f"{node.get_type_name()} {taken} {node.output(0).get_partial_shape()}\n")
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _varies(self, output: openvino.Output) -> bool:
        return output.get_element_type().get_type_name() in _REAL and output.get_node().get_name() in self._varying


def weights(convolution: openvino.Node) -> NDArray[np.float32]:
    """Return the weights of a convolution, output channels first. Raises Different."""
    demand(convolution.get_type_name() == "Convolution", "no convolution where one was expected")
    return np.asarray(constant(convolution.input_value(1)), np.float32)


def _unconverted(output: openvino.Output) -> openvino.Output:
    """Follow an output back through operators that leave its numbers as they are, but for their precision."""
    while _is_mere(output.get_node()):
        output = output.get_node().input_value(0)
    return output


def _is_mere(node: openvino.Node) -> bool:
    kind = node.get_type_name()
    return kind == "Identity" or (kind == "Convert" and node.get_input_element_type(0).get_type_name() in _REAL)


def _shrink(convolution: openvino.Node) -> None:
    """Replace the weights of a convolution by integers and a scale an output channel."""
    import openvino.opset13 as operators

    found = weights(convolution)
    kind = convolution.input_value(1).get_element_type()
    largest = np.abs(found).max(axis=tuple(range(1, found.ndim)), keepdims=True)
    scale = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
    integers = operators.constant(np.rint(found / scale).astype(np.int8))
    real = operators.multiply(operators.convert(integers, kind), operators.constant(scale, kind))
    convolution.input(1).replace_source_output(real.output(0))


def _clip(chart: Chart, activation: Activation) -> None:
    """Put FakeQuantize, which OpenVINO makes integers of, between a node and those that take integers of it."""
    import openvino.opset13 as operators

    made: dict[tuple[str, int], Any] = {}
    for user in activation.users:
        node = chart.nodes[user]
        for port, source in zip(node.inputs(), chart.sources(node), strict=True):
            if source is None or chart.number(source) != activation.node:
                continue
            taken = port.get_source_output()
            key = taken.get_node().get_name(), taken.get_index()
            if key not in made:
                kind = taken.get_element_type()
                low, high = (operators.constant(np.float32(each), kind) for each in (activation.low, activation.high))
                made[key] = operators.fake_quantize(taken, low, high, low, high, _LEVELS)
            port.replace_source_output(made[key].output(0))
    demand(bool(made), "nothing takes a tensor that is known")
