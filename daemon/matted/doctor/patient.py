"""What the checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from matted_client import MattedError, Session, Unavailable, connect

from matted.hosts import profiles
from matted.hosts.profiles import Places
from matted.settings import config
from matted.settings.config import Config, ConfigError

NAME = "matted doctor"  # what the daemon's log calls us


@dataclass(frozen=True)
class Patient:
    """settings: as given, or only the folders if they cannot be read, which complaint then says. places: where the
    hosts keep their profiles.
    """

    settings: Config
    complaint: ConfigError | None
    places: Places


def find(environ: Mapping[str, str]) -> Patient:
    places = profiles.here()
    try:
        return Patient(config.load({}, environ), None, places)
    except ConfigError as error:
        return Patient(config.defaults(environ), error, places)


def session() -> Session:
    """With the daemon that runs; none is started. Raises MattedError."""
    return connect(NAME, start=False)


def answers() -> bool:
    """Whether a daemon of ours is there to be asked."""
    try:
        session().close()
    except Unavailable:
        return False
    except MattedError:  # it is there, and has something to say about it
        return True
    return True
