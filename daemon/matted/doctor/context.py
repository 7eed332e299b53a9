"""What a check is given, and what it returns: Context and Finding."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matted_client import MattedError
from matted_client.client import connect

from matted.hosts import places
from matted.hosts.places import Places
from matted.models import catalogue
from matted.models.catalogue import Catalogue
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

    @cached_property  # one that hangs is waited for once
    def server(self) -> dict[str, Any] | None:
        """What is known of the server of the settings, as in a daemon's status; None if there is none.

        The daemon says so if one runs, else the server is asked from here.
        """
        if self.settings.server is None:
            return None
        with suppress(MattedError), connect("matted doctor", start=False) as session:
            return session.status().get("server")
        from matted.inference.engines.kserve import once  # here: most have no server, and that needs NumPy

        return once.ask(self.settings.server, self.catalogue.specs)

    @property
    def catalogue(self) -> Catalogue:
        """All models; those that come with matted alone if the user's own cannot be read."""
        try:
            return catalogue.load(self.settings.folder / catalogue.OWN_FILE)
        except MattedError:
            return catalogue.load()


def load(environ: Mapping[str, str]) -> Context:
    """Make the context of this account."""
    account = places.here()
    try:
        return Context(config.load({}, environ), None, account)
    except ConfigError as error:
        return Context(config.defaults(environ), error, account)
