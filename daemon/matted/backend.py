"""OpenVINO: from a model file to raw mattes. The only module that imports it, and only once a model is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matted.models.catalogue import Row

if TYPE_CHECKING:
    import openvino

DEVICE = "CPU"


class Model:
    """A compiled model in memory. Used by one thread at a time, but for `cancel`."""

    def __init__(self, row: Row, compiled: openvino.CompiledModel) -> None:
        self.row = row
        self.device = ", ".join(compiled.get_property("EXECUTION_DEVICES"))
        self._request = compiled.create_infer_request()

    def infer(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """picture: 1 x 3 x side x side, normalised as the row says. Returns the raw output, side x side.

        After `cancel` from another thread it returns early, with an array of no meaning, or raises RuntimeError.
        """
        self._request.start_async({0: picture}, share_inputs=True)
        self._request.wait()
        raw: NDArray[np.float32] = self._request.get_output_tensor(0).data[0, 0].copy()
        return raw

    def cancel(self) -> None:
        """End the inference that runs, if one does, at the next operator."""
        self._request.cancel()


def load(row: Row, path: Path, compiled_cache: Path) -> Model:
    """Read and compile a model. `compiled_cache` is where OpenVINO keeps what it compiled, to be quicker next time.

    Raises RuntimeError with OpenVINO's own words, MemoryError.
    """
    import openvino

    core = openvino.Core()
    graph = core.read_model(path)
    matte_only = openvino.Model([graph.outputs[row.output]], graph.get_parameters(), row.id)
    compiled = core.compile_model(matte_only, DEVICE, _properties(compiled_cache))
    return Model(row, compiled)


def _properties(compiled_cache: Path) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        # On CPUs with bfloat16 instructions OpenVINO picks that precision by itself; u2netp's masks are then off by up
        # to 155 of 255.
        "INFERENCE_PRECISION_HINT": "f32",
        "CACHE_DIR": str(compiled_cache),
    }
