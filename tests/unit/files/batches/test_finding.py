"""What counts as a picture in a folder, and what is said of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matted.files.batches import finding, naming
from matted.files.pictures import PictureError
from writing import Make


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one picture."""
    (tmp_path / "a.jpg").touch()
    return tmp_path


def found(folder: Path, recursive: bool = False) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in finding.find(folder, recursive).pictures]


def passed_over(folder: Path, recursive: bool = False) -> str:
    return str(finding.find(folder, recursive).passed_over)


def refusal(folder: Path) -> PictureError:
    with pytest.raises(PictureError) as refused:
        finding.find(folder)
    return refused.value


def test_nothing_is_said_of_a_folder_of_pictures_alone(folder: Path) -> None:
    (folder / "b.PNG").touch()
    assert (found(folder), passed_over(folder)) == (["a.jpg", "b.PNG"], "")


@pytest.mark.parametrize(
    "name", ["._a.jpg", ".hidden.png", ".DS_Store", "Thumbs.db", "thumbs.DB", "desktop.ini", "Icon\r"]
)
def test_hidden_files_and_those_of_systems_are_counted_as_such(folder: Path, name: str) -> None:
    (folder / name).touch()
    assert (found(folder), passed_over(folder)) == (["a.jpg"], "Not looked at: 1 hidden file.")


@pytest.mark.parametrize("name", [".git", "__MACOSX", "@eaDir", "$RECYCLE.BIN"])
def test_hidden_folders_and_those_of_systems_are_not_searched(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    (folder / name / "a.jpg").touch()
    assert found(folder, recursive=True) == ["a.jpg"]


def test_other_files_are_counted_with_their_suffixes(folder: Path) -> None:
    for name in ("b.odt", "c.txt", "d.txt", "e"):
        (folder / name).touch()
    assert passed_over(folder) == "Not looked at: 4 files of another kind (.txt, .odt)."


def test_not_every_suffix_is_named(folder: Path) -> None:
    for number in range(9):
        (folder / f"{number}.t{number}").touch()
    assert passed_over(folder) == "Not looked at: 9 files of another kind (.t0, .t1, .t2, .t3, ...)."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_what_is_called_a_picture_and_is_no_file_is_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "b.jpg")
    assert (found(folder), passed_over(folder)) == (["a.jpg"], "Not looked at: 1 file of another kind (.jpg).")


@pytest.mark.parametrize("leads_to", ["missing.jpg", "b.jpg", "x" * 300], ids=["missing", "itself", "too long"])
def test_a_link_to_nothing_is_counted_as_such_and_ends_no_search(folder: Path, leads_to: str) -> None:
    (folder / "deeper").mkdir()
    for place in (folder, folder / "deeper"):
        (place / "b.jpg").symlink_to(leads_to)
        (place / "c.jpg").touch()
    assert found(folder, recursive=True) == ["a.jpg", "c.jpg", "deeper/c.jpg"]
    assert passed_over(folder, recursive=True) == "Not looked at: 2 links to nothing."


def test_a_folder_that_is_left_out_may_be_a_link_in_a_circle(folder: Path) -> None:
    (folder / "deeper").mkdir()
    (folder / "circle").symlink_to("circle")
    assert finding.find(folder, leave_out=[folder / "circle"]).pictures == [folder / "a.jpg"]


def test_subfolders_are_named_with_what_takes_them(folder: Path) -> None:
    (folder / "one").mkdir()
    assert passed_over(folder) == "Not looked at: 1 subfolder (--recursive takes it, too)."
    (folder / "two").mkdir()
    assert passed_over(folder) == "Not looked at: 2 subfolders (--recursive takes them, too)."


def test_folders_of_results_are_neither_searched_nor_told(folder: Path) -> None:
    for name in naming.FOLDERS.values():
        (folder / name).mkdir()
        (folder / name / "a.png").touch()
    assert (found(folder, recursive=True), passed_over(folder)) == (["a.jpg"], "")


def test_subfolders_are_searched_on_demand_in_the_order_of_their_names(folder: Path) -> None:
    for name in ("b/2.png", "b/1.png", "b/deeper/3.png", "a/4.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert found(folder, recursive=True) == ["a.jpg", "a/4.png", "b/1.png", "b/2.png", "b/deeper/3.png"]
    assert passed_over(folder, recursive=True) == ""


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    (folder / "in").mkdir()
    (folder / "in" / "circle").symlink_to(folder, target_is_directory=True)
    assert found(folder, recursive=True) == ["a.jpg"]
    assert passed_over(folder, recursive=True) == "Not looked at: 1 link to a folder."


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_said(folder: Path) -> None:
    (folder / "closed").mkdir(0)
    assert passed_over(folder, recursive=True) == "Not looked at: 1 folder that may not be read."
    assert "cannot be read: Permission denied" in refusal(folder / "closed").message


def test_a_subfolder_that_may_not_be_read_does_not_end_the_search(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("closed", "open"):
        (folder / name).mkdir()
        (folder / name / "b.jpg").touch()
    scandir = os.scandir

    def refuse(place: Path) -> object:
        if place.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(folder, recursive=True) == ["a.jpg", "open/b.jpg"]
    assert passed_over(folder, recursive=True) == "Not looked at: 1 folder that may not be read."
    assert refusal(folder / "closed").message == f"{folder / 'closed'} cannot be read: Permission denied."


def test_a_folder_that_is_missing_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "No such file or directory" in refusal(tmp_path / "missing").message


def test_a_folder_without_pictures_says_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "b.odt").touch()
    failure = refusal(tmp_path)
    assert failure.message == f"There are no pictures in {tmp_path}."
    wanted = "matted formats lists what is looked for. Not looked at: 1 file of another kind (.odt)."
    assert failure.hint == wanted


def test_a_folder_with_subfolders_alone_says_how_to_take_them(tmp_path: Path) -> None:
    for name in ("one", "two", "cutouts"):
        (tmp_path / name).mkdir()
    failure = refusal(tmp_path)
    assert failure.message == f"There are no pictures in {tmp_path} itself, but 2 subfolders."
    assert "--recursive" in failure.hint


def test_commands_that_take_no_subfolders_name_no_option_for_them(folder: Path) -> None:
    (folder / "deeper").mkdir()
    (folder / "._a.jpg").touch()
    assert finding.list_pictures(folder) == [folder / "a.jpg"]
    with pytest.raises(PictureError, match=r"There are no pictures in .* itself") as refused:
        finding.list_pictures(folder / "deeper")
    assert "--recursive" not in refused.value.hint


# -- patterns that the shell has left --------------------------------------------------------------------------------


def test_patterns_stand_for_the_files_that_match(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("b.jpg", "a.jpg", "c.png", ".hidden.jpg", "deep/er/d.jpg", "[x].jpg")
    monkeypatch.chdir(tmp_path)
    assert finding.expand([Path("*.jpg"), Path("c.png")]) == [
        Path(name) for name in ("[x].jpg", "a.jpg", "b.jpg", "c.png")
    ]
    assert finding.expand([Path("**/d.jpg")]) == [Path("deep/er/d.jpg")]
    assert finding.expand([Path("?.jpg")]) == [Path("a.jpg"), Path("b.jpg")]
    assert finding.expand([Path("[x].jpg")]) == [Path("[x].jpg")], "what exists is no pattern"
    assert finding.expand([Path("nonesuch.jpg")]) == [Path("nonesuch.jpg")]
    with pytest.raises(PictureError, match=r"Nothing is called \*\.tif"):
        finding.expand([Path("*.tif")])
