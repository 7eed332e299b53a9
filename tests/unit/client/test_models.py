"""The list of models in the dialogs of GIMP and Krita."""

from __future__ import annotations

from typing import Any

import pytest
from matted_client.models import find, is_downloadable, listed, megabytes
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
    "installed": True,
    "default": False,
    "seconds": None,
}


def test_those_that_are_here_come_before_those_to_be_had() -> None:
    facts = [
        {**FACTS, "id": "asks", "installed": False, "commercial": False, "downloadable": False},
        {**FACTS, "id": "far", "installed": False},
        {**FACTS, "id": "bought", "commercial": False},
        {**FACTS, "id": "here", "default": True, "plate": True},
    ]
    entries = listed(facts)
    assert [entry.id for entry in entries] == ["default", "here", "bought", "far", "asks"]
    assert [entry.plate for entry in entries] == [True, True, False, False, False]
    assert [entry.label for entry in entries] == [
        "Default: Title (free)",
        "Title (free)",
        "Title (non-commercial only)",
        "Title (free, not on this computer)",
        "Title (non-commercial only, not on this computer)",
    ]
    assert entries[0].about == entries[1].about == "About. Licence: MIT (free)."
    assert entries[3].about.endswith("It is downloaded when it is first used: 5 MB.")
    assert entries[4].about.endswith("Get it in a terminal with: matted models pull asks")


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
    assert find(facts, "gone") == {}


@pytest.mark.parametrize(("size", "shown"), [(1, 1), (1_400_000, 1), (178_600_000, 179)])
def test_megabytes(size: int, shown: int) -> None:
    assert megabytes({**FACTS, "bytes": size}) == shown
