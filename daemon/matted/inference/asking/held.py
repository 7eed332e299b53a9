"""HeldModel: a model that one request holds; and what it returns of a picture. In a worker thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from matted_client import Rejected, messages
from matted_client.messages import Progress
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.asking import prompts
from matted.inference.asking.memory import Memory
from matted.inference.asking.prompts import Prompt
from matted.inference.engines.backend import short_reason
from matted.inference.engines.engine import Engine, EngineDied, Output, Planes
from matted.inference.engines.kserve.connection import ServerError
from matted.inference.layer import Layer
from matted.inference.timing import WHOLE_STAGE, Share, Stopwatch
from matted.models.arithmetic import Fit
from matted.models.spec import ModelSpec
from matted.system.task import Task

if TYPE_CHECKING:
    from matted.inference.predictor import Predictor

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Prediction:
    """What a model returned for a picture, at the model's size.

    raw: rows x columns, float32: the matte before its activation.
    foreground: 3 x rows x columns, uint8: the foreground colours, or None from a model that gives none.
    planes: uint8, the model's input, of the picture: 3 x height x width, RGB; with a trimap a fourth plane.
    device: what it ran on, as OpenVINO names it.
    note: why that is not the device in the settings, a sentence; or empty.
    """

    raw: NDArray[np.float32]
    foreground: Planes | None
    planes: Planes
    device: str
    note: str


@dataclass(frozen=True)
class Encoded:
    """What the encoder of a model that takes clicks returned for a picture: any number of prompts can be asked of it.

    features: for the decoder.
    fit: how the picture was shown.
    width, height: of the picture.
    device, note: as of Prediction.
    """

    features: list[Output]
    fit: Fit
    width: int
    height: int
    device: str
    note: str

    @property
    def memory(self) -> int:
        """The bytes that it takes."""
        return sum(each.nbytes for each in self.features)


class Retry:
    """The one more try that a request has after an engine has died or a load has failed."""

    def __init__(self) -> None:
        self._left = True

    def take(self, error: Exception) -> bool:
        """Return whether to try again after an error.

        Not after the system has killed the engine for want of memory: the next try would need as much, and the system
        might end the picture editor then.
        """
        if isinstance(error, EngineDied) and error.killed:
            return False
        left, self._left = self._left, False
        return left


class HeldModel:
    """A model that one request holds, from its first prediction to its last. For one thread."""

    def __init__(
        self,
        predictor: Predictor,
        engine: Engine,
        task: Task,
        stopwatch: Stopwatch,
        retry: Retry,
        on_end: Callable[[Engine], None],
        note: str,
    ) -> None:
        """Take over an engine that was lent.

        on_end: ends the loan of an engine.
        note: why it is not the server's, a sentence; or empty.
        """
        self.spec = engine.spec
        self._engine = engine
        self._predictor = predictor
        self._task = task
        self._stopwatch = stopwatch
        self._retry = retry
        self._on_end = on_end
        self._why_here = note
        self._held = True

    def give_back(self) -> None:
        """End the loan, so that the model can be unloaded. May be called again."""
        if self._held:
            self._held = False
            self._on_end(self._engine)

    def predict(
        self,
        layers: Sequence[Layer],
        stage: str = "inference",
        trimap: NDArray[np.uint8] | None = None,
        share: Share = WHOLE_STAGE,
        memory: Memory | None = None,
    ) -> Prediction:
        """Run the model on the layers.

        layers: the picture, and a plate if the model needs one.
        stage: what the inference is called in progress and timings.
        trimap: height x width of the picture, 0, 128 where alpha is unknown, 255, for a model that refines; else None.
        share: of the stage that this inference is.
        memory: of the scene that the picture is a frame of: what the model remembers is taken from there, and put there
            once the inference is done. None: it is no frame.

        If the engine dies, the model is loaded again and the inference is tried once more; once in a request, and not
        if the system has killed the engine during the inference.

        Raises Rejected, MemoryError.
        """
        return self._tried(lambda: self._predict(layers, stage, trimap, share, memory))

    def encode(self, layer: Layer) -> Encoded:
        """Show a picture to a model that takes clicks. As `predict`."""
        return self._tried(lambda: self._encode(layer))

    def decode(self, encoded: Encoded, prompt: Prompt, earlier: NDArray[np.float32] | None) -> list[Output]:
        """Ask a model that takes clicks for the masks of a prompt. As `predict`.

        encoded: what `encode` returned, also of an engine before.
        earlier: rows x columns: the raw mask of an earlier answer that this one is to improve; None for none.

        Returns raw masks, masks x rows x columns, and a score for each.
        """
        inputs = prompts.inputs(self.spec, encoded.features, prompt, earlier)
        return self._tried(lambda: self._predictor.decode(self._engine, inputs, self._task, self._stopwatch))

    def _tried(self, infer: Callable[[], T]) -> T:
        """Infer; where the server fails, here instead; and once more with another engine if the first one died."""
        with translated_errors(self.spec):
            try:
                try:
                    return infer()
                except ServerError as failure:
                    self._task.check()
                    self._engine, self._why_here = self._predictor.instead(
                        self._task, self.spec, self._stopwatch, self._retry, failure
                    )
                return infer()
            except EngineDied as error:
                if not self._retry.take(error):
                    raise
                log.warning("%s: %s; the inference is tried once more", self.spec.id, error)
                if not error.idle:
                    self._predictor.distrust(self._engine)
            self.give_back()
            self._engine = self._predictor.lend(self._task, self.spec, self._stopwatch, self._retry)
            self._held = True
            return infer()

    @property
    def _note(self) -> str:
        return " ".join(note for note in (self._why_here, self._engine.note) if note)

    def _encode(self, layer: Layer) -> Encoded:
        features, fit, _ = self._show([layer], "inference", None, WHOLE_STAGE, None)
        return Encoded(features, fit, layer.width, layer.height, self._engine.device, self._note)

    def _predict(
        self,
        layers: Sequence[Layer],
        stage: str,
        trimap: NDArray[np.uint8] | None,
        share: Share,
        memory: Memory | None,
    ) -> Prediction:
        outputs, fit, planes = self._show(layers, stage, trimap, share, memory)
        count = len(self.spec.outputs)
        raw, *others = outputs[:count]
        if memory is not None:
            memory.states = outputs[count:]
        foreground = model_io.crop(others[0], fit) if others else None
        return Prediction(model_io.crop(raw[0], fit), foreground, planes, self._engine.device, self._note)

    def _show(
        self,
        layers: Sequence[Layer],
        stage: str,
        trimap: NDArray[np.uint8] | None,
        share: Share,
        memory: Memory | None,
    ) -> tuple[list[Output], Fit, Planes]:
        """Show layers to the model. Returns its raw outputs, the fit, and the planes of the first layer."""
        self._task.progress = Progress("preparing")
        fit = model_io.choose_fit(layers[0].width, layers[0].height, self.spec, self._engine.size)
        pictures = [model_io.prepare(layer, self.spec, fit, trimap) for layer in layers]
        inputs = model_io.inputs(pictures, self.spec, fit, () if memory is None else memory.states)
        fleeting = memory is not None
        outputs = self._predictor.infer(self._engine, inputs, self._task, self._stopwatch, stage, share, fleeting)
        return outputs, fit, pictures[0]


@contextmanager
def translated_errors(spec: ModelSpec) -> Iterator[None]:
    """Translate EngineDied and OpenVINO's errors into Rejected, with a message for the user."""
    try:
        yield
    except EngineDied as error:
        log.error("%s: %s", spec.id, error)
        if error.killed or error.idle:
            message = f"The system ended {spec.title} while it ran: it needs more memory than there is."
            hint = "Close other programs, or use a smaller model; see: matted models"
            raise Rejected(messages.OUT_OF_MEMORY, message, hint) from error
        message = f"OpenVINO crashed while it ran {spec.title}."
        raise Rejected(messages.INTERNAL, message, "Try another model or device, and see: matted doctor") from error
    except RuntimeError as error:
        log.exception("%s failed", spec.id)
        message = f"OpenVINO cannot run {spec.title}: {short_reason(error)}."
        raise Rejected(messages.INTERNAL, message, "Try another model or device, and see: matted doctor") from error
