"""No Python that matted starts runs a file of the current folder, or of what a host has put into PYTHON variables.

Each command runs in a folder with a trap for every module that there is, and with PYTHONPATH, PYTHONSTARTUP and
PYTHONHOME naming that folder. Its own Python is started without heeding them: that is its user's, not matted's.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PATIENCE, PHOTOGRAPHS, Daemon, wait_for
from graphs import small
from matted.autostart import xdg
from pythons import traps

MATTED = str(Path(sys.executable).parent / "matted")
# What a plug-in does on a click. Arguments: its folder.
CLICK = """
import sys
sys.path[:] = [folder for folder in sys.path if folder != sys.argv[2]]
sys.path.insert(0, sys.argv[1])
from matted_client.plugin import open_session
with open_session(sys.argv[1], "a host", lambda progress: None, lambda: False) as session:
    print(session.status()["version"])
"""
FETCH = """
import sys
from pathlib import Path
from matted.models.sources import package_index
from matted.models.sources.download import DownloadError, Monitor
try:
    package_index.fetch("made-up==1.0", [], Path(sys.argv[1]), Monitor())
except DownloadError as error:
    print(error)
"""


class Folder:
    """A folder of traps, and a person who types commands there."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon = daemon
        self.laid, self.report = traps(folder)
        environ = {name: value for name, value in daemon.environ.items() if not name.startswith("XDG_")}
        startup = str(self.laid / "json.py")
        self.environ = {**environ, "PYTHONPATH": str(self.laid), "PYTHONSTARTUP": startup}
        self.environ["PYTHONHOME"] = str(self.laid)

    def runs(self, *command: str) -> str:
        """Run a program in the folder. Returns what it prints. The test fails if that fails, or if a trap ran."""
        done = subprocess.run(
            command, cwd=self.laid, env=self.environ, capture_output=True, text=True, timeout=PATIENCE * 3
        )
        ran = self.report.read_text().split() if self.report.exists() else []
        assert not ran, f"{command[-2:]} ran {ran}"
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def types(self, *words: str) -> str:
        """Run a matted command in the folder, as `runs` does."""
        return self.runs(sys.executable, "-E", MATTED, *words)


@pytest.fixture
def folder(new_daemon: Callable[..., Daemon], tmp_path: Path) -> Folder:
    return Folder(new_daemon(), tmp_path)


def test_the_daemon_and_its_engine(folder: Folder) -> None:
    folder.types("start")
    folder.types("remove", str(PHOTOGRAPHS / "coffee.jpg"), "-o", str(folder.daemon.folder / "mask.png"), "--mask")
    assert "u2netp on CPU" in folder.types("status")


def test_the_doctor_and_all_that_it_tries(folder: Folder) -> None:
    home = folder.daemon.folder
    interpreters = home / ".config" / "GIMP" / "3.0" / "interpreters"
    interpreters.mkdir(parents=True)
    (interpreters / "python.interp").write_text(f"python3={sys.executable}\n")
    folder.types("install", "gimp")
    folder.types("start")
    said = folder.types("doctor")
    assert "FAIL" not in said
    for good in ("OK   Packages", "OK   OpenVINO on CPU", "OK   GIMP 3.0: Remove Background", "reaches the daemon"):
        assert good in said


def test_a_conversion(folder: Folder, u2netp_file: Path) -> None:
    folder.types("models", "pull", "u2netp", "--no-int8", "--from", str(u2netp_file))
    assert "u2netp" in folder.types("models", "list")


def test_pip(folder: Folder) -> None:
    """It finds no such package, and says so."""
    empty = folder.laid.parent / "empty"
    empty.mkdir()
    folder.environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(empty), PIP_CONFIG_FILE=os.devnull)
    program = folder.laid.parent / "program.py"
    program.write_text(FETCH)
    said = folder.runs(sys.executable, "-E", str(program), str(empty))
    assert "No matching distribution found for made-up==1.0" in said


def test_an_own_model(folder: Folder) -> None:
    file = small.isnet_like(folder.daemon.folder / "own.onnx")
    folder.types("models", "add", str(file), "--id", "own", "--like", "isnet-general-use")
    assert "own" in folder.types("models", "list")


def test_the_benchmark(folder: Folder) -> None:
    assert "u2netp" in folder.types("benchmark", "--models", "u2netp")


def test_what_starts_at_login(folder: Folder) -> None:
    said = folder.types("autostart", "enable")
    assert xdg.FILE in said
    [entry] = json.loads(folder.types("autostart", "status", "--json"))["entries"]
    assert entry["trouble"] == ""
    with subprocess.Popen(shlex.split(entry["runs"]), cwd=folder.laid, env=folder.environ) as daemon:
        wait_for(folder.daemon.connection_file.exists, "the connection file")
        folder.types("remove", str(PHOTOGRAPHS / "coffee.jpg"), "-o", str(folder.daemon.folder / "mask.png"), "--mask")
        folder.types("stop")
    assert daemon.returncode == 0


def test_a_click_in_a_host(folder: Folder) -> None:
    profile = folder.daemon.folder / "profile"
    profile.mkdir()
    folder.types("install", "gimp", "--profile", str(profile))
    plugin = str(profile / "plug-ins" / "remove-background")
    folder.environ["HOME"] = str(folder.laid)  # where the daemon of a click starts
    assert folder.runs(sys.executable, "-E", "-c", CLICK, plugin, "").strip()
