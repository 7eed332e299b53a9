"""A drawing on a flat ground in the real GIMP: one click without a model, and what the preview says of it."""

from __future__ import annotations

import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hosts.drawing import IN_THE_DISC, ON_THE_RING, ON_WHITE, line_art, place
from hosts.gimp.pictures import (
    DIALOG,
    REMOVE,
    SUCCESS,
    WITH_DIALOG,
    Picture,
    asked,
    in_a_window,
    photograph,
    read_the_message,
    without_masks,
)
from hosts.gimp.preview import Preview
from hosts.gimp.session import Gimp
from hosts.installed import PATIENCE, Installed
from matted_client.messages import MaskResult
from PIL import Image

# Small: GIMP's window gets as wide as its first picture, and in a wide one short messages are in its status bar.
DRAWING = line_art((600, 320))
RING, DISC, WHITE = (place(share, DRAWING.size) for share in (ON_THE_RING, IN_THE_DISC, ON_WHITE))
IN_THE_O = (417, 236)
AROUND_THE_DISC = (400, 30, 560, 160)
Change = Callable[[Picture], None]
SAID = "Flat ground: white. No model was needed."
ANOTHER_WAY = "For a model, choose one in the list."


@pytest.fixture
def drawing(desktop: Gimp, installed: Installed, forgetful: None) -> Iterator[Picture]:
    with in_a_window(desktop, installed, DRAWING) as picture:
        yield picture


@pytest.fixture
def photographed(desktop: Gimp, installed: Installed, forgetful: None) -> Iterator[Picture]:
    with in_a_window(desktop, installed, photograph()) as picture:
        yield picture


@contextmanager
def previewed(drawing: Picture, screenshot: Path) -> Iterator[tuple[Callable[[], None], Preview]]:
    """The dialog stands open and shows the drawing cut out. Gives what presses OK and waits, too."""
    with asked(drawing, WITH_DIALOG) as called:
        preview = Preview(drawing.gimp, DIALOG, DRAWING.size, screenshot)
        preview.until_seen(stays=[RING, DISC], goes=[WHITE])

        def remove() -> None:
            drawing.gimp.press(DIALOG, REMOVE)
            assert called.result(PATIENCE) == SUCCESS

        yield remove, preview


def answer(installed: Installed, **options: object) -> tuple[bytes, MaskResult]:
    mask = installed.answer_to(DRAWING, **options)
    return bytes(mask.alpha), mask.info


def test_a_click_on_line_art_needs_no_model(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], artefacts: Path
) -> None:
    installed.kill()
    picture = opened(DRAWING)
    before = picture.state()
    assert picture.click() == SUCCESS
    with installed.session() as session:
        status = session.status()
    assert status["loaded"] == []
    assert status["chosen"]["model"] == "flat" and status["chosen"]["chosen"] is True
    mask, info = answer(installed)
    assert (info.model, info.ground, info.ground_colour, info.chosen) == ("flat", "colour", [255, 255, 255], True)
    assert picture.mask() == mask
    assert without_masks(picture.state()) == without_masks(before)
    assert gimp.save(picture.id, f"{installed.home}/drawing-cut-out.png")
    exported = installed.outside(f"{installed.home}/drawing-cut-out.png")
    (artefacts / "drawing, one click.png").write_bytes(exported.read_bytes())


def precise(precision: str) -> Change:
    return lambda picture: picture.gimp.convert(picture.id, precision)


def moved(picture: Picture) -> None:
    picture.gimp.resize_canvas(picture.id, 400, 300, -37, -21)


def rubbed_out() -> Image.Image:
    """The drawing without a corner: what is left there is black."""
    drawing = DRAWING.convert("RGBA")
    drawing.paste((0, 0, 0, 0), (0, 0, 140, 45))
    return drawing


def fading() -> Image.Image:
    """The drawing, half transparent at the left and opaque at the right."""
    drawing = DRAWING.convert("RGBA")
    drawing.putalpha(Image.linear_gradient("L").rotate(90).resize(DRAWING.size).point(lambda alpha: 127 + alpha // 2))
    return drawing


@pytest.mark.parametrize(
    ("image", "change", "depth"),
    [
        (DRAWING, precise("U16_NON_LINEAR"), 16),
        (DRAWING, precise("FLOAT_LINEAR"), 16),
        (DRAWING.convert("L"), precise("U8_NON_LINEAR"), 8),
        (DRAWING.convert("L"), precise("U16_LINEAR"), 16),
        (DRAWING.quantize(16), precise("U8_NON_LINEAR"), 8),
        (DRAWING, moved, 8),
        (rubbed_out(), precise("U8_NON_LINEAR"), 8),
        (fading(), precise("U16_NON_LINEAR"), 16),
    ],
    ids=["16 bits", "floats", "grey", "grey, 16 bits", "indexed", "beside the canvas", "rubbed out", "fading, 16 bits"],
)
def test_line_art_of_every_kind(
    installed: Installed, opened: Callable[..., Picture], image: Image.Image, change: Change, depth: int
) -> None:
    picture = opened(image)
    change(picture)
    pixels = picture.pixels()
    assert picture.click() == SUCCESS
    answer = installed.answer_to(pixels, depth=depth)
    assert (answer.info.model, answer.info.chosen) == ("flat", True)
    mask = picture.mask()
    assert mask == answer.alpha
    alpha = array.array("B" if depth == 8 else "H", mask or b"")
    full = (1 << depth) - 1
    at = [alpha[y * pixels.width + x] for x, y in (RING, DISC, IN_THE_O, WHITE)]
    assert at == [full, full, 0, 0]


def test_of_two_drawings_the_one_that_is_selected_stays(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture]
) -> None:
    picture = opened(DRAWING)
    left, top, right, bottom = AROUND_THE_DISC
    gimp.select(picture.id, left, top, right - left, bottom - top)
    assert picture.click() == SUCCESS
    mask, info = answer(installed, box=list(AROUND_THE_DISC))
    assert info.chosen is True
    assert picture.mask() == mask
    alone = Image.frombytes("L", DRAWING.size, mask)
    assert (alone.getpixel(DISC), alone.getpixel(RING)) == (255, 0)
    whole = Image.frombytes("L", DRAWING.size, answer(installed)[0])
    assert alone.crop(AROUND_THE_DISC).tobytes() == whole.crop(AROUND_THE_DISC).tobytes()


def test_a_model_that_is_named_is_asked(installed: Installed, opened: Callable[..., Picture]) -> None:
    picture = opened(DRAWING)
    assert picture.click(model="u2netp", anyway=True) == SUCCESS
    mask, info = answer(installed, model="u2netp", anyway=True)
    assert info.model == "u2netp" and info.chosen is False
    assert picture.mask() == mask


def test_the_preview_says_that_the_ground_was_enough(
    desktop: Gimp, installed: Installed, drawing: Picture, artefacts: Path
) -> None:
    with previewed(drawing, artefacts / "preview drawing.png") as (remove, preview):
        assert preview.until_said(SAID).endswith(ANOTHER_WAY)
        desktop.screenshot(artefacts / "preview drawing, dialog.png")
        preview.click(*WHITE)  # a person's word goes first here as everywhere
        preview.until_seen(stays=[RING, DISC, WHITE], goes=[])
        desktop.press(DIALOG, "ctrl+z")
        preview.until_seen(stays=[RING, DISC], goes=[WHITE])
        remove()
    assert drawing.mask() == answer(installed)[0]
    assert not desktop.windows("^GIMP Message$")  # it is quiet


def test_what_becomes_of_the_holes_is_chosen(
    desktop: Gimp, installed: Installed, drawing: Picture, artefacts: Path
) -> None:
    with previewed(drawing, artefacts / "preview holes.png") as (remove, preview):
        before = preview.image()
        desktop.press(DIALOG, "alt+i", "Down", "Down")
        preview.until_unlike(before)
        remove()
    kept = answer(installed, holes="keep")[0]
    assert kept != answer(installed)[0]
    assert drawing.mask() == kept


def test_lists_without_an_effect_are_grey(
    desktop: Gimp, installed: Installed, photographed: Picture, artefacts: Path
) -> None:
    """Their keys lead nowhere, so that what is pressed then changes nothing."""
    with installed.overheard() as requests, asked(photographed, WITH_DIALOG) as called:
        preview = Preview(desktop, DIALOG, photograph().size, artefacts / "preview photograph.png")
        preview.until_said("% of what is seen stays.")
        desktop.press(DIALOG, "alt+i", "Down", "alt+w", "Down", REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    assert requests and all((request.holes, request.shadow) == ("auto", "auto") for request in requests)


def test_a_message_says_what_the_ground_did_too(
    desktop: Gimp, installed: Installed, drawing: Picture, artefacts: Path
) -> None:
    desktop.select(drawing.id, 0, 0, DRAWING.width, DRAWING.height - 1)
    with asked(drawing, WITH_DIALOG) as called:
        preview = Preview(desktop, DIALOG, DRAWING.size, artefacts / "preview drawing selected.png")
        preview.until_seen(stays=[RING, DISC], goes=[WHITE])
        desktop.press(DIALOG, REMOVE)
        assert called.result(PATIENCE) == SUCCESS
    said = read_the_message(desktop, artefacts / "preview drawing selected said.png", "There is a selection")
    assert SAID in said and ANOTHER_WAY not in said
