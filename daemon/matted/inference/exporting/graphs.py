"""Write a model's graph for servers: with its arithmetic on pixels in it, and with names that tell its tensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matted.inference.engines import pixel_graph
from matted.inference.engines.kserve.connection import Metadata, Tensor
from matted.models import convert
from matted.models.spec import ModelSpec

IMAGE, PLATE = "image", "plate"  # the inputs
MATTE, FOREGROUND = "matte", "foreground"  # the outputs

_DATATYPES = {"u8": "UINT8", "f32": "FP32"}  # by OpenVINO's name


def write(spec: ModelSpec, source: Path, target: Path) -> Metadata:
    """Write the graph that a server runs as an OpenVINO IR, and return what that server will say of it.

    spec: of a model without states and without a decoder.
    source: the .xml of the model as it is installed.
    target: the .xml to write; its weights lie beside it.

    The graph takes uint8 planes as `pixel_graph.build` says, IMAGE and, if the model needs one, PLATE. It returns the
    raw MATTE, float32, and, if the model has one, the FOREGROUND, uint8. For a process of its own: see
    `subprocess_call`. Raises ValueError, RuntimeError, OSError.
    """
    graph = convert.read(source)
    graph.reshape({port: [1, *list(port.get_partial_shape())[1:]] for port in graph.inputs})  # one picture at a time
    graph = pixel_graph.build(graph, spec)
    inputs = _named(graph.inputs, (IMAGE, PLATE))
    outputs = _named(graph.outputs, (MATTE, FOREGROUND))
    convert.save(graph, target, compress=False)  # weights stay as they are stored
    return Metadata(inputs, outputs)


def _named(ports: Sequence[Any], names: Sequence[str]) -> tuple[Tensor, ...]:
    """Name the ports: the exporters of the files had names of their own for the same things, or none."""
    tensors = []
    for port, name in zip(ports, names, strict=False):
        port.get_tensor().set_names({name})
        shape = port.get_partial_shape()
        sides = tuple(side.get_length() if side.is_static else -1 for side in shape)
        tensors.append(Tensor(name, _DATATYPES[port.get_element_type().get_type_name()], sides))
    return tuple(tensors)
