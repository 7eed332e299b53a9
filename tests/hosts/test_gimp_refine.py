"""Refine Mask…, in the real GIMP: on masks that anybody made, by scripts and by hand."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from graphs import stand_ins
from hosts.gimp.pictures import (
    REFINE,
    REFINE_BUTTON,
    REFINE_DIALOG,
    REFINE_KEYS,
    SUCCESS,
    WINDOW,
    Picture,
    asked,
    photograph,
    read_the_message,
)
from hosts.gimp.preview import Preview
from hosts.gimp.session import Gimp
from hosts.installed import PATIENCE, Installed, until
from matted.models import catalogue
from matted_client.preview.shades import OVER_THE_BAND
from PIL import Image, ImageDraw

PHOTOGRAPH = photograph()
HEAD = (150, 60, 420, 290)  # an oval in it, roughly around the cat's face
WHERE = (280, 160)  # in the face
NEW_EAR = (380, 5, 60, 50)  # left, top, width, height of what is painted on afterwards


def painted() -> Image.Image:
    """A mask as a hand makes it: an oval with a hard edge."""
    mask = Image.new("L", PHOTOGRAPH.size)
    ImageDraw.Draw(mask).ellipse(HEAD, fill=255)
    return mask


def refined(installed: Installed, hint: bytes, picture: Image.Image = PHOTOGRAPH, **options: object) -> bytes:
    """What the daemon answers, asked without any plug-in. options: of Session.refine."""
    installed.ensure_daemon()
    with installed.session() as session:
        pixels = picture.convert("RGBA").tobytes()
        return bytes(session.refine(pixels, *picture.size, "RGBA8", hint=hint, **options).alpha)


def paint(picture: Picture, mask: Image.Image) -> bytes:
    """Give the picture's layer a mask. Returns its samples."""
    picture.gimp.give_mask(picture.layer, 0)
    picture.gimp.set_mask(picture.layer, base64.b64encode(mask.tobytes()).decode())
    picture.clean()
    return mask.tobytes()


@pytest.fixture
def shown_masked(desktop: Gimp, shown: Picture) -> Iterator[tuple[Picture, bytes]]:
    """The photograph in GIMP's window, with a painted mask."""
    yield shown, paint(shown, painted())
    desktop.forget()


# -- by scripts --------------------------------------------------------------------------------------------------------


def test_a_painted_mask_follows_the_picture(gimp: Gimp, installed: Installed, opened: Callable[..., Picture]) -> None:
    picture = opened()
    hint = paint(picture, painted())
    gimp.set_mask_unusually(picture.layer)
    before, pixels = gimp.mask_as_set(picture.layer), picture.pixels()
    assert picture.refine() == SUCCESS
    assert picture.mask() == refined(installed, hint) != hint
    assert gimp.mask_as_set(picture.layer) == before and picture.pixels() == pixels


def test_all_options_reach_the_daemon(gimp: Gimp, installed: Installed, opened: Callable[..., Picture]) -> None:
    picture = opened()
    hint = paint(picture, painted())
    options = {"own-reach": True, "reach": 25.0, "hard-edge": True, "threshold": 0.4, "grow": 2, "feather": 1.5}
    assert picture.refine(**options, invert=True) == SUCCESS
    wanted = {"reach": 25.0, "threshold": 0.4, "grow": 2, "feather": 1.5, "invert": True}
    assert picture.mask() == refined(installed, hint, **wanted)


def test_an_option_out_of_range_is_refused(opened: Callable[..., Picture]) -> None:
    picture = opened()
    hint = paint(picture, painted())
    status, error = picture.refine(**{"own-reach": True, "reach": 5000.0})
    assert status == "execution-error" and "reach" in error
    assert picture.mask() == hint


def test_what_matted_made_is_refined_too(installed: Installed, opened: Callable[..., Picture]) -> None:
    picture = opened()
    assert picture.click() == SUCCESS
    made = picture.mask()
    assert made is not None
    assert picture.refine() == SUCCESS
    assert picture.mask() == refined(installed, made)


def test_a_mask_may_be_selected_in_the_place_of_its_layer(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture]
) -> None:
    picture = opened()
    hint = paint(picture, painted())
    assert picture.refine(gimp.mask_as_set(picture.layer)[0]) == SUCCESS
    assert picture.mask() == refined(installed, hint)


def test_a_mask_of_16_bits_keeps_them(gimp: Gimp, installed: Installed, opened: Callable[..., Picture]) -> None:
    picture = opened()
    gimp.convert(picture.id, "U16_NON_LINEAR")
    hint = paint(picture, painted())
    assert picture.refine() == SUCCESS
    assert picture.mask() == refined(installed, hint, depth=16)


def test_a_layer_without_a_mask_is_said(gimp: Gimp, opened: Callable[..., Picture]) -> None:
    picture = opened()
    before = picture.clean()
    status, error = picture.refine()
    assert status == "execution-error" and "has no mask." in error and "Add Layer Masks" in error
    assert picture.state() == before


def test_a_locked_layer_keeps_its_mask(gimp: Gimp, opened: Callable[..., Picture]) -> None:
    picture = opened()
    hint = paint(picture, painted())
    gimp.lock(picture.layer, True)
    status, error = picture.refine()
    assert status == "execution-error" and "locked" in error
    assert picture.mask() == hint


def test_outside_of_a_selection_the_mask_stays(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture]
) -> None:
    picture = opened()
    hint = paint(picture, painted())
    left, top, width, height = 100, 40, 150, 120
    gimp.select(picture.id, left, top, width, height)
    assert picture.refine() == SUCCESS
    wanted = Image.frombytes("L", PHOTOGRAPH.size, hint)
    inside = (left, top, left + width, top + height)
    wanted.paste(Image.frombytes("L", PHOTOGRAPH.size, refined(installed, hint)).crop(inside), (left, top))
    assert picture.mask() == wanted.tobytes()


def test_several_masks_are_refined_together(gimp: Gimp, installed: Installed, opened: Callable[..., Picture]) -> None:
    picture = opened()
    small = PHOTOGRAPH.resize((240, 160))
    other = gimp.insert(picture.id, installed.put(small))
    hint = paint(picture, painted())
    gimp.give_mask(other, 0)
    gimp.paint_mask(other, 60, 30, 120, 100, True)
    second = picture.mask(other)
    assert second is not None
    assert picture.refine(picture.layer, other) == SUCCESS
    assert picture.mask() == refined(installed, hint)
    assert picture.mask(other) == refined(installed, second, small)


# -- by a model that refines -------------------------------------------------------------------------------------------


@pytest.fixture
def refiner(installed: Installed) -> Iterator[str]:
    """The id of a model that refines, which is on this computer. Its stand-in: alpha is red where unknown."""
    spec = catalogue.load().specs["vitmatte-small"]
    file = f"{installed.home}/refiner.onnx"
    stand_ins.write(spec, installed.outside(file), PHOTOGRAPH.width)
    installed.matted("models", "pull", spec.id, "--from", file, "--trust")
    yield spec.id
    installed.matted("models", "remove", spec.id)


def test_a_model_that_refines_makes_the_mask_anew(
    installed: Installed, opened: Callable[..., Picture], refiner: str
) -> None:
    picture = opened()
    hint = paint(picture, painted())
    assert picture.refine() == SUCCESS
    mask, red = picture.mask(), PHOTOGRAPH.getchannel("R").tobytes()
    assert mask == refined(installed, hint) != hint
    assert all(new in (old, there) for new, old, there in zip(mask or b"", hint, red, strict=True))


def test_a_model_that_refines_makes_hair(installed: Installed, opened: Callable[..., Picture], refiner: str) -> None:
    picture = opened()
    answer = installed.answer_to(PHOTOGRAPH, edges="hair")
    assert answer.info.refined_by == refiner
    assert picture.click(edges="hair") == SUCCESS
    assert picture.mask() == bytes(answer.alpha)


def test_the_preview_says_which_model_refined(
    desktop: Gimp, installed: Installed, shown_masked: tuple[Picture, bytes], refiner: str, artefacts: Path
) -> None:
    picture, hint = shown_masked
    with asked(picture, REFINE, REFINE_DIALOG) as called:
        preview = Preview(desktop, REFINE_DIALOG, PHOTOGRAPH.size, artefacts / "refined by a model.png")
        preview.until_seen(stays=[WHERE], goes=[(15, 15)])
        preview.until_said(f"{refiner} refined the edge.")
        preview.image()
        desktop.press(REFINE_DIALOG, REFINE_BUTTON)
        assert called.result(PATIENCE) == SUCCESS
    assert picture.mask() == refined(installed, hint)


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_undo_brings_the_painted_mask_back(
    desktop: Gimp, installed: Installed, shown_masked: tuple[Picture, bytes], artefacts: Path
) -> None:
    """Painted on, refined, undone, painted on again, refined again: as a person corrects."""
    picture, hint = shown_masked
    set_before = desktop.mask_as_set(picture.layer)
    with asked(picture, REFINE, REFINE_DIALOG) as called:
        preview = Preview(desktop, REFINE_DIALOG, PHOTOGRAPH.size, artefacts / "refine.png")
        preview.until_seen(stays=[WHERE], goes=[(15, 15)])
        desktop.press(REFINE_DIALOG, REFINE_BUTTON)
        assert called.result(PATIENCE) == SUCCESS
    once = refined(installed, hint)
    assert picture.mask() == once
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: picture.mask() == hint, "painted mask")
    assert desktop.mask_as_set(picture.layer) == set_before
    desktop.press(WINDOW, "ctrl+y")
    until(lambda: picture.mask() == once, "refined mask")
    desktop.paint_mask(picture.layer, *NEW_EAR, True)
    corrected = picture.mask()
    assert corrected is not None and corrected != once
    with asked(picture, REFINE, REFINE_DIALOG) as called:
        preview = Preview(desktop, REFINE_DIALOG, PHOTOGRAPH.size, artefacts / "refine again.png")
        preview.until_seen(stays=[WHERE], goes=[(15, 15)])
        desktop.press(REFINE_DIALOG, REFINE_BUTTON)
        assert called.result(PATIENCE) == SUCCESS
    assert picture.mask() == refined(installed, corrected)


def test_the_band_is_seen_while_the_reach_is_chosen(
    desktop: Gimp, installed: Installed, shown_masked: tuple[Picture, bytes], artefacts: Path
) -> None:
    picture, hint = shown_masked
    with asked(picture, REFINE, REFINE_DIALOG) as called:
        preview = Preview(desktop, REFINE_DIALOG, PHOTOGRAPH.size, artefacts / "reach.png")
        edge = preview.on_screen((HEAD[0] + HEAD[2]) // 2, HEAD[3])
        before = preview.until_seen(stays=[WHERE], goes=[(15, 15)])
        desktop.press(REFINE_DIALOG, "alt+w")

        def is_blue() -> bool:
            seen, was = preview.image().getpixel(edge), before.getpixel(edge)
            assert isinstance(seen, tuple) and isinstance(was, tuple)
            towards = [
                abs(now - blue) < abs(then - blue) for now, then, blue in zip(seen, was, OVER_THE_BAND, strict=True)
            ]
            return all(towards)

        until(is_blue, "band")
        until(lambda: not is_blue(), "mask after a while without a move")
        desktop.press(REFINE_DIALOG, REFINE_BUTTON)
        assert called.result(PATIENCE) == SUCCESS
    assert picture.mask() == refined(installed, hint, reach=10.0)


def test_a_click_says_what_belongs_to_the_subject(
    desktop: Gimp, installed: Installed, shown_masked: tuple[Picture, bytes], artefacts: Path
) -> None:
    picture, hint = shown_masked
    with asked(picture, REFINE, REFINE_DIALOG) as called:
        preview = Preview(desktop, REFINE_DIALOG, PHOTOGRAPH.size, artefacts / "refine click.png")
        before = preview.until_seen(stays=[WHERE], goes=[(15, 15)])
        keep = preview.click(130, 150)
        preview.until_unlike(before)
        desktop.press(REFINE_DIALOG, REFINE_BUTTON)
        assert called.result(PATIENCE) == SUCCESS
    assert picture.mask() == refined(installed, hint, keep=[list(keep)])


def test_the_last_options_are_used_again(
    desktop: Gimp, installed: Installed, shown_masked: tuple[Picture, bytes]
) -> None:
    picture, hint = shown_masked
    desktop.press(WINDOW, *REFINE_KEYS)
    until(lambda: desktop.windows(REFINE_DIALOG), "dialog")
    desktop.press(REFINE_DIALOG, "alt+g", "Up", "Up", REFINE_BUTTON)
    once = refined(installed, hint, grow=2)
    until(lambda: picture.mask() == once, "refined mask")
    desktop.press(WINDOW, "ctrl+f")  # Filters > Repeat
    twice = refined(installed, once, grow=2)
    until(lambda: picture.mask() == twice, "mask refined once more")


def test_no_dialog_comes_up_without_a_mask(desktop: Gimp, shown: Picture, artefacts: Path) -> None:
    before = shown.clean()
    status, error = desktop.remove_background(shown.id, [shown.layer], "INTERACTIVE", {}, REFINE)
    assert status == "execution-error" and "has no mask." in error
    assert "has no mask." in read_the_message(desktop, artefacts / "no mask.png")
    assert desktop.windows(REFINE_DIALOG) == []
    assert shown.state() == before


def test_a_mask_that_is_gone_below_the_dialog_is_said(
    desktop: Gimp, shown_masked: tuple[Picture, bytes], artefacts: Path
) -> None:
    picture, _hint = shown_masked
    desktop.set_mask_unusually(picture.layer)  # or the mask were selected, and not the layer
    desktop.press(WINDOW, *REFINE_KEYS)
    until(lambda: desktop.windows(REFINE_DIALOG), "dialog")
    desktop.remove_mask(picture.layer)
    desktop.press(REFINE_DIALOG, REFINE_BUTTON)
    assert "has no mask." in read_the_message(desktop, artefacts / "mask gone.png")
    assert picture.mask() is None


def test_what_is_painted_while_the_dialog_is_open_is_refined(
    desktop: Gimp, installed: Installed, shown_masked: tuple[Picture, bytes], artefacts: Path
) -> None:
    picture, hint = shown_masked
    desktop.press(WINDOW, *REFINE_KEYS)
    until(lambda: desktop.windows(REFINE_DIALOG), "dialog")
    preview = Preview(desktop, REFINE_DIALOG, PHOTOGRAPH.size, artefacts / "painted below.png")
    preview.until_seen(stays=[WHERE], goes=[(15, 15)])
    desktop.paint_mask(picture.layer, *NEW_EAR, True)
    corrected = picture.mask()
    assert corrected is not None and corrected != hint
    desktop.press(REFINE_DIALOG, REFINE_BUTTON)
    wanted = refined(installed, corrected)
    until(lambda: picture.mask() == wanted, "refined mask of what was painted")


def test_another_mask_below_the_dialog_is_said_and_stays(
    desktop: Gimp, shown_masked: tuple[Picture, bytes], artefacts: Path
) -> None:
    picture, _hint = shown_masked
    desktop.set_mask_unusually(picture.layer)  # or the mask were selected, and not the layer
    desktop.press(WINDOW, *REFINE_KEYS)
    until(lambda: desktop.windows(REFINE_DIALOG), "dialog")
    desktop.remove_mask(picture.layer)
    desktop.add_white_mask(picture.layer)
    white = picture.mask()
    desktop.press(REFINE_DIALOG, REFINE_BUTTON)
    assert "got another mask meanwhile." in read_the_message(desktop, artefacts / "another mask.png")
    assert picture.mask() == white


def test_leaving_the_dialog_changes_nothing(
    desktop: Gimp, installed: Installed, shown_masked: tuple[Picture, bytes], artefacts: Path
) -> None:
    picture, hint = shown_masked
    before = picture.clean()
    with asked(picture, REFINE, REFINE_DIALOG) as called:
        Preview(desktop, REFINE_DIALOG, PHOTOGRAPH.size, artefacts / "refine left.png").click(*WHERE)
        desktop.press(REFINE_DIALOG, "Escape")
        assert called.result(PATIENCE)[0] == "cancel"
    assert picture.state() == before and picture.mask() == hint

    def pictures() -> int:
        with installed.session() as session:
            return int(session.status()["pictures"])

    until(lambda: pictures() == 0, "end of the picture in the daemon")
