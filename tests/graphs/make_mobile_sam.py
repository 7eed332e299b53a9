"""Make ONNX files with the architecture of MobileSAM and random weights, with the tensors of the published files.

    python tests/graphs/make_mobile_sam.py FOLDER

writes FOLDER/mobile_sam_image_encoder.onnx, FOLDER/sam_mask_decoder_multi.onnx, and FOLDER/answers.npz: a picture
(height x width x 3, uint8) and what PyTorch makes of it for some prompts: points, labels, the earlier mask that was
given (its index among the prompts, or -1), raw masks and scores of each.

Needs torch, timm, onnx, and `mobilesam-lite` without its dependencies (it has the architecture), which is not a part of
the test environment: `make mobile-sam` makes one, and runs the test that compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

# torchvision, which the package imports, looks for operators of its own. Beside a torch for the CPU they are missing.
for operator in ("nms", "qnms"):
    torch.library.define(f"torchvision::{operator}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")

from mobilesam_lite.mobile_sam.build_sam import build_sam_vit_t  # noqa: E402
from mobilesam_lite.mobile_sam.utils.onnx import SamOnnxModel  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

HEIGHT, WIDTH, SIDE = 768, 1024, 1024
# Places x, y and labels: 1 subject, 0 background, 2 and 3 corners of a box, -1 nothing; and which answer goes with it.
PROMPTS = [
    ([(300, 200, 1), (0, 0, -1)], -1),
    ([(300, 200, 1), (700, 500, 1), (100, 100, 0), (0, 0, -1)], 0),
    ([(200, 100, 2), (899, 699, 3)], -1),
    ([(200, 100, 2), (899, 699, 3), (500, 400, 1), (250, 150, 0)], 2),
]


class Encoder(nn.Module):
    """Takes height x width x 3 in 0..255, the longer side SIDE pixels, as the published encoder does."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.mean = torch.tensor([123.675, 116.28, 103.53]).reshape(3, 1, 1)
        self.deviation = torch.tensor([58.395, 57.12, 57.375]).reshape(3, 1, 1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        planes = (picture.permute(2, 0, 1) - self.mean) / self.deviation
        height, width = planes.shape[1:]
        result: torch.Tensor = self.encoder(functional.pad(planes, (0, SIDE - width, 0, SIDE - height)).unsqueeze(0))
        return result


def smooth(height: int, width: int) -> torch.Tensor:
    """Return a picture of blobs and grain, height x width x 3, in 0..255."""
    coarse = torch.rand(1, 3, height // 64, width // 64)
    blobs = functional.interpolate(coarse, (height, width), mode="bicubic")[0]
    return ((blobs + 0.1 * torch.rand(3, height, width)).clamp(0, 1) * 255).round().permute(1, 2, 0)


def calibrate(encoder: Encoder) -> None:
    """Give the batch normalisations the statistics of pictures, without which everything saturates."""
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    encoder.train()
    for _ in range(2):
        encoder(smooth(SIDE, SIDE))
    encoder.eval()


def spread(decoder: nn.Module) -> None:
    """Have raw masks reach as far from 0 as trained ones do, so that a difference of these means something."""
    for layers in decoder.output_hypernetworks_mlps:
        layers.layers[-1].weight.mul_(60)
        layers.layers[-1].bias.mul_(60)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(5)
    model = build_sam_vit_t().eval()
    encoder, decoder = Encoder(model.image_encoder).eval(), SamOnnxModel(model, return_single_mask=False).eval()
    picture = smooth(HEIGHT, WIDTH)
    with torch.no_grad():
        calibrate(encoder)
        spread(model.mask_decoder)
        embeddings = encoder(picture)
        answers: dict[str, np.ndarray] = {"picture": picture.numpy().astype(np.uint8)}
        raw: list[torch.Tensor] = []
        for number, (places, earlier) in enumerate(PROMPTS):
            points = torch.tensor([[place[:2] for place in places]], dtype=torch.float32)
            labels = torch.tensor([[place[2] for place in places]], dtype=torch.float32)
            mask = torch.zeros(1, 1, 256, 256) if earlier < 0 else raw[earlier][:, 2:3]
            size = torch.tensor([HEIGHT, WIDTH], dtype=torch.float32)
            given = (embeddings, points, labels, mask, torch.tensor([float(earlier >= 0)]), size)
            _, scores, low = decoder(*given)
            raw.append(low)
            named = {"points": points[0], "labels": labels[0], "masks": low[0], "scores": scores[0]}
            answers |= {f"{name}_{number}": tensor.numpy() for name, tensor in named.items()}
            answers[f"earlier_{number}"] = np.array(earlier)
        torch.onnx.export(
            encoder,
            (picture,),
            str(folder / "mobile_sam_image_encoder.onnx"),
            opset_version=17,
            input_names=["input_image"],
            output_names=["image_embeddings"],
            dynamic_axes={"input_image": {0: "image_height", 1: "image_width"}},
            dynamo=False,
        )
        names = ["image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size"]
        torch.onnx.export(
            decoder,
            given,
            str(folder / "sam_mask_decoder_multi.onnx"),
            opset_version=17,
            input_names=names,
            output_names=["masks", "iou_predictions", "low_res_masks"],
            dynamic_axes={"point_coords": {1: "num_points"}, "point_labels": {1: "num_points"}},
            dynamo=False,
        )
    np.savez(folder / "answers.npz", **answers)
    print("standard deviations of raw masks:", ", ".join(f"{float(low.std()):.2f}" for low in raw), flush=True)


if __name__ == "__main__":
    main()
