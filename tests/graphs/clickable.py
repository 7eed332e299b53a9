"""Pairs of small graphs with the inputs and outputs of models that take clicks, and with answers known beforehand.

What is clicked is a disc; what a box names is its inside; black pixels of the picture belong to nothing. Four masks
have discs of different sizes, the first for prompts of more than a place; exports with three masks lack that one. An
earlier mask is joined to the new one, and what background clicks name is taken out of both, a small disc each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from graphs.small import Net
from matted.models.spec import ModelSpec
from numpy.typing import NDArray
from onnx import TensorProto

SIDE, MASK_SIDE = 1024, 256  # pixels: of the encoders' input, and of a raw mask
SINGLE, RADII = 120.0, (60.0, 200.0, 300.0)  # pixels: of the discs in the first mask, and in the other three
SCORES = (0.4, 0.3, 0.9, 0.5)  # of the four masks
DROPPED = 50.0  # pixels: radius of what a background click takes out
BLACK = 0.02  # brightness, 0..1, from which a pixel is none
BEST = RADII[1]
_FAR = 1e4
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def write(spec: ModelSpec, file: Path) -> Path:
    """Write the encoder of a model as `file`, and its decoder beside it, as FILE.decoder.onnx. Returns the file."""
    assert spec.side == SIDE
    {"sam": _sam, "sam2": _sam2, "efficient-sam": _efficient_sam}[spec.family](file, decoder_of(file))
    return file


def decoder_of(file: Path) -> Path:
    """Return where `write` puts the decoder of an encoder."""
    return file.with_suffix(".decoder.onnx")


def raw_mask(
    brightness: NDArray[np.float32],
    places: Sequence[tuple[float, float, int]],
    radius: float,
    earlier: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the raw mask that a decoder gives.

    brightness: MASK_SIDE x MASK_SIDE, 0..1: what the encoders give of a picture.
    places: x, y in pixels of the encoder's input, and the label: 1 subject, 0 background, 2 and 3 corners of a box.
    radius: of the disc.
    earlier: an earlier raw mask; None for none.
    """
    centres = 4 * np.arange(MASK_SIDE) + 1.5
    x, y = centres[np.newaxis, :], centres[:, np.newaxis]
    apart = [np.hypot(x - at_x, y - at_y) for at_x, at_y, _ in places]
    found = np.full((MASK_SIDE, MASK_SIDE), -_FAR)
    for (_, _, label), distance in zip(places, apart, strict=True):
        if label == 1:
            found = np.maximum(found, radius - distance)
    corners = {label: (at_x, at_y) for at_x, at_y, label in places if label in (2, 3)}
    if corners:
        (left, top), (right, bottom) = corners[2], corners[3]
        found = np.maximum(found, np.minimum(np.minimum(x - left, right - x), np.minimum(y - top, bottom - y)))
    found = found / 4
    if earlier is not None:
        found = np.maximum(found, earlier)
    for (_, _, label), distance in zip(places, apart, strict=True):
        if label == 0:
            found = np.minimum(found, (distance - DROPPED) / 4)
    return np.minimum(found, 400 * (brightness - BLACK)).astype(np.float32)


def brightness(planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the encoders give of a picture. planes: 3 x SIDE x SIDE."""
    grey = planes.astype(np.float32).mean(axis=0) / 255
    return grey.reshape(MASK_SIDE, 4, MASK_SIDE, 4).mean(axis=(1, 3))


def _pooled(net: Net, planes: str, output: str = "") -> str:
    """Return brightness, of planes in 0..1."""
    grey = net.add("ReduceMean", planes, axes=[1], keepdims=1)
    return net.add("AveragePool", grey, kernel_shape=[4, 4], strides=[4, 4], output=output)


def _masks(net: Net, points: str, labels: str, bright: str, radii: Sequence[float], earlier: tuple[str, ...]) -> str:
    """Return raw masks, 1 x number of radii x MASK_SIDE x MASK_SIDE. points: 1 x number x 2. labels: 1 x number."""
    centres = 4 * np.arange(MASK_SIDE) + 1.5
    x, y = net.constant(centres.reshape(1, 1, -1, 1)), net.constant(centres.reshape(1, -1, 1, 1))
    last = net.integers(-1)
    at = [net.reshape(net.add("Gather", points, net.constant(axis, np.int64), axis=2), 1, 1, 1, -1) for axis in (0, 1)]
    across, down = net.add("Sub", x, at[0]), net.add("Sub", y, at[1])
    squares = net.add("Add", net.add("Mul", across, across), net.add("Mul", down, down))
    distance = net.add("Sqrt", squares)
    label = net.reshape(labels, 1, 1, 1, -1)
    is_label = {
        value: net.add("Cast", net.add("Equal", label, net.constant(float(value))), to=TensorProto.FLOAT)
        for value in (0, 1, 2, 3)
    }

    def nearest(value: int) -> str:
        """The distance to the nearest place with a label, 1 x 1 x rows x columns."""
        other = net.add("Mul", net.add("Sub", net.constant(1.0), is_label[value]), net.constant(_FAR))
        least = net.add("ReduceMin", net.add("Add", distance, other), axes=[3], keepdims=0)
        return net.add("Unsqueeze", least, net.integers(1))

    def corner(value: int, axis: int) -> str:
        return net.add("ReduceSum", net.add("Mul", is_label[value], at[axis]), last, keepdims=1)

    def edge(of: str, value: int, axis: int) -> str:
        """How far inside one edge of the box, 1 x rows x columns x 1."""
        return net.add("Mul", net.add("Sub", of, corner(value, axis)), net.constant(1.0 if value == 2 else -1.0))

    edges = [edge(x, 2, 0), edge(x, 3, 0), edge(y, 2, 1), edge(y, 3, 1)]
    boxed = net.add("ReduceSum", is_label[2], last, keepdims=1)
    away = net.add("Mul", net.add("Sub", net.constant(1.0), boxed), net.constant(-_FAR))
    inside = net.add("Min", *[net.add("Add", each, away) for each in edges])
    inside = net.add("Transpose", inside, perm=[0, 3, 1, 2])
    discs = net.add("Sub", net.constant(np.reshape(radii, (1, -1, 1, 1))), nearest(1))
    found = net.add("Div", net.add("Max", discs, inside), net.constant(4.0))
    if earlier:
        mask, there = earlier
        nothing = net.add("Mul", net.add("Sub", there, net.constant(1.0)), net.constant(_FAR))
        found = net.add("Max", found, net.add("Add", mask, nothing))
    kept = net.add("Div", net.add("Sub", nearest(0), net.constant(DROPPED)), net.constant(4.0))
    light = net.add("Mul", net.add("Sub", bright, net.constant(BLACK)), net.constant(400.0))
    return net.add("Min", net.add("Min", found, kept), light)


def _enlarged(net: Net, masks: str, size: str, output: str) -> None:
    """Add the masks at the picture's size, as the published decoders give them first. size: height and width, int64."""
    whole = net.add("Concat", net.add("Slice", net.add("Shape", masks), net.integers(0), net.integers(2)), size, axis=0)
    net.add("Resize", masks, "", "", whole, mode="linear", output=output)


def _prompted(net: Net) -> tuple[str, ...]:
    """The size that MobileSAM's and SAM 2's decoders are given, as integers."""
    return (net.add("Cast", "orig_im_size", to=TensorProto.INT64),)


_EARLIER: dict[str, Sequence[int | str]] = {"mask_input": (1, 1, MASK_SIDE, MASK_SIDE), "has_mask_input": (1,)}
_POINTS: dict[str, Sequence[int | str]] = {"point_coords": (1, "points", 2), "point_labels": (1, "points")}
_FEATURES = (1, 1, MASK_SIDE, MASK_SIDE)


def _sam(encoder: Path, decoder: Path) -> None:
    net = Net(17)
    planes = net.add("Unsqueeze", net.add("Transpose", "input_image", perm=[2, 0, 1]), net.integers(0))
    _pooled(net, net.add("Div", planes, net.constant(255.0)), "image_embeddings")
    net.save(encoder, {"input_image": ("height", "width", 3)}, {"image_embeddings": (1, 1, "rows", "columns")})
    net = Net(17)
    masks = _masks(
        net, "point_coords", "point_labels", "image_embeddings", (SINGLE, *RADII), ("mask_input", "has_mask_input")
    )
    _enlarged(net, masks, *_prompted(net), output="masks")
    net.add("Identity", net.constant([SCORES]), output="iou_predictions")
    net.add("Identity", masks, output="low_res_masks")
    given = {"image_embeddings": _FEATURES, **_POINTS, **_EARLIER, "orig_im_size": (2,)}
    outputs = {"masks": (1, 4, "h", "w"), "iou_predictions": (1, 4), "low_res_masks": (1, 4, MASK_SIDE, MASK_SIDE)}
    net.save(decoder, given, outputs)


def _sam2(encoder: Path, decoder: Path) -> None:
    net = Net(17)
    mean, deviation = (net.constant(np.reshape(each, (1, 3, 1, 1))) for each in _IMAGENET)
    bright = _pooled(net, net.add("Add", net.add("Mul", "input", deviation), mean), "image_embeddings")
    net.add("Add", bright, net.constant(1.0), output="high_res_features1")
    net.add("Add", bright, net.constant(2.0), output="high_res_features2")
    names = ("image_embeddings", "high_res_features1", "high_res_features2")
    net.save(encoder, {"input": (1, 3, SIDE, SIDE)}, dict.fromkeys(names, _FEATURES))
    net = Net(17)
    bright = net.add("Mul", names[0], net.add("Sub", names[2], names[1]))  # by 1 where they come in the right order
    masks = _masks(net, "point_coords", "point_labels", bright, RADII, ("mask_input", "has_mask_input"))
    net.add("Identity", net.constant([SCORES[1:]]), output="scores")
    _enlarged(net, masks, *_prompted(net), output="masks")
    net.add("Identity", masks, output="low_res_masks")
    given = {**dict.fromkeys(names, _FEATURES), **_POINTS, **_EARLIER, "orig_im_size": (2,)}
    net.save(
        decoder, given, {"masks": (1, 3, "h", "w"), "scores": (1, 3), "low_res_masks": (1, 3, MASK_SIDE, MASK_SIDE)}
    )


def _efficient_sam(encoder: Path, decoder: Path) -> None:
    net = Net(17)
    _pooled(net, "batched_images", "image_embeddings")
    net.save(encoder, {"batched_images": ("batch", 3, "height", "width")}, {"image_embeddings": ("batch", 1, "r", "c")})
    net = Net(17)
    # Its places are in pixels of a picture of orig_im_size, one more axis is for several questions at once.
    scale = net.add("Div", net.constant(float(SIDE)), net.add("Cast", "orig_im_size", to=TensorProto.FLOAT))
    swapped = net.add("Gather", scale, net.integers(1, 0))
    points = net.add("Mul", net.add("Squeeze", "batched_point_coords", net.integers(1)), swapped)
    labels = net.add("Squeeze", "batched_point_labels", net.integers(1))
    masks = _masks(net, points, labels, "image_embeddings", RADII, ())
    net.add("Identity", net.constant([[SCORES[1:]]]), output="iou_predictions")
    _enlarged(net, masks, "orig_im_size", "every")
    net.add("Unsqueeze", "every", net.integers(1), output="output_masks")
    net.add("Identity", masks, output="2417")
    given: dict[str, Any] = {
        "image_embeddings": _FEATURES,
        "batched_point_coords": (1, "questions", "points", 2),
        "batched_point_labels": (1, "questions", "points"),
        "orig_im_size": (2,),
    }
    outputs = {"output_masks": (1, 1, 3, "h", "w"), "iou_predictions": (1, 1, 3), "2417": (1, 3, MASK_SIDE, MASK_SIDE)}
    net.save(decoder, given, outputs, kinds={"orig_im_size": TensorProto.INT64})
