"""Which mask belongs to which picture, and where the refined ones go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matted.files.batches.pairs import plan_pairs, plan_plates
from matted.files.batches.plan import Plan
from matted.files.batches.runner import Step
from matted.files.pictures import PictureError
from writing import Make


def pairs(image: Path, mask: Path, output: Path | None = None, kind: str = "refined", recursive: bool = False) -> Plan:
    return plan_pairs(image, mask, str(output) if output else None, kind, False, recursive=recursive)


def named(work: Plan) -> dict[str, str]:
    """The names of the masks by those of their pictures."""
    return {step.source.name: step.hint.name for step in work.steps if step.hint}


def refusal(image: Path, mask: Path, output: Path | None = None) -> PictureError:
    with pytest.raises(PictureError) as refused:
        pairs(image, mask, output)
    return refused.value


# -- one picture -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["refined", "refined-mask"])
@pytest.mark.parametrize("mask", ["a-mask.png", "a-cutout.png", "a.png", "elsewhere/a.png"])
def test_a_result_lies_beside_its_picture_and_replaces_neither_it_nor_the_mask(
    make: Make, kind: str, mask: str
) -> None:
    picture, hint = make("a.jpg", mask)
    work = pairs(picture, hint, kind=kind)
    assert work.steps == [Step(picture, picture.with_name(f"a-{kind}.png"), hint)] and work.alone


def test_a_result_can_be_given_a_name_or_a_folder(make: Make, tmp_path: Path) -> None:
    picture, hint = make("a.jpg", "m.png")
    assert [step.target for step in pairs(picture, hint, tmp_path / "r.png").steps] == [tmp_path / "r.png"]
    (tmp_path / "out").mkdir()
    assert [step.target for step in pairs(picture, hint, tmp_path / "out").steps] == [tmp_path / "out" / "a.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_result_replaces_the_mask_that_it_is_made_of(make: Make, tmp_path: Path, overwrite: bool) -> None:
    picture, hint = make("a.jpg", "m.png")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    for output in (hint, tmp_path / "link" / "M.png"):
        with pytest.raises(PictureError) as refused:
            plan_pairs(picture, hint, str(output), "refined-mask", overwrite)
        assert f"{output} is itself a mask that is read" in refused.value.message and "-o" in refused.value.hint
    with pytest.raises(PictureError, match="is itself one of the pictures"):
        plan_pairs(make("a.png")[0], hint, str(tmp_path / "a.png"), "refined", overwrite)


def test_one_file_is_not_both_the_picture_and_its_mask(make: Make, tmp_path: Path) -> None:
    [picture] = make("a.png")
    os.link(picture, tmp_path / "hard.png")
    (tmp_path / "soft.png").symlink_to(picture)
    for other in (picture, tmp_path / "hard.png", tmp_path / "soft.png"):
        assert "was given both as the picture and as its mask" in refusal(picture, other).message


def test_what_is_missing_is_left_to_the_reading(tmp_path: Path) -> None:
    missing = tmp_path / "a.jpg", tmp_path / "m.png"
    assert [(step.source, step.hint) for step in pairs(*missing).steps] == [missing]


def test_a_picture_and_a_folder_are_no_pair(make: Make, tmp_path: Path) -> None:
    picture, mask = make("photos/a.jpg", "masks/a.png")
    for image, hint, folder in ((picture, mask.parent, mask.parent), (picture.parent, mask, picture.parent)):
        other = hint if folder == image else image
        assert refusal(image, hint).message == f"{folder} is a folder, and {other} is none."
    missing = refusal(picture.parent, tmp_path / "nowhere")
    assert missing.message == f"{picture.parent} is a folder, and {tmp_path / 'nowhere'} does not exist."


# -- folders -----------------------------------------------------------------------------------------------------------


def test_masks_have_the_names_of_their_pictures(make: Make) -> None:
    picture, mask, *_ = make("in/a.jpg", "m/a.png", "in/b.tif", "m/b-mask.png", "in/C.JPG", "m/c.TIFF", "m/other.png")
    work = pairs(picture.parent, mask.parent)
    assert named(work) == {"a.jpg": "a.png", "b.tif": "b-mask.png", "C.JPG": "c.TIFF"}
    targets = [step.target.relative_to(picture.parent).as_posix() for step in work.steps]
    assert targets == ["refined/C.png", "refined/a.png", "refined/b.png"]
    assert work.unmatched == {} and not work.alone


def test_masks_that_were_named_apart_belong_to_their_pictures(make: Make) -> None:
    picture, mask, *_ = make("in/a.jpg", "m/a-jpg.png", "in/a.png", "m/a-png.png", "in/b.jpg", "m/b-jpg-mask.png")
    work = pairs(picture.parent, mask.parent, kind="refined-mask")
    assert named(work) == {"a.jpg": "a-jpg.png", "a.png": "a-png.png", "b.jpg": "b-jpg-mask.png"}
    assert [step.target.name for step in work.steps] == ["a-jpg.png", "a-png.png", "b.png"]


def test_a_name_that_says_no_more_than_the_pictures_comes_first(make: Make) -> None:
    picture, mask, *_ = make("in/a.jpg", "m/a-mask.png", "m/a.png", "m/a-jpg.png")
    assert named(pairs(picture.parent, mask.parent)) == {"a.jpg": "a.png"}


def test_pictures_without_a_mask_and_with_several_are_told_and_left_out(make: Make) -> None:
    picture, mask, *_ = make("in/a.jpg", "m/a.png", "in/b.jpg", "in/c.jpg", "m/c.png", "m/c.tif")
    work = pairs(picture.parent, mask.parent)
    assert named(work) == {"a.jpg": "a.png"}
    b, c = picture.with_name("b.jpg"), picture.with_name("c.jpg")
    assert work.unmatched == {b: [], c: [mask.with_name("c.png"), mask.with_name("c.tif")]}


def test_a_folder_none_of_whose_pictures_has_a_mask_is_refused(make: Make) -> None:
    picture, mask = make("in/a.jpg", "m/b.png")
    failure = refusal(picture.parent, mask.parent)
    assert failure.message == f"No picture in {picture.parent} has a mask in {mask.parent}."
    assert "a.png or a-mask.png" in failure.hint
    mask.unlink()
    assert "There are no pictures in" in refusal(picture.parent, mask.parent).message


def test_masks_may_lie_among_their_pictures(make: Make) -> None:
    picture, *_ = make("in/a.jpg", "in/a-mask.png", "in/b.jpg", "in/b.png", "in/b-jpg-mask.png")
    for output in (None, picture.parent):
        work = pairs(picture.parent, picture.parent, output)
        assert named(work) == {"a.jpg": "a-mask.png", "b.jpg": "b-jpg-mask.png"}
        assert list(work.unmatched) == [picture.with_name("b.png")]
        assert str(work.passed_over) == ""


def test_masks_in_a_folder_of_the_pictures_are_not_taken_for_pictures(make: Make) -> None:
    picture, mask, *_ = make("in/a.jpg", "in/mine/a.png", "in/masks/b.png", "in/day/b.jpg", "in/mine/day/b-mask.png")
    work = pairs(picture.parent, mask.parent, recursive=True)
    assert named(work) == {"a.jpg": "a.png", "b.jpg": "b-mask.png"} and work.unmatched == {}
    work = pairs(picture.parent, picture.parent / "masks", recursive=True) if make("in/masks/a.png") else work
    assert named(work) == {"a.jpg": "a.png"}


def test_masks_of_subfolders_lie_in_subfolders(make: Make) -> None:
    picture, mask, *_ = make("in/a.jpg", "m/a.png", "in/one/a.jpg", "m/one/a.tif", "in/two/a.jpg")
    work = pairs(picture.parent, mask.parent, recursive=True)
    assert [step.hint for step in work.steps] == [mask, mask.parent / "one" / "a.tif"]
    assert list(work.unmatched) == [picture.parent / "two" / "a.jpg"]
    out = picture.parent / "refined"
    assert [step.target for step in work.steps] == [out / "a.png", out / "one" / "a.png"]


def test_results_do_not_go_onto_the_masks_of_a_folder(make: Make) -> None:
    picture, mask = make("in/a.jpg", "m/a.png")
    assert f"{mask} is itself a mask that is read" in refusal(picture.parent, mask.parent, mask.parent).message


# -- plates ----------------------------------------------------------------------------------------------------------


def test_plates_are_matched_by_name(make: Make, tmp_path: Path) -> None:
    make("in/a.jpg", "in/b.png", "in/c.jpg", "plates/a.tif", "plates/b-plate.jpg", "plates/other.jpg")
    work = plan_plates([tmp_path / "in"], tmp_path / "plates", None, "cutout", False)
    assert [(step.source.name, step.plate and step.plate.name) for step in work.steps] == [
        ("a.jpg", "a.tif"),
        ("b.png", "b-plate.jpg"),
    ]
    assert all(step.hint is None for step in work.steps)
    assert (work.wanted, work.unmatched) == ("plate", {tmp_path / "in" / "c.jpg": []})


def test_plates_may_lie_among_the_pictures(make: Make, tmp_path: Path) -> None:
    make("in/a.jpg", "in/a-plate.jpg", "in/b.jpg")
    work = plan_plates([tmp_path / "in"], tmp_path / "in", None, "cutout", False)
    assert [(step.source.name, step.plate and step.plate.name) for step in work.steps] == [("a.jpg", "a-plate.jpg")]
    assert list(work.unmatched) == [tmp_path / "in" / "b.jpg"]


def test_a_folder_of_plates_needs_one_folder_of_pictures(make: Make, tmp_path: Path) -> None:
    a, b, _ = make("in/a.jpg", "in/b.jpg", "plates/a.png")
    for inputs in ([a], [a, b], [tmp_path / "in", tmp_path / "in"]):
        with pytest.raises(PictureError, match=r"needs one folder of pictures"):
            plan_plates(inputs, tmp_path / "plates", None, "cutout", False)
    make("empty/z.jpg")
    with pytest.raises(PictureError, match=r"has a plate in"):
        plan_plates([tmp_path / "in"], tmp_path / "empty", None, "cutout", False)
    with pytest.raises(PictureError, match=r"is itself a plate that is read"):
        plan_plates([tmp_path / "in"], tmp_path / "plates", str(tmp_path / "plates"), "cutout", True)
