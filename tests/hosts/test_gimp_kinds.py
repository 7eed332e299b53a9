"""Every kind of picture and layer that a person can have in the real GIMP: the right mask, or one sentence why not.

What the tests saw is written to hosts.json among the artefacts, for docs/hosts.md. With MATTED_TEST_EVERYTHING=1 in
the environment every kind of layer is tried in more kinds of pictures, and one of 100 megapixels: `make test-hosts`
does so.
"""

from __future__ import annotations

import array
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hosts.gimp import kinds
from hosts.gimp.kinds import IMPOSSIBLE_MODES, KINDS, MODES, NOT_INDEXED, OFTEN, SELECTED, mask_in, result_of
from hosts.gimp.pictures import SIZE, SUCCESS, Picture, photograph, without_masks
from hosts.gimp.session import VERSIONS, Gimp
from hosts.installed import Installed
from hosts.seen import EVERYTHING, MASK, Row, write
from PIL import Image, ImageChops

TRIED_IN = OFTEN if EVERYTHING else [OFTEN[0], OFTEN[-1]]
HUGE = (12000, 8400)


def small_photograph() -> Image.Image:
    return photograph().resize(SIZE)


def transparent() -> Image.Image:
    """The photograph, fading out from left to right."""
    picture = small_photograph()
    picture.putalpha(Image.linear_gradient("L").rotate(90).resize(SIZE))
    return picture


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "RGB": small_photograph,
    "GRAY": lambda: small_photograph().convert("L"),
    "INDEXED": lambda: small_photograph().quantize(64),
}
TRANSPARENT: dict[str, Callable[[], Image.Image]] = {
    "RGB": transparent,
    "GRAY": lambda: transparent().convert("LA"),
    "INDEXED": lambda: transparent().convert("RGBA").quantize(64),
}

Add = Callable[[str, str, str, str], None]


@pytest.fixture(scope="session")
def add(installed: Installed, artefacts: Path) -> Iterator[Add]:
    """Note what was seen: add(mode, precision, kind, result)"""
    version = VERSIONS[installed.root.suite]
    rows: list[Row] = []
    yield lambda *fields: rows.append(Row("GIMP", version, *fields))
    write(artefacts / "hosts.json", rows)


@pytest.fixture
def made(gimp: Gimp, opened: Callable[..., Picture]) -> Callable[..., Picture]:
    """Open a picture of a mode and precision: made("RGB", "U8_LINEAR", PICTURES)"""

    def make(mode: str, precision: str, pictures: dict[str, Callable[[], Image.Image]] = PICTURES) -> Picture:
        picture = opened(pictures[mode]())
        if gimp.kind(picture.id)[1] != precision:
            gimp.convert(picture.id, precision)
        assert gimp.kind(picture.id) == [mode, precision]
        return picture

    return make


def expected_mask(installed: Installed, picture: Picture, layer: int, precision: str) -> bytes:
    """The daemon's mask of the layer's pixels in the depth that the picture can hold, limited by its selection."""
    size, depth = picture.pixels(layer).size, 8 if precision.startswith("U8") else 16
    if picture.gimp.selection(picture.id) is None:
        return installed.mask_of(picture.pixels(layer), depth=depth)
    mask = installed.mask_of(picture.pixels(layer), depth=depth, box=list(SELECTED))
    selected = Image.new("L", (size[0] * depth // 8, size[1]))
    selected.paste(255, (SELECTED[0] * depth // 8, SELECTED[1], SELECTED[2] * depth // 8, SELECTED[3]))
    return ImageChops.darker(Image.frombytes("L", selected.size, mask), selected).tobytes()


def same(mask: bytes | None, expected: bytes, precision: str) -> bool:
    """A half float holds 11 bits of the 16."""
    if mask is None or not precision.startswith("HALF"):
        return mask == expected
    pairs = zip(array.array("H", mask), array.array("H", expected), strict=True)
    return all(abs(one - other) <= 16 for one, other in pairs)


def see_masks(installed: Installed, picture: Picture, items: list[int], layers: list[int]) -> str:
    """Click, compare with the daemon's own answer for the same pixels, and say which mask it is."""
    precision = picture.gimp.kind(picture.id)[1]
    expected = {layer: expected_mask(installed, picture, layer, precision) for layer in layers}
    before = picture.clean()
    assert picture.click(*items) == SUCCESS
    for layer, mask in expected.items():
        assert same(picture.mask(layer), mask, precision)
    after = picture.state()
    assert without_masks(after) == without_masks(before)
    assert masks_but(layers, after) == masks_but(layers, before)
    return mask_in(precision)


def masks_but(layers: list[int], state: dict[str, Any]) -> list[Any]:
    return [shape["mask"] for shape in state["layers"] if shape["id"] not in layers]


def see_refusal(picture: Picture, items: list[int], sentence: str) -> None:
    """Click: there is the sentence, and nothing has changed."""
    before = picture.clean()
    status, error = picture.gimp.remove_background(picture.id, items)
    name = next(shape["name"] for shape in before["layers"] if shape["id"] == picture.layer)
    assert (status, error.split("\n")[0]) == ("execution-error", sentence.replace("LAYER", name))
    assert picture.state() == before


@pytest.mark.parametrize(("mode", "precision"), MODES)
def test_every_mode_and_precision(
    installed: Installed, add: Add, made: Callable[..., Picture], mode: str, precision: str
) -> None:
    picture = made(mode, precision)
    if mode != "INDEXED" and precision != "U8_LINEAR":  # all others hold every colour of the file
        assert picture.pixels().convert("RGB").tobytes() == PICTURES[mode]().convert("RGB").tobytes()
    add(mode, precision, kinds.LAYER, see_masks(installed, picture, *kinds.layer(picture)))


def test_indexed_pictures_have_one_precision(gimp: Gimp, add: Add, made: Callable[..., Picture]) -> None:
    picture = made("INDEXED", "U8_NON_LINEAR")
    for mode, precision in IMPOSSIBLE_MODES:
        gimp.convert(picture.id, precision)
        assert gimp.kind(picture.id) == ["INDEXED", "U8_NON_LINEAR"]
        add(mode, precision, kinds.LAYER, NOT_INDEXED)


@pytest.mark.parametrize(("mode", "precision"), OFTEN)
def test_transparency(installed: Installed, add: Add, made: Callable[..., Picture], mode: str, precision: str) -> None:
    picture = made(mode, precision, TRANSPARENT)
    add(mode, precision, kinds.WITH_ALPHA, see_masks(installed, picture, *kinds.layer(picture)))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(("mode", "precision"), TRIED_IN)
def test_every_kind_of_layer(
    gimp: Gimp,
    installed: Installed,
    add: Add,
    made: Callable[..., Picture],
    mode: str,
    precision: str,
    name: str,
) -> None:
    kind, version = KINDS[name], VERSIONS[installed.root.suite]
    assert gimp.has(kind.type) == (version >= kind.since)
    if not gimp.has(kind.type):
        add(mode, precision, name, result_of(name, version, precision))
        return
    picture = made(mode, precision)
    items, layers = kind.make(picture)
    if kind.result == MASK:
        add(mode, precision, name, see_masks(installed, picture, items, layers))
    else:
        see_refusal(picture, items, kind.result)
        add(mode, precision, name, kind.result)


@pytest.mark.skipif(not EVERYTHING, reason="takes half a minute: MATTED_TEST_EVERYTHING=1 has it")
def test_a_layer_of_100_megapixels(gimp: Gimp, installed: Installed, add: Add) -> None:
    picture = photograph().resize(HUGE)
    image = gimp.load(installed.put(picture))
    try:
        (layer,) = gimp.layers(image)
        pixels, _ = gimp.digests(layer)
        assert gimp.remove_background(image, [layer]) == SUCCESS
        assert gimp.digests(layer) == [pixels, sha256(installed.mask_of(picture)).hexdigest()]
    finally:
        gimp.close_image(image)
    add("RGB", "U8_NON_LINEAR", kinds.HUGE, mask_in("U8_NON_LINEAR"))


def test_a_selected_mask_leaves_its_layer_being_edited(opened: Callable[..., Picture]) -> None:
    picture = opened(small_photograph())
    items, (target,) = kinds.by_its_mask(picture)
    assert picture.click(*items) == SUCCESS
    assert [shape["edits mask"] for shape in picture.state()["layers"] if shape["id"] == target] == [False]
