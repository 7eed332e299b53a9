"""Ask a model that takes clicks for the subject that a box and clicks point at.

As its authors do: of the several masks for one click the one with the best score counts; with more clicks that mask is
given to the model, too (Kirillov et al., "Segment Anything", 2023).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.inference import model_io
from matted.inference.asking import prompts
from matted.inference.asking.held import Encoded
from matted.inference.asking.prompts import Prompt
from matted.inference.engines.engine import Output
from matted.inference.layer import Layer
from matted.masking.interactive import Hints
from matted.masking.picture import Findings
from matted.models.spec import ModelSpec

Floats = NDArray[np.float32]

_ENLARGED = 2  # pixels of the matte for one of a raw mask, along an axis: its edge lies between two of these
_WITH_SINGLE = 4  # masks of an export whose first one is for prompts of more than a place


@runtime_checkable
class ClickModel(Protocol):
    """A model that takes clicks: a held.HeldModel is one."""

    spec: ModelSpec

    def encode(self, layer: Layer) -> Encoded:
        """Show it a picture. Raises Rejected, MemoryError; so does `decode`."""

    def decode(self, encoded: Encoded, prompt: Prompt, earlier: Floats | None) -> list[Output]:
        """Return raw masks for a prompt, masks x rows x columns, and a score for each."""


@dataclass(frozen=True)
class Clicked:
    """What a box and clicks point at.

    matte: rows x columns of the whole picture, 0..1.
    score: how sure the model is of it, 0..1.
    device: what its encoder ran on, as OpenVINO names it.
    note: why that is not the device in the settings, a sentence; or empty.
    """

    matte: Floats
    score: float
    device: str
    note: str


@dataclass(frozen=True)
class _Answer:
    """A raw mask, rows x columns of the model's input, above 0 what belongs to the subject; and its score."""

    raw: Floats
    score: float


def understands(hints: Hints | None) -> bool:
    """Return whether such a model can be asked: it has to be told of something that belongs to the subject."""
    return hints is not None and (hints.box is not None or bool(hints.keep))


def find(model: ClickModel, layer: Layer, hints: Hints, findings: Findings) -> tuple[Clicked, int]:
    """Return what a person means, and the bytes that it takes.

    layer: the picture. It is shown to the model if it is not yet known what that made of it.
    hints: of which a box and clicks count.
    findings: what has been found out about the picture.
    """
    spec, decoder = model.spec, model.spec.decoder
    assert decoder is not None, "a model that takes no clicks"

    def encoded() -> tuple[Encoded, int]:
        found = model.encode(layer)
        return found, found.memory

    seen = findings.get(("encoded", spec), encoded)

    def ask(prompt: Prompt, earlier: Floats | None = None) -> tuple[_Answer, int]:
        masks, scores = model.decode(seen, prompt, earlier)
        answer = _best(masks, scores, prompt)
        return answer, answer.raw.nbytes

    begun = () if hints.box is not None else hints.keep[:1]
    first = prompts.make(decoder, seen.fit, layer.width, layer.height, hints.box, begun)
    whole = prompts.make(decoder, seen.fit, layer.width, layer.height, hints.box, hints.keep, hints.drop)
    key: Hashable = ("answer", spec, hints.box, begun)
    answer = findings.get(key, lambda: ask(first))
    if len(whole.labels) > len(first.labels):
        answer, _ = ask(whole, answer.raw if decoder.earlier else None)
    matte = _matte(answer.raw, seen, spec)
    return Clicked(matte, min(1.0, max(0.0, answer.score)), seen.device, seen.note), matte.nbytes


def _best(masks: NDArray[np.float32], scores: NDArray[np.float32], prompt: Prompt) -> _Answer:
    """Choose the mask that contradicts the fewest clicks, and of several the one with the best score."""
    candidates = list(range(len(masks)))
    if len(masks) == _WITH_SINGLE:
        candidates = candidates[1:] if prompt.is_one_click else candidates[:1]
    cells = np.clip(prompt.points / prompts.SHRINKAGE, 0, np.array(masks.shape[:0:-1]) - 1).astype(int)
    inside, outside = (cells[prompt.labels == label] for label in (prompts.SUBJECT, prompts.BACKGROUND))

    def misses(mask: Floats) -> int:
        return int((mask[inside[:, 1], inside[:, 0]] <= 0).sum() + (mask[outside[:, 1], outside[:, 0]] > 0).sum())

    best = min(candidates, key=lambda index: (misses(masks[index]), -scores[index]))
    return _Answer(masks[best], float(scores[best]))


def _matte(raw: Floats, seen: Encoded, spec: ModelSpec) -> Floats:
    """Return a raw mask as the matte of the picture, without what is beyond it."""
    rows, columns = (side / prompts.SHRINKAGE for side in seen.fit.content)
    size = max(1, round(columns * _ENLARGED)), max(1, round(rows * _ENLARGED))
    enlarged = Image.fromarray(raw).resize(size, Image.Resampling.BILINEAR, (0, 0, columns, rows))
    return model_io.matte(model_io.probability(np.asarray(enlarged), spec), spec)
