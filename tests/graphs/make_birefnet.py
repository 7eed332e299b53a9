"""Make ONNX files with the architecture of BiRefNet and random weights, to measure loading, time and memory with.

    python tests/graphs/make_birefnet.py FOLDER [--backbone lite|large] [--side 1024]

writes FOLDER/native.onnx, whose deformable convolutions are ONNX DeformConv, and FOLDER/gathernd.onnx, where the
package that the public exports were made with takes them apart. Both have the same weights and, like RMBG-2.0, take
pixel_values (1 x 3 x side x side, normalised) and give alphas (1 x 1 x side x side, in 0..1). FOLDER/picture.npy and
FOLDER/alphas.npy are an input and what PyTorch makes of it. measure_birefnet.py compares the files.

Not part of the test suite: it needs torch, transformers, onnx, deform_conv2d_onnx_exporter, and `nobg` without its
dependencies (it has the architecture), some minutes, and 8 GB of memory for the small backbone.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import deform_conv2d_onnx_exporter
import numpy as np
import torch
import transformers.models.swin.modeling_swin  # noqa: F401  before torchvision seems to be there
from torch import nn
from torch.nn import functional
from torch.onnx import register_custom_op_symbolic, symbolic_helper

OPERATOR = "torchvision::deform_conv2d"
SCHEMA = (
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, int stride_w, "
    "int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, int offset_groups, bool use_mask) -> Tensor"
)
BACKBONES = {
    "lite": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": 7},
    "large": {"embed_dim": 192, "depths": [2, 2, 18, 2], "num_heads": [6, 12, 24, 48], "window_size": 12},
}
OFFSETS = 2.0  # pixels: standard deviation of the random offsets, wide enough to leave the picture at its border


def deform_conv2d(
    picture: torch.Tensor,
    weight: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor,
    bias: torch.Tensor,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> torch.Tensor:
    """The operator as its paper defines it, https://arxiv.org/abs/1811.11168, tap after tap. One group of each kind."""
    assert groups == offset_groups == 1
    batch, _, height, width = picture.shape
    rows, columns = offset.shape[2:]
    y = torch.arange(rows).view(1, rows, 1) * stride_h - pad_h
    x = torch.arange(columns).view(1, 1, columns) * stride_w - pad_w
    total = bias.view(1, -1, 1, 1).expand(batch, -1, rows, columns).clone()
    for tap in range(weight.shape[2] * weight.shape[3]):
        tap_y, tap_x = divmod(tap, weight.shape[3])
        place_y = y + tap_y * dilation_h + offset[:, 2 * tap]
        place_x = x + tap_x * dilation_w + offset[:, 2 * tap + 1]
        grid = torch.stack([2 * place_x / (width - 1) - 1, 2 * place_y / (height - 1) - 1], dim=-1)
        sampled = functional.grid_sample(picture, grid, "bilinear", "zeros", align_corners=True)
        if use_mask:
            sampled = sampled * mask[:, tap : tap + 1]
        total = total + functional.conv2d(sampled, weight[:, :, tap_y : tap_y + 1, tap_x : tap_x + 1])
    return total


@symbolic_helper.parse_args("v", "v", "v", "v", "v", "i", "i", "i", "i", "i", "i", "i", "i", "b")
def native_operator(
    g: Any,
    picture: Any,
    weight: Any,
    offset: Any,
    mask: Any,
    bias: Any,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool,
) -> Any:
    """ONNX DeformConv-19."""
    optional = [bias, mask] if use_mask else [bias]
    result = g.op(
        "DeformConv",
        picture,
        weight,
        offset,
        *optional,
        strides_i=[stride_h, stride_w],
        pads_i=[pad_h, pad_w, pad_h, pad_w],
        dilations_i=[dilation_h, dilation_w],
        group_i=groups,
        offset_group_i=offset_groups,
    )
    return result


def with_traced_sizes(symbolic: Callable[..., Any]) -> Callable[..., Any]:
    """Tell a symbolic function the sizes that were seen while tracing. The exporter loses them at every Resize."""

    def wrapped(g: Any, *given: Any) -> Any:
        for value, traced in zip(given, g.original_node.inputs(), strict=True):
            if isinstance(traced.type(), torch.TensorType) and traced.type().sizes():
                value.setType(traced.type())
        result = symbolic(g, *given)
        result.setType(g.original_node.output().type())
        return result

    return wrapped


def architecture() -> Any:
    """The module of `nobg` that has the network, without the rest of that package, which needs torchvision."""
    found = importlib.util.find_spec("nobg")
    assert found is not None and found.submodule_search_locations, "pip install --no-deps nobg"
    root = Path(next(iter(found.submodule_search_locations)))
    for name, folder in (("nobg", root), ("nobg.birefnet", root / "birefnet")):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    processing = types.ModuleType("nobg.birefnet.image_processing_birefnet")
    processing.BiRefNetImageProcessor = object  # type: ignore[attr-defined]
    sys.modules[processing.__name__] = processing
    operators = types.ModuleType("torchvision.ops")

    def call(
        input: torch.Tensor,
        offset: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        padding: tuple[int, int],
        mask: torch.Tensor,
        stride: tuple[int, int],
    ) -> torch.Tensor:
        given = torch.zeros(weight.shape[0]) if bias is None else bias
        result: torch.Tensor = torch.ops.torchvision.deform_conv2d(
            input, weight, offset, mask, given, *stride, *padding, 1, 1, 1, 1, True
        )
        return result

    operators.deform_conv2d = call  # type: ignore[attr-defined]
    sys.modules["torchvision"] = types.ModuleType("torchvision")
    sys.modules["torchvision.ops"] = operators
    return importlib.import_module("nobg.birefnet.modeling_birefnet")


class Matte(nn.Module):
    """BiRefNet with the sigmoid that RMBG-2.0's file includes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(pixel_values)["logits"]
        return logits.sigmoid()


def build(backbone: str, side: int) -> Matte:
    """Random weights whose offsets move, and whose outputs are spread: saturated ones would hide errors."""
    library = architecture()
    network = library.BiRefNet(library.BiRefNetConfig(image_size=side, **BACKBONES[backbone]))
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the statistics become the mean over all calibration pictures
            module.train()
        if type(module).__name__ == "DeformableConv2d":
            for part, spread in ((module.offset_conv, OFFSETS), (module.modulator_conv, 1.0)):
                nn.init.normal_(part.weight, 0, spread / np.sqrt(part.weight[0].numel()))
    with torch.no_grad():
        network(pictures(2, 256))
        network.eval()
        logits = network(pictures(1, 256))["logits"]
        last = network.decoder.conv_out1[0]
        last.weight *= 2.0 / logits.std()
        last.bias.copy_((last.bias - logits.mean()) * 2.0 / logits.std())
    return Matte(network).eval()


def pictures(count: int, side: int) -> torch.Tensor:
    """Noise on several scales, about as large as a normalised photograph."""
    scales = [functional.interpolate(torch.randn(count, 3, n, n), (side, side), mode="bicubic") for n in (4, 16, 64)]
    return torch.stack(scales).sum(0) / 2


def export(model: Matte, picture: torch.Tensor, path: Path, opset: int) -> None:
    torch.onnx.export(
        model,
        (picture,),
        str(path),
        opset_version=opset,
        input_names=["pixel_values"],
        output_names=["alphas"],
        dynamo=False,
    )
    print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone", choices=BACKBONES, default="lite")
    parser.add_argument("--side", type=int, default=1024)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(5)
    library = torch.library.Library("torchvision", "DEF")
    library.define(SCHEMA)
    library.impl("deform_conv2d", deform_conv2d, "CompositeExplicitAutograd")
    model = build(options.backbone, options.side)
    picture = pictures(1, options.side)
    with torch.no_grad():
        alphas = model(picture)
    print(f"alphas: {alphas.min():.3f} to {alphas.max():.3f}, standard deviation {alphas.std():.3f}", flush=True)
    np.save(options.folder / "picture.npy", picture.numpy())
    np.save(options.folder / "alphas.npy", alphas.numpy())

    register_custom_op_symbolic(OPERATOR, with_traced_sizes(native_operator), 19)
    export(model, picture, options.folder / "native.onnx", 19)
    deform_conv2d_onnx_exporter.JitScalarType = torch.onnx.JitScalarType  # which moved since that package was written
    decomposed = deform_conv2d_onnx_exporter.deform_conv2d_func(use_gathernd=True, enable_openvino_patch=False)
    register_custom_op_symbolic(OPERATOR, with_traced_sizes(decomposed), 17)
    export(model, picture, options.folder / "gathernd.onnx", 17)


if __name__ == "__main__":
    main()
