"""Have a model refine the alpha of a picture in a band: what it is shown, what it saw, and that seen in any view."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from types import TracebackType
from typing import Protocol

import numpy as np
from matted_client import Rejected, messages
from numpy.typing import NDArray
from PIL import Image

from matted.inference import model_io
from matted.inference.asking.held import Prediction
from matted.inference.layer import Layer
from matted.inference.timing import WHOLE_STAGE, Share, Stopwatch
from matted.masking.edges.matrices import Floats
from matted.masking.matting import Band, FittedAlpha, MaskInView, fitting, looks
from matted.masking.matting.looks import Tile
from matted.masking.picture import Picture
from matted.masking.view import View
from matted.models.arithmetic import UNKNOWN
from matted.models.spec import ModelSpec
from matted.system.task import Task

STAGE = "refining"  # in progress and timings

# How many times alpha is enlarged along a side before local colour models bring it to more pixels than it has: with a
# true alpha they are as far from the truth at five times, and further below.
_ENLARGED = 5.0
_PLACE_BYTES = 500  # that the places of a picture's looks take, about
_FAULTS = (
    messages.OUT_OF_MEMORY,
    messages.SERVER_FAILED,
    messages.INTERNAL,
)  # after which matted's own methods do instead


class RefinerModel(Protocol):
    """What is needed of a model that refines: a held.HeldModel has it.

    spec: the model.
    """

    spec: ModelSpec

    def predict(
        self,
        layers: Sequence[Layer],
        stage: str = "inference",
        trimap: NDArray[np.uint8] | None = None,
        share: Share = WHOLE_STAGE,
    ) -> Prediction:
        """Run the model on a picture with its trimap. Raises Rejected, MemoryError."""


Lend = Callable[[], AbstractContextManager[RefinerModel]]


class RefinerFailed(Exception):
    """The model cannot refine: a sentence for the user."""


class Refiner:
    """A model that refines, for one request. It is lent when it is first needed, until the end of the `with` block.

    spec: the model.
    latest: what it said of its latest look.
    """

    def __init__(self, spec: ModelSpec, lend: Lend, task: Task, stopwatch: Stopwatch, named: bool = False) -> None:
        """Prepare to use a model.

        lend: lends it, loaded first if need be.
        task: its progress is set, and its cancel is heeded.
        stopwatch: records the stages.
        named: whether the settings name it: that it is not there is then an error of the request's.
        """
        self.spec = spec
        self.latest: Prediction | None = None
        self.task = task
        self.stopwatch = stopwatch
        self._faults = _FAULTS if named else (*_FAULTS, messages.MODEL_NOT_INSTALLED)
        self._lend = lend
        self._model: RefinerModel | None = None
        self._loans = ExitStack()

    def __enter__(self) -> Refiner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._model = None
        self._loans.close()

    def alpha(self, layer: Layer, trimap: NDArray[np.uint8], share: Share = WHOLE_STAGE) -> Floats:
        """Return the alpha of a layer, of its size, 0..1. Where the trimap is sure, it is what that says.

        trimap: height x width of the layer, as model_io.prepare takes it.
        share: of the stage that this look is.

        Raises RefinerFailed if the model cannot be run, Rejected, MemoryError.
        """
        try:
            if self._model is None:
                self._model = self._loans.enter_context(self._lend())
            prediction = self.latest = self._model.predict([layer], STAGE, trimap, share)
        except Rejected as error:
            if error.code not in self._faults:
                raise
            raise RefinerFailed(f"{error.message} The edge was refined without it.") from error
        matte = model_io.matte(model_io.probability(prediction.raw, self.spec), self.spec)
        if matte.shape != trimap.shape:
            size = layer.width, layer.height
            matte = np.asarray(Image.fromarray(matte).resize(size, Image.Resampling.BICUBIC)).clip(0.0, 1.0)
        alpha: Floats = np.where(trimap == UNKNOWN, matte, trimap * np.float32(1 / 255)).astype(np.float32)
        return alpha


class Places:
    """Where a model that refines ran for its looks at a picture with a mask: the picture remembers it with them."""

    def __init__(self, spec: ModelSpec, picture: Picture, key: Hashable) -> None:
        """Look up where. key: of the mask, and of what is unknown of it; as of `Looks`."""
        self._picture = picture
        self._key = ("places", spec, key)

    def add(self, device: str, note: str) -> None:
        """Take in where a look was made. device, note: as of Prediction."""
        self._known[device] = note

    @property
    def devices(self) -> str:
        """The devices, as a Prediction has one; empty if none is known."""
        return ", ".join(self._known)

    @property
    def notes(self) -> list[str]:
        """Why they are not those of the settings, sentences."""
        return list(dict.fromkeys(note for note in self._known.values() if note))

    @property
    def _known(self) -> dict[str, str]:
        return self._picture.answers.get(self._key, lambda: ({}, _PLACE_BYTES))


class Looks:
    """What a refiner sees of a picture with a mask, each part once: the picture remembers it."""

    def __init__(
        self, refiner: Refiner, picture: Picture, key: Hashable, band: Band, mask_in: Callable[[View], MaskInView]
    ) -> None:
        """Prepare to look.

        key: of the mask, and of what is unknown of it.
        band: where the mask is unknown.
        mask_in: returns the mask as it is to be seen in a view.
        """
        self._refiner = refiner
        self._picture = picture
        self._key = ("looks", refiner.spec, key)
        self._places = Places(refiner.spec, picture, key)
        self._band = band
        self._mask_in = mask_in

    def fitted(self) -> FittedAlpha:
        """Return the alpha of the whole picture as one look shows it.

        Raises RefinerFailed, Rejected, MemoryError.
        """
        return self._picture.answers.get((self._key, "fitted"), self._fitted)

    def tiles(self, view: View) -> list[Tile]:
        """Return what closer looks show in a view; none where `fitted` shows as much. Raises as `fitted`."""
        picture = self._picture
        side = self._refiner.spec.side
        if view.scale <= looks.whole(picture.width, picture.height, side).scale * looks.WORTH:
            return []
        wanted = looks.overlapping(looks.tiles(self._band, picture.width, picture.height, side), view)
        found = []
        for number, each in enumerate(wanted):
            share = number / len(wanted), 1 / len(wanted)
            found.append(picture.answers.get((self._key, each), partial(self._tile, each, share)))
        return found

    def _fitted(self) -> tuple[FittedAlpha, int]:
        view = looks.whole(self._picture.width, self._picture.height, self._refiner.spec.side)
        layer, trimap = self._shown(view)
        alpha = self._alpha(layer, trimap)
        models = None
        if view.scale * _ENLARGED < 1.0:
            models = fitting.colour_models(layer.planes(), alpha, trimap == UNKNOWN)
        self._refiner.stopwatch.lap("edges")
        found = FittedAlpha(alpha, self._band, models, view.scale * _ENLARGED)
        return found, found.memory

    def _tile(self, view: View, share: Share) -> tuple[Tile, int]:
        alpha = self._alpha(*self._shown(view), share)
        return Tile(view, alpha), alpha.nbytes

    def _alpha(self, layer: Layer, trimap: NDArray[np.uint8], share: Share = WHOLE_STAGE) -> Floats:
        alpha = self._refiner.alpha(layer, trimap, share)
        seen = self._refiner.latest
        if seen is not None:
            self._places.add(seen.device, seen.note)
        return alpha

    def _shown(self, view: View) -> tuple[Layer, NDArray[np.uint8]]:
        """Return the picture and its trimap in a view."""
        box = view.left, view.top, view.right, view.bottom
        layer = self._picture.layers[0] if view.is_whole else self._picture.layers[0].part(box, view.width, view.height)
        return layer, looks.trimap(self._band, self._mask_in(view), view)
