"""What a person said about a picture, and how it is taken back."""

from __future__ import annotations

from matted_client.messages import MAX_POINTS
from matted_client.preview.marks import NOTHING, Marks

SIZE = (1000, 800)


def fields(marks: Marks, within: list[int] | None = None) -> tuple[list[int] | None, list[list[int]], list[list[int]]]:
    found = marks.fields(within)
    return found["box"], found["keep"], found["drop"]


def test_nothing_is_said_at_first() -> None:
    marks = Marks(*SIZE)
    assert fields(marks) == (None, [], []) and not marks.can_undo
    assert not marks.undo() and not marks.redo()


def test_every_step_is_undone_and_done_again_by_itself() -> None:
    marks = Marks(*SIZE)
    marks.point((10, 20), True)
    marks.point((30, 40), False)
    marks.box((0, 0, 100, 100))
    marks.clear()
    said = []
    while marks.can_undo:
        assert marks.undo()
        said.append(fields(marks))
    assert said == [
        ([0, 0, 100, 100], [[10, 20]], [[30, 40]]),
        (None, [[10, 20]], [[30, 40]]),
        (None, [[10, 20]], []),
        (None, [], []),
    ]
    while marks.redo():
        pass
    assert marks.now == NOTHING
    marks.undo()
    marks.point((1, 1), True)
    assert not marks.redo()


def test_the_last_word_about_a_pixel_counts() -> None:
    marks = Marks(*SIZE)
    marks.point((10, 20), True)
    marks.point((10, 20), False)
    assert fields(marks) == (None, [], [[10, 20]])
    marks.point((10, 20), True)
    marks.point((10, 20), True)
    assert fields(marks) == (None, [[10, 20]], [])
    assert [marks.undo() for _ in range(4)] == [True, True, True, False]


def test_a_box_takes_the_points_outside_away() -> None:
    marks = Marks(*SIZE)
    marks.point((10, 20), True)
    marks.point((500, 20), True)
    marks.point((500, 500), False)
    marks.box((0, 0, 500, 100))
    assert fields(marks) == ([0, 0, 500, 100], [[10, 20]], [])


def test_a_box_grows_to_what_is_to_be_kept_and_not_to_what_is_to_be_dropped() -> None:
    marks = Marks(*SIZE)
    marks.box((200, 200, 300, 300))
    marks.point((310, 790), False)
    assert fields(marks)[0] == [200, 200, 300, 300]
    marks.point((350, 790), True)
    assert fields(marks)[0] == [200, 200, 451, 800]
    marks.undo()
    assert fields(marks)[0] == [200, 200, 300, 300]


def test_a_selection_and_a_box_are_what_they_have_in_common() -> None:
    marks = Marks(*SIZE)
    assert fields(marks, [5, 6, 70, 80]) == ([5, 6, 70, 80], [], [])
    marks.box((50, 50, 200, 200))
    assert fields(marks, [5, 6, 70, 80])[0] == [50, 50, 70, 80]
    assert fields(marks, [300, 300, 310, 310])[0] == [50, 50, 200, 200]
    marks.point((150, 150), True)
    assert fields(marks, [5, 6, 70, 80])[0] == [50, 50, 200, 200]


def test_more_points_than_a_request_has_room_for_lose_the_oldest() -> None:
    marks = Marks(*SIZE)
    for x in range(MAX_POINTS + 1):
        marks.point((x % 1000, x // 1000), True)
    keep = fields(marks)[1]
    assert len(keep) == MAX_POINTS and keep[0] == [1, 0] and keep[-1] == [0, 1]
