"""The open pictures with a fake clock: how many are kept, which go first, and when."""

from __future__ import annotations

import math

import pytest
from fakes import Clock
from matted.masking.picture import Picture
from matted.serving.kept.open_pictures import MOST_OF_A_CLIENT, OpenPictures
from matted.serving.kept.store import IDLE_SECONDS
from matted_client import Rejected

ME, OTHER, THIRD = b"me", b"other", b"third"
LIMIT = 1000  # bytes; of a client 500


def picture(size: int = 100) -> Picture:
    return Picture(size, 1, "GRAY8", [memoryview(bytes(size))])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pictures(clock: Clock) -> OpenPictures:
    return OpenPictures(LIMIT, clock)


def known(pictures: OpenPictures, peer: bytes = ME) -> list[int]:
    """The names of a client's open pictures, without using them."""
    return [name for owner, name in pictures._entries if owner == peer and name is not None]


def test_a_picture_is_found_by_its_client_and_name_until_it_is_closed(pictures: OpenPictures) -> None:
    mine, others = picture(), picture()
    pictures.use(ME, 7, mine)
    pictures.use(OTHER, 7, others)
    assert pictures.find(ME, 7) is mine and pictures.find(OTHER, 7) is others
    assert pictures.close(ME, 7) and not pictures.close(ME, 7)
    with pytest.raises(Rejected) as refusal:
        pictures.find(ME, 7)
    assert refusal.value.code == "picture_forgotten" and "'open'" in refusal.value.hint
    assert pictures.find(OTHER, 7) is others


def test_a_name_that_is_opened_again_is_the_new_picture_and_the_old_one_takes_no_room(pictures: OpenPictures) -> None:
    for _ in range(3):
        new = picture()
        pictures.use(ME, 7, new)
    assert pictures.find(ME, 7) is new and len(pictures) == 1 and pictures.memory == 100


def test_a_client_s_bytes_are_bounded_and_its_least_recently_used_picture_goes_first(pictures: OpenPictures) -> None:
    for name in range(5):
        pictures.use(ME, name, picture())
    pictures.find(ME, 0)
    pictures.use(ME, 5, picture(150))
    assert known(pictures) == [3, 4, 0, 5]


def test_a_client_drives_out_its_own_pictures_only(pictures: OpenPictures) -> None:
    pictures.use(OTHER, 1, picture(400))
    for name in range(100):
        pictures.use(ME, name, picture())
    assert known(pictures, OTHER) == [1] and known(pictures) == [95, 96, 97, 98, 99]


def test_a_client_s_number_of_pictures_is_bounded(pictures: OpenPictures) -> None:
    for name in range(MOST_OF_A_CLIENT + 10):
        pictures.use(ME, name, picture(1))
    assert known(pictures) == list(range(10, MOST_OF_A_CLIENT + 10))


def test_the_bytes_of_all_clients_are_bounded(pictures: OpenPictures) -> None:
    for peer in (ME, OTHER, THIRD):
        pictures.use(peer, 1, picture(400))
    assert [known(pictures, peer) for peer in (ME, OTHER, THIRD)] == [[], [1], [1]]
    assert pictures.memory <= LIMIT


def test_the_picture_that_was_opened_last_stays_whatever_its_size(pictures: OpenPictures) -> None:
    pictures.use(OTHER, 1, picture())
    pictures.use(ME, 1, picture())
    pictures.use(ME, 2, picture(10 * LIMIT))
    assert known(pictures) == [2] and known(pictures, OTHER) == []
    pictures.use(OTHER, 2, picture())
    assert known(pictures) == [] and known(pictures, OTHER) == [2]


def test_the_pictures_of_a_client_that_has_left_are_forgotten(pictures: OpenPictures) -> None:
    for peer in (ME, OTHER):
        for name in range(3):
            pictures.use(peer, name, picture())
    pictures.close_all(ME)
    assert known(pictures) == [] and known(pictures, OTHER) == [0, 1, 2]


def test_a_picture_that_nobody_asks_about_is_forgotten_after_a_while(pictures: OpenPictures, clock: Clock) -> None:
    assert pictures.seconds_to_expiry() == math.inf
    pictures.use(ME, 1, picture())
    clock.now += 100
    pictures.use(ME, 2, picture())
    assert pictures.seconds_to_expiry() == IDLE_SECONDS - 100
    pictures.find(ME, 1)
    clock.now += IDLE_SECONDS - 1
    pictures.find(ME, 2)
    pictures.expire()
    assert known(pictures) == [1, 2]
    clock.now += 1
    assert pictures.seconds_to_expiry() == 0
    pictures.expire()
    assert known(pictures) == [2]


def test_memory_is_freed_of_what_was_used_least_recently_by_whomever(pictures: OpenPictures) -> None:
    for name in (1, 2):
        for peer in (ME, OTHER):
            pictures.use(peer, name, picture())
    pictures.find(ME, 1)
    pictures.free(101, ())
    assert known(pictures) == [1] and known(pictures, OTHER) == [2]


def test_what_is_at_work_is_not_freed_as_its_job_has_the_memory(pictures: OpenPictures) -> None:
    for name in range(4):
        pictures.use(ME, name, picture())
    at_work = {(ME, 0), (ME, 2), (OTHER, 3)}
    assert pictures.bytes_to_free(at_work) == 200
    pictures.free(10_000, at_work)
    assert known(pictures) == [0, 2]
    pictures.free(0, ())
    assert known(pictures) == [0, 2]


def test_what_is_found_out_about_pictures_counts(pictures: OpenPictures) -> None:
    for name in (1, 2):
        pictures.use(ME, name, picture(10))
    pictures.find(ME, 1).findings.get("a matte", lambda: (None, LIMIT // 2))
    assert pictures.find(ME, 2) and len(pictures) == 1  # the other one took too much
    assert pictures.find(ME, 2).findings.get("a matte", lambda: (None, LIMIT)) is None
    assert pictures.find(ME, 2) and pictures.memory > LIMIT  # the one that was used last stays
