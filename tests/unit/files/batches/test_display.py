"""What is shown while pictures are worked on, in a terminal and elsewhere."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from matted.files.batches.display import Display, Lines
from matted.files.batches.outcomes import DONE, Outcome, failure
from matted_client import MattedError, Rejected
from matted_client.messages import MaskResult, Progress

INFO = MaskResult(2, 2, 8, "", "", 0.5, timings={"waiting": 0.25}, warnings=["The device was busy."])


def done(target: Path, info: MaskResult) -> Outcome:
    return Outcome(target.with_suffix(".jpg"), target, DONE, info=info)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(capsys: pytest.CaptureFixture[str], single: bool = False) -> tuple[str, str]:
    """Return what is printed of three pictures on stdout, and on stderr."""
    with Display(3, single) as display:
        for name in ("a.jpg", "b.jpg", "c.jpg"):
            display.begin(Path(name))
            display.show_progress(Path(name), Progress("inference", 0.5))
            display.show_progress(Path("another.jpg"), Progress("inference", 0.9))
            if name == "b.jpg":
                display.show(failure(Path(name), Path(), MattedError("It went wrong.", "Do it again.")), False)
            else:
                display.show(done(Path(name).with_suffix(".png"), INFO), timings=name == "c.jpg")
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_without_a_terminal_there_are_lines_and_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = show(capsys)
    assert out == "c.png\n    waiting 0.250 s\n"
    warning = "    The device was busy.\n"
    assert err == f"{warning}matted: It went wrong.\n        Do it again.\n{warning}"
    assert show(capsys, single=True)[0] == "a.png\nc.png\n    waiting 0.250 s\n"


@pytest.mark.parametrize(("single", "seen"), [(False, "3/3"), (True, "a.jpg")])
def test_in_a_terminal_there_are_bars_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, single: bool, seen: str
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    out, _ = show(capsys, single)
    assert out.endswith("c.png\n    waiting 0.250 s\n")
    assert seen in terminal.getvalue() and "matted: It went wrong." in terminal.getvalue()


def test_a_model_is_named_where_one_was_used(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(1, True) as display:
        display.begin(Path("a.jpg"))
        info = MaskResult(2, 2, 8, "u2netp", "CPU", 0.5, timings={"inference": 1.0})
        display.show(done(Path("a.png"), info), timings=True)
    assert capsys.readouterr().out == "a.png\n    u2netp on CPU: inference 1.000 s\n"


FLAT = MaskResult(
    2, 2, 8, "flat", "", 0.5, timings={"mask": 0.5}, ground="colour", ground_colour=[255, 255, 255], chosen=True
)
AUTO = MaskResult(2, 2, 8, "u2netp", "CPU", 0.5, timings={"mask": 0.5}, chosen=True, reason="best")
WHY = "The best of the free models that you have."
SAID = "    Flat ground: white. No model was needed."


@pytest.mark.parametrize(
    ("info", "timings", "out", "err"),
    [
        (FLAT, False, "", f"{SAID} For a model: --model ID\n"),
        (FLAT, True, f"    flat: mask 0.500 s\n{SAID}\n", ""),
        (replace(FLAT, chosen=False), False, "", ""),  # it was asked for
        (
            replace(FLAT, model="u2netp", device="CPU", chosen=False),
            True,
            "    u2netp on CPU: mask 0.500 s\n    The edge is from the ground (white).\n",
            "",
        ),
        (AUTO, False, "", f"    u2netp was chosen by itself. {WHY} For another: --model ID\n"),
        (replace(AUTO, reason="only"), False, "", ""),
        (AUTO, True, f"    u2netp on CPU: mask 0.500 s\n    {WHY}\n", ""),
    ],
    ids=[
        "chosen",
        "chosen, with timings",
        "asked for",
        "with a model",
        "a model that was chosen",
        "the only one",
        "a model, with timings",
    ],
)
def test_what_was_chosen_and_what_a_flat_ground_did_is_said(
    capsys: pytest.CaptureFixture[str], info: MaskResult, timings: bool, out: str, err: str
) -> None:
    with Display(1, True) as display:
        display.begin(Path("a.jpg"))
        display.show(done(Path("a.png"), info), timings)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"a.png\n{out}", err)


def test_a_folder_of_drawings_is_not_commented_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(3, False) as display:
        display.begin(Path("a.jpg"))
        display.show(done(Path("a.png"), FLAT), timings=False)
    assert capsys.readouterr() == ("", "")


def test_a_download_has_a_bar_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(1, True) as display:
        display.begin(Path("a.jpg"))
        for fraction in (0.0, 0.5, 1.0):
            display.show_progress(Path("a.jpg"), Progress("downloading", fraction))
        display.show(done(Path("a.png"), INFO), timings=False)
    assert "100%" in capsys.readouterr().err


def test_where_stdout_has_the_result_all_is_said_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with Display(1, True, aside=True) as display:
        display.begin(Path("a.jpg"))
        display.show(done(Path("a.png"), INFO), timings=True)
    printed = capsys.readouterr()
    assert printed.out == "" and "waiting 0.250 s" in printed.err and "a.png" not in printed.err


def test_programs_get_a_line_of_json_for_each_picture(capsys: pytest.CaptureFixture[str]) -> None:
    with Lines() as lines:
        lines.begin(Path("a.jpg"))
        lines.show_progress(Path("a.jpg"), Progress("inference", 0.5))
        lines.show(done(Path("a.png"), INFO), timings=True)
        refusal = Rejected("no_subject", "No subject was found.", "Use --anyway.")
        lines.show(failure(Path("b.jpg"), Path("b.png"), refusal), timings=False)
        lines.note("Not looked at: 1 hidden file.")
        lines.note("")
        lines.end("1 of 2 pictures done.", {"pictures": 2})
    first, second, third, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["source"], first["target"], first["state"]) == ("a.jpg", "a.png", "done")
    assert first["error"] is None and first["result"]["warnings"] == INFO.warnings
    assert second["state"] == "no subject" and second["result"] is None
    error = {"code": "no_subject", "message": "No subject was found.", "hint": "Use --anyway."}
    assert second["error"] == error
    assert (third, last) == ({"note": "Not looked at: 1 hidden file."}, {"pictures": 2})
