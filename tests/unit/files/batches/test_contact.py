"""Contact sheets: pages, what stands on them, and that they replace nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matted.files.batches import contact
from matted.files.batches.contact import A_PAGE, SIDE, Contact
from matted.files.batches.outcomes import DONE, LEFT, Outcome, failure
from matted.files.pictures import Picture, PictureError
from matted_client import MattedError
from PIL import Image

RED = (200, 10, 10)


def made(number: int, size: tuple[int, int] = (SIDE, SIDE)) -> Outcome:
    return Outcome(Path(f"{number}.jpg"), Path(f"{number}.png"), DONE, small=Image.new("RGB", size, RED))


def red_cells(path: Path) -> int:
    """How many pictures are on a page."""
    with Image.open(path) as page:
        return round((np.asarray(page.convert("RGB")) == RED).all(axis=2).sum() / SIDE**2)


def test_a_small_picture_has_the_shape_of_the_result_over_a_checkerboard() -> None:
    half = np.zeros((1200, 3000, 4), np.uint8)
    half[:, :1500] = (*RED, 255)
    image = contact.small(Picture(Image.fromarray(half), {}))
    assert (image.size, image.mode) == ((SIDE, 96), "RGB")
    assert image.getpixel((10, 50)) == RED
    shown = np.asarray(image)[:, 130:]
    assert sorted(np.unique(shown)) == [165, 225], "what is transparent shows nothing of its colour"
    grey = contact.small(Picture(Image.new("L", (20, 10), 77), {}))
    assert (grey.size, grey.mode, grey.getpixel((0, 0))) == ((20, 10), "RGB", (77, 77, 77)), "it is not enlarged"
    assert contact.small(Picture(Image.new("RGB", (5000, 1), RED), {})).size == (SIDE, 1)


@pytest.mark.parametrize("count", [1, 7, A_PAGE])
def test_a_page_has_every_result(tmp_path: Path, count: int) -> None:
    pages = Contact(tmp_path / "sheet.png", count, False)
    for number in range(count):
        pages.add(made(number))
    pages.flush()
    assert pages.written == [tmp_path / "sheet.png"]
    assert red_cells(tmp_path / "sheet.png") == count


def test_many_results_get_pages_that_are_written_when_they_are_full(tmp_path: Path) -> None:
    count = 2 * A_PAGE + 3
    pages = Contact(tmp_path / "sheet.png", count, False)
    for number in range(count):
        assert len(pages.written) == number // A_PAGE
        pages.add(made(number))
    pages.flush()
    names = ["sheet-1.png", "sheet-2.png", "sheet-3.png"]
    assert [path.name for path in pages.written] == names
    assert [red_cells(tmp_path / name) for name in names] == [A_PAGE, A_PAGE, 3]


def test_a_page_that_grows_is_written_again(tmp_path: Path) -> None:
    pages = Contact(tmp_path / "sheet.png", 0, False)
    for number in range(3):
        pages.add(made(number))
        pages.flush()
        pages.flush()
        assert red_cells(tmp_path / "sheet-1.png") == number + 1
    assert pages.written == [tmp_path / "sheet-1.png"]


def test_a_picture_that_is_mended_takes_the_place_of_what_was_said_of_it(tmp_path: Path) -> None:
    pages = Contact(tmp_path / "sheet.png", 0, False)
    for number in range(A_PAGE):
        path = Path(f"{number}.jpg")
        pages.add(failure(path, Path("a.png"), MattedError("It is damaged.")) if number % 2 else made(number))
    assert red_cells(tmp_path / "sheet-1.png") == A_PAGE // 2
    pages.add(made(1))
    assert red_cells(tmp_path / "sheet-1.png") == A_PAGE // 2 + 1 and len(pages.written) == 1


def test_what_failed_is_said_in_its_place_and_what_was_not_begun_is_not(tmp_path: Path) -> None:
    pages = Contact(tmp_path / "sheet.png", 3, False)
    pages.add(failure(Path("in/a.jpg"), Path("a.png"), MattedError("in/a.jpg is damaged: it ends too early.")))
    pages.add(made(1))
    pages.add(Outcome(Path("c.jpg"), Path("c.png"), LEFT))
    pages.flush()
    with Image.open(tmp_path / "sheet.png") as page:
        levels = np.asarray(page.convert("RGB"))
    middle = levels[100:180, 14 : 14 + SIDE]
    assert (middle < 200).any(), "the reason stands where the picture would"
    assert levels.shape[1] < 3 * SIDE


def test_a_sheet_replaces_nothing_unless_it_may(tmp_path: Path) -> None:
    (tmp_path / "sheet-2.png").write_bytes(b"precious")
    with pytest.raises(PictureError, match=r"sheet-2\.png exists"):
        Contact(tmp_path / "sheet.png", A_PAGE + 1, False)
    Contact(tmp_path / "sheet.png", A_PAGE, False)
    Contact(tmp_path / "sheet.png", A_PAGE + 1, True)
    with pytest.raises(PictureError, match=r"is no name of a picture"):
        Contact(tmp_path / "sheet.txt", 1, False)
