"""Check that a server's model is what a model's spec says, and find which of its tensors is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matted.inference.engines.kserve import connection
from matted.inference.engines.kserve.connection import Metadata, ServerError, Tensor
from matted.models.arithmetic import FITS
from matted.models.spec import ModelSpec

# A word in the name of a plate's input. Servers list inputs in any order, and both pictures are alike.
_PLATES = ("bgr", "background", "plate")


@dataclass(frozen=True)
class Tensors:
    """The inputs and outputs of a server's model in the order in which engines have them.

    size: (height, width) of the input, None if it takes any.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    size: tuple[int, int] | None


def why_not(spec: ModelSpec) -> str:
    """Return why a model is never asked of a server, a clause; empty if it can be."""
    if spec.remembers:
        return "it remembers the frames before, which matted asks of no server"
    if spec.takes_clicks:
        return "it takes clicks, in two graphs, which matted asks of no server"
    return ""


def check(spec: ModelSpec, found: Metadata) -> Tensors:
    """Return the tensors of a model. Raises ServerError with what differs from the spec."""
    inputs = _inputs(spec, found.inputs)
    sizes = {(each.shape[2], each.shape[3]) for each in inputs}
    if len(sizes) > 1:
        raise _differs("its inputs are not of one size")
    height, width = sizes.pop()
    if (height == -1) != (width == -1):
        raise _differs("its input has one side that is fixed, and one that is not")
    rule = FITS[spec.fit]
    if spec.side and not rule.flexible and height != -1 and (height, width) != (spec.side, spec.side):
        raise _differs(f"its input is {height} x {width} pixels, not {spec.side} x {spec.side}")
    outputs = _outputs(spec, found.outputs)
    return Tensors(inputs, outputs, None if height == -1 else (height, width))


def _inputs(spec: ModelSpec, found: Sequence[Tensor]) -> tuple[Tensor, ...]:
    wanted = 2 if spec.needs_plate else 1
    planes = 4 if spec.refines else 3
    if len(found) != wanted:
        raise _differs(f"it has {len(found)} inputs, not {wanted}")
    for each in found:
        if each.datatype != "UINT8":
            raise _differs(f"its input {each.name!r} is {each.datatype}, not UINT8")
        if len(each.shape) != 4 or each.shape[0] not in (1, -1) or each.shape[1] not in (planes, -1):
            shape = connection.shape_in_words(each.shape)
            raise _differs(f"its input {each.name!r} is {shape}, not 1 x {planes} x height x width")
        if not all(side == -1 or 0 < side <= 1 << 14 for side in each.shape[2:]):
            raise _differs(f"its input {each.name!r} is {connection.shape_in_words(each.shape)}")
    if wanted == 1:
        return tuple(found)
    plates = [each for each in found if any(word in each.name.lower() for word in _PLATES)]
    if len(plates) != 1:
        raise _differs("the names of its inputs do not say which one is the plate")
    return (*(each for each in found if each not in plates), *plates)


def _outputs(spec: ModelSpec, found: Sequence[Tensor]) -> tuple[Tensor, ...]:
    wanted = [("matte", "FP32", 1), ("foreground", "UINT8", 3)][: len(spec.outputs)]
    chosen = []
    for what, datatype, planes in wanted:
        fitting = [each for each in found if each.datatype == datatype and _is_picture(each.shape, planes)]
        if len(fitting) != 1:
            listed = ", ".join(f"{each.datatype} {connection.shape_in_words(each.shape)}" for each in found[:4])
            needed = f"one is needed for the {what}, {datatype} 1 x {planes} x height x width"
            raise _differs(f"its outputs are {listed or 'none'}; {needed}")
        chosen.append(fitting[0])
    return tuple(chosen)


def _is_picture(shape: Sequence[int], planes: int) -> bool:
    return len(shape) == 4 and shape[0] in (1, -1) and shape[1] in (planes, -1)


def _differs(what: str) -> ServerError:
    message = f"The server's model is not what matted has by this name: {connection.said(what)}."
    return ServerError(message, "Put there what `matted models export` writes.", connection.OF_MODEL)
