"""Check that a server's graphs are what a model's spec says, and find which of their tensors is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matted.inference.engines.kserve import connection, tensors
from matted.inference.engines.kserve.connection import Array, Metadata, ServerError, Tensor
from matted.models.arithmetic import FITS
from matted.models.spec import ModelSpec

# A word in the name of a plate's input. Servers list inputs in any order, and both pictures are alike.
_PLATES = ("bgr", "background", "plate")


@dataclass(frozen=True)
class Tensors:
    """The inputs and outputs of a server's graph in the order in which engines have them.

    size: (height, width) of the pictures, None if it takes any.
    mattes: how many of the outputs, the first ones, are as large as the pictures.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    size: tuple[int, int] | None = None
    mattes: int = 0


def check(spec: ModelSpec, found: Metadata) -> Tensors:
    """Return the tensors of a model's graph. Raises ServerError with what differs from the spec."""
    others = _all_named(tensors.besides_pictures(spec), found.inputs, "input")
    pictures = _pictures(spec, _without(found.inputs, others))
    sizes = {(each.shape[2], each.shape[3]) for each in pictures}
    if len(sizes) > 1:
        raise _differs("its inputs are not of one size")
    height, width = sizes.pop()
    if (height == -1) != (width == -1):
        raise _differs("its input has one side that is fixed, and one that is not")
    rule = FITS[spec.fit]
    if spec.side and not rule.flexible and height != -1 and (height, width) != (spec.side, spec.side):
        raise _differs(f"its input is {height} x {width} pixels, not {spec.side} x {spec.side}")
    more = _all_named(tensors.besides_mattes(spec), found.outputs, "output")
    mattes = _mattes(spec, _without(found.outputs, more))
    size = None if height == -1 else (height, width)
    return Tensors((*pictures, *others), (*mattes, *more), size, len(mattes))


def check_decoder(spec: ModelSpec, found: Metadata, encoder: Tensors) -> Tensors:
    """Return the tensors of the decoder of a model that takes clicks. encoder: what it gets its features from.

    Raises ServerError with what differs.
    """
    inputs, outputs = tensors.of_decoder(spec)
    if len(found.inputs) != len(inputs):
        raise _differs(f"its decoder has {len(found.inputs)} inputs, not {len(inputs)}")
    features = [replace(each, shape=given.shape) for each, given in zip(inputs, encoder.outputs, strict=False)]
    wanted = [*features, *inputs[len(features) :]]
    return Tensors(
        tuple(_all_named(wanted, found.inputs, "input")), tuple(_all_named(outputs, found.outputs, "output"))
    )


def require_scores(masks: Array, scores: Array) -> None:
    """Raise ServerError unless there is a score for each mask. masks: 1 x masks x rows x columns. scores: 1 x masks."""
    if masks.shape[1] != scores.shape[1]:
        raise connection.garbage(f"its decoder gives {masks.shape[1]} masks, and {scores.shape[1]} scores")


def _pictures(spec: ModelSpec, found: Sequence[Tensor]) -> tuple[Tensor, ...]:
    wanted = tensors.pictures(spec)
    planes = wanted[0].shape[1]
    if len(found) != len(wanted):
        raise _differs(f"it has {len(found)} inputs, not {len(wanted)}")
    for each in found:
        if each.datatype != "UINT8":
            raise _differs(f"its input {each.name!r} is {each.datatype}, not UINT8")
        if len(each.shape) != 4 or each.shape[0] not in (1, -1) or each.shape[1] not in (planes, -1):
            shape = connection.shape_in_words(each.shape)
            raise _differs(f"its input {each.name!r} is {shape}, not 1 x {planes} x height x width")
        if not all(side == -1 or 0 < side <= 1 << 14 for side in each.shape[2:]):
            raise _differs(f"its input {each.name!r} is {connection.shape_in_words(each.shape)}")
    if not spec.needs_plate:
        return tuple(found)
    plates = [each for each in found if any(word in each.name.lower() for word in _PLATES)]
    if len(plates) != 1:
        raise _differs("the names of its inputs do not say which one is the plate")
    return (*(each for each in found if each not in plates), *plates)


def _mattes(spec: ModelSpec, found: Sequence[Tensor]) -> tuple[Tensor, ...]:
    chosen = []
    for wanted in tensors.mattes(spec):
        planes = wanted.shape[1]
        fitting = [each for each in found if each.datatype == wanted.datatype and _is_picture(each.shape, planes)]
        if len(fitting) != 1:
            listed = ", ".join(f"{each.datatype} {connection.shape_in_words(each.shape)}" for each in found[:4])
            needed = f"one is needed for the {wanted.name}, {wanted.datatype} 1 x {planes} x height x width"
            raise _differs(f"its outputs are {listed or 'none'}; {needed}")
        chosen.append(fitting[0])
    return tuple(chosen)


def _is_picture(shape: Sequence[int], planes: int) -> bool:
    return len(shape) == 4 and shape[0] in (1, -1) and shape[1] in (planes, -1)


def _all_named(wanted: Sequence[Tensor], found: Sequence[Tensor], what: str) -> list[Tensor]:
    """Return the tensors that are called as the wanted ones, in their order. what: "input" or "output"."""
    by_name = {each.name: each for each in found}
    chosen = []
    for each in wanted:
        given = by_name.get(each.name)
        if given is None:
            raise _differs(f"it has no {what} {each.name!r}")
        fits = len(given.shape) == len(each.shape) and all(
            -1 in (one, other) or one == other for one, other in zip(given.shape, each.shape, strict=True)
        )
        if given.datatype != each.datatype or not fits:
            is_so = f"{given.datatype} {connection.shape_in_words(given.shape)}"
            should = f"{each.datatype} {connection.shape_in_words(each.shape)}"
            raise _differs(f"its {what} {each.name!r} is {is_so}, not {should}")
        sides = zip(given.shape, each.shape, strict=True)
        chosen.append(replace(given, shape=tuple(other if one == -1 else one for one, other in sides)))
    return chosen


def _without(found: Sequence[Tensor], others: Sequence[Tensor]) -> list[Tensor]:
    names = {each.name for each in others}
    return [each for each in found if each.name not in names]


def _differs(what: str) -> ServerError:
    message = f"The server's model is not what matted has by this name: {connection.said(what)}."
    return ServerError(message, "Put there what `matted models export` writes.", connection.OF_MODEL)
