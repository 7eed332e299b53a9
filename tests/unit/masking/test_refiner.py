"""A model that refines the edge: what it is shown, what becomes of its answer, and what is asked of it again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from fakes import model
from matted.inference.asking.held import Prediction
from matted.inference.asking.memory import Memory
from matted.inference.layer import Layer
from matted.inference.timing import WHOLE_STAGE, Share, Stopwatch
from matted.masking.finishing import Outcome
from matted.masking.matting import looks
from matted.masking.matting.band import Band
from matted.masking.matting.looks import MOST_TILES, Blend, Tile
from matted.masking.picture import Picture
from matted.masking.pipeline import Pipeline
from matted.masking.refiner import Refiner
from matted.masking.refining import Refining
from matted.masking.view import View
from matted.models.arithmetic import UNKNOWN
from matted.system.task import Task
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest, RefineRequest
from matted_client.refiners import describe_refiner
from numpy.typing import NDArray

SIZE = WIDTH, HEIGHT = 300, 240
DISC = np.hypot(*np.ogrid[-120:120, -150:150]) < 70
FINDER = model("finder")


class RedRefiner:
    """A model that refines: in the unknown, alpha is red; elsewhere it is wrong, which nobody shall see.

    shown: the sizes and trimaps that it was shown.
    error: raised in the place of an answer.
    place: the device that it says it ran on, and why.
    """

    def __init__(self, side: int) -> None:
        self.spec = model("refiner", inputs="image+trimap", side=side, fit="letterbox")
        self.shown: list[NDArray[np.uint8]] = []
        self.shares: list[Share] = []
        self.error: Exception | None = None
        self.place = ("CPU", "")

    def predict(
        self,
        layers: Sequence[Layer],
        stage: str = "inference",
        trimap: NDArray[np.uint8] | None = None,
        share: Share = WHOLE_STAGE,
    ) -> Prediction:
        if self.error is not None:
            raise self.error
        (layer,) = layers
        assert stage == "refining" and trimap is not None and trimap.shape == (layer.height, layer.width)
        assert max(trimap.shape) <= self.spec.side and set(np.unique(trimap)) <= {0, UNKNOWN, 255}
        self.shown.append(trimap)
        self.shares.append(share)
        planes = layer.planes()
        raw = np.where(trimap == UNKNOWN, planes[0] / np.float32(255), np.float32(0.5))
        return Prediction(raw.astype(np.float32), None, planes, *self.place)

    def of(self, task: Task) -> Refiner:
        @contextmanager
        def lend() -> Iterator[RedRefiner]:
            yield self

        return Refiner(self.spec, lend, task, Stopwatch(time.monotonic()), named=True)


class Finds:
    """A model that finds the subject: an ellipse, soft at its edge, at 64 x 64."""

    def __init__(self) -> None:
        self.spec = FINDER
        y, x = (np.arange(64) + 0.5) / 64 - 0.5, (np.arange(64) + 0.5) / 64 - 0.5
        distance = np.hypot(y[:, np.newaxis] * HEIGHT, x * WIDTH)
        self.matte = np.clip((70 - distance) / 16 + 0.5, 0, 1).astype(np.float32)

    def predict(self, layers: Sequence[Layer], stage: str = "inference", *, memory: Memory | None = None) -> Prediction:
        planes = np.zeros((3, 64, 64), np.uint8)
        return Prediction(self.matte, None, planes, "CPU", "")

    def give_back(self) -> None:
        """Nobody waits for it."""


def pixels() -> NDArray[np.uint8]:
    """Grain of which every pixel differs from the next, reddish where the subject is."""
    random = np.random.default_rng(5)
    grain = random.integers(0, 60, (HEIGHT, WIDTH, 3))
    return (np.where(DISC[:, :, np.newaxis], [190, 90, 60], [20, 90, 150]) + grain).astype(np.uint8)


@pytest.fixture
def red() -> NDArray[np.uint8]:
    return pixels()[:, :, 0]


@pytest.fixture
def picture() -> Picture:
    return Picture(*SIZE, "RGB8", [pixels().reshape(-1).data])


@pytest.fixture
def masked() -> Picture:
    hint = DISC * np.uint8(255)
    return Picture(*SIZE, "RGB8", [pixels().reshape(-1).data, hint.reshape(-1).data], hint=True)


def refine(picture: Picture, refiner: RedRefiner | None, keys: bool = False, **fields: Any) -> Outcome:
    task = Task()
    request = RefineRequest(picture=1, **fields)
    loan = None if refiner is None else refiner.of(task)
    return Refining(task, request, picture, Stopwatch(time.monotonic()), keys, loan).run()


def cut(picture: Picture, refiner: RedRefiner | None, edges: str = "hair", **fields: Any) -> Outcome:
    task = Task()
    request = MaskRequest(picture=1, edges=edges, second_look=False, anyway=True, **fields)
    loan = None if refiner is None else refiner.of(task)
    pipeline = Pipeline(FINDER, task, request, picture, Stopwatch(time.monotonic()), refiner=loan)
    return pipeline.run(Finds())


def unknown(outcome: Outcome, refiner: RedRefiner) -> NDArray[np.bool_]:
    (trimap,) = refiner.shown
    assert trimap.shape == outcome.mask.shape
    return trimap == UNKNOWN


@pytest.mark.parametrize("reach", [None, 9.0, 25.0])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_mask_is_the_models_alpha_in_the_band_and_as_it_was_elsewhere(
    masked: Picture, red: NDArray[np.uint8], reach: float | None, depth: int
) -> None:
    refiner = RedRefiner(320)
    band = refine(masked, refiner, reach=reach, depth=depth, band=True).mask > 0
    assert refiner.shown == [], "the band is there without an inference"
    outcome = refine(masked, refiner, reach=reach, depth=depth)
    assert outcome.info.refined_by == "refiner" and outcome.info.model == ""
    scale = np.iinfo(outcome.mask.dtype).max // 255
    assert np.array_equal(unknown(outcome, refiner), band) and band.any() and not band.all()
    assert np.array_equal(outcome.mask, np.where(band, red, DISC * np.uint8(255)).astype(np.uint16) * scale)


def test_hair_is_the_models_alpha_where_the_matte_is_not_sure(picture: Picture, red: NDArray[np.uint8]) -> None:
    plain = cut(picture, None, "fine").mask
    refiner = RedRefiner(320)
    outcome = cut(picture, refiner)
    assert outcome.info.refined_by == "refiner" and outcome.info.model == "finder"
    band = unknown(outcome, refiner)
    assert np.array_equal(outcome.mask[band], red[band])
    assert band[(plain > 20) & (plain < 235)].all(), "what the model is not sure of is asked"
    assert set(np.unique(outcome.mask[~band])) == {0, 255}
    assert np.array_equal(outcome.mask[~band] > 127, DISC[~band]), "what it is sure of stays"
    assert refiner.shown[0][~band].tolist() == outcome.mask[~band].tolist(), "and it is told so"


@pytest.mark.parametrize("edges", ["off", "fine"])
def test_other_edges_are_made_without_it(picture: Picture, edges: str) -> None:
    """Whether it is lent at all is for the workers to say: they lend it for hair."""
    assert cut(picture, None, edges).info.refined_by == ""


def test_a_picture_larger_than_a_look_is_looked_at_in_tiles_at_its_own_size(
    picture: Picture, red: NDArray[np.uint8]
) -> None:
    refiner = RedRefiner(140)
    outcome = cut(picture, refiner)
    assert 4 <= len(refiner.shown) <= 1 + MOST_TILES
    assert refiner.shown[0].shape == (112, 140)
    assert {trimap.shape for trimap in refiner.shown[1:]} == {(140, 140)}
    one = RedRefiner(320)
    whole = cut(Picture(*SIZE, "RGB8", [pixels().reshape(-1).data]), one)
    band = unknown(whole, one)
    assert np.array_equal(outcome.mask, whole.mask), "every pixel of the band is in a tile, and in no seam"
    assert np.array_equal(outcome.mask[band], red[band])
    begun = [begin for begin, _ in refiner.shares]
    assert begun == sorted(begun) and refiner.shares[-1][0] + refiner.shares[-1][1] == pytest.approx(1.0)


def test_views_are_looked_at_as_closely_as_they_are_shown_and_only_once(
    picture: Picture, red: NDArray[np.uint8]
) -> None:
    refiner = RedRefiner(140)
    cut(picture, refiner, view=[0, 0, *SIZE, 120, 96])
    assert len(refiner.shown) == 1, "a small view of everything shows no more than one look does"
    for fields in ({"feather": 3.0}, {"grow": 2}, {"threshold": 0.5}, {"invert": True}):
        cut(picture, refiner, view=[0, 0, *SIZE, 120, 96], **fields)
    assert len(refiner.shown) == 1, "a moved slider needs no inference"
    close = cut(picture, refiner, view=[70, 60, 130, 110, 60, 50])
    after = len(refiner.shown)
    assert 1 < after < 10
    cut(picture, refiner, view=[70, 60, 130, 110, 60, 50], foreground=True)
    assert len(refiner.shown) == after
    whole = cut(picture, refiner)
    assert len(refiner.shown) > after
    assert np.array_equal(close.mask, whole.mask[60:110, 70:130]), "a view shows what the whole will be"
    count = len(refiner.shown)
    cut(picture, refiner, feather=2.0)
    assert len(refiner.shown) == count


def test_refining_takes_one_look_however_large_the_picture(masked: Picture) -> None:
    refiner = RedRefiner(140)
    band = refine(masked, refiner, reach=20.0, band=True).mask > 0
    outcome = refine(masked, refiner, reach=20.0)
    assert [trimap.shape for trimap in refiner.shown] == [(112, 140)]
    assert np.array_equal(outcome.mask[~band], (DISC * np.uint8(255))[~band])
    inside, outside = outcome.mask[band & DISC], outcome.mask[band & ~DISC]
    assert inside.mean() > 190 and outside.mean() < 65
    refine(masked, refiner, reach=20.0, feather=4.0)
    refine(masked, refiner, reach=20.0, view=[0, 0, *SIZE, 150, 120])
    assert len(refiner.shown) == 1
    refine(masked, refiner, reach=30.0)
    assert len(refiner.shown) == 2, "another band is another question"


@pytest.mark.parametrize("how", ["hair", "refine"])
def test_what_a_person_said_holds_whatever_the_model_makes_of_it(picture: Picture, masked: Picture, how: str) -> None:
    edge = 150 + 70  # in the band
    said: dict[str, Any] = {"keep": [[edge, 120], [20, 20]], "drop": [[150, 120], [150, 50]]}
    ask = cut if how == "hair" else refine
    outcome = ask(picture if how == "hair" else masked, RedRefiner(320), **said)
    assert outcome.info.refined_by == "refiner"
    assert all(outcome.mask[y, x] == 255 for x, y in said["keep"])
    assert all(outcome.mask[y, x] == 0 for x, y in said["drop"])
    boxed = ask(picture if how == "hair" else masked, RedRefiner(320), box=[100, 60, 200, 180])
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[60:180, 100:200] = False
    assert not boxed.mask[outside].any()


def test_a_hint_is_never_overruled(picture: Picture) -> None:
    hint = np.full((HEIGHT, WIDTH), 128, np.uint8)
    hint[100:140, 215:225], hint[:30] = 255, 0
    outcome = cut(picture.hinted(hint.reshape(-1).data), RedRefiner(320))
    assert outcome.mask[100:140, 215:225].min() == 255 and outcome.mask[:30].max() == 0


@pytest.mark.parametrize("how", ["hair", "refine"])
def test_where_it_ran_is_said_also_of_what_is_remembered(picture: Picture, masked: Picture, how: str) -> None:
    refiner = RedRefiner(320)
    refiner.place = "grpc://studio (refiner)", "Not the GPU."
    for _ in range(2):
        outcome = cut(picture, refiner) if how == "hair" else refine(masked, refiner)
        assert outcome.info.refined_on == "grpc://studio (refiner)" and outcome.info.warnings == ["Not the GPU."]
        assert describe_refiner(outcome.info) == "refiner refined the edge on the server grpc://studio (refiner)."
        assert len(refiner.shown) == 1


def test_another_look_may_run_elsewhere(masked: Picture) -> None:
    refiner = RedRefiner(320)
    refiner.place = "grpc://studio (refiner)", ""
    refine(masked, refiner)
    refiner.place = "CPU", "The server is away."
    outcome = refine(masked, refiner, reach=7.0)
    assert outcome.info.refined_on == "CPU" and outcome.info.warnings == ["The server is away."]
    assert describe_refiner(outcome.info) == "refiner refined the edge."


@pytest.mark.parametrize("how", ["hair", "refine"])
@pytest.mark.parametrize("code", [messages.OUT_OF_MEMORY, messages.INTERNAL])
def test_without_the_memory_for_it_the_edge_is_made_as_ever_and_that_is_said(
    picture: Picture, masked: Picture, how: str, code: str
) -> None:
    refiner = RedRefiner(320)
    refiner.error = Rejected(code, "It does not run.")
    outcome = cut(picture, refiner) if how == "hair" else refine(masked, refiner)
    plain = cut(picture, None) if how == "hair" else refine(masked, None)
    assert outcome.info.refined_by == "" and outcome.info.warnings == [
        "It does not run. The edge was refined without it."
    ]
    assert np.array_equal(outcome.mask, plain.mask)
    refiner.error = None
    again = cut(picture, refiner) if how == "hair" else refine(masked, refiner)
    assert again.info.refined_by == "refiner" and again.info.warnings == []


@pytest.mark.parametrize("how", ["hair", "refine"])
@pytest.mark.parametrize("code", [messages.CANCELLED, messages.MODEL_NOT_INSTALLED])
def test_a_cancel_and_a_named_model_that_is_not_there_end_the_request(
    picture: Picture, masked: Picture, how: str, code: str
) -> None:
    refiner = RedRefiner(320)
    refiner.error = Rejected(code, "No.")
    with pytest.raises(Rejected, match=r"No\."):
        cut(picture, refiner) if how == "hair" else refine(masked, refiner)


def test_where_nothing_is_unknown_it_is_not_asked() -> None:
    hint = np.full((HEIGHT, WIDTH), 255, np.uint8)
    full = Picture(*SIZE, "RGB8", [pixels().reshape(-1).data, hint.reshape(-1).data], hint=True)
    refiner = RedRefiner(320)
    outcome = refine(full, refiner)
    assert refiner.shown == [] and outcome.info.refined_by == "" and outcome.mask.min() == 255


def test_a_flat_ground_is_keyed_in_its_place() -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    cover = np.clip(70 - np.hypot(x - 150, y - 120), 0, 1)[..., np.newaxis]
    drawn = np.rint(255 - cover * np.array([55, 225, 215])).astype(np.uint8)
    hint = DISC * np.uint8(255)
    flat = Picture(*SIZE, "RGB8", [drawn.reshape(-1).data, hint.reshape(-1).data], hint=True)
    refiner = RedRefiner(320)
    outcome = refine(flat, refiner, keys=True)
    assert outcome.info.ground and outcome.info.refined_by == "" and refiner.shown == []


# -- tiles -------------------------------------------------------------------------------------------------------------


def band_of(unknown: NDArray[np.bool_]) -> Band:
    return Band(unknown, unknown, None, np.zeros_like(unknown), 0.0)


@pytest.mark.parametrize(("width", "height"), [(6000, 4000), (4000, 6000), (20000, 700), (1300, 1200), (12000, 12000)])
def test_tiles_cover_the_band_and_are_bounded(width: int, height: int) -> None:
    longer = max(width, height)
    rows, columns = np.mgrid[: round(512 * height / longer), : round(512 * width / longer)]
    ring = np.abs(np.hypot(rows - rows.mean(), columns - columns.mean()) - min(rows.max(), columns.max()) * 0.35) < 6
    views = looks.tiles(band_of(ring), width, height, 1024)
    assert 0 < len(views) <= MOST_TILES
    covered = np.zeros(ring.shape, bool)
    for view in views:
        assert view.width <= 1024 and view.height <= 1024
        assert 0 <= view.left < view.right <= width and 0 <= view.top < view.bottom <= height
        (top, bottom), (left, right) = view.rows(ring.shape[0]), view.columns(ring.shape[1])
        covered[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))] = True
    assert covered[ring].all()
    coarse = looks.whole(width, height, 1024)
    assert all(view.scale >= coarse.scale * 1.24 for view in views), "else the whole shows as much"


def test_a_narrow_band_of_a_large_picture_is_seen_at_its_own_size() -> None:
    unknown = np.zeros((341, 512), bool)
    unknown[100:130, 100:200] = True
    views = looks.tiles(band_of(unknown), 6000, 4000, 1024)
    assert 0 < len(views) <= 4 and all(view.scale == 1.0 and view.width == view.height == 1024 for view in views)


@pytest.mark.parametrize(("width", "height"), [(1024, 700), (1200, 1100), (300, 200)])
def test_a_picture_of_about_the_size_of_a_look_has_no_tiles(width: int, height: int) -> None:
    assert looks.tiles(band_of(np.ones((64, 64), bool)), width, height, 1024) == []


@pytest.mark.parametrize("shown", [(900, 700), (450, 350), (300, 233)])
def test_tiles_of_one_picture_blend_into_it_without_seams(shown: tuple[int, int]) -> None:
    width, height = 900, 700
    rows, columns = np.mgrid[:height, :width]
    truth = (0.5 + 0.5 * np.sin(rows / 40) * np.cos(columns / 55)).astype(np.float32)
    views = looks.tiles(band_of(np.ones((70, 90), bool)), width, height, 400)
    assert len(views) > 3
    parts = [Tile(each, truth[int(each.top) : int(each.bottom), int(each.left) : int(each.right)]) for each in views]
    view = View.of(width, height, [0, 0, width, height, *shown])
    alpha = np.full((shown[1], shown[0]), 0.123, np.float32)
    blend = Blend(parts, view)
    for top in range(0, shown[1], 128):
        for left in range(0, shown[0], 128):
            rows_, columns_ = slice(top, min(top + 128, shown[1])), slice(left, min(left + 128, shown[0]))
            blend.apply(alpha[rows_, columns_], rows_, columns_)
    from PIL import Image

    expected = np.asarray(Image.fromarray(truth).resize(shown, Image.Resampling.BICUBIC))
    assert np.abs(alpha - expected).max() < (1e-5 if shown == (width, height) else 5e-3)


def test_beyond_its_tiles_alpha_stays() -> None:
    view = View.of(900, 700)
    tile = Tile(View(0, 0, 400, 400, 400, 400, (900, 700)), np.ones((400, 400), np.float32))
    alpha = np.zeros((700, 900), np.float32)
    Blend([tile], view).apply(alpha, slice(0, 700), slice(0, 900))
    assert alpha[:300, :300].min() == 1 and not alpha[400:].any() and not alpha[:, 400:].any()
    steps = np.diff(alpha[100, 300:420])
    assert steps.max() <= 0 and steps.min() > -0.03, "it passes into the rest by and by"
