"""Boxes and points of a person: what contradicts itself, and what lies outside the picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from matted.files.hints import Hints
from matted.files.pictures import PictureError
from matted_client import MattedError
from matted_client.messages import MAX_POINTS, MaskRequest

WIDTH, HEIGHT = 30, 20


def test_they_are_the_fields_of_a_request() -> None:
    fields = Hints((0, 0, WIDTH, HEIGHT), ((1, 2), (29, 19)), ((0, 0),)).fields
    request = MaskRequest(WIDTH, HEIGHT, "RGB8", **fields)
    assert (request.box, request.keep, request.drop) == ([0, 0, 30, 20], [[1, 2], [29, 19]], [[0, 0]])
    assert request.problem() == request.outside(WIDTH, HEIGHT) == ""
    assert Hints().fields == {}


@pytest.mark.parametrize(
    ("hints", "words"),
    [
        (Hints(keep=((30, 0),)), "the point 30,0 of --keep lies outside"),
        (Hints(keep=((0, 0),), drop=((1, 1), (3, 20))), "the point 3,20 of --drop lies outside"),
        (Hints(keep=((10**8, 5),)), "the point 100000000,5 of --keep lies outside"),
        (Hints(box=(0, 0, 31, 20)), "the box 0,0,31,20 goes beyond"),
        (Hints(box=(29, 19, 30, 21)), "the box 29,19,30,21 goes beyond"),
    ],
)
def test_what_lies_outside_is_refused_with_the_pictures_size(hints: Hints, words: str) -> None:
    with pytest.raises(PictureError) as refused:
        hints.refuse_outside(Path("a.jpg"), WIDTH, HEIGHT)
    assert refused.value.message == f"a.jpg has 30 x 20 pixels: {words}."
    of_points, of_boxes = (
        "X is 0 to 29 from the left, Y is 0 to 19 from the top.",
        "The whole picture is --box 0,0,30,20.",
    )
    assert refused.value.hint == (of_boxes if hints.box else of_points)


def test_the_last_pixel_and_the_whole_picture_are_inside() -> None:
    Hints((0, 0, WIDTH, HEIGHT), ((29, 19),), ((0, 0),)).refuse_outside(Path("a.jpg"), WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("hints", "words"),
    [
        (Hints(keep=((4, 5), (6, 7)), drop=((6, 7),)), "The point 6,7 was given with --keep and with --drop."),
        (Hints((2, 2, 5, 5), ((5, 4),)), "The point 5,4 of --keep lies outside the box 2,2,5,5."),
        (Hints((2, 2, 5, 5), ((2, 1),)), "The point 2,1 of --keep lies outside the box 2,2,5,5."),
        (
            Hints(drop=((1, 1),) * (MAX_POINTS + 1)),
            f"--drop was given {MAX_POINTS + 1} times; {MAX_POINTS} are possible.",
        ),
    ],
)
def test_what_no_mask_can_follow_is_refused(hints: Hints, words: str) -> None:
    with pytest.raises(MattedError) as refused:
        hints.refuse_contradictions()
    assert refused.value.message == words


def test_what_a_mask_can_follow_is_not_refused() -> None:
    Hints((2, 2, 5, 5), ((2, 2), (4, 4)), ((3, 3), (9, 9))).refuse_contradictions()
