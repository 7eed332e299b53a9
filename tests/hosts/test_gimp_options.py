"""In the real GIMP: several layers, a selection that limits the mask, and what is made of the subject."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hosts.gimp.pictures import SIZE, SUCCESS, WINDOW, Picture, photograph, read_the_message, without_masks
from hosts.gimp.session import Gimp
from hosts.installed import Installed, until
from matted_client.cropping import box_of_subject
from matted_client.options import GimpOptions, entries
from PIL import Image, ImageChops, ImageFilter

OTHER = Path(__file__).parents[1] / "photographs" / "coffee.jpg"


def coffee() -> Image.Image:
    with Image.open(OTHER) as picture:
        return picture.convert("RGB").resize((200, 150))


def grey(samples: bytes, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("L", size, samples)


# -- several layers ----------------------------------------------------------------------------------------------------


def test_every_selected_layer_gets_its_mask_in_one_undo_step(
    desktop: Gimp, installed: Installed, shown: Picture, photograph_mask: bytes, artefacts: Path
) -> None:
    second = desktop.insert(shown.id, installed.put(coffee()), 30, 20)
    third = desktop.insert(shown.id, installed.put(coffee().transpose(Image.Transpose.FLIP_LEFT_RIGHT)), -60, 200)
    before = shown.clean()
    assert shown.click(shown.layer, second, third) == SUCCESS
    assert shown.mask() == photograph_mask
    assert shown.mask(second) == installed.mask_of(coffee())
    assert shown.mask(third) == installed.mask_of(coffee().transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert without_masks(shown.state()) == without_masks(before)
    desktop.screenshot(artefacts / "three layers.png")
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: shown.mask() is None, "undo")
    assert shown.state() == before  # not dirty: the one step was all there is


def test_a_layer_selected_with_its_mask_is_done_once(
    gimp: Gimp, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    picture = opened()
    mask = gimp.give_mask(picture.layer, 77)
    assert picture.click(picture.layer, mask) == SUCCESS
    assert picture.mask() == photograph_mask


def test_a_layer_without_a_subject_does_not_keep_the_others_from_theirs(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    picture = opened()
    plain = gimp.insert(picture.id, installed.put(Image.new("RGB", (1, 1), "red")))
    assert picture.click(plain, picture.layer) == SUCCESS
    assert picture.mask() == photograph_mask
    assert picture.mask(plain) is None


def test_no_layer_with_a_subject_is_an_error(gimp: Gimp, installed: Installed, opened: Callable[..., Picture]) -> None:
    picture = opened(Image.new("RGB", (1, 1), "red"))
    other = gimp.insert(picture.id, installed.put(Image.new("RGB", (1, 1), "blue")))
    before = picture.clean()
    status, error = picture.click(picture.layer, other)
    assert status == "execution-error" and error.startswith("No subject was found on any of the layers.\nTry a picture")
    assert picture.state() == before


# -- a selection limits the mask ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("feather", [0, 25], ids=["hard", "soft"])
@pytest.mark.parametrize("at", [(0, 0), (-40, 30)], ids=["on the canvas", "partly outside"])
def test_the_model_looks_at_the_selection_which_limits_the_mask(
    gimp: Gimp,
    installed: Installed,
    opened: Callable[..., Picture],
    photograph_mask: bytes,
    feather: int,
    at: tuple[int, int],
) -> None:
    picture = opened()
    size = photograph().size
    gimp.resize_canvas(picture.id, *size, *at)
    gimp.select(picture.id, 60, 50, 170, 140, feather)
    selected = Image.new("L", size)
    selected.paste(grey(base64.b64decode(gimp.selection(picture.id)), size), (-at[0], -at[1]))
    before = picture.clean()
    box = list(selected.getbbox() or ())
    with installed.overheard() as requests:
        assert picture.click() == SUCCESS
    assert [request.box for request in requests] == [box]
    limited = ImageChops.darker(grey(installed.mask_of(photograph(), box=box), size), selected).tobytes()
    assert picture.mask() == limited and 0 < sum(limited) < sum(photograph_mask)
    assert gimp.selection(picture.id) is not None
    assert without_masks(picture.state()) == without_masks(before)


@pytest.mark.parametrize("output", ["mask", "selection"])
def test_the_whole_layer_is_looked_at_if_wanted(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes, output: str
) -> None:
    picture = opened()
    gimp.select(picture.id, 60, 50, 170, 140)
    before = grey(base64.b64decode(gimp.selection(picture.id)), photograph().size)
    with installed.overheard() as requests:
        assert picture.click(output=output, **{"within-selection": False}) == SUCCESS
    assert [request.box for request in requests] == [None]
    limited = ImageChops.darker(grey(photograph_mask, photograph().size), before).tobytes()
    made = base64.b64decode(gimp.selection(picture.id)) if output == "selection" else picture.mask()
    assert made == limited


def test_every_layer_is_looked_at_where_it_is_selected(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture]
) -> None:
    """The first reaches beyond the canvas, the second lies in a group, the third is all within the selection."""
    picture = opened()
    large = gimp.insert(picture.id, installed.put(photograph().resize((900, 600))), -200, -100)
    inside = gimp.insert(picture.id, installed.put(coffee()), 30, 20)
    group = gimp.group(picture.id, [inside])
    small = gimp.insert(picture.id, installed.put(coffee().resize((100, 75))), 100, 100)
    gimp.select(picture.id, 60, 50, 170, 140)
    with installed.overheard() as requests:
        assert picture.click(large, group, small, picture.layer, anyway=True) == SUCCESS
    boxes = [[260, 150, 430, 290], [30, 30, 200, 150], None, [60, 50, 230, 190]]
    assert [(request.width, request.box) for request in requests] == list(zip((900, 200, 100, 451), boxes, strict=True))


def test_a_layer_that_is_selected_all_over_is_looked_at_as_a_whole(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    picture = opened()
    gimp.select(picture.id, 0, 0, *photograph().size)
    with installed.overheard() as requests:
        assert picture.click() == SUCCESS
    assert [request.box for request in requests] == [None]
    assert picture.mask() == photograph_mask


def test_a_selection_beside_the_layer_is_an_error(gimp: Gimp, opened: Callable[..., Picture]) -> None:
    picture = opened()
    gimp.resize_canvas(picture.id, 900, 900, 0, 0)
    gimp.select(picture.id, 600, 600, 50, 50)
    before = picture.clean()
    status, error = picture.click()
    assert status == "execution-error" and 'The selection lies outside the layer "Background"' in error
    assert picture.state() == before


# -- what is made of the subject ---------------------------------------------------------------------------------------


def test_the_subject_as_a_selection(desktop: Gimp, shown: Picture, photograph_mask: bytes) -> None:
    before = shown.clean()
    assert shown.click(output="selection") == SUCCESS
    assert base64.b64decode(desktop.selection(shown.id)) == photograph_mask
    assert shown.state()["layers"] == before["layers"]
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: desktop.selection(shown.id) is None, "undo")
    assert shown.state() == before


def test_the_subjects_of_two_layers_as_one_selection(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], photograph_mask: bytes
) -> None:
    picture = opened()
    second = gimp.insert(picture.id, installed.put(coffee()), 300, -20)
    gimp.lock(second, True)  # nothing is written to it
    assert picture.click(picture.layer, second, output="selection") == SUCCESS
    union = grey(photograph_mask, photograph().size)
    cup = Image.new("L", union.size)
    cup.paste(grey(installed.mask_of(coffee()), coffee().size), (300, -20))
    assert base64.b64decode(gimp.selection(picture.id)) == ImageChops.add(union, cup).tobytes()


def test_a_selection_stays_inside_the_one_before(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture]
) -> None:
    picture = opened()
    gimp.select(picture.id, 60, 50, 170, 140)
    before = grey(base64.b64decode(gimp.selection(picture.id)), photograph().size)
    assert picture.click(output="selection") == SUCCESS
    mask = installed.mask_of(photograph(), box=[60, 50, 230, 190])
    expected = ImageChops.darker(grey(mask, photograph().size), before)
    assert base64.b64decode(gimp.selection(picture.id)) == expected.tobytes()


@pytest.mark.parametrize("clean", [True, False], ids=["clean colours", "its own colours"])
def test_the_subject_as_a_new_layer(
    desktop: Gimp, installed: Installed, shown: Picture, photograph_mask: bytes, artefacts: Path, clean: bool
) -> None:
    before = shown.clean()
    assert shown.click(output="layer", **{"clean-colours": clean}) == SUCCESS
    copy, original = shown.state()["layers"]
    assert {**original, "visible": True} == before["layers"][0] and not original["visible"]
    assert (copy["name"], copy["offsets"], copy["visible"]) == ("Background cut out", [0, 0], True)
    assert base64.b64decode(copy["mask"]) == photograph_mask
    assert desktop.selected_layers(shown.id) == [copy["id"]]
    answer = installed.answer_to(photograph(), foreground=clean)
    sent = bytes(answer.foreground or photograph().convert("RGBA").tobytes())
    colours = Image.frombytes("RGBA", photograph().size, sent).convert("RGB")
    assert Image.frombytes("RGBA", colours.size, base64.b64decode(copy["pixels"])).convert("RGB") == colours
    desktop.screenshot(artefacts / f"new layer {clean}.png")
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: len(shown.state()["layers"]) == 1, "undo")
    assert shown.state() == before


def test_a_new_layer_is_as_large_as_the_subject(
    desktop: Gimp, installed: Installed, shown: Picture, photograph_mask: bytes, artefacts: Path
) -> None:
    before = shown.clean()
    box = box_of_subject(photograph_mask, *photograph().size)
    assert box is not None and box[2] - box[0] < photograph().width
    left, top, right, bottom = box
    assert shown.click(output="layer", crop=True) == SUCCESS
    copy, original = shown.state()["layers"]
    assert {**original, "visible": True} == before["layers"][0]
    assert (copy["offsets"], copy["size"]) == ([left, top], [right - left, bottom - top])
    mask = grey(photograph_mask, photograph().size).crop(box)
    assert base64.b64decode(copy["mask"]) == mask.tobytes()
    assert shown.pixels(copy["id"]).convert("RGB") == cleaned(installed).crop(box)
    desktop.screenshot(artefacts / "new layer as large as the subject.png")
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: len(shown.state()["layers"]) == 1, "undo")
    assert shown.state() == before


def test_a_new_layer_is_as_large_as_the_subject_within_the_selection(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture]
) -> None:
    picture = opened()
    gimp.select(picture.id, 60, 50, 170, 140)
    selected = grey(base64.b64decode(gimp.selection(picture.id)), photograph().size)
    assert picture.click(output="layer", crop=True, **{"clean-colours": False}) == SUCCESS
    copy = picture.state()["layers"][0]
    mask = grey(installed.mask_of(photograph(), box=[60, 50, 230, 190]), photograph().size)
    limited = ImageChops.darker(mask, selected)
    box = box_of_subject(limited.tobytes(), *limited.size)
    assert box is not None
    assert copy["offsets"] == [box[0], box[1]] and copy["size"] == [box[2] - box[0], box[3] - box[1]]
    assert base64.b64decode(copy["mask"]) == limited.crop(box).tobytes()


def test_a_layer_with_a_filter_is_not_cropped_which_is_said(desktop: Gimp, shown: Picture, artefacts: Path) -> None:
    # GIMP shows a message in its status bar, which a test can't read, where it fits: while GIMP opens a picture, even
    # a window of this size may have room for "Background".
    name = "A cat that looks out of the window"
    desktop.rename(shown.layer, f"{name} and sees a bird in the garden")
    desktop.add_effect(shown.layer)
    assert shown.click(output="layer", crop=True) == SUCCESS
    assert shown.state()["layers"][0]["size"] == list(photograph().size)
    said = read_the_message(desktop, artefacts / "not cropped.png", f".{name}")
    assert said.endswith('" was not cropped: it has a filter.')


def cleaned(installed: Installed) -> Image.Image:
    """The photograph in clean colours, RGB."""
    sent = bytes(installed.answer_to(photograph(), foreground=True).foreground or b"")
    return Image.frombytes("RGBA", photograph().size, sent).convert("RGB")


def test_a_new_layer_keeps_non_destructive_filters(
    desktop: Gimp, installed: Installed, shown: Picture, artefacts: Path
) -> None:
    desktop.add_effect(shown.layer)
    before = shown.clean()
    assert shown.click(output="layer") == SUCCESS
    (copy,) = desktop.selected_layers(shown.id)
    assert desktop.effects(copy) == desktop.effects(shown.layer) == ["gegl:gaussian-blur"]
    assert shown.pixels(copy).convert("RGB") == cleaned(installed)
    desktop.screenshot(artefacts / "new layer with a filter.png")
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: len(shown.state()["layers"]) == 1, "undo")
    assert shown.state() == before


def test_a_new_layer_of_a_group_keeps_its_filters(
    desktop: Gimp, installed: Installed, shown: Picture, artefacts: Path
) -> None:
    group = desktop.group(shown.id, [shown.layer])
    desktop.add_effect(group)
    before = shown.clean()
    assert shown.click(group, output="layer") == SUCCESS
    copy, held, *source = shown.state()["layers"]
    assert desktop.selected_layers(shown.id) == [copy["id"]] and desktop.effects(copy["id"]) == desktop.effects(group)
    assert (copy["name"], held["mask"]) == ("Group cut out", None)
    assert shown.pixels(held["id"]).convert("RGB") == cleaned(installed)
    desktop.screenshot(artefacts / "new layer of a group with a filter.png")
    assert [{**source[0], "visible": True}, *source[1:]] == before["layers"]
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: len(shown.state()["layers"]) == 2, "undo")
    assert shown.state() == before


def test_a_filtered_text_keeps_its_colours_which_is_said(desktop: Gimp, shown: Picture, artefacts: Path) -> None:
    text = desktop.add_text(shown.id, "matte")
    desktop.add_effect(text)
    assert shown.click(text, output="layer", anyway=True) == SUCCESS
    said = read_the_message(desktop, artefacts / "filtered text.png", "The colours of")
    assert 'The colours of "matte" were not cleaned' in said
    (copy,) = desktop.selected_layers(shown.id)
    assert shown.pixels(copy) == shown.pixels(text) and desktop.effects(copy) == ["gegl:gaussian-blur"]


def test_a_layer_whose_visibility_is_locked_stays_visible_which_is_said(
    desktop: Gimp, shown: Picture, artefacts: Path, photograph_mask: bytes
) -> None:
    desktop.lock_visibility(shown.layer)
    before = shown.clean()
    assert shown.click(output="layer") == SUCCESS
    said = read_the_message(desktop, artefacts / "visibility locked.png", '"Background" stays')
    assert "its visibility is locked" in said
    copy, original = shown.state()["layers"]
    assert original == before["layers"][0] and original["visible"]
    assert base64.b64decode(copy["mask"]) == photograph_mask and copy["visible"]
    desktop.press(WINDOW, "ctrl+z")
    until(lambda: len(shown.state()["layers"]) == 1, "undo")
    assert shown.state() == before


def test_a_hidden_layer_gives_a_new_one_that_is_seen(gimp: Gimp, opened: Callable[..., Picture]) -> None:
    picture = opened()
    gimp.hide(picture.layer)
    gimp.lock_visibility(picture.layer)
    assert picture.click(output="layer") == SUCCESS
    assert [shape["visible"] for shape in picture.state()["layers"]] == [True, False]


def test_what_is_in_a_selected_group_gives_no_layer_of_its_own(gimp: Gimp, opened: Callable[..., Picture]) -> None:
    picture = opened()
    inner = gimp.group(picture.id, [picture.layer])
    outer = gimp.group(picture.id, [inner])
    assert picture.click(picture.layer, outer, inner, output="layer") == SUCCESS
    assert len(picture.state()["layers"]) == 4
    assert len(gimp.selected_layers(picture.id)) == 1


# -- a new layer looks as the layer with its mask would ----------------------------------------------------------------


def plain(gimp: Gimp, image: int, layer: int) -> int:
    return layer


def blurred(gimp: Gimp, image: int, layer: int) -> int:
    gimp.add_effect(layer)
    return layer


def with_a_shadow(gimp: Gimp, image: int, layer: int) -> int:
    """The filter reaches beyond the layer."""
    gimp.add_effect(layer, "gegl:dropshadow", [["x", 9.0], ["y", 7.0]])
    return layer


def multiplied(gimp: Gimp, image: int, layer: int) -> int:
    gimp.blend(layer, "MULTIPLY", 50.0)
    return layer


def blended_unusually(gimp: Gimp, image: int, layer: int) -> int:
    gimp.blend(layer, "SCREEN", 70.0)
    gimp.blend_unusually(layer)
    return layer


def with_its_mask_off(gimp: Gimp, image: int, layer: int) -> int:
    gimp.give_mask(layer, 77)
    gimp.switch_mask_off(layer)
    return layer


def with_locks(gimp: Gimp, image: int, layer: int) -> int:
    gimp.lock_position(layer)
    gimp.lock_alpha(layer)
    return layer


def in_a_group(gimp: Gimp, image: int, layer: int) -> int:
    gimp.blend(gimp.group(image, [layer]), "MULTIPLY", 50.0)
    return layer


def group(gimp: Gimp, image: int, layer: int) -> int:
    return int(gimp.group(image, [layer]))


def multiplied_group(gimp: Gimp, image: int, layer: int) -> int:
    return blended_unusually(gimp, image, group(gimp, image, layer))


def blurred_in_a_group(gimp: Gimp, image: int, layer: int) -> int:
    return group(gimp, image, blurred(gimp, image, layer))


def blurred_group(gimp: Gimp, image: int, layer: int) -> int:
    return blurred(gimp, image, group(gimp, image, layer))


def blurred_multiplied_group(gimp: Gimp, image: int, layer: int) -> int:
    return blurred(gimp, image, multiplied_group(gimp, image, layer))


def group_with_a_shadow(gimp: Gimp, image: int, layer: int) -> int:
    return with_a_shadow(gimp, image, group(gimp, image, layer))


def pass_through_group(gimp: Gimp, image: int, layer: int) -> int:
    found = group(gimp, image, layer)
    gimp.blend(found, "PASS_THROUGH", 60.0)
    return found


def text(gimp: Gimp, image: int, layer: int) -> int:
    return int(gimp.add_text(image, "matte"))


def vectors(gimp: Gimp, image: int, layer: int) -> int:
    if not gimp.has("VectorLayer"):
        pytest.skip("GIMP has vector layers from 3.2 on")
    return int(gimp.add_vectors(image))


def link(gimp: Gimp, image: int, layer: int) -> int:
    if not gimp.has("LinkLayer"):
        pytest.skip("GIMP has link layers from 3.2 on")
    gimp.hide(layer)  # it shows the same
    return int(gimp.add_link(image, gimp.installed.put(photograph().resize(SIZE))))


def blurred_vectors(gimp: Gimp, image: int, layer: int) -> int:
    return blurred(gimp, image, vectors(gimp, image, layer))


def blurred_link(gimp: Gimp, image: int, layer: int) -> int:
    return blurred(gimp, image, link(gimp, image, layer))


def blurred_text(gimp: Gimp, image: int, layer: int) -> int:
    return blurred(gimp, image, text(gimp, image, layer))


Make = Callable[[Gimp, int, int], int]
LOOKS: list[Make] = [
    plain,
    blurred,
    with_a_shadow,
    multiplied,
    blended_unusually,
    with_its_mask_off,
    with_locks,
    in_a_group,
    group,
    multiplied_group,
    blurred_in_a_group,
    blurred_group,
    blurred_multiplied_group,
    group_with_a_shadow,
    pass_through_group,
    text,
    blurred_text,
    vectors,
    blurred_vectors,
    link,
    blurred_link,
]


@pytest.fixture
def over(gimp: Gimp, installed: Installed, opened: Callable[..., Picture]) -> Callable[[Make], tuple[Picture, int]]:
    """Open a picture with such a layer above another one. Gives the picture and the layer."""

    def open_in_gimp(make: Make) -> tuple[Picture, int]:
        picture = opened(coffee().resize(SIZE))
        return picture, make(gimp, picture.id, gimp.insert(picture.id, installed.put(photograph().resize(SIZE))))

    return open_in_gimp


@pytest.mark.parametrize("make", LOOKS)
def test_a_new_layer_looks_as_the_layer_with_its_mask(
    gimp: Gimp, over: Callable[[Make], tuple[Picture, int]], make: Make
) -> None:
    options = {"anyway": True, "clean-colours": False}
    (masked, with_mask), (copied, source) = over(make), over(make)
    assert masked.click(with_mask, **options) == SUCCESS
    assert copied.click(source, output="layer", **options) == SUCCESS
    (copy,) = gimp.selected_layers(copied.id)
    assert copied.mask(copy) == masked.mask(with_mask)
    assert gimp.seen(copied.id) == gimp.seen(masked.id) != gimp.seen(over(make)[0].id)


# -- what can be chosen ------------------------------------------------------------------------------------------------


def test_the_procedures_take_every_option(gimp: Gimp) -> None:
    names = [name.replace("_", "-") for name in entries(GimpOptions)]
    switches = [entry.switch.name for entry in entries(GimpOptions).values() if entry.switch]
    assert sorted(gimp.arguments()) == sorted(["run-mode", "image", "drawables", *names, *switches])


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"edges": "nonsense"}, "edges='nonsense', which is out of range: it has to be one of off, fine, hair"),
    ({"output": "file"}, "output='file', which is out of range: it has to be one of mask, selection, layer"),
    ({"grow": 1000}, "grow=1000, which is out of range: it has to be a whole number from -100 to 100"),
    ({"feather": -4.0}, "feather=-4.0, which is out of range: it has to be a number from 0 to 250"),
    ({"hard-edge": True, "threshold": 7.0}, "threshold=7.0, which is out of range: it has to be a number from 0 to 1"),
    ({"model": "x" * 1025}, "which is out of range: it has to be text of at most 1024 characters"),
]


@pytest.mark.parametrize(("chosen", "said"), IMPOSSIBLE, ids=lambda value: str(value)[:40])
def test_what_is_not_possible_is_said_to_a_script(
    opened: Callable[..., Picture], chosen: dict[str, Any], said: str
) -> None:
    picture = opened(photograph().resize(SIZE))
    before = picture.state()
    status, error = picture.click(**chosen)
    assert status == "execution-error"
    assert error.startswith("Remove Background cannot use ") and said in error
    assert picture.state() == before


@pytest.mark.parametrize(("chosen", "said"), IMPOSSIBLE[:-1], ids=str)  # which cannot read as long a text
def test_what_is_not_possible_is_said_to_script_fu(
    gimp: Gimp, opened: Callable[..., Picture], chosen: dict[str, Any], said: str
) -> None:
    picture = opened(photograph().resize(SIZE))
    before = picture.state()
    words = " ".join(f"#:{name} {'TRUE' if value is True else json.dumps(value)}" for name, value in chosen.items())
    call = f"(plug-in-remove-background #:run-mode RUN-NONINTERACTIVE #:image {picture.id}"
    status, error = gimp.script_fu(f"{call} #:drawables (vector {picture.layer}) {words})")
    assert status == "execution-error"
    assert "Remove Background cannot use " in error and said in error
    assert picture.state() == before


# -- what the daemon is asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "meant", "unlike"),
    [
        ({"edges": "off"}, {"edges": "off"}, {}),
        ({"edges": "hair"}, {"edges": "hair"}, {"edges": "off"}),
        ({"grow": 7}, {"grow": 7}, {}),
        ({"grow": -7}, {"grow": -7}, {}),
        ({"feather": 4.5}, {"feather": 4.5}, {}),
        ({"hard-edge": True, "threshold": 0.3}, {"threshold": 0.3}, {}),
        ({"invert": True}, {"invert": True}, {}),
    ],
    ids=str,
)
def test_what_is_chosen_reaches_the_daemon(
    installed: Installed,
    opened: Callable[..., Picture],
    chosen: dict[str, Any],
    meant: dict[str, Any],
    unlike: dict[str, Any],
) -> None:
    picture = opened()
    assert picture.click(**chosen) == SUCCESS
    assert picture.mask() == installed.mask_of(photograph(), **meant) != installed.mask_of(photograph(), **unlike)


def test_a_threshold_counts_only_for_a_hard_edge(opened: Callable[..., Picture], photograph_mask: bytes) -> None:
    picture = opened()
    assert picture.click(threshold=0.3) == SUCCESS
    assert picture.mask() == photograph_mask


# -- a plate -----------------------------------------------------------------------------------------------------------


def scene(size: tuple[int, int]) -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert("RGB")


def test_the_plate_is_read_where_the_layer_lies(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], keyer: str
) -> None:
    picture = opened()
    cup = gimp.insert(picture.id, installed.put(coffee()), -40, 90)
    plate = gimp.insert(picture.id, installed.put(scene((600, 500))), -100, -60)
    before = picture.clean()
    assert picture.click(cup, model=keyer, plate=plate) == SUCCESS
    behind = scene((600, 500)).crop((60, 150, 60 + coffee().width, 150 + coffee().height))
    assert picture.mask(cup) == installed.mask_of(coffee(), model=keyer, plate=behind)
    assert without_masks(picture.state()) == without_masks(before)


def test_a_plate_that_is_too_small(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], keyer: str
) -> None:
    picture = opened()
    plate = gimp.insert(picture.id, installed.put(scene((440, 300))))
    before = picture.clean()
    status, error = picture.click(model=keyer, plate=plate)
    assert status == "execution-error" and 'does not cover the layer "Background"' in error
    assert picture.state() == before


def test_a_plate_of_another_picture(opened: Callable[..., Picture], keyer: str) -> None:
    picture, other = opened(), opened()
    before = picture.state()
    status, error = picture.click(model=keyer, plate=other.layer)
    assert status == "execution-error" and "The plate is a layer of another picture." in error
    assert picture.state() == before


def test_clean_colours_of_a_layer_with_many_bits(
    gimp: Gimp, installed: Installed, opened: Callable[..., Picture], keyer: str
) -> None:
    """Where the colours are clean already, nothing of the layer's precision is lost."""
    picture = opened()
    gimp.convert(picture.id, "FLOAT_LINEAR")
    plate = gimp.insert(picture.id, installed.put(photograph().filter(ImageFilter.GaussianBlur(4))))
    gimp.convert(picture.id, "FLOAT_LINEAR")
    gimp.brighten(picture.layer, 1.001)  # to values that 8 bits do not hold
    pixels, exact = picture.pixels(), gimp.exact_pixels(picture.layer)
    assert picture.click(model=keyer, plate=plate, output="layer") == SUCCESS
    copy = picture.gimp.selected_layers(picture.id)[0]
    answer = installed.answer_to(pixels, picture.pixels(plate), model=keyer, foreground=True, depth=16)
    clean = Image.frombytes("RGBA", pixels.size, bytes(answer.foreground or b"")).convert("RGB")
    assert picture.pixels(copy).convert("RGB").tobytes() == clean.tobytes()
    one, other = pixels.convert("RGB").tobytes(), clean.tobytes()
    kept = [i for i in range(pixels.width * pixels.height) if one[3 * i : 3 * i + 3] == other[3 * i : 3 * i + 3]]
    assert 0 < len(kept) < pixels.width * pixels.height
    before, after = (base64.b64decode(samples) for samples in (exact, gimp.exact_pixels(copy)))
    assert all(before[16 * i : 16 * i + 16] == after[16 * i : 16 * i + 16] for i in kept)
