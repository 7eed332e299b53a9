"""What a check is given, and what it returns: Context and Finding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matted.hosts import places
from matted.hosts.places import Places
from matted.settings import config
from matted.settings.config import Config, ConfigError

OK, NOTE, FAIL = "OK", "NOTE", "FAIL"


@dataclass(frozen=True)
class Finding:
    """One result of a check.

    state: OK; NOTE for what is worth knowing but no fault; FAIL for what has to be put right.
    subject: the thing that was checked.
    what, todo: sentences for a person; every FAIL has a todo.
    """

    state: str
    subject: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        """One line, even if an error message in it has several."""
        return " ".join(f"{self.state:<4} {self.subject}: {self.what} {self.todo}".split("\n")).rstrip()


@dataclass(frozen=True)
class Context:
    """What the checks look at.

    settings: as given, or only the folders if the settings cannot be read.
    settings_error: why they cannot be read, else None.
    places: where the hosts keep their profiles.
    """

    settings: Config
    settings_error: ConfigError | None
    places: Places


def load(environ: Mapping[str, str]) -> Context:
    """Make the context of this account."""
    account = places.here()
    try:
        return Context(config.load({}, environ), None, account)
    except ConfigError as error:
        return Context(config.defaults(environ), error, account)
