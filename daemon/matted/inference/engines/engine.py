"""The engine, an interface: it holds one model and infers with it, wherever that happens.

`local` runs a model in a process on this computer. The predictor is handed a factory, so that something else
can take its place: a server that others run, or the fake of a test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matted.models.spec import ModelSpec
from matted.settings.target import Target

Planes = NDArray[np.uint8]  # 3 x height x width: red, green and blue of what a model is shown
Output = NDArray[Any]  # of the model, without the batch axis: float32 for a matte, uint8 for colours


class EngineDied(Exception):
    """The engine is gone in the middle of its work: OpenVINO or a driver crashed, or the system ended its process.

    killed: whether the system ended it, as it does when memory runs out.
    """

    def __init__(self, why: str, killed: bool = False) -> None:
        super().__init__(why)
        self.killed = killed


class Engine(Protocol):
    """One model: made without it, ready after `load`, gone after `close`.

    One thread at a time uses it. `cancel`, `kill`, `pause`, `resume`, `alive` and `memory` may be called by any other
    meanwhile.

    spec: the model.
    device: what it runs on, as OpenVINO names it. Known after `load`, as the next three.
    arithmetic: what it computes in: "f32", "bf16" or "f16".
    note: why that is not the device that was asked for, a sentence; or empty.
    size: (height, width) of its input, or None if it takes any.
    """

    spec: ModelSpec
    device: str
    arithmetic: str
    note: str
    size: tuple[int, int] | None

    def load(self) -> None:
        """Have the model ready. Raises EngineDied, MemoryError, or RuntimeError with OpenVINO's own words."""

    def infer(self, pictures: Sequence[Planes]) -> list[Output]:
        """Run the model on a picture, or on a picture and its plate.

        Returns the raw outputs that the spec names: first the matte, float32, 1 x height x width, in the range that
        the spec's activation reads; then, from a model that gives them, the subject's colours, uint8,
        3 x height x width.

        Raises EngineDied, after which only `close` is of use, MemoryError, or RuntimeError with OpenVINO's own words.
        """

    def cancel(self) -> None:
        """End the running inference: `infer` raises RuntimeError or EngineDied, or returns arrays of no meaning.

        Returns at once. Does nothing while none runs.
        """

    def kill(self) -> None:
        """End whatever it does at once: `load` or `infer`, in another thread, raise EngineDied."""

    def pause(self) -> None:
        """Leave the processor to others until `resume`, in the middle of a load. Nothing where that is not possible."""

    def resume(self) -> None:
        """Go on after `pause`."""

    def close(self) -> None:
        """Give all memory back. Not while another thread uses it."""

    def alive(self) -> bool:
        """Return whether it can still be used."""

    def memory(self) -> int:
        """Return the bytes that it takes on this computer; 0 once it is gone."""


# spec, its model file, what to run on, and where compiled models are kept (None for nowhere) -> an engine to load
EngineFactory = Callable[[ModelSpec, Path, Target, "Path | None"], Engine]
