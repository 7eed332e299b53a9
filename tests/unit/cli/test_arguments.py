"""Places in a picture as people type them, and commands that cannot be done as they were given."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from matted.cli.main import command_parser, main
from matted.cli.pictures import arguments, framing
from matted.cli.pictures.pipes import Pipes
from matted.files.framing.backgrounds import Blur, Colour
from matted.files.framing.frame import Frame
from matted.files.framing.layout import Margin
from matted_client import options
from matted_client.options import MaskOptions, RefineOptions


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what argparse says of a wrong argument, in one line."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Return the exit code, and the sentence and the hint on stderr."""
    code = main(words)
    printed = capsys.readouterr()
    sentence, hint = re.fullmatch(r"matted: (.*)\n        (.*)\n", printed.err).groups()  # type: ignore[union-attr]
    assert printed.out == ""
    return code, sentence, hint


def test_places_are_pixels() -> None:
    given = command_parser().parse_args(
        ["remove", "a.jpg", "--box", "1,2,30,40", "--keep", "5,6", "--keep=7, 8", "--drop", " 9 , 10 "]
    )
    assert (given.box, given.keep, given.drop) == ((1, 2, 30, 40), [(5, 6), (7, 8)], [(9, 10)])
    plain = command_parser().parse_args(["remove", "a.jpg"])
    assert (plain.box, plain.keep, plain.drop, plain.hint) == (None, [], [], None)


@pytest.mark.parametrize(
    "text",
    ["", "5", "5,", ",5", "5,6,7", "-5,3", "5,-3", "5.5,3", "5;3", "5x3", "a,b", "1e3,2", "5 6", "٣,4", "9" * 5000],
)
@pytest.mark.parametrize("flag", ["--keep", "--drop"])
def test_a_point_is_two_whole_numbers(capsys: pytest.CaptureFixture[str], flag: str, text: str) -> None:
    said = refusal(capsys, "remove", "a.jpg", f"{flag}={text}")
    expected = f"matted remove: error: argument {flag}: it has to be X,Y, two whole numbers of pixels, not {text!r}"
    assert said == expected


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "-1,2,3,4", "1,2,3,x", "1 2 3 4", "1.5,2,3,4"])
def test_a_box_is_four_whole_numbers(capsys: pytest.CaptureFixture[str], text: str) -> None:
    said = refusal(capsys, "remove", "a.jpg", f"--box={text}")
    assert said.endswith(f"argument --box: it has to be LEFT,TOP,RIGHT,BOTTOM in whole pixels, not {text!r}")


@pytest.mark.parametrize("text", ["30,2,10,40", "1,40,30,2", "5,5,5,9", "5,5,9,5", "100,100,50,40"])
def test_a_box_the_wrong_way_round_is_not_guessed_at(capsys: pytest.CaptureFixture[str], text: str) -> None:
    said = refusal(capsys, "remove", "a.jpg", "--box", text)
    assert f"with RIGHT beyond LEFT and BOTTOM beyond TOP, not {text!r}" in said


@pytest.mark.parametrize("hint", [["--box", "1,1,2,2"], ["--keep", "1,1"], ["--drop", "1,1"], ["--hint", "h.png"]])
def test_hints_are_for_one_picture(capsys: pytest.CaptureFixture[str], tmp_path: Path, hint: list[str]) -> None:
    code, sentence, help = complaint(capsys, "remove", "a.jpg", "b.jpg", *hint)
    assert (code, sentence) == (2, "--box, --keep, --drop and --hint are for one picture, and others were given too.")
    assert "once for each" in help
    code, sentence, _ = complaint(capsys, "remove", str(tmp_path), *hint)
    assert (code, sentence.endswith(f"for one picture, and {tmp_path} is a folder.")) == (2, True)


def test_hints_that_contradict_each_other_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    both = complaint(capsys, "remove", "a.jpg", "--keep", "3,4", "--drop", "3,4")
    assert both == (2, "The point 3,4 was given with --keep and with --drop.", "It can have one of them.")
    outside = complaint(capsys, "remove", "a.jpg", "--box", "1,1,9,9", "--keep", "9,4")
    assert outside[:2] == (2, "The point 9,4 of --keep lies outside the box 1,1,9,9.")


def test_a_result_does_not_replace_the_hint(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture, hint = tmp_path / "a.jpg", tmp_path / "a-mask.png"
    code, sentence, help = complaint(capsys, "remove", str(picture), "--mask", "--force", "--hint", str(hint))
    assert (code, sentence) == (1, f"{hint} is itself a mask that is read.") and "-o" in help


@pytest.mark.parametrize(("name", "kind"), [("remove", MaskOptions), ("refine", RefineOptions)])
def test_a_command_has_every_option_of_its_request(name: str, kind: type) -> None:
    given = command_parser().parse_args([name, "a.jpg", "m.png"])
    assert {option: getattr(given, option) for option in options.entries(kind)} == {
        option: entry.default for option, entry in options.entries(kind).items()
    }


def test_refine_takes_one_picture_and_one_mask(capsys: pytest.CaptureFixture[str]) -> None:
    assert "arguments are required: MASK" in refusal(capsys, "refine", "a.jpg")
    assert "unrecognized arguments: c.png" in refusal(capsys, "refine", "a.jpg", "b.png", "c.png")
    assert "it has to be a number from 0 to 1000 or nothing, not '-1'" in refusal(
        capsys, "refine", "a.jpg", "m.png", "--reach", "-1"
    )


def test_a_frame_is_said_in_words_as_people_write_them() -> None:
    parse = command_parser().parse_args
    given = parse(["remove", "a.jpg", "--background", "#fc0", "--crop", "--size", "800x600", "--add-shadow"])
    assert framing.frame(given) == Frame(Colour((255, 204, 0)), Margin(0), (800, 600), False, 50)
    given = parse(["refine", "a.jpg", "m.png", "--background=blur:2.5", "--crop=5%", "--square", "--add-shadow", "20"])
    assert framing.frame(given) == Frame(Blur(2.5), Margin(5, percent=True), None, True, 20)
    assert framing.frame(parse(["remove", "a.jpg"])).is_plain


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--background=#12", "#12 is no colour, and there is no such file."),
        ("--background=#11223344", "#11223344 is transparent, and a background is not."),
        ("--background=blur:0", "The radius of a blur is more than 0 and at most 1000 pixels, not 0."),
        ("--crop=-3", "A margin is pixels or percent, such as 20 or 5%, not -3."),
        ("--crop=501%", "A margin is pixels or percent, such as 20 or 5%, not 501%."),
        ("--size=800", "A size is width and height in pixels, 1 to 30000, such as 800x600, not 800."),
        ("--size=0x5", "A size is width and height in pixels, 1 to 30000, such as 800x600, not 0x5."),
        ("--size=30000x30000", "A size has at most 178 megapixels, not 900."),
        ("--add-shadow=0", "A shadow is 1 to 100 percent dark, not 0."),
    ],
)
def test_what_is_no_part_of_a_frame_is_refused(capsys: pytest.CaptureFixture[str], argument: str, said: str) -> None:
    assert said in refusal(capsys, "remove", "a.jpg", argument)


def test_a_picture_is_not_taken_for_a_margin(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(capsys, "remove", "--crop", "a.jpg")
    assert said.endswith("such as 20 or 5%, not a.jpg. Without one, --crop comes behind the pictures.")


def test_a_jpeg_takes_a_background_or_a_mask(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    said = complaint(capsys, "remove", f"{tmp_path}/a.png", "--format", "jpeg")
    assert said[:2] == (1, "A JPEG cannot be transparent, and a cut-out is.")
    assert said[2].startswith("Give it a background: --background white. Or choose another format: png, webp, tiff")
    said = complaint(capsys, "remove", f"{tmp_path}/a.png", "--mask", "--background", "white")
    assert said[1] == "A mask has no background."


@pytest.mark.parametrize(
    "words",
    [
        ("remove", ""),
        ("remove", "a.jpg", "-o", ""),
        ("remove", "a.jpg", "--plate", ""),
        ("remove", "a.jpg", "--hint", ""),
        ("remove", "a.jpg", "--sheet", ""),
        ("remove", "a.jpg", "--report", ""),
        ("refine", "a.jpg", ""),
        ("refine", "", "b.png"),
        ("models", "compare", ""),
        ("models", "compare", "a.jpg", "-o", ""),
    ],
)
def test_an_empty_name_does_not_mean_the_current_folder(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert "it has to be the name of a file or a folder, and is empty" in refusal(capsys, *words)


@pytest.mark.parametrize(
    ("settings", "expected"), [("", 3), ('[server]\nurl = "https://studio"\nmax_in_flight = 8', 10)]
)
def test_as_many_pictures_are_in_work_as_keep_a_server_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: str, expected: int
) -> None:
    (tmp_path / "config.toml").write_text(settings)
    monkeypatch.setenv("MATTED_CONFIG_DIR", str(tmp_path))
    given = command_parser("remove").parse_args(["remove", "a.png"])
    given.json = False
    assert arguments.manner(given, Pipes()).jobs == expected
