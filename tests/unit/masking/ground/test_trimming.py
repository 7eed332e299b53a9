"""A model's edge, trimmed by a flat ground: it is as exact as the ground tells, and the subject stays whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from canvas import Bytes, Colour, Floats, blurred, composed, even, grain, jpeg, rounded
from conftest import PHOTOGRAPHS
from keyed_pictures import Mask, cover, ground_of, layer_of
from matted.inference.layer import Layer
from matted.masking.ground import Trimming
from matted.masking.view import View
from numpy.typing import NDArray
from PIL import Image
from sheet import BLACK, WHITE

WIDTH, HEIGHT = 400, 300
THING = cover(WIDTH, HEIGHT, lambda canvas: canvas.oval((190, 140), (110, 80)))
CAST = 0.45 * blurred(np.roll(THING, (24, 18), (0, 1)), 7)
WHOLE = View.of(WIDTH, HEIGHT)


def coffee() -> Floats:
    """Return a part of a photograph, without anything as light as the ground: height x width x 3."""
    with Image.open(PHOTOGRAPHS / "coffee.jpg") as image:
        part = image.convert("RGB").resize((WIDTH, HEIGHT))
    return np.asarray(part, np.float64) * 0.75


def product(shadow: bool = False, colour: Colour = (250, 250, 250)) -> Bytes:
    """Return a photographed thing on a nearly white ground, with grain and perhaps its shadow."""
    ground = even(WIDTH, HEIGHT, colour)
    if shadow:
        ground = composed(CAST, BLACK, ground)
    noise = grain(np.random.default_rng(3), WIDTH, HEIGHT, 1.6)
    return rounded(composed(THING, coffee(), ground) + noise[..., np.newaxis])


def by_a_model(alpha: Floats, depth: int = 8) -> Mask:
    """Return the alpha as a model gives it: too wide, and soft, as it is seen at a quarter of the size."""
    size = alpha.shape[1] // 4, alpha.shape[0] // 4
    small = Image.fromarray(blurred(alpha, 3).astype(np.float32)).resize(size, Image.Resampling.BOX)
    wide = (1.3 * np.asarray(small.resize(alpha.shape[::-1], Image.Resampling.BICUBIC), np.float64)).clip(0, 1)
    full = (1 << depth) - 1
    return np.rint(wide * full).astype(np.uint8 if depth == 8 else np.dtype("<u2"))


def trimmed(picture: Bytes, alpha: Mask, shadow: bool = False, view: View = WHOLE) -> NDArray[Any]:
    layer = layer_of(picture)
    seen = layer.part((view.left, view.top, view.right, view.bottom), view.width, view.height)
    return Trimming.of(layer, ground_of(picture)).apply(alpha, seen, view, shadow)


def share(mask: NDArray[Any]) -> Floats:
    """Return the mask in 0..1."""
    shares: Floats = mask / np.iinfo(mask.dtype).max
    return shares


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("pressed", [False, True])
def test_what_a_model_leaves_of_the_ground_goes(depth: int, pressed: bool) -> None:
    picture = jpeg(product(), 88) if pressed else product()
    model = by_a_model(THING, depth)
    before = model.copy()
    mask = trimmed(picture, model)
    np.testing.assert_array_equal(model, before, "the model's own stays what it is")
    assert mask.dtype == model.dtype and mask.shape == model.shape
    too_much, before_it = ((share(each) - THING).clip(0).sum() for each in (mask, model))
    assert too_much < (0.6 if pressed else 0.3) * before_it
    deep = blurred(THING, 6) > 0.999
    assert (mask[deep] == model[deep]).all(), "inside nothing changes"


def test_no_alpha_is_more_than_the_models_without_a_shadow() -> None:
    model = by_a_model(THING)
    assert (trimmed(product(shadow=True), model) <= model).all()


def test_a_shadow_stays_half_transparent_or_goes() -> None:
    picture, model = product(shadow=True), by_a_model(THING)
    model[blurred(THING, 8) < 0.2] = 0  # the model saw no shadow
    dropped, kept = (trimmed(picture, model, shadow) / 255 for shadow in (False, True))
    only_shadow = (THING == 0) & (blurred(THING, 6) < 0.01)
    assert not dropped[only_shadow].any()
    faint = 0.04  # what is in the noise is no shadow
    expected = np.where(faint < CAST, CAST, 0)
    told = only_shadow & (np.abs(CAST - faint) > 0.02)
    assert np.abs(kept - expected)[told].max() < 0.04
    assert (kept >= dropped).all()
    inside = blurred(THING, 6) > 0.999
    np.testing.assert_array_equal(kept[inside], dropped[inside])


def test_what_has_a_colour_is_no_shadow() -> None:
    picture = rounded(composed(THING, coffee(), composed(CAST, (255, 60, 60), even(WIDTH, HEIGHT, WHITE))))
    model = by_a_model(THING)
    dropped, kept = trimmed(picture, model), trimmed(picture, model, shadow=True)
    red = (THING == 0) & (CAST > 0.2)
    assert red.sum() > 1000
    np.testing.assert_array_equal(kept[red], dropped[red])


def test_a_white_thing_on_white_stays() -> None:
    """A shirt has the ground's colour in broad places, which the model calls subject and no outline holds together."""
    shade = np.full((HEIGHT, WIDTH), 253.0)
    shade[:, 150:160] = shade[:, 230:240] = 225  # folds
    picture = rounded(composed(THING, np.repeat(shade[..., np.newaxis], 3, 2), even(WIDTH, HEIGHT, (253, 253, 253))))
    model = by_a_model(THING)
    mask = trimmed(picture, model)
    inside = blurred(THING, 4) > 0.99
    assert (mask[inside] > 0.95 * 255).mean() > 0.98
    assert np.abs(share(mask) - THING).mean() < 0.02


def test_what_the_subject_encloses_is_not_ground_around_it() -> None:
    """The white of an eye: bare ground is only what reaches the edge of the picture."""
    inks = coffee()
    inks[120:150, 180:220] = 250
    picture = rounded(composed(THING, inks, even(WIDTH, HEIGHT, (250, 250, 250))))
    mask = trimmed(picture, by_a_model(THING))
    assert (mask[120:150, 180:220] == 255).all()


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("box", [(0, 0, 200, 150), (60, 40, 260, 240), (200, 150, 400, 300)])
def test_a_view_shows_what_the_whole_has(box: tuple[int, int, int, int], scale: int) -> None:
    picture, model = product(shadow=True), by_a_model(THING)
    left, top, right, bottom = box
    for shadow in (False, True):
        whole = trimmed(picture, model, shadow)[top:bottom, left:right].astype(float)
        width, height = (right - left) // scale, (bottom - top) // scale
        seen = View(left, top, right, bottom, width, height, (WIDTH, HEIGHT))
        part = Image.fromarray(model[top:bottom, left:right]).resize((width, height), Image.Resampling.BOX)
        mask = trimmed(picture, np.array(part), shadow, seen)
        expected = whole.reshape(height, scale, width, scale).mean(axis=(1, 3))
        difference = np.abs(mask - expected)
        assert difference.mean() < 1.5 * scale and (difference > 24 * scale).mean() < 0.01
        inner = slice(8, -8)
        if scale == 1:
            assert (difference[inner, inner] <= 1).mean() > 0.995


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (5, 7)])
def test_the_smallest_layers_are_trimmed(shape: tuple[int, int]) -> None:
    found = ground_of(np.full((16, 16, 3), 255, np.uint8))
    picture = np.full((*shape, 3), 255, np.uint8)
    picture[0, 0] = 0
    layer = Layer(picture)
    view = View.of(shape[1], shape[0])
    mask = Trimming.of(layer, found).apply(np.full(shape, 100, np.uint8), layer, view, True)
    assert mask.shape == shape and mask[0, 0] >= 100 and not mask.ravel()[1:].any()


def test_a_grey_layer_is_trimmed_as_one_with_colours() -> None:
    grey = product()[:, :, :1]
    model = by_a_model(THING)
    layer = Layer.from_frame(memoryview(grey.tobytes()), WIDTH, HEIGHT, "GRAY8")
    same = np.repeat(grey, 3, axis=2)
    trimming = Trimming.of(layer, ground_of(same))
    np.testing.assert_array_equal(trimming.apply(model, layer, WHOLE, False), trimmed(same, model))
    assert trimming.memory == trimming.around.nbytes > 0
