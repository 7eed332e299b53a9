"""Model files as OpenVINO graphs: read ONNX and IR, convert to the IR that the daemon loads.

OpenVINO is imported with the first file that is read, as in `backend`.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted.models.convert import deformable, inputs
from matted.models.spec import Decoder

if TYPE_CHECKING:
    import openvino

IR_SUFFIX = ".xml"  # of an OpenVINO IR; its weights lie beside it, under the same name with .bin

_LACKING = re.compile(r"No conversion rule found for operations: (.+)")
_FAILING = re.compile(r"Conversion is failed for: (.+)")
_REAL = {"f16", "bf16", "f64"}  # what a model may take or give instead of float32


def read(path: Path) -> openvino.Model:
    """Read the graph in an OpenVINO IR (.xml) or, under any other name, in an ONNX file, DeformConv included.

    Raises ValueError with a sentence for the user: there is no such file, it is no model or damaged, or it has
    operators that OpenVINO does not have.
    """
    from openvino.frontend import FrontEndManager, GeneralFailure, OpConversionFailure, OpValidationFailure
    from openvino.frontend.onnx import ConversionExtension

    if not path.is_file():
        raise ValueError(f"There is no file {path}.")
    is_ir = path.suffix.lower() == IR_SUFFIX
    if is_ir and not path.with_suffix(".bin").is_file():
        raise ValueError(f"{path} has no weights: the file {path.with_suffix('.bin').name} is not beside it.")
    # One reader by name. `Core.read_model` would ask the readers of all formats in turn, and some of them are loud.
    reader = FrontEndManager().load_by_framework("ir" if is_ir else "onnx")
    if not is_ir:
        reader.add_extension(ConversionExtension("DeformConv", _deformable_convolution))
    try:
        graph: openvino.Model = reader.convert(reader.load(str(path)))
    except (RuntimeError, GeneralFailure, OpConversionFailure, OpValidationFailure) as error:
        raise ValueError(_why(path, str(error), is_ir)) from error
    if not graph.outputs:  # an empty file is a valid ONNX model
        raise ValueError(_why(path, "", is_ir))
    return graph


def convert(
    source: Path,
    target: Path,
    outputs: Sequence[str | int],
    compress: bool,
    shapes: Mapping[str, Sequence[int]] | None = None,
    coarse: tuple[str, int] | None = None,
    states: Sequence[tuple[str, str]] = (),
) -> None:
    """Convert a model file into an OpenVINO IR.

    source: what `read` takes.
    target: the .xml of the IR; its weights lie beside it.
    outputs: names or indices of the outputs to keep, in the order they shall have; what only the others need is left
        out, which saves time and memory.
    compress: whether weights are stored in float16; the arithmetic stays as it was.
    shapes: sizes of inputs by name, where the file leaves them open or has others; other inputs keep theirs.
    coarse: an input that is no picture, as `inputs.fill` takes it; the IR does not have it.
    states: (input, output) by name that a model remembers frames by: in the IR they come after the pictures, and after
        the outputs that are kept, in this order.

    Inputs and outputs of the IR are float32 whatever the file's own are, and pictures are 1 x 3 x height x width, also
    where the file's are height x width x 3, as `shapes` has them. Deformable convolutions that an exporter took
    apart become one operator each (see `deformable`).

    Raises ValueError as `read` does, and for an output that is not there or sizes that the model cannot have; OSError.
    """
    import openvino

    if target.resolve() == source.resolve():
        raise ValueError(f"{source} cannot be converted onto itself.")  # its weights are read while they are written
    graph = read(source)
    kept = [_output(graph, key, source) for key in (*outputs, *(returned for _, returned in states))]
    left = inputs.states_last(inputs.fill(graph, (), coarse), [given for given, _ in states], source.name)
    graph = openvino.Model(kept, left, source.stem)
    if shapes:
        _reshape(graph, shapes, source)
    graph = inputs.channels_first(graph)
    deformable.fold(graph)
    save(_in_float32(graph), target, compress)


def convert_decoder(source: Path, target: Path, decoder: Decoder, compress: bool) -> None:
    """Convert the decoder of a model that takes clicks into an OpenVINO IR.

    source, target, compress: as of `convert`.
    decoder: names its inputs and outputs.

    The IR takes, in float32: the features; points, 1 x number x 2; labels, 1 x number; and, if the decoder knows of
    earlier answers, the raw mask of one and whether there is one. It returns raw masks, 1 x masks x rows x columns, and
    scores, 1 x masks. So one way of asking suits all of them.

    Raises ValueError as `convert` does, and for an input that is not there; OSError.
    """
    import openvino

    graph = read(source)
    masks, scores = (_output(graph, key, source) for key in decoder.outputs)
    outputs = [_with_rank(masks, 4), _with_rank(scores, 2)]
    save(_in_float32(openvino.Model(outputs, inputs.of_a_decoder(graph, decoder), source.stem)), target, compress)


def _with_rank(output: openvino.Output, rank: int) -> openvino.Output:
    """Return an output without the second axis, of questions at once, as long as it has more axes than `rank`."""
    import numpy as np
    import openvino.opset13 as operators

    for _ in range(len(output.get_partial_shape()) - rank):
        output = operators.squeeze(output, np.array([1])).output(0)
    return output


def save(graph: openvino.Model, target: Path, compress: bool) -> None:
    """Write a graph as an OpenVINO IR: `target` (.xml), and its weights beside it, in float16 if `compress`.

    Raises OSError, and leaves nothing behind then.
    """
    import openvino

    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        openvino.save_model(graph, target, compress_to_fp16=compress)
    except RuntimeError as error:  # "basic_ios::clear: iostream error" when the disk is full
        for half in (target, target.with_suffix(".bin")):
            half.unlink(missing_ok=True)
        raise OSError(errno.EIO, "the model could not be written: the disk seems to be full", str(target)) from error


def _output(graph: openvino.Model, key: str | int, source: Path) -> openvino.Output:
    """Find what computes an output; its names go with it. Raises ValueError."""
    found = [
        output
        for index, output in enumerate(graph.outputs)
        if key in output.get_names() or (isinstance(key, int) and key == index)
    ]
    if not found:
        known = ", ".join(_name(output, index) for index, output in enumerate(graph.outputs))
        raise ValueError(f"{source.name} has no output {key!r}. It has {len(graph.outputs)}: {known}.")
    return found[0].get_node().input_value(0)


def _name(port: Any, index: int) -> str:
    names = sorted(port.get_names(), key=len)  # converters to fp16 add long ones
    return str(names[0]) if names else f"{index} (without a name)"


def _reshape(graph: openvino.Model, shapes: Mapping[str, Sequence[int]], source: Path) -> None:
    known = {name for port in graph.inputs for name in port.get_names()}
    for name in shapes:
        if name not in known:
            raise ValueError(f"{source.name} has no input {name!r}. It has: {', '.join(sorted(known))}.")
    try:
        graph.reshape({name: list(shape) for name, shape in shapes.items()})
    except RuntimeError as error:
        wanted = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
        raise ValueError(f"{source.name} does not work at this size: {wanted}.") from error


def _in_float32(graph: openvino.Model) -> openvino.Model:
    """Return the graph with conversions where its inputs or outputs are other real numbers."""
    from openvino import Type
    from openvino.preprocess import PrePostProcessor

    border = PrePostProcessor(graph)
    for index, port in enumerate(graph.inputs):
        if port.get_element_type().get_type_name() in _REAL:
            border.input(index).tensor().set_element_type(Type.f32)
    for index, port in enumerate(graph.outputs):
        if port.get_element_type().get_type_name() in _REAL:
            border.output(index).tensor().set_element_type(Type.f32)
    return border.build()


def _deformable_convolution(node: Any) -> list[Any]:
    """Convert ONNX DeformConv (opsets 19, 22) to OpenVINO's operator: node has X, W, offset and, if used, B and mask.

    https://onnx.ai/onnx/operators/onnx__DeformConv.html. Both order offsets by group, tap, then y before x. Outside the
    picture ONNX interpolates towards zeros, which OpenVINO calls bilinear_interpolation_pad.
    """
    import openvino.opset16 as operators

    picture, filters, offsets = (node.get_input(index) for index in range(3))
    bias, mask = _optional(node, 3), _optional(node, 4)
    axes = len(filters.get_partial_shape()) - 2
    pads = node.get_attribute("pads", [0] * 2 * axes)
    convolution = operators.deformable_convolution(
        picture,
        offsets,
        filters,
        node.get_attribute("strides", [1] * axes),
        pads[:axes],
        pads[axes:],
        node.get_attribute("dilations", [1] * axes),
        mask,
        "explicit",
        node.get_attribute("group", 1),
        node.get_attribute("offset_group", 1),
        True,
    )
    if bias is None:
        return [convolution.output(0)]
    per_channel = operators.unsqueeze(bias, [0, *range(2, 2 + axes)])
    return [operators.add(convolution, per_channel).output(0)]


def _optional(node: Any, index: int) -> Any:
    """Return an input, or None where the file leaves it out: at the end, or by an empty name in the middle."""
    if index >= node.get_input_size():
        return None
    given = node.get_input(index)
    return None if given.get_node().get_type_name() == "NullNode" else given


def _why(path: Path, complaint: str, is_ir: bool) -> str:
    """Put OpenVINO's complaint into a sentence. Its own is ten lines about its source files."""
    lacking = _LACKING.search(complaint)
    if lacking:
        return f"{path} uses operators that OpenVINO does not have: {lacking[1].strip()}."
    failing = _FAILING.search(complaint)
    if failing:
        return f"{path} uses operators in a way that OpenVINO does not understand: {failing[1].strip()}."
    kind = "OpenVINO IR" if is_ir else "ONNX"
    return f"{path} is damaged or not an {kind} model."
