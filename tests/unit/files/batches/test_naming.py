"""Names of results: all different, whatever the pictures are called, and the same in every run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matted.files.batches.naming import Wish, targets

OUT = Path("out")


def names(*sources: str, ending: str = ".png") -> list[str]:
    return [target.name for target in targets([Wish(Path(source), OUT, ending) for source in sources])]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["a.jpg", "b.jpg"], ["a.png", "b.png"]),
        (["x.jpg", "x.png", "y.jpg"], ["x-jpg.png", "x-png.png", "y.png"]),
        (["x.jpg", "x.png", "x-jpg.webp"], ["x-jpg.png", "x-png.png", "x-jpg-webp.png"]),
        (["x.jpg", "X.png"], ["x-jpg.png", "X-png.png"]),
        (["x", "x.png"], ["x.png", "x-png.png"]),
        (["caf\u00e9.jpg", "cafe\u0301.png"], ["caf\u00e9-jpg.png", "cafe\u0301-png.png"]),
        (["one/x.jpg", "two/x.jpg", "two/x.png"], ["one-x-jpg.png", "two-x-jpg.png", "x-png.png"]),
    ],
)
def test_names_say_no_more_than_they_have_to(sources: list[str], expected: list[str]) -> None:
    assert names(*sources) == expected


def test_what_nothing_else_tells_apart_gets_a_number_of_its_own() -> None:
    one, other = names("a/in/x.jpg", "b/in/x.jpg")
    assert one.startswith("in-x-jpg-") and other.startswith("in-x-jpg-") and one != other


def test_a_name_does_not_depend_on_the_way_to_its_folder() -> None:
    assert names("a/../a/in/x.jpg", "b/in/x.jpg") == names("a/in/x.jpg", "./b/in/x.jpg")


def test_names_apart_keep_their_ending() -> None:
    assert names("x.jpg", "x.png", ending="-mask.png") == ["x-jpg-mask.png", "x-png-mask.png"]


def test_results_in_different_folders_may_have_the_same_name() -> None:
    wishes = [Wish(Path("one/x.jpg"), Path("one"), ".png"), Wish(Path("two/x.jpg"), Path("two"), ".png")]
    assert targets(wishes) == [Path("one/x.png"), Path("two/x.png")]


PARTS = st.sampled_from(["x", "X", "x-jpg", "in-x", "y", "\u00e9", "e\u0301"])
FILES = st.builds("{}/{}{}".format, st.sampled_from(["in", "a/in", "IN"]), PARTS, st.sampled_from(["", ".jpg", ".JPG"]))


@given(st.lists(FILES, unique=True, max_size=12), st.randoms(use_true_random=False))
def test_all_names_are_different_in_every_order(sources: list[str], shuffle: random.Random) -> None:
    found = dict(zip(sources, names(*sources), strict=True))
    assert len({name.casefold() for name in found.values()}) == len(sources)
    shuffled = shuffle.sample(sources, len(sources))
    assert dict(zip(shuffled, names(*shuffled), strict=True)) == found
