"""Have the daemon start at login, or find that it does."""

from __future__ import annotations

import os

from matted_client import MattedError

from matted import autostart
from matted.cli.autostart import enable
from matted.cli.setup.dialogue import say
from matted.cli.setup.step import Step
from matted.doctor.context import Context
from matted.hosts.registry import HOSTS


class Login(Step):
    """An entry that works stays as it is, one that does not is written anew."""

    title = "Start at login"

    def __init__(self, context: Context, wanted: bool) -> None:
        """wanted: False leaves everything as it is."""
        self._places = context.places
        self._wanted = wanted

    def look(self) -> str:
        found = autostart.entries(autostart.mechanisms(os.environ))
        problems = {entry.place: problem for entry in found if (problem := autostart.problem(entry))}
        if found and not problems:
            say(f"The daemon starts at login already: {found[0].place}")
            return ""
        for place, problem in problems.items():
            say(f"{place}: {problem}")
        if not self._wanted:
            say("It is left as it is.")
            return ""
        for entry in found:
            if entry.edited:
                hint = "If it is to be replaced: matted autostart enable --force"
                raise MattedError(f"{entry.place} was changed since matted wrote it, and is left as it is.", hint)
        if problems:
            return "Write it anew?"
        sandboxed = [
            profile.name
            for host in HOSTS.values()
            for profile in host.profiles(self._places)
            if self._places.sandbox(profile.folder)[0]
        ]
        if sandboxed:
            say(f"{' and '.join(sandboxed)} may not start the daemon, so that it has to run before the click.")
        else:
            say("The first click starts the daemon, and waits a second for it. It can wait for you instead.")
        return "Start it at every login?"

    def act(self) -> None:
        enable("", force=False, show=say)

    def leave(self) -> None:
        say("It is left as it is. To change that: matted autostart enable")
