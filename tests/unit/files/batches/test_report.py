"""The report of a run: whole after every row, in both formats, and gone on with."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from matted.files.batches import report
from matted.files.batches.outcomes import COLUMNS, DONE, Outcome, failure
from matted.files.batches.report import Report
from matted.files.pictures import PictureError
from matted_client import MattedError
from matted_client.messages import MaskResult

INFO = MaskResult(2, 2, 8, "u2netp", "CPU", 0.25, confidence=0.75)
ROWS = [
    Outcome(Path("a, b.jpg"), Path("out/a.png"), DONE, info=INFO, seconds=1.5).row(),
    failure(Path('"quoted"\nname.jpg'), Path("x.png"), MattedError("It broke.", "Mend it."), 0.25).row(),
    Outcome(Path("café\udce9.jpg"), Path("c.png"), DONE, info=INFO).row(),  # a name that is not text
]


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".json":
        rows: list[dict[str, Any]] = json.loads(path.read_text())
        return rows
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["r.json", "r.CSV"])
def test_a_report_is_whole_after_every_row(tmp_path: Path, name: str) -> None:
    path = tmp_path / "deeper" / name
    with Report(path) as written:
        assert read(path.rename(path.with_name("empty" + path.suffix.lower()))) == []
    with Report(path) as written:
        for count, row in enumerate(ROWS, 1):
            written.add(row)
            found = report.earlier(path)
            assert list(found.values()) == ROWS[:count], "while the file is open, as a killed run leaves it"
    assert list(found) == [row["source"] for row in ROWS]


def test_a_spreadsheet_reads_the_columns(tmp_path: Path) -> None:
    with Report(tmp_path / "r.csv", ROWS):
        pass
    first, second, _ = read(tmp_path / "r.csv")
    assert tuple(first) == COLUMNS
    assert (first["source"], first["seconds"], first["model"]) == ("a, b.jpg", "1.5", "u2netp")
    assert (second["state"], second["why"], second["hint"], second["coverage"]) == (
        "failed",
        "It broke.",
        "Mend it.",
        "",
    )


@pytest.mark.parametrize("name", ["r.json", "r.csv"])
def test_a_report_begins_with_the_rows_of_an_earlier_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with Report(path, ROWS[:2]) as written:
        written.add(ROWS[2])
    with Report(path, list(report.earlier(path).values())[1:]) as written:
        written.add(ROWS[0])
    assert list(report.earlier(path).values()) == [ROWS[1], ROWS[2], ROWS[0]]


@pytest.mark.parametrize("name", ["r.json", "r.csv"])
def test_a_picture_has_one_row_the_last_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    mended = Outcome(Path('"quoted"\nname.jpg'), Path("x.png"), DONE, info=INFO, seconds=0.5).row()
    with Report(path, ROWS[:1]) as written:
        written.add(ROWS[1])
        written.add(ROWS[2])
        written.add(mended)
        assert list(report.earlier(path).values()) == [ROWS[0], ROWS[2], mended] and len(read(path)) == 3
        written.add({**ROWS[0], "state": "failed"})
        written.add({**ROWS[0], "source": "new.jpg"})
        assert [row["state"] for row in read(path)] == ["done", "done", "failed", "done"]
        path.unlink()
        written.add(mended)
        assert len(read(path)) == 4, "also if it was deleted meanwhile"
        path.write_text("of,another\nprogram,x\n")  # neither JSON nor the columns of a report
        with pytest.raises(PictureError, match=r"is no report of matted any more"):
            written.add(mended)


def test_a_row_that_was_cut_off_by_a_full_disk_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    with Report(path, ROWS[:1]):
        pass
    with open(path, "ab") as file:
        file.write(b"half,of a")
    assert list(report.earlier(path)) == ["a, b.jpg"]


@pytest.mark.parametrize("content", ["{}", "[1]", "no json", '[{"source": "a"}]', "[[]]"])
def test_what_is_no_report_is_not_replaced_by_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    if content != "{}":
        with pytest.raises(PictureError, match=r"is no report of matted"):
            report.earlier(path)
    else:
        assert report.earlier(path) == {}
    assert report.earlier(tmp_path / "nonesuch.json") == {}


def test_a_report_is_refused_where_it_must_not_be(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"neither a \.json nor a \.csv"):
        report.refuse_to_replace(tmp_path / "r.txt", True)
    (tmp_path / "r.csv").touch()
    with pytest.raises(PictureError, match=r"exists"):
        report.refuse_to_replace(tmp_path / "r.csv", False)
    report.refuse_to_replace(tmp_path / "r.csv", True)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(PictureError, match=r"folder of that name"):
        report.refuse_to_replace(tmp_path / "folder.json", True)
    with pytest.raises(PictureError, match=r"cannot be written"):
        Report(tmp_path / "r.csv" / "r.json")
