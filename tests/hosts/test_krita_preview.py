"""Remove Background… and Refine Mask… with their preview in the real Krita, on a small screen.

Krita runs once in each root; hosts/krita/matted_checks/previewing.py does there what a person would do. The tests
compare what it saw with what the daemon says of the same picture and the same hints.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from graphs import small, stand_ins
from hosts import roots
from hosts.drawing import line_art
from hosts.krita.kinds import TITLES
from hosts.krita.session import Results, krita_session
from hosts.seen import artefacts_folder
from matted.models import catalogue
from matted_client.pictures import Mask
from matted_client.preview import shades
from PIL import Image, ImageChops

PHOTOGRAPHS = Path(__file__).parents[1] / "photographs"
SIZE, MIDDLE = (700, 300), 300  # of the picture with two subjects, and where the second begins
LEFT_ONE, RIGHT_ONE = [150, 120], [560, 200]  # as in the checks
SELECTED = [300, 0, 640, 300]  # the selection of the checks: left, top, right, bottom
SELECTED_VALUE = 200
REFINER = "vitmatte-small"  # its stand-in gives red as the alpha of what is unknown
PLATE_MODEL, PLATE_MOVED = "background-matting-mobilenetv2", 4 * 2  # and by how many bytes the plate is moved
# Logical pixels, on a screen of 1280 x 720: a window with its frame leaves 44 lines for a panel.
LARGEST, SMALLEST_PREVIEW = (1240, 676), (420, 360)
TESTED = [suite for suite in TITLES if suite in roots.SUITES]


class Seen(Results):
    """What Krita saw, the files that it wrote, and the daemon that it left running."""

    def bytes_of(self, name: str) -> bytes:
        return (self.session.folder / name).read_bytes()

    def mask(self, picture: Image.Image | None = None, **options: Any) -> Mask:
        """What the daemon makes of a picture of SIZE, or of the one with two subjects."""
        pixels = (picture or two()).convert("RGBA").tobytes()
        with self.session.ask() as session:
            return session.mask(pixels, *SIZE, "RGBA8", **options)

    def refined(self, hint: bytes, **options: Any) -> bytes:
        with self.session.ask() as session:
            return bytes(session.refine(two().tobytes(), *SIZE, "RGBA8", hint, **options).alpha)


def two() -> Image.Image:
    """Two subjects side by side on plain ground."""
    picture = Image.new("RGBA", SIZE, (200, 205, 210, 255))
    for name, x, width in (("astronaut.jpg", 0, MIDDLE), ("chelsea.jpg", MIDDLE, SIZE[0] - MIDDLE)):
        with Image.open(PHOTOGRAPHS / name) as photograph:
            picture.paste(photograph.convert("RGBA").resize((width, SIZE[1])), (x, 0))
    return picture


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots stay."""
    return artefacts_folder(tmp_path_factory)


@pytest.fixture(scope="module", params=TESTED, ids=[f"krita-{TITLES[suite]}" for suite in TESTED])
def seen(
    request: pytest.FixtureRequest, wheel: Path, u2netp_file: Path, artefacts: Path, tmp_path_factory: Any
) -> Iterator[Seen]:
    with in_krita(request.param, wheel, u2netp_file, artefacts, tmp_path_factory.mktemp("krita")) as found:
        yield found


@contextmanager
def in_krita(suite: str, wheel: Path, weights: Path, artefacts: Path, folder: Path) -> Iterator[Seen]:
    models = {PLATE_MODEL: small.keyer(folder / "keyer.onnx")}
    with krita_session(roots.get(suite, wheel), weights, models) as session:
        two().save(session.folder / "two.png")
        two().save(session.folder / "photograph.png")
        line_art(SIZE).save(session.folder / "drawing.png")
        stand_ins.write(catalogue.load().specs[REFINER], session.folder / "refiner.onnx", SIZE[0])
        with Image.open(PHOTOGRAPHS / "chelsea.jpg") as cat:
            cat.save(session.folder / "cat.png")
        session.preview()
        try:
            yield Seen(session, session.run(folder / "krita.log"))
        finally:
            for shot in session.folder.glob("*.png"):
                if shot.name.startswith(("preview", "refine", "failure")):
                    shutil.copy(shot, artefacts / f"krita-{TITLES[suite]}-{shot.name}")


# -- Remove Background… ------------------------------------------------------------------------------------------------


def test_the_dialog_fits_on_a_small_screen_and_nothing_in_it_is_cut_off(seen: Seen) -> None:
    clicked = seen["preview: clicked"]
    assert clicked["size"][0] <= LARGEST[0] and clicked["size"][1] <= LARGEST[1]
    assert all(side >= least for side, least in zip(clicked["preview"], SMALLEST_PREVIEW, strict=True))
    assert clicked["clipped"] == seen["refine: painted"]["clipped"] == seen["preview: no daemon"]["clipped"] == []


def test_the_preview_has_the_focus_and_says_how_much_stays(seen: Seen) -> None:
    clicked = seen["preview: clicked"]
    assert clicked["focus"] is True
    assert clicked["status"].endswith("% of what is seen stays.")


def test_what_is_seen_is_what_the_daemon_says_of_the_view(seen: Seen) -> None:
    clicked = seen["preview: clicked"]
    assert clicked["view"][:4] == [0, 0, *SIZE]
    assert seen.bytes_of("preview.mask") == bytes(seen.mask(view=clicked["view"]).alpha)


def test_clicks_change_the_preview_and_are_undone_one_by_one(seen: Seen) -> None:
    clicked = seen["preview: clicked"]
    assert clicked["undo at first"] is False
    assert near(clicked["said"]["keep"], LEFT_ONE) and near(clicked["said"]["drop"], RIGHT_ONE)
    assert clicked["changed by clicks"] and clicked["changed by undo"]
    assert clicked["kept, dropped"] == [255, 0]
    assert clicked["as at first"] and clicked["as before undo"]
    assert clicked["cleared"] == {"box": None, "keep": [], "drop": []}
    assert clicked["said at last"] == clicked["said"]


def test_ok_puts_in_the_daemons_mask_for_the_same_hints(seen: Seen) -> None:
    clicked = seen["preview: clicked"]
    assert clicked["messages"] == [] and clicked["pictures"] == 1 and clicked["untouched"]
    mask = seen.bytes_of("clicked.mask")
    assert mask == bytes(seen.mask(**clicked["said at last"]).alpha)
    assert mask != bytes(seen.mask().alpha)
    assert clicked["children"] == [["transparencymask", "Background removed"]]
    assert clicked["undone"] == []


def test_ok_before_the_first_answer_is_as_a_click(seen: Seen) -> None:
    assert seen["preview: OK at once"]["messages"] == []
    assert seen.bytes_of("ok-at-once.mask") == bytes(seen.mask().alpha)


def test_zoom_and_pan(seen: Seen) -> None:
    views = seen["preview: looked at"]["views"]
    across = {name: view[2] - view[0] for name, view in views.items()}
    assert across["fit"] == SIZE[0] > across["zoomed in"] > across["close"]
    assert views["by the wheel"] == views["by an old wheel"]
    assert across["by the wheel"] < SIZE[0] and views["by the wheel"][0] > 0, "towards where it is turned"
    close, panned = views["close"], views["panned"]
    assert close[4:] == [close[2] - close[0], close[3] - close[1]], "the picture's own pixels"
    assert panned[0] > close[0] and panned[1] == close[1]
    assert seen["preview: looked at"]["the same again"] is True


def test_every_background_looks_different(seen: Seen) -> None:
    looked_at = seen["preview: looked at"]
    found = looked_at["shades"]
    assert list(found) == [choice.value for choice in shades.SHADES]
    assert len({looks for looks, _colour in found.values()}) == len(found)
    colours = {name: tuple(colour) for name, (_looks, colour) in found.items()}
    assert (colours["black"], colours["white"], colours["mask"]) == ((0, 0, 0), (255, 255, 255), (0, 0, 0))
    assert colours["checks"] in (shades.LIGHT, shades.DARK)
    assert colours["red"][0] > max(colours["red"][1:]) + 60
    assert looked_at["colour is offered"] is True
    assert looked_at["chosen colour"] == [200, 30, 90]
    assert looked_at["after the last background"] == shades.CHECKS


def test_the_layer_as_it_was_is_seen_while_a_key_is_held(seen: Seen) -> None:
    looked_at = seen["preview: looked at"]
    same, colour = looked_at["before"]
    assert same is False
    assert tuple(colour) not in (shades.LIGHT, shades.DARK)
    assert looked_at["after"] is True


def test_every_control_changes_the_preview(seen: Seen) -> None:
    assert all(seen["preview: moved"]["distinct"])


def test_a_new_layer_with_clean_colours_is_seen_and_made(seen: Seen) -> None:
    moved = seen["preview: moved"]
    assert moved["clean colours"] is True and moved["messages"] == []
    answer = seen.mask(foreground=True, **moved["said"])
    assert answer.foreground is not None
    expected = Image.frombytes("RGBA", SIZE, bytes(answer.foreground))
    made = Image.frombytes("RGBA", SIZE, seen.bytes_of("preview-layer.pixels"), "raw", "BGRA")
    assert made.getchannel("A").tobytes() == expected.getchannel("A").tobytes()
    assert ImageChops.difference(premultiplied(made), premultiplied(expected)).getbbox() is None


def test_marks_by_keys_alone(seen: Seen) -> None:
    keys = seen["preview: by keys"]
    assert len(keys["kept"]["keep"]) == len(keys["dropped"]["drop"]) == 1
    assert keys["dropped"]["keep"] == keys["kept"]["keep"] and keys["kept"]["drop"] == []
    assert keys["dropped"]["drop"][0][0] > keys["kept"]["keep"][0][0]
    left, top, right, bottom = keys["box"]
    assert right - left > 1 and bottom - top > 1
    assert keys["cleared"] == {"box": None, "keep": [], "drop": []}


def test_escape_ends_what_is_drawn_before_the_dialog(seen: Seen) -> None:
    keys = seen["preview: by keys"]
    assert keys["drawing"] == 1
    assert keys["after Escape"] == [0, True]
    assert keys["closed"] is True
    assert seen["preview: dragged"]["after Escape"] == [True, None]


def test_a_box_that_is_dragged_is_where_the_model_looks(seen: Seen) -> None:
    dragged = seen["preview: dragged"]
    assert dragged["messages"] == []
    left, top, right, bottom = dragged["said"]["box"]
    assert abs(left - 330) <= 2 and abs(top - 10) <= 2 and abs(right - 600) <= 2 and abs(bottom - 280) <= 2
    assert seen.bytes_of("dragged.mask") == bytes(seen.mask(**dragged["said"]).alpha)


def test_cancel_leaves_nothing_behind(seen: Seen) -> None:
    left = seen["preview: left"]
    assert left["at once"] and left["after a click"] and left["gone at once"]
    assert left["messages"] == []


def test_the_layer_itself_is_seen_before_the_daemon_answers(seen: Seen) -> None:
    left = seen["preview: left"]
    assert left["waits"] is True
    assert left["the layer itself"] == 1


def test_what_is_gone_meanwhile_is_refused(seen: Seen) -> None:
    changed = seen["preview: changed meanwhile"]
    assert [message for message, _hint in changed["removed"]] == [
        "The layer was removed while its mask was being made."
    ]
    assert [message for message, _hint in changed["closed"]] == ["The picture was closed before the result was ready."]


def test_what_is_changed_meanwhile_is_refused(seen: Seen) -> None:
    changed = seen["preview: changed meanwhile"]
    assert changed["moved"] == [["The layer was changed while its mask was being made.", "Try again."]]
    assert changed["masks"] == 0
    assert changed["painted on"] == [["The mask was changed while it was being refined.", "Try again."]]
    assert changed["the mask as painted"] is True
    assert changed["mask removed"] == [
        ["The mask was removed while it was being refined.", "The picture was not changed."]
    ]


def test_a_layer_is_closed_where_its_dialog_does_not_come_up(seen: Seen) -> None:
    failed = seen["preview: no dialog"]
    assert (failed["OptionsDialog"], failed["RefineDialog"]) == (0, 0)


def test_of_several_layers_the_active_one_is_seen_and_marked(seen: Seen) -> None:
    several = seen["preview: several"]
    assert any('"upper"' in text for text in several["texts"])
    assert several["messages"] == []
    assert seen.bytes_of("several-upper.mask") == bytes(seen.mask(**several["said"]).alpha)
    assert seen.bytes_of("several-lower.mask") == bytes(seen.mask().alpha)


def test_a_selection_limits_what_is_seen_and_what_is_made(seen: Seen) -> None:
    selected = seen["preview: selection"]
    assert "The selection limits the mask." in selected["texts"]
    assert selected["said"]["box"] == SELECTED
    assert selected["outside"] == 0
    whole, outside = selected["whole layer"]
    assert (whole["box"], outside) == (None, 0)
    assert selected["messages"] == []
    limit = Image.new("L", SIZE)
    limit.paste(SELECTED_VALUE, tuple(SELECTED))
    expected = bytes(map(min, bytes(seen.mask(box=SELECTED).alpha), limit.tobytes()))
    assert seen.bytes_of("preview-selection.mask") == expected


def test_a_selection_beside_the_layer_is_said_at_once(seen: Seen) -> None:
    selected = seen["preview: selection"]
    ((message, hint),) = selected["beside the layer, OK"]
    assert selected["beside the layer"] == f"{message} {hint}"


def test_what_is_wrong_is_said_below_the_preview(seen: Seen) -> None:
    nothing = seen["preview: nothing"]
    assert nothing["flat"] == "No subject was found in this picture. Click on what is to stay."
    assert "isnet-general-use" in nothing["not here"]
    assert "isnet-general-use" not in nothing["loaded"], "a preview does not fetch a model"
    ((message, hint),) = nothing["empty, OK"]
    assert nothing["empty"] == f"{message} {hint}"


def test_without_a_daemon_the_layer_is_seen_and_ok_says_what_is_wrong(seen: Seen) -> None:
    without = seen["preview: no daemon"]
    assert without["frames"] == 1
    ((message, hint),) = without["messages"]
    assert without["status"] == f"{message} {hint}"


def test_a_plate_that_is_chosen_in_the_dialog_counts(seen: Seen) -> None:
    plate = seen["preview: plate"]
    assert "the same scene without the subject" in plate["missing"]
    assert plate["too small"].startswith('The plate "small" does not cover the whole layer.')
    assert plate["status"].endswith("% of what is seen stays.") and plate["messages"] == []
    pixels = two().tobytes()
    moved = pixels[PLATE_MOVED:] + pixels[:PLATE_MOVED]
    assert seen.bytes_of("preview-plate.mask") == bytes(seen.mask(model=PLATE_MODEL, plate=moved).alpha)


# -- a flat ground -----------------------------------------------------------------------------------------------------


def test_a_click_on_line_art_needs_no_model(seen: Seen) -> None:
    drawing = seen["preview: a drawing"]
    assert drawing["messages"] == [] and drawing["as before"] is True
    daemon = drawing["status of the daemon"]
    assert daemon["loaded"] == []
    assert daemon["chosen"]["model"] == "flat" and daemon["chosen"]["chosen"] is True
    mask = seen.mask(line_art(SIZE))
    assert (mask.info.model, mask.info.ground, mask.info.ground_colour) == ("flat", "colour", [255, 255, 255])
    assert seen.bytes_of("drawing.mask") == mask.alpha


def test_the_preview_says_that_the_ground_was_enough(seen: Seen) -> None:
    drawing = seen["preview: a drawing"]
    said = "Flat ground: white. No model was needed. For a model, choose one in the list."
    assert drawing["status"].endswith(f"% of what is seen stays. {said}")
    assert drawing["size"][0] <= LARGEST[0] and drawing["size"][1] <= LARGEST[1] and drawing["clipped"] == []


def test_a_click_counts_before_a_flat_ground_too(seen: Seen) -> None:
    drawing = seen["preview: a drawing"]
    assert (drawing["kept"], drawing["taken back"]) == (255, 0)


def test_what_becomes_of_the_holes_is_chosen_where_there_is_a_flat_ground(seen: Seen) -> None:
    drawing = seen["preview: a drawing"]
    assert drawing["usable"] == [True, True] and drawing["usable before a photograph"] == [False, False]
    kept = seen.mask(line_art(SIZE), holes="keep").alpha
    assert kept != seen.bytes_of("drawing.mask")
    assert seen.bytes_of("drawing-kept.mask") == kept and drawing["messages of OK"] == []


def test_what_is_said_of_a_ground_stands_beside_what_is_told_anyway(seen: Seen) -> None:
    notices, remarks = seen["preview: a drawing"]["notices, remarks"]
    assert notices == ["The selection limits the mask."]
    assert remarks == ["Flat ground: white. No model was needed."]


# -- Refine Mask… ------------------------------------------------------------------------------------------------------


def test_a_painted_mask_is_refined_in_its_place(seen: Seen) -> None:
    refined = seen["refine: painted"]
    assert refined["title"].startswith("Refine Mask")
    assert refined["no reach"] == "Automatic"
    assert 'The mask "Painted" of the layer "Background".' in refined["texts"]
    assert refined["messages"] == [] and refined["kept"] is True
    assert refined["active"] == "Background"
    assert refined["children"] == [["transparencymask", "Painted"]]
    painted = seen.bytes_of("painted.mask")
    assert seen.bytes_of("refined.mask") == seen.refined(painted, reach=24.0, **refined["said"])
    assert seen.bytes_of("refined.mask") != painted


def test_the_mask_as_it_was_is_seen_while_a_key_is_held(seen: Seen) -> None:
    assert seen["refine: painted"]["as it was"] == [[255, 255, 255], [0, 0, 0]]


def test_the_reach_shows_its_band_and_then_its_effect(seen: Seen) -> None:
    refined = seen["refine: painted"]
    assert refined["band"] is True
    assert refined["changed by the reach"] is True


def test_what_is_painted_on_the_mask_counts_when_it_is_refined_again(seen: Seen) -> None:
    assert seen["refine: painted"]["messages again"] == []
    again = seen.bytes_of("painted-again.mask")
    assert again != seen.bytes_of("refined.mask")
    assert seen.bytes_of("refined-again.mask") == seen.refined(again, reach=24.0)
    assert seen["refine: painted"]["active again"] is True


def test_each_refinement_is_one_undo_step(seen: Seen) -> None:
    refined = seen["refine: painted"]
    assert refined["undone"] == [True, True]
    assert refined["undo"] is True
    assert refined["redone"] is True


def test_what_is_not_selected_stays_as_it_was(seen: Seen) -> None:
    selected = seen["refine: selection"]
    assert "There is a selection: only what lies in it is changed." in selected["texts"]
    assert selected["messages"] == [] and selected["selection"] is True
    assert abs(selected["outside"] - 90) <= 1
    before = seen.bytes_of("where-selected-before.mask")
    limit = Image.new("L", SIZE)
    limit.paste(SELECTED_VALUE, tuple(SELECTED))
    new = Image.frombytes("L", SIZE, seen.refined(before))
    expected = Image.composite(new, Image.frombytes("L", SIZE, before), limit)
    made = Image.frombytes("L", SIZE, seen.bytes_of("where-selected.mask"))
    assert max(ImageChops.difference(made, expected).tobytes()) <= 2  # rounded twice
    assert made.tobytes() != before


def test_which_mask_of_a_layer_is_refined(seen: Seen) -> None:
    which = seen["refine: which mask"]
    assert set(map(tuple, which["messages"].values())) == {()}
    changed = {name: names for name, names in which["changed"].items() if not name.endswith("states")}
    assert changed == {
        "selection mask": ["Selection 1"],
        "top": ["Two"],
        "active": ["One"],
        "ours, hidden": ["Background removed"],
    }
    assert all(which["changed"][f"{name}, states"] for name in changed)


def test_a_mask_that_is_missing_is_said(seen: Seen) -> None:
    ((message, hint),) = seen["refine: which mask"]["no mask"]
    assert message == 'The layer "plain" has no mask.'
    assert hint


def test_what_krita_would_not_change_is_said_before_a_dialog_comes_up(seen: Seen) -> None:
    refused = seen["refine: refused"]
    assert refused["locked mask"] == [['The mask "Painted" is locked.', "Unlock it and try again."]]
    assert refused["locked layer"] == [['The layer "Background" is locked.', "Unlock it and try again."]]
    ((message, _hint),) = refused["group"]
    assert message == 'The group "passing" passes through, so Krita would not heed its mask.'


def test_an_animated_mask_keeps_its_frames(seen: Seen) -> None:
    refused = seen["refine: refused"]
    ((message, hint),) = refused["animated mask"]
    assert message == 'The mask "Painted" is animated, and its other frames would be lost.'
    assert hint and refused["untouched"] is True


def test_what_a_person_may_not_expect_of_a_refined_mask_is_said(seen: Seen) -> None:
    notices = seen["refine: notices"]
    assert notices["animated layer"] == [
        "The layer is animated: what was made of this frame is shown in all frames.",
    ]
    assert notices["selection mask"] == ["The refined selection mask is the active one of its layer now."]


def test_scripts_refine_with_options_of_their_own(seen: Seen) -> None:
    scripts = seen["refine: scripts"]
    assert scripts["failures"] == scripts["messages"] == []
    expected = seen.refined(seen.bytes_of("painted.mask"), reach=12.0, feather=1.5)
    assert seen.bytes_of("script.mask") == expected
    assert scripts["no mask"][0].startswith('The layer "Background" has no mask.')
    assert scripts["out of range"][0] == "MattedError" and "reach=-1" in scripts["out of range"][1]


def test_no_window_is_left_open(seen: Seen) -> None:
    assert seen["last"]["windows"] == []


def near(points: list[list[int]], place: list[int]) -> bool:
    """Whether there is one point, at the place that was clicked on, to a pixel of the screen."""
    return len(points) == 1 and all(abs(one - other) <= 2 for one, other in zip(points[0], place, strict=True))


def premultiplied(picture: Image.Image) -> Image.Image:
    """Without what is not seen."""
    return Image.composite(
        picture, Image.new("RGBA", SIZE), picture.getchannel("A").point(lambda each: 255 * (each > 0))
    )


# -- a model that refines ----------------------------------------------------------------------------------------------


def test_a_model_that_refines_gives_the_edge_and_the_previews_say_so(seen: Seen) -> None:
    found = seen["refiner"]
    assert found["messages"] == []
    for line in (found["of a mask"], found["of hair"]):
        assert f"{REFINER} refined the edge." in line
    red = two().getchannel("R").tobytes()
    before, after = seen.bytes_of("refiner-before.mask"), seen.bytes_of("refiner-after.mask")
    assert all(new in (old, there) for new, old, there in zip(after, before, red, strict=True))
    changed = sum(new != old for new, old in zip(after, before, strict=True))
    assert 0.01 < changed / len(after) < 0.3
    hair = seen.bytes_of("refiner-hair.mask")
    assert all(new in (0, there, 255) for new, there in zip(hair, red, strict=True))
    assert sum(0 < new < 255 for new in hair) / len(hair) > 0.01
