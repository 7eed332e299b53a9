"""Write a model's graph for servers that run ONNX files, on NVIDIA's GPUs say: the file as its publisher gives it, with
the arithmetic on pixels around it.

The package `onnx` is an extra, and imported with the first file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted_client import MattedError

from matted.inference.engines.kserve import connection, tensors
from matted.inference.engines.kserve.connection import Metadata, Tensor
from matted.models.arithmetic import FITS
from matted.models.spec import ModelSpec

if TYPE_CHECKING:
    import onnx

_FULL = 255.0  # of a uint8 sample
_OLDEST = 11  # of the sets of operators: has all that is added here
_EXTRA = "pip install 'matted[onnx]'"


def require(spec: ModelSpec) -> None:
    """Raise MattedError for a model that cannot be written so, or if the package that writes it is not there."""
    if spec.remembers or spec.takes_clicks or FITS[spec.fit].on_mean or spec.coarse is not None:
        hint = "Export it for another server, which runs it by OpenVINO."
        raise MattedError(f"{spec.id} takes more than pictures, and is not written as an ONNX file.", hint)
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MattedError(
            "The Python package onnx is needed to write an ONNX file.", f"Install it: {_EXTRA}"
        ) from error


def write(spec: ModelSpec, source: Path, target: Path) -> Metadata:
    """Write the graph that a server runs as an ONNX file, and return what that server will say of it.

    spec: of a model that `require` lets through.
    source: the ONNX file as its publisher gives it.
    target: the file to write.

    The graph takes planes as `pixel_graph.build` says, which are `tensors.pictures`, one picture at a time, and returns
    `tensors.mattes`, the matte raw. For a process of its own:
    see `subprocess_call`. Raises ValueError with a sentence for the user, OSError.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(source))
    except (DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{source.name} is no ONNX file") from error
    operators = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    if operators < _OLDEST:
        raise ValueError(f"{source.name} is no ONNX file, or one with operators older than version {_OLDEST}")
    border = _Border(model.graph, spec)
    wanted = tensors.pictures(spec)
    inputs = [border.take(*each) for each in zip(_pictures(model.graph, len(wanted)), wanted, strict=True)]
    mattes = zip(spec.outputs, tensors.mattes(spec), strict=True)
    outputs = [border.give(_output(model.graph, key), each) for key, each in mattes]
    border.close(inputs, outputs)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        onnx.checker.check_model(model)
        onnx.save(model, str(target))
    except onnx.checker.ValidationError as error:
        raise ValueError(f"{source.name} is damaged: {str(error).splitlines()[0]}") from error
    return Metadata(tuple(inputs), tuple(outputs))


def _pictures(graph: onnx.GraphProto, wanted: int) -> list[onnx.ValueInfoProto]:
    weights = {each.name for each in graph.initializer}  # old exporters list them as inputs, too
    found = [each for each in graph.input if each.name not in weights]
    if len(found) != wanted:
        raise ValueError(f"its file has {len(found)} inputs, not {wanted}")
    return found


def _output(graph: onnx.GraphProto, key: str | int) -> onnx.ValueInfoProto:
    for number, each in enumerate(graph.output):
        if key in (number, each.name):
            found: onnx.ValueInfoProto = each
            return found
    raise ValueError(f"its file has no output {key}")


class _Border:
    """The nodes around a graph, which is changed by `close`. Names of its own begin with "matted."."""

    def __init__(self, graph: onnx.GraphProto, spec: ModelSpec) -> None:
        self._graph = graph
        self._spec = spec
        self._before: list[onnx.NodeProto] = []
        self._after: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def take(self, port: onnx.ValueInfoProto, wanted: Tensor) -> Tensor:
        """Lead bytes to an input of the graph. A sample becomes (sample / scale - mean) / std."""
        import onnx

        shape = [side.dim_value or -1 for side in port.type.tensor_type.shape.dim]
        name, planes = wanted.name, wanted.shape[1]
        if len(shape) != 4 or shape[1] not in (planes, -1):
            raise ValueError(f"the input of its file is not 1 x {planes} x height x width")
        open_size = -1 if FITS[self._spec.fit].flexible or not self._spec.side else self._spec.side
        sides = [side if side > 0 else open_size for side in shape[2:]]
        extra = planes - 3  # the plane of the trimap is divided by the scale, and left so
        ending = name, self._before
        samples = self._add("Cast", [name], *ending, to=onnx.TensorProto.FLOAT)
        if self._spec.scale == "max":
            brightest = self._add("ReduceMax", [samples], *ending, keepdims=1)
            scale = self._add("Max", [brightest, self._constant([1.0])], *ending)
        else:
            scale = self._constant([_FULL])
        scaled = self._add("Div", [samples, scale], *ending)
        centred = self._add("Sub", [scaled, self._constant([*self._spec.mean, *[0.0] * extra])], *ending)
        normal = self._add("Div", [centred, self._constant([*self._spec.std, *[1.0] * extra])], *ending)
        kind = port.type.tensor_type.elem_type
        self._before.append(onnx.helper.make_node("Cast", [normal], [port.name], to=kind))
        return replace(wanted, shape=(1, planes, *sides))

    def give(self, port: onnx.ValueInfoProto, wanted: Tensor) -> Tensor:
        """Lead an output of the graph out: a matte as it is, colours as bytes."""
        import onnx

        sides = [side.dim_value or -1 for side in port.type.tensor_type.shape.dim][-2:]
        ending = wanted.name, self._after
        levels = self._add("Cast", [port.name], *ending, to=onnx.TensorProto.FLOAT)
        if wanted.name != tensors.MATTE:
            clipped = self._add("Clip", [levels, self._constant([], 0.0), self._constant([], 1.0)], *ending)
            full = self._add("Mul", [clipped, self._constant([_FULL])], *ending)
            levels = self._add("Round", [full], *ending)
        self._after.append(onnx.helper.make_node("Cast", [levels], [wanted.name], to=_kind(wanted)))
        return replace(wanted, shape=(*wanted.shape[:2], *sides))

    def close(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Put the nodes around the graph, whose inputs and outputs are then these."""
        nodes = [*self._before, *self._graph.node, *self._after]
        for part in (self._graph.node, self._graph.input, self._graph.output):
            del part[:]
        self._graph.node.extend(nodes)
        self._graph.initializer.extend(self._constants)
        self._graph.input.extend(_described(each) for each in inputs)
        self._graph.output.extend(_described(each) for each in outputs)

    def _add(self, operator: str, given: list[str], end: str, nodes: list[onnx.NodeProto], **attributes: Any) -> str:
        import onnx

        output = f"matted.{end}.{len(nodes)}"
        nodes.append(onnx.helper.make_node(operator, given, [output], **attributes))
        return output

    def _constant(self, values: list[float], scalar: float | None = None) -> str:
        """Add float32 values, one for each plane or one for all; or a scalar."""
        import numpy as np
        import onnx

        array = np.float32(scalar) if scalar is not None else np.array(values, np.float32).reshape(1, -1, 1, 1)
        name = f"matted.constant.{len(self._constants)}"
        self._constants.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        return name


def _described(tensor: Tensor) -> onnx.ValueInfoProto:
    import onnx

    shape = [side if side > 0 else f"{tensor.name}.{axis}" for axis, side in enumerate(tensor.shape)]
    return onnx.helper.make_tensor_value_info(tensor.name, _kind(tensor), shape)


def _kind(tensor: Tensor) -> int:
    """Return ONNX's number of a type."""
    import onnx

    kind: int = onnx.helper.np_dtype_to_tensor_dtype(connection.DTYPES[tensor.datatype])
    return kind
