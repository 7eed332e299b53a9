"""The plug-ins' client inside the sandboxes of Flatpak and Snap, with the real daemon outside.

The sandboxes follow the permissions of GIMP's and Krita's packages: tests/sandbox.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sandbox
from conftest import PHOTOGRAPHS, Daemon
from matted.hosts.registry import HOSTS
from PIL import Image
from sandbox import PYTHON, HostService, Sandbox

# What a plug-in does on a click, without its host. Arguments: its folder, the file of pixels, width, height, the mask's
# file.
CLICK = """
import json, os, sys
folder, pixels, width, height, target = sys.argv[1:]
sys.path.insert(0, folder)
from matted_client import MattedError
from matted_client.plugin import open_session
seen = {"stages": []}
note = lambda progress: seen["stages"].append(progress.stage)
try:
    with open(pixels, "rb") as file:
        data = file.read()
    with open_session(folder, "a sandbox", note, lambda: False) as session:
        mask = session.mask(data, int(width), int(height), "RGBA8", on_progress=note)
    with open(target, "wb") as file:
        file.write(mask.alpha)
except MattedError as error:
    seen["message"], seen["hint"] = error.message, error.hint
print(json.dumps(seen))
"""

FLATPAKS = {
    "gimp": ("org.gimp.GIMP", ".config/GIMP/3.2"),  # its manifest gives it the folder of a GIMP outside
    "krita": ("org.kde.krita", ".var/app/org.kde.krita/data/krita"),
}
SNAPS = {"gimp": "snap/gimp/current/.config/GIMP/3.0", "krita": "snap/krita/current/.local/share/krita"}
EACH_HOST = pytest.mark.parametrize("host", ["gimp", "krita"])
SIZE = (200, 150)


class User:
    """A home folder with matted, a picture, and a daemon that is not started yet."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.home = daemon.folder
        self.state = daemon.state = self.home / ".local" / "state" / "matted"
        for name in list(daemon.environ):
            if name == "MATTED_STATE_DIR" or name.startswith("XDG_"):
                del daemon.environ[name]
        (self.home / "Pictures").mkdir()
        with Image.open(PHOTOGRAPHS / "chelsea.jpg") as image:
            self.pixels = image.convert("RGBA").resize(SIZE).tobytes()
        (self.home / "Pictures" / "pixels").write_bytes(self.pixels)

    def install(self, host: str, profile: str) -> Path:
        """Install the plug-in into a profile of its host, and return its folder."""
        (self.home / profile).mkdir(parents=True)
        done = self.daemon.run("install", host)
        assert done.returncode == 0, done.stderr
        return self.home / profile / HOSTS[host].home

    def click(self, inside: Sandbox, plugin: Path) -> dict[str, Any]:
        """Do in a sandbox what the plug-in does on a click. Returns its stages, and an error's message and hint."""
        size = [str(side) for side in SIZE]
        pictures = self.home / "Pictures"
        said = inside.run(PYTHON, "-c", CLICK, str(plugin), str(pictures / "pixels"), *size, str(pictures / "mask"))
        return dict(json.loads(said))

    def mask(self) -> bytes:
        """Return the mask that the latest click got."""
        return (self.home / "Pictures" / "mask").read_bytes()

    def expected(self) -> bytes:
        """Return the mask that a client outside gets."""
        with self.daemon.session() as session:
            return bytes(session.mask(self.pixels, *SIZE, "RGBA8").alpha)


@pytest.fixture
def user(new_daemon: Callable[..., Daemon]) -> User:
    sandbox.require()
    return User(new_daemon())


@pytest.fixture
def service(user: User) -> Iterator[HostService]:
    with sandbox.host_service(user.daemon.environ) as running:
        yield running
        user.daemon.end()


# -- Flatpak ---------------------------------------------------------------------------------------------------------


@EACH_HOST
def test_a_flatpak_finds_the_daemon_and_gets_its_mask(
    user: User, service: HostService, tmp_path: Path, host: str
) -> None:
    app, profile = FLATPAKS[host]
    plugin = user.install(host, profile)
    user.daemon.start()
    inside = sandbox.flatpak(tmp_path / "box", user.home, app, service.port)
    assert inside.run("sh", "-c", f"test -e {PHOTOGRAPHS} || echo hidden") == "hidden\n"
    assert "message" not in user.click(inside, plugin)
    assert user.mask() == user.expected()
    assert service.asked == []


@pytest.mark.parametrize(
    ("host", "permission"),
    [("gimp", ""), ("krita", ""), ("krita", "org.freedesktop.Flatpak=see"), ("krita", "neither a name nor a policy")],
)
def test_a_flatpak_that_may_start_nothing_says_what_to_run(
    user: User, service: HostService, tmp_path: Path, host: str, permission: str
) -> None:
    app, profile = FLATPAKS[host]
    plugin = user.install(host, profile)
    seen = user.click(sandbox.flatpak(tmp_path / "box", user.home, app, service.port, permission), plugin)
    assert "this Flatpak may not start programs outside its sandbox" in seen["message"]
    assert "matted start" in seen["hint"]
    assert service.asked == [] and not user.state.exists()


def test_a_flatpak_that_may_start_programs_outside_starts_the_daemon_there(
    user: User, service: HostService, tmp_path: Path
) -> None:
    app, profile = FLATPAKS["krita"]
    plugin = user.install("krita", profile)
    inside = sandbox.flatpak(tmp_path / "box", user.home, app, service.port, sandbox.OUTSIDE)
    seen = user.click(inside, plugin)
    assert "message" not in seen and seen["stages"][0] == "starting"
    assert user.mask() == user.expected(), "the daemon of the user's own state folder has made it"
    (asked,) = service.asked
    assert asked[:2] == ["--host", f"--env=MATTED_STATE_DIR={user.state}"] and asked[-1] == "serve"


def test_the_doctor_looks_into_a_flatpak(user: User, service: HostService, tmp_path: Path) -> None:
    app, profile = FLATPAKS["krita"]
    user.install("krita", profile)
    user.daemon.start()
    user.daemon.environ["PATH"] = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    able = f"(flatpak run --command=python3 {app})"
    for network, verdict in (
        (True, f"{able} reaches the daemon."),
        (False, f"{able} does not reach the daemon, which this program does: The matted daemon is not running."),
    ):
        inside = sandbox.flatpak(tmp_path / f"box-{network}", user.home, app, service.port, network=network)
        sandbox.stand_in(tmp_path / "bin" / "flatpak", inside.command(PYTHON), len(["run", "--command=python3", app]))
        (line,) = [line for line in user.daemon.run("doctor").stdout.splitlines() if able in line]
        assert verdict in line and line.startswith("OK" if network else "FAIL")


# -- Snap ------------------------------------------------------------------------------------------------------------


@EACH_HOST
def test_a_snap_finds_the_daemon_and_gets_its_mask(user: User, tmp_path: Path, host: str) -> None:
    (user.home / "snap" / host / "common").mkdir(parents=True)
    plugin = user.install(host, SNAPS[host])
    user.daemon.start()
    inside = sandbox.snap(tmp_path / "box", user.home, host)
    assert inside.run("sh", "-c", f"test -e {user.state} || echo hidden") == "hidden\n"
    assert "message" not in user.click(inside, plugin)
    assert user.mask() == user.expected()

    copy = user.home / "snap" / host / "common" / "matted" / "connection.json"
    assert copy.read_bytes() == user.daemon.connection_file.read_bytes() and copy.stat().st_mode & 0o777 == 0o600
    assert user.daemon.run("stop").returncode == 0
    assert not copy.exists()


def test_a_snap_says_what_to_run_when_no_daemon_runs(user: User, tmp_path: Path) -> None:
    (user.home / "snap" / "gimp" / "common").mkdir(parents=True)
    plugin = user.install("gimp", SNAPS["gimp"])
    seen = user.click(sandbox.snap(tmp_path / "box", user.home, "gimp"), plugin)
    assert "this Snap may not start programs outside its sandbox" in seen["message"] and "matted start" in seen["hint"]


def test_a_terminal_in_the_snap_of_another_program_starts_the_daemon(user: User) -> None:
    """As in an editor's, which sets these variables and confines nothing."""
    user.daemon.environ.update(SNAP="/snap/code/1", SNAP_NAME="code")
    assert user.daemon.run("start").returncode == 0
