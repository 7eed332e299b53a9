"""Find GIMP and Krita, and put the plug-in into them where it is missing, broken or of another version."""

from __future__ import annotations

from matted_client import MattedError

from matted import __version__
from matted.cli.setup.dialogue import say
from matted.cli.setup.step import Step
from matted.doctor import hosts as doctor
from matted.doctor.context import Context
from matted.hosts import installer
from matted.hosts.host import Host
from matted.hosts.registry import HOSTS


class PlugIns(Step):
    """All hosts are one question. A host that was never started makes its profile first, without a window."""

    title = " and ".join(host.title for host in HOSTS.values())

    def __init__(self, context: Context) -> None:
        self._context = context
        self._missing: list[Host] = []  # hosts in which something has to be installed

    def look(self) -> str:
        into = []
        found = False
        for host in HOSTS.values():
            wanting = self._wanting(host)
            found = found or bool(wanting or host.profiles(self._context.places))
            if wanting:
                self._missing.append(host)
                into += wanting
        if not found:
            titles = " nor ".join(host.title for host in HOSTS.values())
            self.lacking = f"neither {titles} was found. Start one of them once, and run this again."
        return f"Install the plug-in in {' and '.join(into)}?" if into else ""

    def _wanting(self, host: Host) -> list[str]:
        """Say what there is of a host. Returns the names of the profiles in which the plug-in is to be installed."""
        found = host.profiles(self._context.places)
        if not found:
            title = host.title
            if host.first_start(self._context.places):
                say(f"{title} is there, and was never started: it will be, for a moment and without a window.")
                return [title]
            say(f"{title} was not found. If it is installed, start it once, and then run this again.")
        wanting = []
        for profile in found:
            reasons = doctor.reasons(host, profile, self._context.settings)
            for reason in reasons:
                say(f"{profile.name}: {reason}")
            if reasons:
                wanting.append(profile.name)
            else:
                say(f"{profile.name}: Remove Background {__version__} is in it already.")
        return list(dict.fromkeys(wanting))

    def act(self) -> None:
        failures = []
        for host in self._missing:
            try:
                installer.install(host, None, say)
            except MattedError as error:  # of one host, which leaves the others alone
                failures.append(error)
        for failure in failures[1:]:
            say(f"{failure.message} {failure.hint}".rstrip())
        if failures:
            raise failures[0]

    def leave(self) -> None:
        later = ", ".join(f"matted install {host.id}" for host in self._missing)
        say(f"Nothing was installed. To do it later: {later}")
        titles = " and ".join(host.title for host in self._missing)
        self.lacking = f"the plug-in in {titles}, which you left out. To install it: {later}"
