"""The sheet that shows pictures side by side: what stands where, and that words have room."""

from __future__ import annotations

import numpy as np
import pytest
from matted.files import sheet
from matted.files.sheet import Cell
from numpy.typing import NDArray
from PIL import Image

RED, BLUE = (200, 10, 10), (10, 10, 200)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (300, 200)) -> Image.Image:
    return Image.new("RGB", size, colour)


def pixels(page: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(page)


def places(page: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all pixels of a colour."""
    rows, columns = np.nonzero((pixels(page) == colour).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def ink(page: Image.Image, box: tuple[int, int, int, int]) -> int:
    """How many pixels of a part are not paper."""
    return int((pixels(page.crop(box)) != sheet.PAPER).any(axis=2).sum())


def test_a_cell_has_its_image_its_detail_and_its_words_one_beneath_the_other() -> None:
    page = sheet.draw([Cell(plain(RED), "A title", ["a line"], plain(BLUE, (300, 100)))])
    left, top, right, bottom = places(page, RED)
    assert (left, top, right - left, bottom - top) == (sheet.GAP, sheet.GAP, 300, 200)
    below = places(page, BLUE)
    assert below == (left, bottom + sheet.INNER, right, bottom + sheet.INNER + 100)
    words = page.crop((0, below[3], page.width, page.height))
    assert ink(words, (0, 0, *words.size)) > 50
    assert ink(page, (right, 0, page.width, page.height)) == 0, "nothing is drawn beside the cell"


def test_cells_of_other_sizes_stand_in_the_middle_of_places_of_one_size() -> None:
    page = sheet.draw([Cell(plain(RED, (400, 300)), "large"), Cell(plain(BLUE, (200, 100)), "small")], columns=2)
    assert page.width == 3 * sheet.GAP + 2 * 400
    left, top, right, _ = places(page, BLUE)
    second = 2 * sheet.GAP + 400
    assert (left - second, top) == (100, sheet.GAP) and right - left == 200


def test_what_is_marked_has_a_frame_and_the_others_have_none() -> None:
    cells = [Cell(plain(RED), "one"), Cell(plain(BLUE), "other", mark="the best")]
    page = sheet.draw(cells, columns=2)
    framed = places(page, sheet.MARK)
    assert framed[0] == places(page, BLUE)[0] - sheet.GAP // 2 and framed[1] == sheet.GAP - sheet.GAP // 2


def test_a_long_sentence_in_the_place_of_an_image_stays_in_its_place() -> None:
    sentence = "There is not enough memory for this model, whatever_the_file_with_a_very_long_name_is_called. " * 9
    page = sheet.draw([Cell(plain(RED), "fits"), Cell(None, "fails", sentence=sentence)], columns=2)
    place = (2 * sheet.GAP + 300, sheet.GAP, 2 * sheet.GAP + 600, sheet.GAP + 200)
    assert ink(page, place) > 1000
    assert ink(page, (place[2], 0, page.width, page.height)) == 0
    assert ink(page, (place[0], place[3], place[2], place[3] + sheet.INNER)) == 0


def test_a_sheet_of_failures_alone_can_be_read() -> None:
    page = sheet.draw([Cell(None, "fails", sentence="It cannot be had.")])
    assert page.width == sheet.NARROWEST + 2 * sheet.GAP and ink(page, (0, 0, *page.size)) > 50


def test_letters_that_the_font_lacks_are_not_drawn_as_boxes() -> None:
    assert sheet.draw([Cell(plain(RED), "U²-Net é")]) == sheet.draw([Cell(plain(RED), "U2-Net e")])


@pytest.mark.parametrize(
    ("count", "size", "columns"), [(1, (640, 480), 1), (4, (640, 480), 2), (6, (640, 480), 3), (5, (360, 640), 5)]
)
def test_a_sheet_has_about_the_sides_of_a_screen(count: int, size: tuple[int, int], columns: int) -> None:
    page = sheet.draw([Cell(plain(RED, size), "one") for _ in range(count)])
    assert page.width == sheet.GAP + columns * (size[0] + sheet.GAP)


def test_a_cut_out_lies_over_a_checkerboard_or_a_colour() -> None:
    cut = Image.new("RGBA", (40, 40), (*RED, 255))
    cut.paste((0, 0, 0, 0), (20, 0, 40, 40))
    over = pixels(sheet.over(cut, None))
    assert (over[:, :20] == RED).all()
    assert set(np.unique(over[:, 20:])) == {sheet.LIGHT, sheet.DARK}
    assert (pixels(sheet.over(cut, BLUE))[:, 20:] == BLUE).all()


def test_a_part_of_an_image_is_framed_in_a_copy() -> None:
    image = plain(RED)
    framed = sheet.framed(image, (100, 50, 200, 150))
    changed = np.argwhere((pixels(framed) != pixels(image)).any(axis=2))
    assert changed.min(axis=0).tolist() == [50, 100] and changed.max(axis=0).tolist() == [149, 199]
    assert (pixels(framed)[100, 150] == RED).all()
