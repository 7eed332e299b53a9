"""List OpenVINO's devices, or try one of them. A program of its own, so that a crash of OpenVINO is only a finding.

without arguments    prints the devices: [{the fields of a Device}, ...]
DEVICE               compiles a small graph for the device and checks what it computes
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import numpy as np

from matted.inference.engines import devices

SIDE = 32  # of the picture, in pixels
TOLERANCE = 0.01  # GPUs and NPUs compute in float16


def error_of(device: str) -> float:
    """Measure the largest difference to the right answer, which is below TOLERANCE on a device that works.

    The graph is a 3 x 3 average over three channels and a sigmoid. On rows that grow by 1/SIDE the average is the
    middle row. Raises RuntimeError with OpenVINO's own words.
    """
    import openvino
    from openvino import opset13 as op

    rows = np.arange(SIDE, dtype=np.float32) / SIDE
    picture = np.broadcast_to(rows[:, np.newaxis], (1, 3, SIDE, SIDE)).copy()
    weights = np.full((1, 3, 3, 3), 1 / 27, np.float32)
    given = op.parameter(picture.shape, np.float32)
    average = op.convolution(given, op.constant(weights), [1, 1], [0, 0], [0, 0], [1, 1])
    graph = openvino.Model([op.sigmoid(average)], [given], "trial")
    answer = openvino.Core().compile_model(graph, device)(picture)[0]
    expected = 1 / (1 + np.exp(-rows[1:-1, np.newaxis]))
    return float(np.abs(answer[0, 0] - expected).max())


def main() -> None:
    """Run the program."""
    if len(sys.argv) == 1:
        import openvino

        print(json.dumps([asdict(device) for device in devices.find(openvino.Core())]))
        return
    error = error_of(sys.argv[1])
    if not error < TOLERANCE:  # NaN too
        sys.exit(f"it computes wrong numbers, off by {error:.3g}")
