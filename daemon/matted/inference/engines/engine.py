"""The interface of engines: an engine holds one model and infers with it.

`local` does so in a process on this computer, `kserve` asks a server. The predictor takes a factory of local engines,
so that the fake engine of the tests can take their place.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matted.models.spec import MODEL, ModelSpec
from matted.settings.target import Target

# A model's input: 3 x height x width: red, green and blue. 4 x height x width with a trimap.
Planes = NDArray[np.uint8]
Output = NDArray[Any]  # of a model, without the batch axis: float32 for a matte or a state, uint8 for colours
Input = NDArray[Any]  # of a model, without the batch axis: Planes, or float32 for a state or a decoder


class EngineDied(Exception):
    """The engine died: OpenVINO or a driver crashed, or its process was ended.

    killed: whether by the signal that the system sends when memory runs out.
    idle: whether it was found dead before it had anything to do, so that the model is not to blame.
    """

    def __init__(self, why: str, killed: bool = False, idle: bool = False) -> None:
        super().__init__(why)
        self.killed = killed
        self.idle = idle


class Inference(Protocol):
    """One inference of an engine. It can be cancelled from its creation on, so that no cancel comes too early."""

    def run(self) -> list[Output]:
        """Run the model, once.

        Returns the raw outputs that the spec names: first the matte before its activation, float32, 1 x height x width;
        then, from a model that gives them, the foreground colours, uint8, 3 x height x width; then its states, float32.
        The encoder of a model that takes clicks returns features; the decoder raw masks, float32, masks x rows x
        columns, and their scores.

        Raises EngineDied, after which the engine can only be closed, MemoryError, or RuntimeError with OpenVINO's own
        message.
        """

    def cancel(self) -> None:
        """End the inference, from another thread. Its `run` raises RuntimeError or EngineDied, or returns any numbers.

        Returns at once. Does nothing once `run` has ended.
        """


class Engine(Protocol):
    """Holds one model from `load` to `close`: all its graphs, as they are of no use alone.

    One thread at a time calls `load`, `inference`, its `run`, and `close`; but any number of threads call `inference`
    and `run` of one with `turns`. Other threads may call the other methods meanwhile.

    spec: the model.
    device: what it runs on, as OpenVINO names it. Known after `load`, like the next five.
    title: the name that its maker gave the device.
    capabilities: OpenVINO's names of what the device can do, such as "BF16".
    arithmetic: what it computes in: "f32", "bf16" or "f16".
    note: why that is not the device in the settings, a sentence; or empty.
    size: (height, width) of the model's input, None if it takes any.
    turns: what is held during an inference, where that takes nothing of this computer; None: it takes all cores.
    """

    spec: ModelSpec
    device: str
    title: str
    capabilities: Sequence[str]
    arithmetic: str
    note: str
    size: tuple[int, int] | None
    turns: threading.Semaphore | None

    def load(self) -> None:
        """Load the model. Raises EngineDied, MemoryError, or RuntimeError with OpenVINO's own message."""

    def inference(self, inputs: Sequence[Input], graph: str = MODEL) -> Inference:
        """Return an inference, which has not begun.

        inputs: one for each of the graph's: a picture, or a picture and its plate, and the model's states; of a decoder
            as `Decoder.inputs`.
        graph: one of the spec's.
        """

    def kill(self) -> None:
        """End the engine at once: a load or an inference that runs in another thread raises EngineDied."""

    def pause(self) -> None:
        """Leave the processor to others until `resume`, in the middle of a load. Does nothing if that is impossible."""

    def resume(self) -> None:
        """Go on after `pause`."""

    def close(self) -> None:
        """Free all memory. Not while another thread uses the engine."""

    def alive(self) -> bool:
        """Return whether the engine can still be used."""

    def memory(self) -> int:
        """Return the bytes of memory that it takes on this computer; 0 once it has died."""


# (spec, its model file, device and arithmetic, folder for compiled files or None) -> an engine that is not loaded yet
EngineFactory = Callable[[ModelSpec, Path, Target, "Path | None"], Engine]
