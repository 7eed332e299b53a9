"""Where `matted remove` puts its results."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from matted.files.batches import naming, pairs
from matted.files.batches.plan import Plan, plan, refuse_among, refuse_to_replace_inputs
from matted.files.batches.runner import Step
from matted.files.formats.known import AVIF, JPEG, PNG, TIFF, WEBP, Form
from matted.files.pictures import PictureError
from writing import Make


def targets(
    inputs: list[Path], output: Path | str | None = None, kind: str = "cutout", recursive: bool = False
) -> list[Path]:
    work = plan(inputs, None if output is None else str(output), kind, overwrite=False, recursive=recursive)
    assert len({step.source for step in work.steps}) == len(work.steps)
    return [step.target for step in work.steps]


def refusal(inputs: list[Path], output: Path | str | None = None) -> PictureError:
    with pytest.raises(PictureError) as refused:
        targets(inputs, output)
    return refused.value


# -- one picture -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", naming.FOLDERS)
def test_the_result_of_one_picture_lies_beside_it(make: Make, kind: str) -> None:
    [source] = make("a.jpg")
    assert targets([source], kind=kind) == [source.with_name(f"a-{kind}.png")]


def test_only_the_last_suffix_is_replaced(make: Make) -> None:
    [source] = make("holiday.2024.jpg")
    assert targets([source]) == [source.with_name("holiday.2024-cutout.png")]


def test_the_result_can_be_given_a_name(make: Make, tmp_path: Path) -> None:
    assert targets(make("a.jpg"), tmp_path / "result.png") == [tmp_path / "result.png"]


@pytest.mark.parametrize("name", ["result", "result.xyz", "result.png.xyz"])
def test_the_result_is_not_given_the_name_of_what_it_is_not(make: Make, tmp_path: Path, name: str) -> None:
    failure = refusal(make("a.jpg"), tmp_path / name)
    assert failure.message.startswith(f"{tmp_path / name} would be a PNG file")
    assert Path(name).with_suffix(".png").name in failure.hint


@pytest.mark.parametrize(
    ("name", "form"), [("r.png", PNG), ("r.webp", WEBP), ("r.tif", TIFF), ("r.TIFF", TIFF), ("r.avif", AVIF)]
)
def test_the_name_of_the_result_says_its_format(make: Make, tmp_path: Path, name: str, form: Form) -> None:
    assert plan(make("a.jpg"), str(tmp_path / name), "cutout", False).form == form
    assert plan(make("a.jpg"), str(tmp_path / name), "cutout", False, form=form).form == form


def test_a_name_of_another_format_than_was_asked_for_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(PictureError) as failure:
        plan(make("a.jpg"), str(tmp_path / "r.png"), "cutout", False, form=WEBP)
    assert f"{tmp_path / 'r.png'} would be a WebP file, but its name does not end in .webp." in str(failure.value)
    assert "r.webp" in failure.value.hint


def test_results_in_another_format_have_its_suffix_and_are_known_again(make: Make, tmp_path: Path) -> None:
    pictures = make("photos/a.jpg", "photos/b.png", "photos/a-cutout.webp", "photos/b-mask.png")
    work = plan([pictures[0].parent], str(pictures[0].parent), "cutout", True, form=WEBP)
    assert [step.target.name for step in work.steps] == ["a-cutout.webp", "b-cutout.webp"]
    assert work.passed_over.results == 2


def test_a_result_can_be_a_jpeg(make: Make, tmp_path: Path) -> None:
    for kind in ("mask", "cutout"):
        assert plan(make("a.jpg"), str(tmp_path / "r.jpg"), kind, False).form == JPEG


def test_the_result_can_be_put_into_a_folder_that_exists(make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert targets(make("a.jpg"), tmp_path / "out") == [tmp_path / "out" / "a.png"]


def test_a_slash_at_the_end_means_a_folder(make: Make, tmp_path: Path) -> None:
    assert targets(make("a.jpg"), f"{tmp_path}/new/") == [tmp_path / "new" / "a.png"]


def test_planning_changes_nothing_on_the_disk(make: Make, tmp_path: Path) -> None:
    targets(make("a.jpg"), f"{tmp_path}/new/")
    assert [path.name for path in tmp_path.iterdir()] == ["a.jpg"]


def test_a_picture_that_is_missing_is_left_to_the_reading(tmp_path: Path) -> None:
    assert targets([tmp_path / "missing.jpg"]) == [tmp_path / "missing-cutout.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_overwriting_is_passed_on(make: Make, overwrite: bool) -> None:
    assert plan(make("a.jpg"), None, "cutout", overwrite).overwrite is overwrite


# -- several pictures ------------------------------------------------------------------------------------------------


def test_several_results_lie_beside_their_pictures(make: Make) -> None:
    one, other = make("a.jpg", "sub/a.jpg")
    assert targets([one, other]) == [one.with_name("a-cutout.png"), other.with_name("a-cutout.png")]


def test_several_results_go_into_one_folder(make: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert targets(make("a.jpg", "sub/b.webp"), out) == [out / "a.png", out / "b.png"]


def test_several_results_do_not_go_into_a_file(make: Make) -> None:
    *sources, file = make("a.jpg", "b.jpg", "out.png")
    assert f"{file} is a file" in refusal(sources, file).message


def test_every_result_belongs_to_its_picture(make: Make, tmp_path: Path) -> None:
    one, other, folder_file = make("a.jpg", "b.jpg", "photos/c.jpg")
    work = plan([one, folder_file.parent, other], str(tmp_path / "out"), "cutout", False)
    assert {step.source.stem for step in work.steps} == {"a", "b", "c"}
    assert all(step.target == tmp_path / "out" / f"{step.source.stem}.png" for step in work.steps)


# -- a folder --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), naming.FOLDERS.items())
def test_the_results_of_a_folder_go_into_one_inside_it(make: Make, kind: str, name: str) -> None:
    one, other = make("photos/a.jpg", "photos/b.png")
    assert targets([one.parent], kind=kind) == [one.parent / name / "a.png", other.parent / name / "b.png"]


def test_the_results_of_a_folder_can_go_elsewhere(make: Make, tmp_path: Path) -> None:
    [source] = make("photos/a.jpg")
    assert targets([source.parent], tmp_path / "out") == [tmp_path / "out" / "a.png"]


def test_a_folder_is_read_in_the_order_of_its_names(make: Make) -> None:
    make("photos/c.png", "photos/a.png", "photos/b.png")
    [folder] = {path.parent for path in make("photos/c.png")}
    assert [target.stem for target in targets([folder])] == ["a", "b", "c"]


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "jpe", "webp", "tif", "tiff", "JPG", "Png"])
def test_pictures_in_a_folder_are_known_by_their_suffix(make: Make, suffix: str) -> None:
    [source] = make(f"photos/a.{suffix}")
    assert targets([source.parent]) == [source.parent / "cutouts" / "a.png"]


def test_other_files_in_a_folder_are_left_out(make: Make) -> None:
    picture, *_ = make("photos/a.jpg", "photos/notes.txt", "photos/b.odt", "photos/jpg", "photos/.part")
    assert targets([picture.parent]) == [picture.parent / "cutouts" / "a.png"]


def test_folders_inside_a_folder_are_left_out(make: Make) -> None:
    picture, *_ = make("photos/a.jpg", "photos/deeper/b.jpg", "photos/folder.jpg/c.jpg")
    assert targets([picture.parent]) == [picture.parent / "cutouts" / "a.png"]


def test_a_second_run_does_not_take_the_results_of_the_first(make: Make) -> None:
    picture, *_ = make("photos/a.jpg", "photos/cutouts/a.png", "photos/masks/a.png")
    assert targets([picture.parent]) == [picture.parent / "cutouts" / "a.png"]


def test_a_folder_without_pictures_is_refused(make: Make) -> None:
    [file] = make("empty/notes.txt")
    failure = refusal([file.parent])
    assert f"There are no pictures in {file.parent}" in failure.message
    assert "matted formats" in failure.hint


def test_a_picture_and_a_folder_can_be_given_together(make: Make) -> None:
    one, other = make("a.jpg", "photos/b.jpg")
    assert targets([one, other.parent]) == [one.with_name("a-cutout.png"), other.parent / "cutouts" / "b.png"]


# -- subfolders ------------------------------------------------------------------------------------------------------


def test_the_results_of_subfolders_keep_them(make: Make) -> None:
    one, *_ = make("photos/a.jpg", "photos/deeper/b.jpg", "photos/deeper/still/c.png")
    top = one.parent / "cutouts"
    expected = [top / "a.png", top / "deeper" / "b.png", top / "deeper" / "still" / "c.png"]
    assert targets([one.parent], recursive=True) == expected


def test_the_results_of_subfolders_keep_them_elsewhere(make: Make, tmp_path: Path) -> None:
    one, *_ = make("photos/a.jpg", "photos/deeper/a.jpg")
    out = tmp_path / "out"
    assert targets([one.parent], out, recursive=True) == [out / "a.png", out / "deeper" / "a.png"]


def test_a_second_run_does_not_take_the_results_of_the_first_in_subfolders(make: Make, tmp_path: Path) -> None:
    names = ["photos/a.jpg", "photos/d/b.jpg", "photos/cutouts/d/b.png", "photos/d/masks/b.png", "photos/out/a.png"]
    one, *_ = make(*names)
    work = plan([one.parent], str(one.parent / "out"), "cutout", False, recursive=True)
    assert [step.source for step in work.steps] == [tmp_path / "photos" / "a.jpg", tmp_path / "photos" / "d" / "b.jpg"]


def test_what_was_passed_over_is_counted_for_all_folders(make: Make) -> None:
    one, other, *_ = make("in/a.jpg", "more/b.jpg", "in/._a.jpg", "more/._b.jpg", "more/Thumbs.db", "more/n.txt")
    passed_over = plan([one.parent, other.parent], None, "cutout", False).passed_over
    assert str(passed_over) == "Not looked at: 3 hidden files, 1 file of another kind (.txt)."


# -- collisions ------------------------------------------------------------------------------------------------------


def test_two_pictures_do_not_become_one_file(make: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert targets(make("a.jpg", "sub/a.png"), out) == [out / "a-jpg.png", out / "a-png.png"]


def test_two_pictures_of_a_folder_do_not_become_one_file(make: Make) -> None:
    one, _ = make("photos/a.jpg", "photos/a.webp")
    assert targets([one.parent]) == [one.parent / "cutouts" / name for name in ("a-jpg.png", "a-webp.png")]


def test_two_pictures_beside_each_other_do_not_become_one_file(make: Make, tmp_path: Path) -> None:
    expected = [tmp_path / name for name in ("a-jpg-cutout.png", "a-png-cutout.png")]
    assert targets(make("a.jpg", "a.png")) == expected


def test_pictures_of_the_same_name_from_two_folders_are_named_apart(make: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert targets(make("one/a.jpg", "two/a.jpg"), out) == [out / "one-a-jpg.png", out / "two-a-jpg.png"]


def test_the_order_does_not_decide_who_gets_which_name(make: Make, tmp_path: Path) -> None:
    sources, out = make("a.jpg", "sub/a.png", "sub/a.jpg", "b.jpg"), tmp_path / "out"
    forwards = dict(zip(sources, targets(sources, out), strict=True))
    backwards = dict(zip(reversed(sources), targets(sources[::-1], out), strict=True))
    assert forwards == backwards


def test_one_picture_is_taken_once(make: Make) -> None:
    [source] = make("photos/a.jpg")
    again = source.parent / ".." / "photos" / source.name
    assert targets([source, again, source.parent]) == [source.with_name("a-cutout.png")]


def test_one_picture_is_taken_once_by_whatever_link_to_its_folder(make: Make, tmp_path: Path) -> None:
    [source] = make("photos/a.jpg")
    (tmp_path / "link").symlink_to(source.parent, target_is_directory=True)
    assert targets([source, tmp_path / "link" / "a.jpg"]) == [source.with_name("a-cutout.png")]


def test_a_run_that_goes_on_leaves_out_the_results_among_its_pictures(make: Make) -> None:
    one, result, other, mine = make("a.jpg", "a-cutout.png", "b.jpg", "c-cutout.png")
    work = plan([one, result, other, mine], None, "cutout", False, skip_existing=True)
    assert [step.source for step in work.steps] == [one, other, mine]
    assert str(work.passed_over) == "Not looked at: 1 result of other pictures."


def test_a_result_does_not_replace_its_own_picture(make: Make) -> None:
    [source] = make("a.png")
    assert f"{source} is itself one of the pictures" in refusal([source], source).message


@pytest.mark.parametrize("kind", naming.FOLDERS)
def test_a_result_does_not_replace_its_own_picture_by_way_of_its_folder(make: Make, kind: str) -> None:
    [source], name = make("a.png"), f"a-{kind}.png"
    (source.parent / "link").symlink_to(source.parent, target_is_directory=True)
    assert targets([source], source.parent, kind) == [source.with_name(name)]
    assert targets([source], source.parent / "link", kind) == [source.parent / "link" / name]


@pytest.mark.parametrize("skip_existing", [False, True])
@pytest.mark.parametrize("kind", naming.FOLDERS)
def test_results_among_the_pictures_of_a_folder_are_not_cut_out_again(
    make: Make, kind: str, skip_existing: bool
) -> None:
    names = ["photos/x.jpg", "photos/y.jpg", "photos/y.png", "photos/deeper/z.jpg"]
    folder = make(*names)[0].parent

    def steps() -> Plan:
        return plan([folder], str(folder), kind, True, skip_existing, recursive=True)

    first = steps()
    results = [f"x-{kind}.png", f"y-jpg-{kind}.png", f"y-png-{kind}.png", f"z-{kind}.png"]
    assert [step.target.name for step in first.steps] == results
    for step in first.steps:
        step.target.touch()
    for other in naming.KINDS:  # of other runs
        (folder / f"x-{other}.png").touch()
    second = steps()
    assert second.steps == first.steps
    assert str(second.passed_over) == "Not looked at: 8 results of other pictures."


def test_a_result_does_not_replace_a_picture_whose_name_differs_in_case(make: Make) -> None:
    one, other = make("a.jpg", "A-Cutout.PNG")
    assert "is itself one of the pictures" in refusal([one, other]).message
    [source] = make("IMG.PNG")
    assert "is itself one of the pictures" in refusal([source], source.with_name("img.png")).message
    work = plan([one, other], None, "cutout", False, skip_existing=True)
    assert [step.source for step in work.steps] == [one]


def test_names_that_are_too_long_and_links_in_a_circle_are_left_to_reading_and_writing(
    make: Make, tmp_path: Path
) -> None:
    circle, long, [other] = tmp_path / "circle.jpg", tmp_path / ("a" * 300 + ".jpg"), make("b.jpg")
    circle.symlink_to(circle.name)
    (tmp_path / "circle").symlink_to("circle")
    sources = [circle, long, other]
    for output in (tmp_path / "circle", tmp_path / ("o" * 300), None):
        for skip_existing in (False, True):
            steps = plan(sources, str(output) if output else None, "cutout", False, skip_existing).steps
            assert [step.source for step in steps] == sources


def test_a_result_does_not_replace_its_own_picture_by_way_of_a_link(make: Make, tmp_path: Path) -> None:
    [source] = make("a.png")
    (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
    assert "is itself one of the pictures" in refusal([source], tmp_path / "link" / "a.png").message


def test_a_result_does_not_replace_another_picture_of_the_run(make: Make) -> None:
    sources = make("a.jpg", "a-cutout.png")
    assert "is itself one of the pictures" in refusal(sources).message


def test_a_step_names_the_picture_and_its_result(make: Make, tmp_path: Path) -> None:
    [source] = make("a.jpg")
    assert plan([source], None, "cutout", False).steps == [Step(source, tmp_path / "a-cutout.png")]


def test_a_report_or_a_sheet_replaces_nothing_that_the_run_reads_or_makes(make: Make, tmp_path: Path) -> None:
    make("in/a.jpg", "in/b.jpg", "plates/a.jpg")
    folder = tmp_path / "in"
    work = pairs.plan_plates([folder], tmp_path / "plates", str(tmp_path / "out"), "cutout", True)
    alone = tmp_path / "plate.png"
    files = {
        folder / "a.jpg": "one of the pictures",
        folder / ".." / "in" / "A.JPG": "one of the pictures",
        folder / "b.jpg": "one of the pictures",  # which has no plate
        tmp_path / "plates" / "a.jpg": "a plate that is read",
        tmp_path / "out" / "a.png": "one of the results",
        alone: "a plate that is read",
    }
    for path, what in files.items():
        with pytest.raises(PictureError, match=f"{path.name} is itself {what}"):
            refuse_among(path, work, {alone: "plate"})
    refuse_among(tmp_path / "out" / "sheet.png", work, {alone: "plate"})


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_a_result_replaces_nothing_that_is_read_for_all_pictures(
    tmp_path: Path, link: Callable[[Path, Path], None] | None
) -> None:
    scene, target = tmp_path / "scene.png", tmp_path / "scene.png"
    scene.touch()
    if link is not None:
        target = tmp_path / "link.png"
        link(scene, target)
    steps = [Step(tmp_path / "a.jpg", target)]
    for what in ("plate", "background"):
        with pytest.raises(PictureError, match=f"{target.name} is itself a {what} that is read"):
            refuse_to_replace_inputs(steps, {scene: what})
    refuse_to_replace_inputs(steps, {tmp_path / "other.png": "plate"})


def test_a_result_does_not_replace_its_own_picture_by_way_of_a_hard_link(make: Make, tmp_path: Path) -> None:
    [source] = make("a.png")
    os.link(source, tmp_path / "b.png")
    assert refusal([source], tmp_path / "b.png").message == f"{tmp_path / 'b.png'} is itself one of the pictures."


def test_results_beside_pictures_are_left_out_wherever_those_of_this_run_go(make: Make, tmp_path: Path) -> None:
    make("in/a.jpg", "in/a-cutout.png", "in/a-refined-mask.webp", "in/b-cutout.png")
    work = plan([tmp_path / "in"], str(tmp_path / "out"), "cutout", False)
    assert [step.source.name for step in work.steps] == ["a.jpg", "b-cutout.png"], "there is no b"
    assert work.passed_over.results == 2
    named = plan([tmp_path / "in" / "a.jpg", tmp_path / "in" / "a-cutout.png"], str(tmp_path / "out"), "cutout", False)
    assert len(named.steps) == 2, "what was named is taken"
