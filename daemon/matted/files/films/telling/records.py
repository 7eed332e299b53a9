"""Write down what came of films, besides what is printed: a report with a row for each, and a sheet of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted.files import pictures
from matted.files.batches import naming, report
from matted.files.batches.outcomes import EXISTING
from matted.files.batches.report import Report
from matted.files.films.forms import FilmError
from matted.files.films.telling import sheets
from matted.files.films.telling.outcomes import FilmOutcome

if TYPE_CHECKING:
    from matted.files.films.runner import Film


class Records:
    """The report and the sheets of a run, in a `with` block.

    sheets: those that are written, one for each film; none if none are wanted.
    """

    def __init__(
        self,
        films: Sequence[Film],
        file: Path | None,
        sheet: Path | None,
        overwrite: bool = False,
        skip_existing: bool = False,
    ) -> None:
        """Write nothing yet.

        file: of the report; None for none. sheet: of one film; those of several have -1, -2 and so on behind the name.
        overwrite: whether files may be replaced. skip_existing: whether the rows of an earlier run are kept.

        Raises MattedError if one of the files must not be written.
        """
        self.sheets = [] if sheet is None else sheets.names(sheet, len(films))
        self._films = films
        self._file = file
        self._again = overwrite or skip_existing
        self._goes_on = skip_existing
        self._before: dict[str, dict[str, Any]] = {}
        self._report: Report | None = None
        self._end = ExitStack()
        if file is not None:
            report.refuse_to_replace(file, self._again)
        for each in self.sheets:
            pictures.refuse_to_replace(each, self._again)
        taken = naming.identities(path for film in films for path in (film.source.path, film.target))
        for written in (*self.sheets, *([file] if file is not None else [])):
            if not naming.identities([written]).isdisjoint(taken):
                raise FilmError(f"{written} is itself one of the films.", "Give it another name.")

    def __enter__(self) -> Records:
        if self._file is not None:
            rows = report.earlier(self._file) if self._goes_on else {}
            targets = {str(film.source.path): str(film.target) for film in self._films if film.target.exists()}
            self._before = {path: row for path, row in rows.items() if targets.get(path) == row["target"]}
            self._report = self._end.enter_context(Report(self._file, self._before.values()))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._end.close()

    def add(self, number: int, outcome: FilmOutcome) -> Path | None:
        """Write what came of a film. number: its place among the films. Returns its sheet, if one was drawn.

        Raises MattedError if something cannot be written.
        """
        row = outcome.row()
        if self._report is not None and not (outcome.state == EXISTING and row["source"] in self._before):
            self._report.add(row)
        if not self.sheets or outcome.error is not None:
            return None
        sheets.draw(outcome.film, self.sheets[number], self._again)
        return self.sheets[number]
