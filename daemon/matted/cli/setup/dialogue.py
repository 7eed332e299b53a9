"""Ask a person at the terminal, or answer for them as the command line says."""

from __future__ import annotations

from matted.cli.output import has_terminal

INDENT = "    "


def say(text: str) -> None:
    """Print a line of a step."""
    print(f"{INDENT}{text}", flush=True)  # what other programs print comes behind it


class Dialogue:
    """Answers questions: by --yes, else by asking, else not at all."""

    def __init__(self, yes: bool) -> None:
        """yes: whether all is to be answered with yes."""
        self._yes = yes
        self._asks = has_terminal()

    def answer(self, question: str) -> bool | None:
        """Return the answer, None if nobody can be asked. Return and y are yes; the end of the input is no."""
        if self._yes:
            return True
        if not self._asks:
            return None
        while True:
            try:
                said = input(f"{INDENT}{question} [Y/n] ").strip().lower()
            except EOFError:
                print()
                return False
            if said in ("", "y", "yes"):
                return True
            if said in ("n", "no"):
                return False
            say("Please answer y or n.")
