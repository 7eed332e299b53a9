"""Small ONNX graphs with the inputs, outputs and operators of the published models, and weights drawn at random.

They stand in for files that are large or behind a licence. Their right answers are whatever ONNX Runtime makes of the
same file. Needs the package `onnx`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_IR_VERSION = 9  # of the file format; packages write newer ones than other packages read


class Net:
    """A graph that is being written down, operator by operator."""

    def __init__(self, opset: int) -> None:
        self._opset = opset
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, value: Any, dtype: type[np.generic] = np.float32) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], f"node_{len(self._nodes)}", **attributes))
        return output

    def reshape(self, tensor: str, *shape: int) -> str:
        return self.add("Reshape", tensor, self.integers(*shape))

    def save(
        self,
        path: Path,
        inputs: Mapping[str, Sequence[int | str]],
        outputs: Mapping[str, Sequence[int | str]],
        kind: int = TensorProto.FLOAT,
        given: int = 0,
        kinds: Mapping[str, int] | None = None,
    ) -> Path:
        """Write the file. Sizes given as words are open; kind: the type of all inputs and outputs.

        given: the type of the outputs if it is another one. kinds: by name, those of inputs that are of another one.
        """
        own = kinds or {}
        graph = helper.make_graph(
            self._nodes,
            path.stem,
            [helper.make_tensor_value_info(name, own.get(name, kind), shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, given or kind, shape) for name, shape in outputs.items()],
            list(self._constants.values()),
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self._opset)])
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
        return path


@dataclass(frozen=True)
class Deformable:
    """One deformable convolution with its own offsets and modulation, both predicted from its input."""

    channels: int = 6
    filters: int = 5
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    offset_groups: int = 1
    modulated: bool = True
    biased: bool = True

    @property
    def taps(self) -> int:
        return self.kernel[0] * self.kernel[1]

    def out_size(self, height: int, width: int) -> tuple[int, int]:
        sides = zip((height, width), self.kernel, self.stride, self.pad, self.dilation, strict=True)
        rows, columns = ((side + 2 * p - d * (k - 1) - 1) // s + 1 for side, k, s, p, d in sides)
        return rows, columns


def birefnet_like(
    path: Path, flavour: str, deformable: Deformable | None = None, size: tuple[int, int] = (12, 16), batch: int = 1
) -> Path:
    """pixel_values (batch x 3 x height x width) -> alphas (batch x 1 x rows x columns, in 0..1).

    flavour: "native" is ONNX DeformConv-19, "gathernd", "gatherelements" and "gridsample" are what exporters write when
    their opset has no such operator. All flavours of the same arguments have the same weights.
    """
    layer = deformable or Deformable()
    net = Net(19 if flavour == "native" else 17)
    random = np.random.default_rng(7)

    def weights(*shape: int, spread: float = 1.0) -> str:
        return net.constant(random.normal(0, spread / np.sqrt(np.prod(shape[1:])), shape))

    features = net.add("Conv", "pixel_values", weights(layer.channels, 3, 3, 3, spread=2), pads=[1, 1, 1, 1])
    convolution = {
        "kernel_shape": layer.kernel,
        "strides": layer.stride,
        "pads": layer.pad * 2,
        "dilations": layer.dilation,
    }
    taps = layer.taps * layer.offset_groups
    # The offsets are a few pixels wide, so that they also leave the picture.
    offset = net.add("Conv", features, weights(2 * taps, layer.channels, *layer.kernel, spread=3), **convolution)
    mask = ""
    filters = weights(layer.filters, layer.channels // layer.groups, *layer.kernel, spread=2)
    bias = net.constant(random.normal(0, 0.1, layer.filters)) if layer.biased else ""
    if layer.modulated:
        raw = net.add("Conv", features, weights(taps, layer.channels, *layer.kernel, spread=2), **convolution)
        mask = net.add("Mul", net.add("Sigmoid", raw), net.constant(2.0))
    if flavour == "native":
        given = [features, filters, offset, bias, mask]
        while not given[-1]:
            given.pop()
        deformed = net.add("DeformConv", *given, group=layer.groups, offset_group=layer.offset_groups, **convolution)
    else:
        write = {"gathernd": _by_gather, "gatherelements": _by_gather, "gridsample": _by_grid_sample}[flavour]
        sampled = write(net, layer, features, offset, mask, size, batch, flavour)
        deformed = net.add(
            "Conv", sampled, filters, kernel_shape=layer.kernel, strides=layer.kernel, group=layer.groups
        )
        if bias:
            deformed = net.add("Add", deformed, net.add("Unsqueeze", bias, net.integers(0, 2, 3)))
    logits = net.add("Conv", net.add("Relu", deformed), weights(1, layer.filters, 1, 1, spread=2))
    net.add("Sigmoid", logits, output="alphas")
    rows, columns = layer.out_size(*size)
    return net.save(path, {"pixel_values": [batch, 3, *size]}, {"alphas": [batch, 1, rows, columns]})


def _corners(net: Net, layer: Deformable, offset: str, size: tuple[int, int], batch: int) -> str:
    """Where each tap looks, in pixels of the padded picture: batch x offset groups x taps x (y, x) x rows x columns."""
    rows, columns = layer.out_size(*size)
    extra = [int(pad == 0) for pad in layer.pad]  # a border of zeros is needed to look at from outside
    y = np.arange(rows)[:, None] * layer.stride[0] + extra[0] + np.zeros((1, columns))
    x = np.arange(columns)[None] * layer.stride[1] + extra[1] + np.zeros((rows, 1))
    tap_y, tap_x = np.divmod(np.arange(layer.taps), layer.kernel[1])
    places = np.stack(
        [
            tap_y[:, None, None] * layer.dilation[0] + y[None],
            tap_x[:, None, None] * layer.dilation[1] + x[None],
        ],
        axis=1,
    )
    shaped = net.reshape(offset, batch, layer.offset_groups, layer.taps, 2, rows, columns)
    return net.add("Add", net.constant(places[None, None]), shaped)


def _split(net: Net, tensor: str) -> tuple[str, str]:
    """The y and the x of coordinates."""
    y = net.add("Slice", tensor, net.integers(0), net.integers(1), net.integers(3))
    x = net.add("Slice", tensor, net.integers(1), net.integers(2), net.integers(3))
    return y, x


def _by_gather(
    net: Net, layer: Deformable, features: str, offset: str, mask: str, size: tuple[int, int], batch: int, flavour: str
) -> str:
    """Bilinear sampling of the padded picture by four gathers, as deform_conv2d_onnx_exporter writes it.

    Returns batch x channels x (rows * kernel height) x (columns * kernel width).
    """
    rows, columns = layer.out_size(*size)
    groups, taps = layer.offset_groups, layer.taps
    each = layer.channels // groups
    border = [pad or 1 for pad in layer.pad]
    height, width = size[0] + 2 * border[0], size[1] + 2 * border[1]

    place = _corners(net, layer, offset, size, batch)
    floor = net.add("Floor", place)
    whole = net.add("Cast", floor, to=TensorProto.INT64)
    top, left = _split(net, whole)
    one = net.constant(1, np.int64)
    corner = {"t": top, "l": left, "b": net.add("Add", top, one), "r": net.add("Add", left, one)}
    for side, limit in (("t", height), ("l", width), ("b", height), ("r", width)):
        corner[side] = net.add("Clip", corner[side], net.constant(0, np.int64), net.constant(limit - 1, np.int64))

    fraction_y, fraction_x = _split(net, net.add("Sub", place, floor))
    rest_y = net.add("Sub", net.constant(1), fraction_y)
    rest_x = net.add("Sub", net.constant(1), fraction_x)
    share = {
        "tl": net.add("Mul", rest_x, rest_y),
        "br": net.add("Mul", fraction_x, fraction_y),
        "bl": net.add("Mul", rest_x, fraction_y),
        "tr": net.add("Mul", fraction_x, rest_y),
    }
    padded = net.add("Pad", features, net.integers(0, 0, *border, 0, 0, *border), mode="constant")
    picture = net.reshape(padded, batch, groups, each, height, width)
    weighted = []
    for name in ("tl", "br", "bl", "tr"):
        if flavour == "gathernd":
            y = net.reshape(corner[name[0]], batch, groups, taps * rows * columns, 1)
            x = net.reshape(corner[name[1]], batch, groups, taps * rows * columns, 1)
            index = net.add("Concat", y, x, axis=3)
            last = net.add("Transpose", picture, perm=[0, 1, 3, 4, 2])
            values = net.add("Transpose", net.add("GatherND", last, index, batch_dims=2), perm=[0, 1, 3, 2])
        else:
            y = net.reshape(corner[name[0]], batch, groups, 1, taps * rows * columns)
            x = net.reshape(corner[name[1]], batch, groups, 1, taps * rows * columns)
            index = net.add("Add", net.add("Mul", y, net.constant(width, np.int64)), x)
            index = net.add("Expand", index, net.integers(batch, groups, each, taps * rows * columns))
            flat = net.reshape(picture, batch, groups, each, height * width)
            values = net.add("GatherElements", flat, index, axis=3)
        values = net.reshape(values, batch, groups, each, taps, rows, columns)
        weighted.append(net.add("Mul", net.reshape(share[name], batch, groups, 1, taps, rows, columns), values))
    sampled = net.add("Sum", *weighted)
    if mask:
        sampled = net.add("Mul", sampled, net.reshape(mask, batch, groups, 1, taps, rows, columns))
    return _interleaved(net, layer, sampled, rows, columns, batch)


def _interleaved(net: Net, layer: Deformable, sampled: str, rows: int, columns: int, batch: int) -> str:
    """Lay the taps side by side, so that a convolution whose stride is its kernel adds them up."""
    apart = net.reshape(sampled, batch, layer.channels, *layer.kernel, rows, columns)
    beside = net.add("Transpose", apart, perm=[0, 1, 4, 2, 5, 3])
    return net.reshape(beside, batch, layer.channels, rows * layer.kernel[0], columns * layer.kernel[1])


def _by_grid_sample(
    net: Net, layer: Deformable, features: str, offset: str, mask: str, size: tuple[int, int], batch: int, flavour: str
) -> str:
    """The same by GridSample, which takes coordinates from -1 to 1 and x before y. Zeros lie outside by themselves."""
    rows, columns = layer.out_size(*size)
    groups, taps = layer.offset_groups, layer.taps
    each = layer.channels // groups
    y, x = _split(net, _corners(net, layer, offset, size, batch))
    border = [pad or 1 for pad in layer.pad]
    scaled = []
    for coordinate, side, pad in ((x, size[1], border[1]), (y, size[0], border[0])):
        # align_corners: -1 and 1 are the centres of the first and the last pixel
        moved = net.add("Sub", coordinate, net.constant(float(pad)))
        unit = net.add("Sub", net.add("Mul", moved, net.constant(2.0 / (side - 1))), net.constant(1.0))
        scaled.append(net.reshape(unit, batch * groups, taps * rows, columns, 1))
    grid = net.add("Concat", *scaled, axis=3)
    picture = net.reshape(features, batch * groups, each, *size)
    sampled = net.add("GridSample", picture, grid, mode="bilinear", padding_mode="zeros", align_corners=1)
    sampled = net.reshape(sampled, batch, groups, each, taps, rows, columns)
    if mask:
        sampled = net.add("Mul", sampled, net.reshape(mask, batch, groups, 1, taps, rows, columns))
    return _interleaved(net, layer, sampled, rows, columns, batch)


def isnet_like(path: Path, side: int = 32, half: bool = False) -> Path:
    """input (1 x 3 x side x side) -> output, side_1, side_2 (1 x 1 x side x side, in 0..1): one matte of three counts.

    half: weights and arithmetic in float16 between float32 inputs and outputs, as converters to fp16 write it.
    """
    net = Net(17)
    random = np.random.default_rng(11)
    kind = np.float16 if half else np.float32
    tensor = net.add("Cast", "input", to=TensorProto.FLOAT16) if half else "input"
    for channels, given in ((8, 3), (8, 8)):
        kernel = net.constant(random.normal(0, 1 / np.sqrt(9 * given), (channels, given, 3, 3)), kind)
        tensor = net.add("Relu", net.add("Conv", tensor, kernel, pads=[1, 1, 1, 1]))
    for name in ("output", "side_1", "side_2"):
        kernel = net.constant(random.normal(0, 1, (1, 8, 1, 1)), kind)
        matte = net.add("Sigmoid", net.add("Conv", tensor, kernel))
        net.add("Cast" if half else "Identity", matte, output=name, **({"to": TensorProto.FLOAT} if half else {}))
    shape = (1, 1, side, side)
    return net.save(path, {"input": (1, 3, side, side)}, {"output": shape, "side_1": shape, "side_2": shape})


def portrait_like(path: Path, sides: tuple[int | str, int | str] = ("height", "width"), half: bool = False) -> Path:
    """input (batch x 3 x height x width) -> output (batch x 1 x height x width, in 0..1).

    half: the output is in float16.
    """
    net = Net(17)
    random = np.random.default_rng(13)
    features = net.add("Relu", net.add("Conv", "input", net.constant(random.normal(0, 1, (6, 3, 3, 3))), pads=[1] * 4))
    logits = net.add("Conv", features, net.constant(random.normal(0, 1, (1, 6, 1, 1))))
    # As decided as a trained network, whatever the range of the input.
    spread = net.add("InstanceNormalization", logits, net.constant([4.0]), net.constant([0.0]))
    matte = net.add("Sigmoid", spread)
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    net.add("Cast", matte, output="output", to=kind)
    return net.save(path, {"input": ("batch", 3, *sides)}, {"output": ("batch", 1, *sides)}, given=kind)


def keyer(path: Path, size: tuple[int | str, int | str] = ("height", "width")) -> Path:
    """src, bgr (1 x 3 x height x width, RGB in 0..1) -> pha (1 x 1 ..), fgr (1 x 3 ..), both in 0..1.

    Background matting reduced to what can be checked by hand: pha is how far src is from bgr, six times the greatest
    difference among the channels, at most 1; fgr is src where pha is not 0. The sides have to be multiples of 4, as the
    published network's have to.
    """
    net = Net(17)
    change = net.add("Abs", net.add("Sub", "src", "bgr"))
    greatest = net.add("ReduceMax", change, axes=[1], keepdims=1)
    scaled = net.add("Mul", greatest, net.constant(6.0))
    # Down and up again by 4: constant on every 4 x 4 block but for the difference that is added back.
    coarse = net.add("AveragePool", scaled, kernel_shape=[4, 4], strides=[4, 4])
    rough = net.add("Resize", coarse, "", net.constant([1, 1, 4, 4]), mode="nearest")
    fine = net.add("Add", rough, net.add("Sub", scaled, rough))
    net.add("Clip", fine, net.constant(0.0), net.constant(1.0), output="pha")
    present = net.add("Cast", net.add("Greater", "pha", net.constant(0.0)), to=TensorProto.FLOAT)
    net.add("Mul", "src", present, output="fgr")
    return net.save(path, {"src": (1, 3, *size), "bgr": (1, 3, *size)}, {"pha": (1, 1, *size), "fgr": (1, 3, *size)})


def keyed_by_hand(picture: NDArray[np.uint8], plate: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the alpha that `keyer` has for a picture and a plate, height x width x 3: 0 to 255."""
    change = np.abs(picture.astype(np.float32) - plate).max(axis=2) / 255
    return np.rint(np.clip(6 * change, 0, 1) * 255).astype(np.uint8)


def refiner_like(path: Path, sides: tuple[int | str, int | str] = ("height", "width")) -> Path:
    """pixel_values (1 x 4 x height x width: RGB and a trimap, in 0..1) -> alphas (1 x 1 x height x width).

    alphas are what the trimap says where it is below a quarter or above three, and red in between.
    """
    net = Net(17)
    red, _, _, marks = (net.add("Gather", "pixel_values", net.integers(channel), axis=1) for channel in range(4))
    surely = net.add("Cast", net.add("Greater", marks, net.constant(0.75)), to=TensorProto.FLOAT)
    known = net.add("Greater", net.add("Abs", net.add("Sub", marks, net.constant(0.5))), net.constant(0.25))
    net.add("Where", known, surely, red, output="alphas")
    return net.save(path, {"pixel_values": (1, 4, *sides)}, {"alphas": (1, 1, *sides)})


def film_like(path: Path) -> Path:
    """src (1 x 3 x height x width, RGB in 0..1), r1i to r4i, downsample_ratio -> fgr, pha, r1o to r4o: one of a film.

    pha is how red src is, eight times, once it has been made smaller by the ratio and larger again, and more for what
    r1i says that came before: half of what that was for the frame before; fgr is src. r2o counts the frames, and the
    others stay as they are.
    """
    net = Net(17)
    ones = net.constant([1.0, 1.0])
    scales = net.add("Concat", ones, "downsample_ratio", "downsample_ratio", axis=0)
    shrunk = net.add("Resize", "src", "", scales, mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    size = net.add("Shape", "src")
    coarse = net.add("Resize", shrunk, "", "", size, mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    red = net.add("Conv", coarse, net.constant(np.array([8.0, -4.0, -4.0]).reshape(1, 3, 1, 1)))
    net.add("Clip", net.add("Add", red, "r1i"), net.constant(0.0), net.constant(1.0), output="pha")
    net.add("Identity", "src", output="fgr")
    net.add("Mul", net.add("Add", red, "r1i"), net.constant(0.5), output="r1o")
    net.add("Add", "r2i", net.constant(1.0), output="r2o")
    for number in (3, 4):
        net.add("Identity", f"r{number}i", output=f"r{number}o")
    sides, state = ("height", "width"), (1, "a", "b", "c")
    inputs: dict[str, Sequence[int | str]] = {
        "src": (1, 3, *sides),
        "r1i": state,
        "r2i": state,
        "r3i": state,
        "r4i": state,
        "downsample_ratio": (1,),
    }
    states = {f"r{number}o": state for number in (1, 2, 3, 4)}
    return net.save(path, inputs, {"fgr": (1, 3, *sides), "pha": (1, 1, *sides), **states})


def picture(*shape: int, seed: int = 3) -> NDArray[np.float32]:
    """Smooth noise in 0..1 with the given shape, whose last two sides are the height and the width."""
    random = np.random.default_rng(seed)
    rough = random.normal(size=shape)
    for axis in (-1, -2):
        rough = sum(np.roll(rough, shift, axis) for shift in (-1, 0, 1)) / np.sqrt(3)
    return (1 / (1 + np.exp(-1.5 * rough))).astype(np.float32)
