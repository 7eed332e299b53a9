"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, FAIL = "OK", "NOTE", "FAIL"


@dataclass(frozen=True)
class Finding:
    """state: OK, NOTE for what is no fault but worth knowing, FAIL for what has to be put right. subject: of which
    thing. what, todo: sentences for a person; every FAIL has a todo.
    """

    state: str
    subject: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        """One line, whatever an error message is made of."""
        return " ".join(f"{self.state:<4} {self.subject}: {self.what} {self.todo}".split("\n")).rstrip()
