"""A host that matted does not know: one object in the registry is all that it takes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import matted
import pytest
from matted.cli import main
from matted.doctor import hosts as doctor
from matted.doctor.context import FAIL, NOTE, OK, Context, Finding
from matted.hosts import places
from matted.hosts.host import Host, HostPython, Profile, existing
from matted.hosts.places import Places
from matted.hosts.registry import HOSTS
from matted.hosts.sharing import shared_folders
from matted.settings import config
from matted_client.endpoint import CONNECTION_FILE
from matted_client.plugin import read_installation

PROFILE = ".easel"


class Easel(Host):
    """A painting program in a sandbox, with a list of the plug-ins that are on."""

    id = "easel"
    title = "Easel"
    home = "scripts/matted"
    programs = ("scripts/matted/run.py",)
    profile_holds = "scripts"
    next_step = "Start Easel and choose Paint > Remove Background."
    importer = "In Easel: File > Import."

    def __init__(self, plugin: Path) -> None:
        self.source = str(plugin)

    def profiles(self, places: Places) -> list[Profile]:
        folder = places.home / PROFILE
        return existing([Profile("Easel", folder, folder / "scripts.list", folder / "shared")])

    def switch_on(self, profile: Profile) -> str:
        if profile.settings is None:
            return "Switch it on by hand."
        profile.settings.write_text("matted\n")
        return ""

    def switch_off(self, profile: Profile) -> None:
        if profile.settings is not None:
            profile.settings.unlink(missing_ok=True)

    def is_off(self, profile: Profile) -> str:
        return "" if profile.settings and profile.settings.exists() else "Write matted into scripts.list."

    def native_pythons(self, profile: Profile, places: Places) -> list[HostPython]:
        return [HostPython((sys.executable,), "easel's own")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a profile of Easel, which is in the registry."""
    plugin, home = tmp_path / "plugin", tmp_path / "home"
    plugin.mkdir()
    (plugin / "run.py").write_text("print('painted')\n")
    (home / PROFILE).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE", "DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"MATTED_{name}_DIR", str(home / name.lower()))
    monkeypatch.setitem(HOSTS, "easel", Easel(plugin))
    return home


@pytest.fixture
def findings(home: Path) -> Callable[[], list[Finding]]:
    """findings() is what the doctor says of Easel."""

    def check() -> list[Finding]:
        context = Context(config.defaults(os.environ), None, Places(home, "linux", {}))
        return [found for found in doctor.check_hosts(context) if found.subject == "Easel"]

    return check


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_is_installed_and_uninstalled(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = home / PROFILE
    assert main.main(["install", "easel"]) == 0
    said = capsys.readouterr().out
    assert "Easel: Remove Background" in said and "choose Paint > Remove Background." in said
    assert os.access(profile / "scripts/matted/run.py", os.X_OK)
    assert {"scripts/matted/matted_client/__init__.py", "scripts.list"} <= files(profile)
    installed = read_installation(str(profile / "scripts/matted"))
    assert (installed.version, installed.connection_file) == (
        matted.__version__,
        str(profile / "shared" / CONNECTION_FILE),
    )
    assert main.main(["uninstall", "easel"]) == 0
    assert list(profile.iterdir()) == []


def test_another_folder_is_named_and_the_rest_is_left_to_the_user(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "portable").mkdir()
    assert main.main(["install", "easel", "--profile", str(home / "portable")]) == 0
    assert f"Easel in {home / 'portable'}: Remove Background" in (said := capsys.readouterr().out)
    assert "    Switch it on by hand." in said
    assert list((home / PROFILE).iterdir()) == []


def test_its_importer_gets_a_zip(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["install", "easel", "--zip", str(home / "easel.zip")]) == 0
    assert "In Easel: File > Import." in capsys.readouterr().out and (home / "easel.zip").is_file()


@pytest.mark.slow
def test_the_doctor_checks_it(home: Path, findings: Callable[[], list[Finding]]) -> None:
    [missing] = findings()
    assert (missing.state, missing.todo) == (NOTE, "To install it there: matted install easel")
    assert main.main(["install", "easel"]) == 0
    good, reached = findings()
    assert good.state == OK and reached.state == NOTE and "(easel's own) runs the plug-in's client" in reached.what
    (home / PROFILE / "scripts.list").unlink()
    assert [found.todo for found in findings() if "switched off" in found.what] == ["Write matted into scripts.list."]
    (home / PROFILE / "scripts/matted/run.py").unlink()
    damaged = findings()[0]
    assert damaged.state == FAIL and damaged.todo == "Run: matted install easel, and start Easel again."


def test_the_daemon_shares_its_connection_file_with_it(home: Path) -> None:
    assert shared_folders(places.here()) == []
    assert main.main(["install", "easel"]) == 0
    assert shared_folders(places.here()) == [home / PROFILE / "shared"]
