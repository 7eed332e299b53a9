"""Every kind of picture and layer that a person can have in the real GIMP: the right mask, or one sentence why not.

What the tests saw is written to hosts.json among the artefacts: a list of maps with host, version, mode, precision,
kind and result.
"""

from __future__ import annotations

import array
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts.gimp.pictures import SUCCESS, Picture, photograph, without_masks
from hosts.gimp.session import Gimp
from hosts.installed import Installed
from matted_client import Rejected
from PIL import Image

SIZE = (240, 160)
OLD_MASK = 77
ENCODINGS = ("NON_LINEAR", "LINEAR", "PERCEPTUAL")
PRECISIONS = [
    f"{size}_{encoding}" for size in ("U8", "U16", "U32", "HALF", "FLOAT", "DOUBLE") for encoding in ENCODINGS
]
MODES = [(mode, precision) for mode in ("RGB", "GRAY") for precision in PRECISIONS] + [("INDEXED", "U8_NON_LINEAR")]
OFTEN = [
    ("RGB", "U8_NON_LINEAR"),
    ("GRAY", "U8_NON_LINEAR"),
    ("INDEXED", "U8_NON_LINEAR"),
    ("RGB", "U16_NON_LINEAR"),
    ("RGB", "FLOAT_LINEAR"),
]


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


# -- kinds that get a mask: each makes one of `picture` and returns what is clicked on, and the layer that is meant ----

Clicked = tuple[list[int], int]


def layer(picture: Picture) -> Clicked:
    return [picture.layer], picture.layer


def smaller_than_the_canvas(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, 400, 300, 90, 70)
    return layer(picture)


def larger_than_the_canvas(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, 100, 80, -50, -60)
    return layer(picture)


def partly_outside(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, *SIZE, 180, -120)
    return layer(picture)


def all_outside(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, 100, 100, -2000, 500)
    return layer(picture)


def hidden(picture: Picture) -> Clicked:
    picture.gimp.hide(picture.layer)
    return layer(picture)


def group(picture: Picture) -> Clicked:
    made = picture.gimp.group(picture.id, [picture.layer])
    return [made], made


def in_a_group(picture: Picture) -> Clicked:
    picture.gimp.group(picture.id, [picture.layer])
    return layer(picture)


def group_in_a_group(picture: Picture) -> Clicked:
    inner = picture.gimp.group(picture.id, [picture.layer])
    picture.gimp.group(picture.id, [inner])
    return [inner], inner


def with_a_mask(picture: Picture) -> Clicked:
    picture.gimp.give_mask(picture.layer, OLD_MASK)
    return layer(picture)


def by_its_mask(picture: Picture) -> Clicked:
    return [picture.gimp.give_mask(picture.layer, OLD_MASK)], picture.layer


def with_an_effect(picture: Picture) -> Clicked:
    picture.gimp.add_effect(picture.layer)
    return layer(picture)


def with_locked_position(picture: Picture) -> Clicked:
    picture.gimp.lock_position(picture.layer)
    return layer(picture)


def with_locked_alpha(picture: Picture) -> Clicked:
    picture.gimp.lock_alpha(picture.layer)
    return layer(picture)


def text(picture: Picture) -> Clicked:
    made = picture.gimp.add_text(picture.id, "matte")
    return [made], made


def with_another_profile(picture: Picture) -> Clicked:
    picture.gimp.convert_profile(picture.id)
    return layer(picture)


MASKED = {
    "hidden": hidden,
    "smaller than the canvas": smaller_than_the_canvas,
    "larger than the canvas": larger_than_the_canvas,
    "partly outside the canvas": partly_outside,
    "all outside the canvas": all_outside,
    "layer group": group,
    "layer in a group": in_a_group,
    "group in a group": group_in_a_group,
    "layer with a mask": with_a_mask,
    "mask selected instead of its layer": by_its_mask,
    "layer with a non-destructive filter": with_an_effect,
    "locked position": with_locked_position,
    "locked alpha": with_locked_alpha,
    "text layer": text,
    "another ICC profile": with_another_profile,
}


# -- kinds that don't --------------------------------------------------------------------------------------------------


def locked(picture: Picture) -> list[int]:
    picture.gimp.lock(picture.layer, True)
    return [picture.layer]


def in_a_locked_group(picture: Picture) -> list[int]:
    picture.gimp.lock(picture.gimp.group(picture.id, [picture.layer]), True)
    return [picture.layer]


def mask_of_a_locked_layer(picture: Picture) -> list[int]:
    mask: int = picture.gimp.give_mask(picture.layer, OLD_MASK)
    picture.gimp.lock(picture.layer, True)
    return [mask]


def one_of_two_locked(picture: Picture) -> list[int]:
    return [*locked(picture), picture.gimp.group(picture.id, [])]


def channel(picture: Picture) -> list[int]:
    return [picture.gimp.add_channel(picture.id)]


def empty_group(picture: Picture) -> list[int]:
    return [picture.gimp.group(picture.id, [])]


def floating_selection(picture: Picture) -> list[int]:
    return [picture.gimp.float_selection(picture.id, picture.layer)]


def below_a_floating_selection(picture: Picture) -> list[int]:
    picture.gimp.give_mask(picture.layer, OLD_MASK)
    picture.gimp.float_selection(picture.id, picture.layer)
    return [picture.layer]


def nothing(picture: Picture) -> list[int]:
    return []


REFUSED = {
    "locked pixels": (locked, 'The pixels of "LAYER" are locked.'),
    "in a group with locked pixels": (in_a_locked_group, 'The pixels of "Group" are locked.'),
    "mask of a layer with locked pixels": (mask_of_a_locked_layer, 'The pixels of "LAYER" are locked.'),
    "several layers, one locked": (one_of_two_locked, 'The pixels of "LAYER" are locked.'),
    "channel": (channel, "Only a layer can be cut out, and a channel is selected."),
    "empty group": (empty_group, "The layer group is empty."),
    "floating selection": (floating_selection, "A floating selection has to be settled first."),
    "below a floating selection": (below_a_floating_selection, "A floating selection has to be settled first."),
    "nothing selected": (nothing, "No layer is selected."),
}


# -- the table ---------------------------------------------------------------------------------------------------------


class Table:
    """What was seen, for docs/hosts.md."""

    def __init__(self, version: str) -> None:
        self.rows: list[dict[str, str]] = []
        self._version = version

    def add(self, mode: str, precision: str, kind: str, result: str) -> None:
        row = {"host": "GIMP", "version": self._version, "mode": mode, "precision": precision}
        self.rows.append({**row, "kind": kind, "result": result})


@pytest.fixture(scope="session")
def table(gimp: Gimp, artefacts: Path) -> Iterator[Table]:
    seen = Table(gimp.version())
    yield seen
    path = artefacts / "hosts.json"
    path.write_text(json.dumps(seen.rows, indent=1, ensure_ascii=False) + "\n", "utf-8")


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


def answer(installed: Installed, pixels: Image.Image, precision: str) -> bytes | str:
    """The daemon's mask of these pixels in the depth that the picture can hold, or why there is none."""
    try:
        return installed.mask_of(pixels, depth=8 if precision.startswith("U8") else 16)
    except Rejected as error:
        return error.message


def same(mask: bytes | None, expected: bytes, precision: str) -> bool:
    """A half float holds 11 bits of the 16."""
    if mask is None or not precision.startswith("HALF"):
        return mask == expected
    pairs = zip(array.array("H", mask), array.array("H", expected), strict=True)
    return all(abs(one - other) <= 16 for one, other in pairs)


def see(installed: Installed, picture: Picture, precision: str, items: list[int], target: int) -> str:
    """Click, compare with the daemon's own answer for the same pixels, and say what came of it."""
    expected = answer(installed, picture.pixels(target), precision)
    before: dict[str, Any] = picture.clean()
    status, error = picture.click(*items)
    if isinstance(expected, str):
        assert (status, error.split("\n")[0]) == ("execution-error", expected)
        assert picture.state() == before
        return expected
    assert [status, error] == SUCCESS
    assert same(picture.mask(target), expected, precision)
    assert without_masks(picture.state()) == without_masks(before)
    if precision.startswith("HALF"):
        return "mask, half float"
    return f"mask, {8 if precision.startswith('U8') else 16} bits"


@pytest.mark.parametrize(("mode", "precision"), MODES)
def test_every_mode_and_precision(
    installed: Installed, table: Table, made: Callable[..., Picture], mode: str, precision: str
) -> None:
    picture = made(mode, precision)
    if mode != "INDEXED" and precision != "U8_LINEAR":  # all others hold every colour of the file
        assert picture.pixels().convert("RGB").tobytes() == PICTURES[mode]().convert("RGB").tobytes()
    table.add(mode, precision, "layer", see(installed, picture, precision, *layer(picture)))


@pytest.mark.parametrize(("mode", "precision"), OFTEN)
def test_transparency(
    installed: Installed, table: Table, made: Callable[..., Picture], mode: str, precision: str
) -> None:
    picture = made(mode, precision, TRANSPARENT)
    table.add(mode, precision, "layer with alpha", see(installed, picture, precision, *layer(picture)))


@pytest.mark.parametrize("kind", MASKED)
@pytest.mark.parametrize(("mode", "precision"), OFTEN)
def test_every_kind_of_layer(
    installed: Installed, table: Table, made: Callable[..., Picture], mode: str, precision: str, kind: str
) -> None:
    picture = made(mode, precision)
    items, target = MASKED[kind](picture)
    table.add(mode, precision, kind, see(installed, picture, precision, items, target))


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize(("mode", "precision"), OFTEN)
def test_what_is_refused(
    gimp: Gimp, table: Table, made: Callable[..., Picture], mode: str, precision: str, kind: str
) -> None:
    make, sentence = REFUSED[kind]
    picture = made(mode, precision)
    items = make(picture)
    before = picture.clean()
    status, error = picture.gimp.remove_background(picture.id, items)
    name = next(shape["name"] for shape in before["layers"] if shape["id"] == picture.layer)
    assert (status, error.split("\n")[0]) == ("execution-error", sentence.replace("LAYER", name))
    assert picture.state() == before
    table.add(mode, precision, kind, sentence)


def test_a_selected_mask_leaves_its_layer_being_edited(opened: Callable[..., Picture]) -> None:
    picture = opened(small_photograph())
    items, target = by_its_mask(picture)
    assert picture.click(*items) == SUCCESS
    assert [shape["edits mask"] for shape in picture.state()["layers"] if shape["id"] == target] == [False]
