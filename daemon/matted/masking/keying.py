"""Make one mask by the picture's flat ground, in a worker thread, without a model."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from matted_client import Rejected, messages, options
from matted_client.messages import MaskRequest
from numpy.typing import NDArray

from matted.inference import model_io
from matted.inference.timing import Stopwatch
from matted.masking import keyer
from matted.masking.finishing import Finishing, Mask, Outcome
from matted.masking.keyer import Keyed, Said, holes
from matted.masking.picture import Picture
from matted.masking.scene import Frame
from matted.masking.subject.finding import PipelineModel
from matted.masking.view import View, shown
from matted.system.task import Task

Lend = Callable[[], AbstractContextManager[PipelineModel | None]]

_SUBJECT = 0.5  # mean alpha from which a model calls a hole subject

# Keys of what is known of a picture.
_FLAT = "flat"
_KEYED = "keyed"


def keyed_of(picture: Picture, check: Callable[[], None]) -> Keyed:
    """Return what is seen before the ground of a picture that has one: looked at once.

    check: called between steps; raises to stop.
    """

    def keyed() -> tuple[Keyed, int]:
        ground = picture.ground
        assert ground is not None, "there is nothing to key it out of"
        result = keyer.key(picture.layers[0], ground, check)
        return result, result.memory

    return picture.findings.get(_KEYED, keyed, stays=True)


def is_flat(picture: Picture, check: Callable[[], None]) -> bool:
    """Return whether a picture has a flat ground that surely suffices. It is looked at if nobody has done so yet.

    check: called between steps; raises to stop.
    """

    def found() -> tuple[bool, int]:
        ground = picture.ground
        if ground is None or not ground.is_sure:
            return False, 0
        keyed = keyer.key(picture.layers[0], ground, check)
        if keyed.suffices:
            picture.findings.get(_KEYED, lambda: (keyed, keyed.memory), stays=True)
        return keyed.suffices, 0

    return picture.findings.get(_FLAT, found, stays=True)


def known_to_be_flat(picture: Picture) -> bool | None:
    """Return what `is_flat` has returned; None if nobody has looked yet. It takes no time."""
    known = picture.findings.peek(_FLAT)
    return None if known is None else bool(known)


class Keying:
    """The steps from a mask request to its outcome: `run`. What is found out is remembered with the picture."""

    def __init__(
        self,
        model: str,
        task: Task,
        request: MaskRequest,
        picture: Picture,
        stopwatch: Stopwatch,
        chosen: bool = False,
        lend: Lend | None = None,
        frame: Frame | None = None,
    ) -> None:
        """Take a request.

        model: id of the entry in the catalogue that stands for this.
        chosen: whether nobody asked for it: the ground is surely flat.
        task: its progress is set, and its cancel is heeded.
        request: what is wanted.
        picture: what the mask is of.
        stopwatch: records the stages.
        lend: lends a model that is in memory anyway, to be asked about doubtful holes, or None where none is. None:
            none is asked.
        frame: what the picture is of its scene; None: it is no frame.
        """
        self._frame = frame
        self._model = model
        self._lend = lend
        self._chosen = chosen
        self._task = task
        self._request = request
        self._picture = picture
        self._stopwatch = stopwatch
        hint = picture.hint if picture.hint_decides else None
        self._said = Said(request.keep, request.drop, hint)

    def run(self) -> Outcome:
        """Make the mask. Raises Rejected, MemoryError."""
        self._stopwatch.lap("waiting")
        self._task.begin("preparing")
        found = self._picture.ground
        self._stopwatch.lap("ground")
        if self._frame is not None:
            self._frame.pass_on()
        if found is None:
            raise Rejected(messages.NO_GROUND, "This picture has no flat ground.", "Choose another model.")
        self._task.begin("edges")
        keyed = keyed_of(self._picture, self._task.check)
        self._stopwatch.lap("edges")
        self._refuse_nothing(keyed)
        request = self._request
        finishing = Finishing(self._task, request, self._picture, self._stopwatch, hinted=True)
        marks: Hashable = tuple(map(tuple, request.keep)), tuple(map(tuple, request.drop))
        key = ("alpha", request.holes, request.shadow, marks, request.depth)
        finishing.render(key, lambda view: self._rendered(keyed, key, view))
        return finishing.outcome(
            model=self._model,
            device="",
            confidence=found.sureness,
            second_look=False,
            warnings=[],
            own_colours=None,
            ground=found,
            chosen=self._chosen,
        )

    def _refuse_nothing(self, keyed: Keyed) -> None:
        """Raise Rejected("no_subject") if there is nothing before the ground, and nobody says that there is."""
        request = self._request
        said = request.box is not None or request.keep or request.drop or self._said.hint is not None
        if keyed.is_empty and not request.anyway and not said and self._frame is None:
            raise Rejected(
                messages.NO_SUBJECT,
                "No subject was found in this picture.",
                "Try a picture whose subject stands out from its background.",
            )

    def _rendered(self, keyed: Keyed, key: Hashable, view: View) -> Mask:
        """Return the alpha in a view, in the request's depth. key: by which that of the picture is remembered."""
        self._task.begin("mask")
        if view.is_whole:
            alpha = self._alpha(keyed)[0]
        else:
            alpha = shown(self._picture.answers.get(key, lambda: self._alpha(keyed)), view)
        self._stopwatch.lap("mask")
        return alpha

    def _solid(self, keyed: Keyed, lend: Lend) -> NDArray[np.bool_] | None:
        """Return which holes a model calls subject, by the number of the area; None if there is no model in memory."""
        with lend() as model:
            if model is None:
                return None

            def asked() -> tuple[NDArray[np.bool_], int]:
                prediction = model.predict(self._picture.layers)
                matte = model_io.matte(model_io.probability(prediction.raw, model.spec), model.spec)
                solid = keyed.doubtful & (holes.means(keyed.cells.background, matte) > _SUBJECT)
                return solid, solid.nbytes

            return self._picture.findings.get(("holes", model.spec), asked)

    def _alpha(self, keyed: Keyed) -> tuple[Mask, int]:
        request = self._request
        said = self._said
        if request.holes == options.AUTO and self._lend is not None and keyed.doubtful.any():
            said = replace(said, solid=self._solid(keyed, self._lend))
        alpha = keyed.alpha(request.depth, request.holes, request.shadow != options.DROP, said)
        return alpha, alpha.nbytes
