"""Check each host: its profiles, the plug-in in them, and whether the plug-in can reach the daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from matted_client import Unavailable
from matted_client.endpoint import CONNECTION_FILE, clean_environment, connection_path
from matted_client.plugin import Installation, read_installation
from matted_client.python import FOLDER, command_of

from matted import __version__
from matted.doctor import probe
from matted.doctor.context import FAIL, NOTE, OK, Context, Finding
from matted.doctor.daemon import is_reachable
from matted.doctor.probe import ProbeFailedError
from matted.hosts import contents
from matted.hosts.host import Host, HostPython, Profile, UnknownPythonError
from matted.hosts.registry import HOSTS
from matted.settings.config import Config

_SECONDS = 30.0  # a Flatpak starts slowly
_NOT_THERE = "Remove Background is not in it."

# What the host's Python runs: the client that was installed with the plug-in, and nothing else of matted.
_PROBE = """import json, os, platform, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from matted_client import MattedError
from matted_client.client import connect
from matted_client.plugin import read_installation
connection_file = read_installation(sys.argv[1]).connection_file
answer = {"python": platform.python_version(), "looks in": os.path.dirname(connection_file)}
try:
    with connect("matted doctor", connection_file, start=False) as session:
        answer["daemon"] = session.status()["version"]
except MattedError as error:
    answer["complaint"] = error.message
print(json.dumps(answer))
"""


def check_hosts(context: Context) -> Iterator[Finding]:
    """Check every profile of every host."""
    for host in HOSTS.values():
        found = host.profiles(context.places)
        if not found:
            todo = f"If {host.title} is installed, start it once, and then: matted install {host.id}"
            yield Finding(NOTE, host.title, "No profile of it was found.", todo)
        for profile in found:
            yield from _profile(host, profile, context)


def reasons(host: Host, profile: Profile, settings: Config) -> list[str]:
    """List why the plug-in has to be installed in a profile, as sentences; empty if it works there."""
    home = profile.folder / host.home
    if not home.exists():
        return [_NOT_THERE]
    try:
        installed = read_installation(str(home))
    except Unavailable as error:
        return [error.message]
    found = list(_faults(host, profile, installed, clean_environment(str(settings.state))))
    return [*found, *([_switched_off(host)] if host.is_off(profile) else [])]


def _switched_off(host: Host) -> str:
    return f"{host.title} does not load Remove Background: it is switched off."


def _profile(host: Host, profile: Profile, context: Context) -> Iterator[Finding]:
    home = profile.folder / host.home
    if not home.exists():
        todo = f"To install it there: matted install {host.id}"
        yield Finding(NOTE, profile.name, _NOT_THERE, todo)
        return
    try:
        installed = read_installation(str(home))
    except Unavailable as error:
        yield Finding(FAIL, profile.name, error.message, _again(host))
        return
    environment = clean_environment(str(context.settings.state))
    found = _faults(host, profile, installed, environment)
    faults = [Finding(FAIL, profile.name, what, _again(host)) for what in found]
    yield from faults
    if not faults:
        yield Finding(OK, profile.name, f"Remove Background {installed.version} is in {profile.folder}.")
    off = host.is_off(profile)
    if off:
        yield Finding(NOTE, profile.name, _switched_off(host), off)
    try:
        pythons = host.pythons(profile, context.places)
    except UnknownPythonError as error:
        yield Finding(NOTE, profile.name, f"Whether its Python reaches the daemon was not tried: {error}.")
        return
    for python in pythons:
        yield _reach(host, home, profile, python, environment)


def _again(host: Host) -> str:
    return f"Run: matted install {host.id}, and start {host.title} again."


def _faults(host: Host, profile: Profile, installed: Installation, environment: Mapping[str, str]) -> Iterator[str]:
    if installed.version != __version__:
        yield f"Remove Background {installed.version} is in it, and matted is {__version__}."
    files = contents.files(host)
    missing = [name for name in files if not (profile.folder / name).is_file()]
    if missing:
        yield f"{len(missing)} of the plug-in's files are gone, {missing[0]} among them."
    elif installed.version == __version__:
        other = [name for name, ours in files.items() if (profile.folder / name).read_bytes() != ours.read_bytes()]
        if other:
            yield f"{len(other)} of the plug-in's files are not those of this matted, {other[0]} among them."
    place = str(profile.shared / CONNECTION_FILE) if profile.shared else connection_path()
    if installed.connection_file != place:
        yield f"Remove Background looks for the daemon at {installed.connection_file}, and not at {place}."
    try:
        probe.run([*installed.command, "--version"], _SECONDS, environment, FOLDER)
    except ProbeFailedError as error:
        yield f"Remove Background cannot start the daemon with {installed.command[0]}: {error}."


def _reach(host: Host, home: Path, profile: Profile, python: HostPython, environment: Mapping[str, str]) -> Finding:
    """Check that the host's own Python, with the plug-in's own client, reaches the daemon."""
    try:
        answer = json.loads(probe.run([*command_of(python.command, _PROBE), str(home)], _SECONDS, environment, FOLDER))
    except (ProbeFailedError, ValueError) as error:
        what = f"Its Python ({python.name}) cannot run the plug-in's client: {error}."
        if python.sandboxed:
            return Finding(NOTE, profile.name, what, f"If {host.title} works, there is nothing to do.")
        return Finding(FAIL, profile.name, what, _again(host))
    able = f"Its Python {answer['python']} ({python.name})"
    if "daemon" in answer:
        return Finding(OK, profile.name, f"{able} reaches the daemon.")
    if not is_reachable():
        todo = "Whether it reaches the daemon shows while one runs: matted start, and then matted doctor again."
        return Finding(NOTE, profile.name, f"{able} runs the plug-in's client.", todo)
    return Finding(
        FAIL,
        profile.name,
        f"{able} does not reach the daemon, which this program does: {answer['complaint']}",
        f"{_again(host)} In a sandbox, allow it the network and the folder {answer['looks in']}.",
    )
