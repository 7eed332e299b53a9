"""What decoders are told of boxes and clicks, and what those of each export answer, where that is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from graphs import clickable
from matted.inference import model_io
from matted.inference.asking import prompts
from matted.inference.engines import backend
from matted.inference.layer import Layer
from matted.models import catalogue, weights
from matted.models.arithmetic import MEAN, Fit
from matted.models.spec import DECODER, ModelSpec
from matted.settings.target import CPU, Target
from numpy.typing import NDArray

CLICKABLE = [spec for spec in catalogue.load().specs.values() if spec.takes_clicks]
MOBILE = catalogue.load().specs["mobile-sam"]
WIDTH, HEIGHT = 640, 480
SAME = 0.05  # of raw masks that reach from -2500 to 400, with weights in half precision
WHOLE = Fit((1024, 1024), (768, 1024))  # of a picture of that size, letterboxed


def picture() -> NDArray[np.uint8]:
    """Return noise, height x width x 3, with a black stripe."""
    pixels = np.random.default_rng(5).integers(60, 256, (HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, 300:330] = 0
    return pixels


@pytest.fixture(params=CLICKABLE, ids=lambda spec: spec.id)
def spec(request: pytest.FixtureRequest) -> ModelSpec:
    found: ModelSpec = request.param
    return found


@pytest.fixture
def file(spec: ModelSpec, tmp_path: Path) -> Path:
    return clickable.write(spec, tmp_path / "net.onnx")


@pytest.fixture
def model(spec: ModelSpec, file: Path, tmp_path: Path) -> backend.Model:
    target = tmp_path / "model.xml"
    weights.convert(spec, file, target)
    weights.convert_decoder(spec, clickable.decoder_of(file), tmp_path / "decoder.xml")
    return backend.load(spec, target, Target(CPU, "f32"), None)


def test_every_export_answers_one_way_of_asking(spec: ModelSpec, model: backend.Model) -> None:
    assert spec.decoder is not None and model.size == (1024, 1024)
    fit = model_io.choose_fit(WIDTH, HEIGHT, spec, model.size)
    planes = model_io.prepare(Layer(picture()), spec, fit)
    features = [output.copy() for output in model.infer(model_io.inputs([planes], spec, fit))]
    bright = features[0][0]
    height, width = (side // 4 for side in fit.content)
    expected = clickable.brightness(planes)
    assert float(np.abs(bright - expected)[:height, :width].max()) < 2e-4
    if fit.beyond is not None:
        assert float(np.ptp(bright[height:])) < 1e-6 and bright[-1, -1] == pytest.approx(np.mean(MEAN), abs=1e-6)
    keep, drop, box = [(100, 100), (500, 300)], [(120, 100)], (80, 60, 600, 460)
    for said in ({"keep": keep[:1]}, {"box": box}, {"keep": keep, "drop": drop}, {"box": box, "drop": drop}):
        prompt = prompts.make(spec.decoder, fit, WIDTH, HEIGHT, **said)
        places = [(x, y, int(label)) for (x, y), label in zip(prompt.points, prompt.labels, strict=True)]
        masks, scores = (each.copy() for each in model.infer(prompts.inputs(spec, features, prompt, None), DECODER))
        radii = [clickable.SINGLE, *clickable.RADII][-len(masks) :]
        assert scores.tolist() == pytest.approx(clickable.SCORES[-len(masks) :], abs=1e-3)
        for mask, radius in zip(masks, radii, strict=True):
            assert float(np.abs(mask - clickable.raw_mask(bright, places, radius)).max()) < SAME
        if spec.decoder.earlier:
            improved, _ = model.infer(prompts.inputs(spec, features, prompt, masks[0]), DECODER)
            expected = clickable.raw_mask(bright, places, radii[-1], masks[0])
            assert float(np.abs(improved[-1] - expected).max()) < SAME


def test_the_graphs_are_what_their_own_runtime_makes_of_them(spec: ModelSpec, file: Path, model: backend.Model) -> None:
    """With the tensors of the published files: sizes, the axis of questions, and the masks at the picture's size."""
    assert spec.decoder is not None
    rng = np.random.default_rng(3)
    features = [rng.random((1, 256, 256), np.float32) + index for index in range(len(spec.decoder.features))]
    prompt = prompts.make(spec.decoder, WHOLE, WIDTH, HEIGHT, keep=[(100, 100), (500, 300)])
    ours = model.infer(prompts.inputs(spec, features, prompt, None), DECODER)
    given = dict(zip(spec.decoder.inputs, prompts.inputs(spec, features, prompt, None), strict=True))
    session = onnxruntime.InferenceSession(str(clickable.decoder_of(file)))
    fed = {port.name: np.full(2, 1024, np.float32) for port in session.get_inputs() if port.name == "orig_im_size"}
    for port in session.get_inputs():
        if port.name in given:
            value = given[port.name]
            fed[port.name] = value.reshape((1,) * (len(port.shape) - value.ndim) + value.shape)
        elif "int64" in port.type:
            fed[port.name] = fed[port.name].astype(np.int64)
    _, scores, low = session.run(None, fed)
    assert float(np.abs(ours[0] - low.reshape(ours[0].shape)).max()) < SAME
    assert ours[1].tolist() == pytest.approx(scores.reshape(-1).tolist(), abs=1e-3)


def test_places_are_in_pixels_of_the_models_input() -> None:
    assert MOBILE.decoder is not None
    prompt = prompts.make(MOBILE.decoder, WHOLE, WIDTH, HEIGHT, (0, 0, WIDTH, HEIGHT), [(0, 0)], [(639, 479)])
    assert prompt.labels.tolist() == [2, 3, 1, 0]
    first, last = pytest.approx([0.3, 0.3]), pytest.approx([1022.7, 766.7])
    assert [point.tolist() for point in prompt.points] == [first, last, first, last]
    assert not prompt.is_one_click


def test_an_export_that_needs_one_more_place_gets_it_where_there_is_no_box() -> None:
    assert MOBILE.decoder is not None
    one = prompts.make(MOBILE.decoder, WHOLE, WIDTH, HEIGHT, keep=[(5, 5)])
    assert one.labels.tolist() == [1, -1] and one.points[1].tolist() == [0, 0] and one.is_one_click


def test_of_too_many_places_the_latest_count() -> None:
    efficient, sam2 = (catalogue.load().specs[model].decoder for model in ("efficient-sam-ti", "sam2.1-tiny"))
    assert efficient is not None and sam2 is not None
    keep, drop = [(x, 0) for x in range(100)], [(x, 9) for x in range(100)]
    few = prompts.make(efficient, WHOLE, WIDTH, HEIGHT, (0, 0, 9, 9), keep, drop)
    assert few.labels.tolist() == [2, 3, 1, 1, 1, 1], "it does not understand background"
    assert few.points[-1, 0] == pytest.approx(99.5 * 1.6 - 0.5)
    many = prompts.make(sam2, WHOLE, WIDTH, HEIGHT, None, keep, drop)
    assert many.labels.tolist() == [1] * 32 + [0] * 32 and many.points[-1, 0] == pytest.approx(99.5 * 1.6 - 0.5)
    uneven = prompts.make(sam2, WHOLE, WIDTH, HEIGHT, None, keep[:1], drop)
    assert uneven.labels.tolist() == [1] + [0] * 63
