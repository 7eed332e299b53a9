"""The list of models in the dialogs of GIMP and Krita."""

from __future__ import annotations

from typing import Any

import pytest
from matted_client.models import (
    BEST,
    FIRST,
    MEMORY,
    ONLY,
    PATIENCE,
    QUALITY_LEVELS,
    QUICKEST,
    find,
    in_order,
    is_downloadable,
    listed,
    megabytes,
    quality,
    quality_level,
    why_chosen,
)
from words import MadeUp

FACTS: dict[str, Any] = {
    "id": "one",
    "title": "Title",
    "about": "About.",
    "licence": "MIT",
    "commercial": True,
    "bytes": 5_400_000,
    "downloadable": True,
    "plate": False,
    "automatic": False,
    "accept": False,
    "refines": False,
    "installed": True,
    "default": False,
    "chosen": "",
    "quality": 0,
    "subject": "any",
    "seconds": None,
    "measured": True,
}


def test_those_that_are_here_come_before_those_to_be_had() -> None:
    facts = [
        {**FACTS, "id": "asks", "installed": False, "commercial": False, "downloadable": False},
        {**FACTS, "id": "far", "installed": False, "automatic": True},
        {**FACTS, "id": "got", "installed": False},
        {**FACTS, "id": "bought", "commercial": False},
        {**FACTS, "id": "here", "default": True, "plate": True},
    ]
    entries = listed(facts)
    assert [entry.id for entry in entries] == ["default", "here", "bought", "far", "got", "asks"]
    assert [entry.plate for entry in entries] == [True, True, False, False, False, False]
    assert [entry.label for entry in entries] == [
        "Default: Title (free)",
        "Title (free)",
        "Title (non-commercial only)",
        "Title (free, not on this computer)",
        "Title (free, not on this computer)",
        "Title (non-commercial only, not on this computer)",
    ]
    assert entries[0].about == entries[1].about == "About. Licence: MIT (free)."
    assert entries[3].about.endswith("It is downloaded when it is first used: 5 MB.")
    assert entries[4].about == "About. Licence: MIT (free)."  # a button beside it says more
    assert entries[5].about.endswith("Get it in a terminal with: matted models pull asks")


def test_what_only_refines_is_no_choice() -> None:
    assert [entry.id for entry in listed([{**FACTS, "id": "refiner", "refines": True}, FACTS])] == ["one"]


@pytest.mark.parametrize("commercial", [True, False])
def test_of_ones_own_model_whose_files_are_gone_no_download_is_promised(commercial: bool) -> None:
    (entry,) = listed([{**FACTS, "installed": False, "commercial": commercial, "bytes": 0, "downloadable": False}])
    assert entry.label.endswith("not on this computer)")
    assert entry.about in ("About. Licence: MIT (free).", "About. Licence: MIT (non-commercial only).")


@pytest.mark.parametrize(
    ("seconds", "label"),
    [
        (None, "Title (free)"),
        (0.02, "Title (free, less than 1 s)"),
        (0.9, "Title (free, about 1 s)"),
        (12.4, "Title (free, about 12 s)"),
    ],
)
def test_how_long_it_took_lately(seconds: float | None, label: str) -> None:
    assert listed([{**FACTS, "seconds": seconds}])[0].label == label


@pytest.mark.parametrize(
    ("quality", "label"),
    [
        (0, "Title (free)"),
        (28, "Title (free, fair)"),
        (46, "Title (free, good)"),
        (64, "Title (free, very good)"),
        (79, "Title (free, excellent)"),
    ],
)
def test_the_quality_is_said_in_words(quality: int, label: str) -> None:
    assert listed([{**FACTS, "quality": quality}])[0].label == label


def test_an_estimate_is_called_one() -> None:
    far = {**FACTS, "installed": False, "quality": 79, "seconds": 17.6, "measured": False}
    assert listed([far])[0].label == "Title (free, excellent, estimated 18 s, not on this computer)"


def test_the_best_for_any_subject_come_first_where_all_else_is_equal() -> None:
    facts = [
        {**FACTS, "id": "drawings", "subject": "drawings", "quality": 90},
        {**FACTS, "id": "unknown", "subject": "fish", "quality": 95},
        {**FACTS, "id": "people", "subject": "people", "quality": 60},
        {**FACTS, "id": "fair", "quality": 28},
        {**FACTS, "id": "part of matted"},
        {**FACTS, "id": "good", "quality": 46},
    ]
    in_order = ["good", "fair", "part of matted", "people", "drawings", "unknown"]
    assert [entry.id for entry in listed(facts)] == in_order


def test_what_is_chosen_by_itself_comes_first_and_says_why() -> None:
    chosen = {**FACTS, "id": "here", "chosen": "patience", "quality": 46, "seconds": 0.6}
    entries = listed([{**FACTS, "id": "other"}, chosen])
    assert [entry.id for entry in entries] == ["default", "here", "other"]
    assert entries[0].label == "Automatic: Title (free, good, about 1 s)"
    assert entries[0].about == (
        "The best of the free models that you have that are quick enough. About. Licence: MIT (free)."
    )
    assert entries[1].about == "About. Licence: MIT (free)."


@pytest.mark.parametrize("model", ["other", "here"])
def test_it_can_be_chosen_where_the_settings_name_a_model(model: str) -> None:
    facts = [{**FACTS, "id": "other"}, {**FACTS, "id": "here", "chosen": "best"}]
    facts = [{**each, "default": each["id"] == model} for each in facts]
    entries = listed(facts)
    assert [entry.id for entry in entries[:2]] == ["default", "auto"]
    assert [entry.label for entry in entries[:2]] == ["Default: Title (free)", "Automatic: Title (free)"]
    assert find(facts, "auto")["id"] == "here" and find(facts, "default")["id"] == model


def test_each_reason_has_a_sentence_and_so_has_one_of_a_later_version() -> None:
    sentences = {why_chosen(reason) for reason in (BEST, ONLY, FIRST, PATIENCE, MEMORY, QUICKEST)}
    assert len(sentences) == 6 and all(sentence.endswith(".") for sentence in sentences)
    assert why_chosen("of a later version") == why_chosen(BEST)


def test_without_a_daemon_there_are_none() -> None:
    assert listed([]) == []


def test_the_words_are_translated() -> None:
    words = {"about %d s": "rund %d s", "About.": "Ein Modell.", "free": "frei", "Licence: %s (%s).": "Lizenz %s, %s."}
    (entry,) = listed([{**FACTS, "seconds": 2}], MadeUp(words))
    assert entry.label == "Title (frei, rund 2 s)"
    assert entry.about == "Ein Modell. Lizenz MIT, frei."


def test_what_is_a_part_of_matted_has_a_title_that_is_translated_and_nothing_to_download() -> None:
    facts = {**FACTS, "id": "flat", "title": "Flat ground", "bytes": 0, "downloadable": False}
    (entry,) = listed([facts])
    assert (entry.label, entry.about) == ("Flat ground (free)", "About. Licence: MIT (free).")
    assert not is_downloadable(facts)
    (entry,) = listed([facts], MadeUp({"Flat ground": "Fond uni", "free": "libre"}))
    assert entry.label == "Fond uni (libre)"


def test_a_model_without_a_title_is_listed() -> None:
    assert listed([{**FACTS, "title": ""}])[0].label == " (free)"


def test_a_model_is_found_by_its_id_or_as_the_default() -> None:
    facts = [{**FACTS, "id": "here"}, {**FACTS, "id": "there", "default": True}]
    assert find(facts, "here")["id"] == "here"
    assert find(facts, "default")["id"] == "there"
    assert find(facts, "gone") == find(facts, "auto") == {}
    assert find([{**FACTS, "id": "here"}, {**FACTS, "id": "there", "chosen": "best"}], "default")["id"] == "there"


@pytest.mark.parametrize(("size", "shown"), [(1, 1), (1_400_000, 1), (178_600_000, 179)])
def test_megabytes(size: int, shown: int) -> None:
    assert megabytes({**FACTS, "bytes": size}) == shown


def test_each_level_of_quality_has_its_word() -> None:
    words = [quality({**FACTS, "quality": value}) for value in range(101)]
    levels = [quality_level({**FACTS, "quality": value}) for value in range(101)]
    assert levels == sorted(levels) and (levels[0], levels[1], levels[100]) == (0, 1, QUALITY_LEVELS)
    assert words[0] == "" and len(set(zip(words, levels, strict=True))) == len(set(words)) == QUALITY_LEVELS + 1


def test_the_order_is_that_of_the_list() -> None:
    facts = [{**FACTS, "id": str(number), "quality": number, "installed": number % 2 == 0} for number in range(6)]
    assert [each["id"] for each in in_order(facts)] == [entry.id for entry in listed(facts)] == list("420531")
