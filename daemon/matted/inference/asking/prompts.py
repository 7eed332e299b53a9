"""Prompts: a box and clicks, as the decoder of a model that takes clicks is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from matted.inference.engines.engine import Input, Output
from matted.models.arithmetic import Fit
from matted.models.spec import Decoder, ModelSpec

Floats = NDArray[np.float32]

SHRINKAGE = 4  # pixels of the encoder's input for one of a raw mask, along an axis
BACKGROUND, SUBJECT, _CORNERS, _NOTHING = 0, 1, (2, 3), -1  # labels


class Prompt(NamedTuple):
    """Places, number x 2, x and y in pixels of the encoder's input, 0 the centre of the first; and a label for each."""

    points: Floats
    labels: Floats

    @property
    def is_one_click(self) -> bool:
        """Whether it names one place of the subject, which may mean a thing, or a part of it, or what it belongs to."""
        return bool(np.count_nonzero(self.labels != _NOTHING) == 1)


def make(
    decoder: Decoder,
    fit: Fit,
    width: int,
    height: int,
    box: Sequence[int] | None = None,
    keep: Sequence[tuple[int, int]] = (),
    drop: Sequence[tuple[int, int]] = (),
) -> Prompt:
    """Return the prompt for what a person said.

    decoder: some do not understand all of it. Of more places than it takes the latest count.
    fit: how the picture is shown to the encoder.
    width, height: of the picture.
    box: left, top, right, bottom in its pixels; None for none.
    keep, drop: pixels x, y of the subject, and of the background.
    """
    places: list[tuple[float, float, int]] = []
    if box is not None:
        left, top, right, bottom = box
        places += [(left, top, _CORNERS[0]), (right - 1, bottom - 1, _CORNERS[1])]
    room = decoder.most - len(places)
    dropped = list(drop)[-max(room // 2, room - len(keep)) :] if decoder.background else []
    places += [(x, y, SUBJECT) for x, y in list(keep)[-(room - len(dropped)) :]]
    places += [(x, y, BACKGROUND) for x, y in dropped]
    across, down = fit.content[1] / width, fit.content[0] / height
    points = [((x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5) for x, y, _ in places]
    labels = [label for _, _, label in places]
    if decoder.padding and box is None:
        points, labels = [*points, (0.0, 0.0)], [*labels, _NOTHING]
    return Prompt(np.array(points, np.float32).reshape(-1, 2), np.array(labels, np.float32))


def inputs(spec: ModelSpec, features: Sequence[Output], prompt: Prompt, earlier: Floats | None) -> list[Input]:
    """Return the inputs of a model's decoder, as Engine.inference takes them.

    features: the outputs of its encoder.
    earlier: rows x columns: the raw mask of an earlier answer that this one is to improve; None for none.
    """
    assert spec.decoder is not None, "a model that takes no clicks"
    given: list[Input] = [*features, prompt.points, prompt.labels]
    if spec.decoder.earlier:
        side = spec.side // SHRINKAGE
        mask = np.zeros((1, side, side), np.float32) if earlier is None else earlier[np.newaxis]
        given += [mask, np.array(earlier is not None, np.float32)]
    return given
