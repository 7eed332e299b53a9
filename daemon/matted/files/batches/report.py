"""Write the report of a run, JSON or CSV, row by row: a run that is interrupted has one of what it did."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from matted.files.batches.outcomes import COLUMNS
from matted.files.pictures import PictureError
from matted.system import atomic_file

Row = Mapping[str, Any]  # by the names in COLUMNS

_NUMBERS = ("seconds", "coverage", "confidence")
_NO_REPORT = (ValueError, TypeError, KeyError, csv.Error)  # what reading a file raises that is none
_BEGINNING, _BETWEEN, _END = b"[\n", b",\n", b"\n]\n"  # of the rows in a JSON file


class Report:
    """A file with a row for each picture, the last one. It is whole after every row, also if the process is killed.

    Leaving the block closes it.
    """

    def __init__(self, path: Path, rows: Iterable[Row] = ()) -> None:
        """Write the file with its first rows, in the place of one that is there.

        Raises PictureError if its name ends in another way than .json and .csv, or it cannot be written.
        """
        self._path = path
        self._json = is_json(path)
        self._sources: set[str] = set()
        self._empty = True
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._begin(list(rows))
        except OSError as error:
            raise _unwritable(path, error) from error

    def __enter__(self) -> Report:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()

    def add(self, row: Row) -> None:
        """Write a row, in the place of an earlier one of the same picture. Raises PictureError."""
        try:
            if row["source"] in self._sources:
                self._write_again(row)
                return
            cells = self._cells(row)
            # In one piece, and over the end of the list: the file is a whole list before it and after it.
            self._file.seek(-len(_END) if self._json else 0, os.SEEK_END)
            text = cells if not self._json else (b"" if self._empty else _BETWEEN) + cells + _END
            if self._file.write(text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise _unwritable(self._path, error) from error
        except _NO_REPORT as error:
            raise PictureError(
                f"{self._path} is no report of matted any more.", "Leave it alone during a run."
            ) from error
        self._empty = False
        self._sources.add(row["source"])

    def _begin(self, rows: Sequence[Row]) -> BinaryIO:
        """Write a file with some rows, in the place of one that is there. Raises OSError."""
        cells = [self._cells(row) for row in rows]
        self._empty = not cells
        self._sources = {row["source"] for row in rows}
        beginning, between, end = (_BEGINNING, _BETWEEN, _END) if self._json else (_line(COLUMNS), b"", b"")
        atomic_file.write(self._path, beginning + between.join(cells) + end)
        return open(self._path, "r+b", buffering=0)

    def _write_again(self, row: Row) -> None:
        """Write the file with this row in the place of the one of the same picture, behind all others. Raises OSError.

        Rows are read from the file, which may have been deleted meanwhile, and are not kept in memory.
        """
        self._file.seek(0)
        content = self._file.read()
        rows: list[dict[str, Any]] = json.loads(content) if self._json else _read_csv(content)
        file = self._begin([*(each for each in rows if each["source"] != row["source"]), row])
        self._file.close()
        self._file = file

    def _cells(self, row: Row) -> bytes:
        if self._json:
            return json.dumps({name: row[name] for name in COLUMNS}).encode()
        return _line("" if row[name] is None else row[name] for name in COLUMNS)


def is_json(path: Path) -> bool:
    """Whether a report of this name is JSON; else it is CSV. Raises PictureError if it is neither."""
    suffix = path.suffix.lower()
    if suffix not in (".json", ".csv"):
        raise PictureError(f"{path} is neither a .json nor a .csv file.", "A report is one of these, by its name.")
    return suffix == ".json"


def earlier(path: Path) -> dict[str, dict[str, Any]]:
    """Read the rows of a report by their sources; none if there is no such file. Raises PictureError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        rows = json.loads(content) if is_json(path) else _read_csv(content)
        return {row["source"]: {name: row[name] for name in COLUMNS} for row in rows}
    except _NO_REPORT as error:
        raise PictureError(f"{path} is no report of matted.", "Name another file with --report.") from error


def refuse_to_replace(path: Path, overwrite: bool) -> None:
    """Raise PictureError if a report must not be written. overwrite: whether one may be replaced."""
    is_json(path)
    if os.path.isdir(path):
        raise PictureError(f"{path} cannot be written: there is a folder of that name.")
    if os.path.exists(path) and not overwrite:
        raise PictureError(f"{path} exists.", "Use --force to overwrite it, or --skip-existing to go on with it.")


def _read_csv(content: bytes) -> list[dict[str, Any]]:
    whole = content[: content.rfind(b"\n") + 1]  # the disk may have been full in the middle of a row
    reader = csv.DictReader(io.StringIO(whole.decode("utf-8", "surrogateescape"), newline=""))
    rows = list(reader)
    if not set(COLUMNS) <= set(reader.fieldnames or COLUMNS):
        raise ValueError("other columns")
    return [{**row, **{name: float(row[name]) if row[name] else None for name in _NUMBERS}} for row in rows]


def _line(cells: Iterable[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")  # names that are no text stay as they are


def _unwritable(path: Path, error: OSError) -> PictureError:
    return PictureError(f"{path} cannot be written: {error.strerror or error}.")
