"""The sentences and figures at the end of a run."""

from __future__ import annotations

from pathlib import Path

from matted.files.batches import outcomes
from matted.files.batches.outcomes import DONE, EXISTING, FAILED, NO_SUBJECT, Kept, Outcome, Tally, failure
from matted.files.formats.known import TIFF, WEBP
from matted_client import MattedError, Rejected


def done(number: int, kept: Kept | None = None) -> Outcome:
    return Outcome(Path(f"{number}.jpg"), Path(f"{number}.png"), DONE, kept=kept)


def tally(*found: Outcome) -> Tally:
    result = Tally()
    for outcome in found:
        result.add(outcome)
    return result


def test_a_picture_without_a_subject_is_told_from_one_that_failed() -> None:
    refused = failure(Path("a"), Path("b"), Rejected("no_subject", "No subject was found."))
    broken = failure(Path("a"), Path("b"), Rejected("internal", "It broke."))
    assert (refused.state, broken.state) == (NO_SUBJECT, FAILED)
    assert refused.row()["code"] == "no_subject" and refused.row()["why"] == "No subject was found."


def test_the_count_tells_this_run_from_earlier_ones() -> None:
    found = tally(done(1), Outcome(Path("b"), Path("c"), EXISTING))
    assert found.sentence(True) == "2 of 2 pictures done, 1 of them in an earlier run."
    assert found.sentence(False) == "1 of 2 pictures done."
    assert tally(done(1)).sentence(True) == "1 of 1 picture done."


def test_of_a_picture_that_is_mended_the_last_outcome_counts() -> None:
    broken = [failure(Path(f"{number}.jpg"), Path(), MattedError(f"{number} is damaged.")) for number in range(30)]
    found = tally(done(0, Kept(16)), *broken, *(done(number, Kept(16)) for number in range(28)))
    assert found.sentence(False) == "28 of 30 pictures done." and found.counts[FAILED] == 2
    assert list(found.why_not()) == ["Failed, 2 of them:", "    28 is damaged.", "    29 is damaged."]
    assert next(found.lost(WEBP, False)).startswith("28 of them had more bits")


def test_reasons_are_said_again_only_where_they_are_out_of_sight() -> None:
    few = [done(number) for number in range(5)]
    broken = [failure(Path(f"x{number}"), Path(), MattedError(f"x{number} is damaged.")) for number in range(30)]
    refused = failure(Path("y"), Path(), Rejected("no_subject", "y: No subject was found."))
    assert list(tally(*few, broken[0]).why_not()) == []
    said = list(tally(*few, *broken, refused).why_not())
    assert said[:4] == [
        "Without a subject, 1 of them:",
        "    y: No subject was found.",
        "Failed, 30 of them:",
        "    x0 is damaged.",
    ]
    assert said[-1] == "    and 10 more; --report FILE has all of them."
    assert len(said) == 2 + 1 + 20 + 1


def test_what_results_could_not_keep_is_counted() -> None:
    found = tally(done(1, Kept(16)), done(2, Kept(8)), done(3, Kept(16, 8, "CMYK")), done(4, Kept(8, 8, "CMYK")))
    assert list(found.lost(WEBP, False)) == [
        "2 of them had more bits a channel than their results have. To keep more: --format tiff",
        "2 of them were in CMYK, which results cannot be: their results are in sRGB.",
    ]
    assert list(tally(done(1, Kept(64, 32))).lost(TIFF, True)) == [
        "The picture has 64 bits a channel, the result has 32."
    ]
    assert list(tally(done(1, Kept(8))).lost(WEBP, True)) == []


def test_pictures_without_what_they_need_are_named() -> None:
    pictures = {Path("a"): [], Path("b"): [], Path("c"): [Path("m/c.png"), Path("m/c.tif")]}
    assert outcomes.name_unmatched("plate", pictures) == "Without a plate: a, b. With several plates: c (c.png, c.tif)."
    many = {Path(str(number)): list[Path]() for number in range(23)}
    assert outcomes.name_unmatched("mask", many).endswith("18, 19 and 3 more.")
    assert outcomes.name_unmatched("mask", {}) == ""
    assert str(outcomes.unmatched(Path("c"), "mask", pictures[Path("c")]).error) == "c has several masks: c.png, c.tif."
    assert str(outcomes.unmatched(Path("a"), "plate", []).error) == "a has no plate."
    assert outcomes.unmatched(Path("a"), "plate", []).row()["target"] == "", "not the current folder"
