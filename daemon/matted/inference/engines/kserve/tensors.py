"""The tensors of a model's graphs on a server, by its spec: what `matted models export` calls them, and their types."""

from __future__ import annotations

from matted.inference.asking.prompts import SHRINKAGE
from matted.inference.engines.kserve.connection import Tensor
from matted.models.arithmetic import FITS
from matted.models.spec import ModelSpec

# Of pictures and mattes. Models that others have made may call these as they like.
IMAGE, PLATE = "image", "plate"
MATTE, FOREGROUND = "matte", "foreground"

SIZE = "size"  # an input: height and width of the picture in the image, beyond which all is the mean
MASKS, SCORES = "masks", "scores"  # outputs of a decoder

ANY = -1  # a size that is open


def pictures(spec: ModelSpec) -> list[Tensor]:
    """Return the inputs of a model's graph that are pictures, in the order of engines."""
    planes = 4 if spec.refines else 3
    return [Tensor(name, "UINT8", (1, planes, ANY, ANY)) for name in (IMAGE, PLATE)[: 1 + spec.needs_plate]]


def mattes(spec: ModelSpec) -> list[Tensor]:
    """Return the outputs of a model's graph that are as large as the pictures: none of one that takes clicks."""
    if spec.takes_clicks:
        return []
    both = Tensor(MATTE, "FP32", (1, 1, ANY, ANY)), Tensor(FOREGROUND, "UINT8", (1, 3, ANY, ANY))
    return list(both[: len(spec.outputs)])


def besides_pictures(spec: ModelSpec) -> list[Tensor]:
    """Return the inputs of a model's graph that follow on the pictures, in the order of engines."""
    size = [Tensor(SIZE, "INT64", (1, 2))] if FITS[spec.fit].on_mean else []
    return [*size, *(_state(given) for given, _ in spec.states)]


def besides_mattes(spec: ModelSpec) -> list[Tensor]:
    """Return the outputs of a model's graph that follow on the matte and colours; all of one that takes clicks."""
    if spec.decoder is not None:
        return [_features(name) for name in spec.decoder.features]
    return [_state(returned) for _, returned in spec.states]


def of_decoder(spec: ModelSpec) -> tuple[list[Tensor], list[Tensor]]:
    """Return the inputs and the outputs of the decoder of a model that takes clicks, in the order of engines."""
    assert spec.decoder is not None, "it has a second graph"
    rows = columns = spec.side // SHRINKAGE
    shapes = {spec.decoder.points: (1, ANY, 2), spec.decoder.labels: (1, ANY)}
    shapes.update(zip(spec.decoder.earlier, ((1, 1, rows, columns), (1,)), strict=False))
    inputs = [Tensor(name, "FP32", shapes[name]) if name in shapes else _features(name) for name in spec.decoder.inputs]
    return inputs, [Tensor(MASKS, "FP32", (1, ANY, rows, columns)), Tensor(SCORES, "FP32", (1, ANY))]


def _state(name: str) -> Tensor:
    return Tensor(name, "FP32", (1, ANY, ANY, ANY))


def _features(name: str) -> Tensor:
    return Tensor(name, "FP32", (1, ANY, ANY, ANY))
