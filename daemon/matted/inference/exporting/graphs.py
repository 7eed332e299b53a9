"""Write a model's graphs for servers: with the arithmetic on pixels in them, and with names that tell the tensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted.inference.engines import pixel_graph
from matted.inference.engines.kserve import tensors
from matted.inference.engines.kserve.connection import Metadata, Tensor
from matted.models import convert
from matted.models.spec import MODEL, ModelSpec

if TYPE_CHECKING:
    import openvino

_DATATYPES = {"u8": "UINT8", "f32": "FP32", "i64": "INT64"}  # by OpenVINO's name


def write(spec: ModelSpec, which: str, source: Path, target: Path) -> Metadata:
    """Write a graph that a server runs as an OpenVINO IR, and return what that server will say of it.

    which: of the spec's graphs.
    source: the .xml of the model's first graph as it is installed; its others lie beside it.
    target: the .xml to write; its weights lie beside it.

    The first graph takes planes as `pixel_graph.build` says, which are `tensors.pictures`, then
    `tensors.besides_pictures`. It returns `tensors.mattes`, the matte raw, then `tensors.besides_mattes`. A decoder
    takes and returns what `tensors.of_decoder` lists. For a process of its own: see `subprocess_call`. Raises
    ValueError, RuntimeError, OSError.
    """
    graph = convert.read(source.with_stem(which))
    if which == MODEL:
        graph = _one_at_a_time(graph)
        graph = pixel_graph.build(graph, spec)
        given = [*tensors.pictures(spec), *tensors.besides_pictures(spec)]
        returned = [*tensors.mattes(spec), *tensors.besides_mattes(spec)]
    else:
        given, returned = tensors.of_decoder(spec)
    inputs, outputs = _named(graph.inputs, given), _named(graph.outputs, returned)
    convert.save(graph, target, compress=False)  # weights stay as they are stored
    return Metadata(inputs, outputs)


def _one_at_a_time(graph: openvino.Model) -> openvino.Model:
    graph.reshape({port: [1, *list(port.get_partial_shape())[1:]] for port in graph.inputs})
    return graph


def _named(ports: Sequence[Any], wanted: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Name the ports: the exporters of the files had names of their own for the same things, or none."""
    found = []
    for port, name in zip(ports, (each.name for each in wanted), strict=True):
        port.get_tensor().set_names({name})
        shape = port.get_partial_shape()
        sides = tuple(side.get_length() if side.is_static else -1 for side in shape)
        found.append(Tensor(name, _DATATYPES[port.get_element_type().get_type_name()], sides))
    return tuple(found)
