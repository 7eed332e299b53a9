"""Measure models side by side, in figures and in a picture, to choose from.

Every model is measured in a process of its own, so that neither memory nor a first load is shared. What is scored and
shown are the masks that people get: those of the daemon's own pipeline with the options as they are at first.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from matted_client import MattedError
from matted_client.messages import MaskRequest
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from matted.evaluation import scores
from matted.files import pictures
from matted.files import sheet as sheets
from matted.files.batches import finding
from matted.files.sheet import Cell
from matted.inference import model_io
from matted.inference.asking.held import Prediction
from matted.inference.asking.memory import Memory
from matted.inference.engines import backend
from matted.inference.layer import Layer
from matted.inference.timing import Stopwatch
from matted.masking.picture import Picture
from matted.masking.pipeline import Pipeline
from matted.models.spec import ModelSpec
from matted.settings.target import Target
from matted.system import subprocess_call
from matted.system.task import Task

WARM_UP = 1  # inferences that are not counted, before the others
REPEATS = 5  # the fewest inferences that are counted, so that their median means something
THUMBNAIL = 240  # pixels, the longer side of a picture on the sheet
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Example:
    """A picture to measure models on. truth: its true mask, if there is one."""

    picture: Path
    truth: Path | None


@dataclass
class Figures:
    """The figures of one model.

    load_cold, load_cached: seconds to load it, first without and then with the files that OpenVINO compiled.
    inference: seconds of one, median. A second look at a small subject is another one.
    memory: bytes that it takes in its process after an inference.
    iou, s_measure, error: means over the examples with a true mask; None if there are none. A mask is made and scored
        also where the model is unsure that there is a subject.
    masks: uint8, of thumbnail size, one for each example.
    """

    model: str
    device: str = ""
    arithmetic: str = ""
    load_cold: float = 0.0
    load_cached: float = 0.0
    inference: float = 0.0
    memory: int = 0
    iou: float | None = None
    s_measure: float | None = None
    error: float | None = None
    masks: list[NDArray[np.uint8]] = field(default_factory=list)


def list_examples(folder: Path | None, truths: Path | None) -> list[Example]:
    """List the pictures of a folder with their true masks: PNG files of the same names in `truths`.

    Raises PictureError.
    """
    if folder is None:
        return []
    result = []
    for picture in finding.list_pictures(folder):
        truth = truths / f"{picture.stem}.png" if truths else None
        result.append(Example(picture, truth if truth and truth.exists() else None))
    return result


def run(models: Sequence[tuple[ModelSpec, Path]], target: Target, examples: Sequence[Example]) -> list[Figures]:
    """Measure models on the examples.

    models: (spec, model file) of each; none that needs a plate.

    Raises MattedError if one cannot be measured.
    """
    figures = []
    for spec, path in tqdm(models, unit=" models", disable=None):
        try:
            figures.append(subprocess_call.call(measure, spec, path, target, examples))
        except (RuntimeError, MemoryError) as error:
            raise MattedError(f"{spec.id} could not be measured: {error}.") from error
    return figures


def measure(spec: ModelSpec, path: Path, target: Target, examples: Sequence[Example]) -> Figures:
    """Measure one model. Runs in a process of its own."""
    figures = Figures(spec.id)
    before = psutil.Process().memory_info().rss
    with tempfile.TemporaryDirectory() as cache:
        start = time.monotonic()
        model = backend.load(spec, path, target, Path(cache))
        figures.load_cold = time.monotonic() - start
        del model
        start = time.monotonic()
        model = backend.load(spec, path, target, Path(cache))
        figures.load_cached = time.monotonic() - start
    figures.device, figures.arithmetic = model.device, model.arithmetic
    measured = _MeasuredModel(model, spec)
    blank = Image.new("RGB", (640, 480), (90, 120, 150))
    for _ in range(WARM_UP):
        measured.predict([Layer(np.asarray(blank))])
    figures.memory = psutil.Process().memory_info().rss - before
    measured.durations.clear()
    found: list[tuple[float, float, float]] = []
    for example in examples:
        image = pictures.read(example.picture).image.convert("RGB")
        mask = _mask(measured, image)
        figures.masks.append(np.asarray(Image.fromarray(mask).resize(_thumbnail(image.size))))
        if example.truth is not None:
            found.append(_scores(mask, example.truth))
    while len(measured.durations) < REPEATS:
        measured.predict([Layer(np.asarray(blank))])
    figures.inference = statistics.median(measured.durations)
    if found:
        figures.iou, figures.s_measure, figures.error = (
            statistics.fmean(column) for column in zip(*found, strict=True)
        )
    return figures


class _MeasuredModel:
    """A compiled model for the pipeline, in this process (a pipeline.PipelineModel).

    durations: seconds of each inference alone, so far.
    """

    def __init__(self, model: backend.Model, spec: ModelSpec) -> None:
        self.spec = spec
        self.durations: list[float] = []
        self._model = model

    def predict(self, layers: Sequence[Layer], stage: str = "inference", *, memory: Memory | None = None) -> Prediction:
        (picture,) = layers
        fit = model_io.choose_fit(picture.width, picture.height, self.spec, self._model.size)
        planes = model_io.prepare(picture, self.spec, fit)
        inputs = model_io.inputs([planes], self.spec, fit)
        start = time.monotonic()
        raw = self._model.infer(inputs)[0][0]
        self.durations.append(time.monotonic() - start)
        return Prediction(model_io.crop(raw, fit).copy(), None, planes, self._model.device, "")

    def give_back(self) -> None:
        """Keep the model: it is needed for the next picture."""


def _mask(model: _MeasuredModel, image: Image.Image) -> NDArray[np.uint8]:
    """Return the mask that people get of the picture, height x width."""
    request = MaskRequest(width=image.width, height=image.height, format="RGB8", anyway=True)
    picture = Picture(image.width, image.height, "RGB8", [memoryview(image.tobytes())])
    pipeline = Pipeline(model.spec, Task(), request, picture, Stopwatch(time.monotonic()), trims=True)
    return pipeline.run(model).mask.astype(np.uint8)


def _scores(mask: NDArray[np.uint8], truth: Path) -> tuple[float, float, float]:
    with Image.open(truth) as image:
        true = np.asarray(image.convert("L").resize(mask.shape[::-1]), np.float64) / 255.0
    found = mask / 255.0
    return scores.iou(found, true), scores.s_measure(found, true), scores.mean_absolute_error(found, true)


def table(figures: Sequence[Figures]) -> list[str]:
    """Return the lines of a table of the figures. It has scores if there are true masks."""
    scored = any(each.iou is not None for each in figures)
    heads = ["model", "device", "arithmetic", "first load", "load", "inference", "memory"]
    heads += ["IoU", "S", "MAE"] if scored else []
    rows = [heads]
    for each in figures:
        row = [each.model, each.device, each.arithmetic, f"{each.load_cold:.2f} s", f"{each.load_cached:.2f} s"]
        row += [f"{each.inference * 1000:.0f} ms", f"{each.memory / MEGABYTE:.0f} MB"]
        if scored:
            row += ["-" if score is None else f"{score:.4f}" for score in (each.iou, each.s_measure, each.error)]
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def sheet(examples: Sequence[Example], figures: Sequence[Figures]) -> Image.Image:
    """Draw the examples, a row each: as they are, then cut out by every model over a checkerboard."""
    cells = []
    for row, example in enumerate(examples):
        image = pictures.read(example.picture).image.convert("RGB")
        image = image.resize(_thumbnail(image.size))
        cells.append(Cell(image, example.picture.name))
        for each in figures:
            cut = image.copy()
            cut.putalpha(Image.fromarray(each.masks[row]))
            cells.append(Cell(sheets.over(cut, None), each.model))
    return sheets.draw(cells, columns=len(figures) + 1)


def _thumbnail(size: tuple[int, int]) -> tuple[int, int]:
    scale = THUMBNAIL / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
