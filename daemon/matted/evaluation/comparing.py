"""Ask the daemon for one picture's cut-outs by several models, small and in a detail, to compare them by eye.

The daemon makes what is shown and no more: views at the size of a cell of the sheet, however large the picture is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matted_client import Rejected
from matted_client.client import Session
from matted_client.messages import MaskResult, Progress
from matted_client.options import AUTO_MODEL
from matted_client.pictures import Mask, OpenPicture
from numpy.typing import NDArray
from PIL import Image

from matted.files import sheet
from matted.files.pictures import Picture

SIDE = 640  # pixels, the longer side of a cut-out on the sheet
DETAIL = 240  # pixels, the height of a detail

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the picture
OnProgress = Callable[[str, Progress], None]  # takes the id of a model


@dataclass(frozen=True)
class Subject:
    """A picture to be cut out. plate: the same scene without the subject, of its size and mode; None: there is none."""

    picture: Picture
    plate: Picture | None = None


@dataclass(frozen=True)
class Candidate:
    """A model to be compared. needs_plate: whether it is asked about the picture beside its plate."""

    model: str
    needs_plate: bool


@dataclass(frozen=True)
class CutOut:
    """What a model made of the picture.

    image: RGBA, at the size of a cell; None: it failed.
    detail: RGBA, a part of the picture at its own size; None: there is none.
    info: what the daemon says of the mask.
    seconds: of one inference, without a second look and whatever follows; of an earlier one if the daemon knew what the
        model sees in this picture. None: it needs none.
    error: why it failed.
    """

    model: str
    image: Image.Image | None = None
    detail: Image.Image | None = None
    info: MaskResult | None = None
    seconds: float | None = None
    error: Rejected | None = None


@dataclass(frozen=True)
class Comparison:
    """The picture beside what each model made of it.

    size: width and height of the picture.
    original: RGB or RGBA, at the size of the cut-outs.
    original_detail: the part of the picture that the details show; None: the cut-outs show every pixel.
    where: that part.
    cut_outs: in the order of the candidates.
    chosen: id of the model that this picture gets where that is left to matted; empty if it is no candidate.
    """

    size: tuple[int, int]
    original: Image.Image
    original_detail: Image.Image | None
    where: Box | None
    cut_outs: list[CutOut]
    chosen: str


def compare(
    session: Session,
    subject: Subject,
    candidates: Sequence[Candidate],
    fields: Mapping[str, Any],
    on_progress: OnProgress,
    side: int = SIDE,
) -> Comparison:
    """Have each model cut the subject out.

    Each model is loaded before it is asked, so that its seconds are those of a model in memory. One that is refused
    does not stop the others.

    fields: of the requests, by name, but for the model.
    side: pixels, the longer side of a cut-out.

    Raises MattedError if the daemon cannot be reached any more.
    """
    image = subject.picture.image
    size = _within(image.size, side)
    view = [0, 0, *image.size, *size]
    found: dict[str, CutOut] = {}
    asked: list[tuple[OpenPicture, Candidate]] = []
    with _Opened(session, subject) as opened:
        for each in candidates:
            picture = opened.picture(each.needs_plate)
            asked.append((picture, each))
            found[each.model] = _cut_out(session, picture, each.model, {**fields, "view": view}, image, on_progress)
        chosen = _chosen(session, opened, found, {**fields, "view": view})
        where = _detail([each for each in found.values() if each.image is not None], image.size, size)
        if where is not None:
            part = [*where, where[2] - where[0], where[3] - where[1]]
            # The latest first: what a model saw is remembered for a while, and none has to be loaded or asked again.
            for picture, each in reversed(asked):
                if found[each.model].image is not None:
                    again = _ask(picture, each.model, {**fields, "view": part}, image, on_progress)
                    found[each.model] = replace(found[each.model], detail=again.image)
    detail = None if where is None else image.crop(where)
    earlier = {facts["id"]: facts["seconds"] for facts in session.models()}
    made = [_timed(found[each.model], earlier.get(each.model)) for each in candidates]
    return Comparison(image.size, _resized(image, size), detail, where, made, chosen)


def _chosen(session: Session, opened: _Opened, found: Collection[str], fields: Mapping[str, Any]) -> str:
    """Return the model that the picture gets where that is left to matted; empty if it was not asked, or refuses."""
    auto = session.status()["auto"]
    if auto is None or auto["model"] not in found:
        return ""  # it would have to be loaded
    try:
        return opened.picture(beside_plate=False).mask(AUTO_MODEL, **fields).info.model
    except Rejected:
        return ""


class _Opened:
    """The picture, open in the daemon: without its plate, and beside it, as far as it is asked for."""

    def __init__(self, session: Session, subject: Subject) -> None:
        self._session = session
        self._subject = subject
        self._open: dict[bool, OpenPicture] = {}

    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for picture in self._open.values():
            picture.close()

    def picture(self, beside_plate: bool) -> OpenPicture:
        """Return the picture, opened when it is first asked for."""
        if beside_plate not in self._open:
            picture, plate = self._subject.picture, self._subject.plate
            pixels = picture.image.tobytes()
            beside = plate.image.tobytes() if plate is not None and beside_plate else None
            self._open[beside_plate] = self._session.open(pixels, *picture.image.size, picture.wire_format, beside)
        return self._open[beside_plate]


def _cut_out(
    session: Session,
    picture: OpenPicture,
    model: str,
    fields: Mapping[str, Any],
    image: Image.Image,
    on_progress: OnProgress,
) -> CutOut:
    """Load a model and ask it. A refusal is the outcome's error."""
    try:
        session.load(model, lambda progress: on_progress(model, progress))
    except Rejected as error:
        return CutOut(model, error=error)
    return _ask(picture, model, fields, image, on_progress)


def _timed(made: CutOut, earlier: float | None) -> CutOut:
    return made if made.info is None else replace(made, seconds=made.info.timings.get("inference", earlier))


def _ask(
    picture: OpenPicture, model: str, fields: Mapping[str, Any], image: Image.Image, on_progress: OnProgress
) -> CutOut:
    try:
        mask = picture.mask(model, on_progress=lambda progress: on_progress(model, progress), **fields, foreground=True)
    except Rejected as error:
        return CutOut(model, error=error)
    return CutOut(model, _as_image(mask, image, fields["view"]), info=mask.info)


def _as_image(mask: Mask, image: Image.Image, view: Sequence[int]) -> Image.Image:
    """Return the cut-out of a view, RGBA, with the subject's own colours if the daemon sent them."""
    size = mask.info.width, mask.info.height
    if mask.foreground is not None:
        return Image.frombuffer("RGBA", size, mask.foreground, "raw", "RGBA", 0, 1)
    result = image.resize(size, Image.Resampling.BOX, (view[0], view[1], view[2], view[3])).convert("RGBA")
    result.putalpha(Image.frombuffer("L", size, mask.alpha, "raw", "L", 0, 1))
    return result


def _detail(cut_outs: Sequence[CutOut], whole: tuple[int, int], size: tuple[int, int]) -> Box | None:
    """Find the part of the picture to look at closely: where edges are soft, and the models differ.

    cut_outs: with an image each. whole: width and height of the picture. size: those of the cut-outs.

    Returns None if the cut-outs show every pixel, or there are none.
    """
    if not cut_outs or whole == size:
        return None
    width, height = min(whole[0], max(size[0], sheet.NARROWEST)), min(whole[1], DETAIL)
    mattes = np.stack([np.asarray(each.image.getchannel("A"), np.float32) / 255 for each in cut_outs if each.image])
    softness = (4 * mattes * (1 - mattes)).mean(axis=0)
    score = softness * (0.25 + mattes.std(axis=0))  # where all are unsure of the same, there is something to see too
    across, down = size[0] / whole[0], size[1] / whole[1]
    columns, rows = max(1, round(width * across)), max(1, round(height * down))
    sums = _sums(score, rows, columns)
    top, left = (int(index) for index in np.unravel_index(sums.argmax(), sums.shape))
    inside = score[top : top + rows, left : left + columns]
    if inside.max() > 0:
        middle = left + _centre(inside, 1), top + _centre(inside, 0)
    else:  # all edges are hard: nothing is to be seen in one place more than in another
        middle = size[0] / 2, size[1] / 2
    x = min(max(0, round(middle[0] / across - width / 2)), whole[0] - width)
    y = min(max(0, round(middle[1] / down - height / 2)), whole[1] - height)
    return x, y, x + width, y + height


def _centre(score: NDArray[np.float32], axis: int) -> float:
    """Return the place that the score lies around, in pixels from the edge. axis: 0 down, 1 across."""
    sums = score.sum(axis=1 - axis, dtype=np.float64)
    return float(np.average(np.arange(len(sums)) + 0.5, weights=sums))


def _sums(score: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the sum of each window of so many rows and columns, by its upper left corner."""
    total = np.pad(score.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums: NDArray[np.float64] = total[rows:, columns:] - total[:-rows, columns:]
    sums -= total[rows:, :-columns] - total[:-rows, :-columns]
    return sums


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the size at which a picture's longer side is at most `side` pixels."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BOX) if image.size != size else image.copy()
