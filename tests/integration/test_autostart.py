"""Starting at login, in sessions of a real systemd user manager, through the files that `matted autostart` writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import user_manager
from conftest import PATIENCE, PHOTOGRAPHS, Daemon, wait_for
from matted.autostart import systemd, xdg
from matted.autostart.entry import Command
from pythons import python_in
from user_manager import DESKTOP, UserManager, session

UNIT = systemd.UNIT
DESKTOP_UNIT = "app-matted@autostart.service"  # the unit that systemd generates from the desktop entry
# Characters with a meaning in one of the formats; ODDER has also those that only a unit can hold.
ODD = "a b%h \"q\" 'q' ; ü &|<>~*?#()"
ODDER = ODD + " $HOME $$ ${HOME} `x` \\ \\x41"


class Person:
    """A user who logs in, types commands, and logs out."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.home = daemon.folder
        daemon.environ = {name: value for name, value in daemon.environ.items() if not name.startswith("XDG_")}

    @property
    def unit(self) -> Path:
        return self.home / ".config/systemd/user" / UNIT

    @property
    def entry(self) -> Path:
        return self.home / ".config/autostart" / xdg.FILE

    def types(self, *words: str, manager: UserManager | None = None, program: str = sys.executable) -> Any:
        """Run a matted command, in the session of `manager` if one is given."""
        environ = {**self.daemon.environ, **(manager.environ if manager else {})}
        return subprocess.run([program, "-m", "matted", *words], env=environ, capture_output=True, text=True)

    def pid(self) -> int | None:
        done = self.types("status", "--json")
        return int(json.loads(done.stdout)["pid"]) if done.returncode == 0 else None

    def settings(self) -> dict[str, bytes | str]:
        """Return everything below ~/.config by path: the content of files, the targets of links, "folder"."""
        return {
            str(path.relative_to(self.home)): os.readlink(path)
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else "folder"
            for path in sorted((self.home / ".config").rglob("*"))
        }


@pytest.fixture
def person(new_daemon: Callable[..., Daemon]) -> Person:
    user_manager.require()
    person = Person(new_daemon())
    (person.home / ".config/autostart").mkdir(parents=True)
    (person.home / ".config/autostart/other.desktop").write_text("[Desktop Entry]\nType=Application\nHidden=true\n")
    return person


def odd_python(folder: Path, odd: str = ODD) -> str:
    """Make a Python with the packages of this one in a folder with an odd name, and return its path."""
    return python_in(folder / odd)


def reporter(folder: Path, *words: str, odd: str) -> tuple[Command, Path]:
    """Make a command with odd arguments that writes a report of its arguments and environment.

    Returns the command and the report's path.
    """
    script, report = folder / "reporter.py", folder / "report.json"
    script.write_text(
        f"import json, os, sys\nwith open({str(report)!r} + '.part', 'w') as file:\n"
        "    json.dump([sys.argv[1:], dict(os.environ)], file)\nos.rename(file.name, file.name[:-5])\n"
    )
    environment = {"XDG_DATA_HOME": f"/x/{odd}", "MATTED_DATA_DIR": "/x/y"}
    return Command(odd_python(folder, odd), (str(script), odd, *words), environment), report


def check(command: Command, report: Path) -> None:
    """Wait for the report, and assert that arguments and environment are those of the command."""
    arguments, variables = json.loads(wait_for(lambda: report.exists() and report.read_text(), "a report"))
    assert arguments == list(command.arguments[1:])
    assert {name: variables[name] for name in command.environment} == command.environment


def test_enabled_it_runs_in_the_next_session_and_disabled_no_longer(person: Person) -> None:
    before = person.settings()
    with session(person.home) as manager:
        done = person.types("autostart", "enable", manager=manager)
        assert done.returncode == 0, done.stderr
        assert str(person.unit) in done.stdout and "systemd user unit" in done.stdout
        assert person.pid() is None, "enabling starts nothing now"

    with session(person.home) as manager:
        pid = wait_for(person.pid, "the daemon")
        assert str(pid) == manager.show(UNIT, "MainPID")
        mask = person.home / "mask.png"
        done = person.types("remove", str(PHOTOGRAPHS / "coffee.jpg"), "-o", str(mask), "--mask", manager=manager)
        assert done.returncode == 0 and mask.exists(), done.stderr
        said = person.types("autostart", "status", manager=manager)
        assert said.returncode == 0
        assert "The daemon starts at login." in said.stdout and "It is running now." in said.stdout
        assert str(person.unit) in said.stdout and sys.executable in said.stdout
        written = person.settings()
        assert person.types("autostart", "enable", manager=manager).returncode == 0
        assert person.settings() == written, "to enable twice is as good as once"

        done = person.types("autostart", "disable", manager=manager)
        assert done.returncode == 0 and str(person.unit) in done.stdout, done.stderr
        assert person.settings() == before
        assert person.pid() == pid, "to disable ends nothing now"
        assert "matted stop" in done.stdout
        assert person.types("stop").returncode == 0
        wait_for(lambda: manager.show(UNIT, "LoadState") == "not-found", "the unit to be forgotten")

    with session(person.home) as manager:
        assert person.pid() is None
        said = person.types("autostart", "status", manager=manager)
        assert said.returncode == 1 and "does not start at login" in said.stdout


def test_a_daemon_that_dies_is_started_again_and_one_that_was_stopped_is_not(person: Person) -> None:
    with session(person.home) as manager:
        assert person.types("autostart", "enable", manager=manager).returncode == 0
    with session(person.home) as manager:
        first = wait_for(person.pid, "the daemon")
        manager.systemctl("kill", "--kill-whom=main", "--signal=KILL", UNIT)
        wait_for(lambda: person.pid() not in (None, first), "another daemon")
        assert manager.show(UNIT, "NRestarts") == "1"
        assert person.types("stop").returncode == 0
        manager.wait_for_state(UNIT, "inactive")
        assert (manager.show(UNIT, "Result"), manager.show(UNIT, "NRestarts")) == ("success", "1")


def test_a_daemon_that_runs_already_is_left_alone(person: Person) -> None:
    with session(person.home) as manager:
        assert person.types("autostart", "enable", manager=manager).returncode == 0
    person.daemon.start()
    pid = person.pid()
    with session(person.home) as manager:
        manager.wait_for_state(UNIT, "inactive")
        wait_for(lambda: manager.show(UNIT, "ExecMainExitTimestamp"), "the end of the second daemon")
        assert (manager.show(UNIT, "Result"), manager.show(UNIT, "NRestarts")) == ("success", "0")
        assert person.pid() == pid


def test_a_daemon_that_cannot_start_is_given_up(person: Person) -> None:
    with session(person.home) as manager:
        assert person.types("autostart", "enable", manager=manager).returncode == 0
    person.daemon.write_settings("queue = 'many'\n")
    with session(person.home) as manager:
        manager.wait_for_state(UNIT, "failed")
        assert manager.show(UNIT, "NRestarts") == manager.show(UNIT, "StartLimitBurst") == "5"


def test_a_matted_that_was_removed_is_not_tried_and_is_said(person: Person, tmp_path: Path) -> None:
    program = odd_python(tmp_path)
    with session(person.home) as manager:
        done = person.types("autostart", "enable", manager=manager, program=program)
        assert done.returncode == 0, done.stderr
        assert person.types("autostart", "status", manager=manager).returncode == 0
    shutil.rmtree(Path(program).parents[1] / "lib")
    said = person.types("autostart", "status")
    assert said.returncode == 1 and "does not find matted any more: ModuleNotFoundError" in said.stdout
    shutil.rmtree(Path(program).parents[1])
    with session(person.home) as manager:
        assert manager.show(UNIT, "ConditionResult") == "no"
        assert manager.show(UNIT, "ActiveState") == "inactive"
        said = person.types("autostart", "status", manager=manager)
        assert said.returncode == 1 and f"{program} is not there any more" in said.stdout
        assert person.types("autostart", "enable", manager=manager).returncode == 0, "which sets it right"
        assert person.types("autostart", "status", manager=manager).returncode == 0


def test_an_odd_path_starts_as_well(person: Person, tmp_path: Path) -> None:
    program = odd_python(tmp_path, ODDER)
    with session(person.home) as manager:
        done = person.types("autostart", "enable", manager=manager, program=program)
        assert done.returncode == 0, done.stderr
    with session(person.home) as manager:
        pid = wait_for(person.pid, "the daemon")
        assert str(pid) == manager.show(UNIT, "MainPID")


def test_systemd_hands_over_every_word_and_variable_as_it_is(person: Person, tmp_path: Path) -> None:
    command, report = reporter(tmp_path, "", "$HOME", "${HOME}", "%h", ";", "|", "a=b", odd=ODDER)
    person.unit.parent.mkdir(parents=True)
    person.unit.write_text(systemd.unit_text(command))
    with session(person.home) as manager:
        manager.systemctl("start", UNIT)
        check(command, report)


def test_systemd_finds_nothing_to_complain_about(person: Person, tmp_path: Path) -> None:
    for program, environment in ((sys.executable, {}), (odd_python(tmp_path, ODDER), {"XDG_DATA_HOME": f"/{ODDER}"})):
        path = tmp_path / UNIT
        path.write_text(systemd.unit_text(Command(program, ("-m", "matted", "serve"), environment)))
        done = subprocess.run(
            ["systemd-analyze", "--user", "verify", str(path)],
            env={**person.daemon.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


# -- desktops without systemd ----------------------------------------------------------------------------------------


def test_without_systemd_a_desktop_entry_starts_it(person: Person) -> None:
    before = person.settings()
    done = person.types("autostart", "enable")
    assert done.returncode == 0 and str(person.entry) in done.stdout, done.stderr
    assert set(person.settings()) - set(before) == {str(person.entry.relative_to(person.home))}
    assert person.types("autostart", "status").returncode == 0
    with session(person.home) as manager:  # here in the part of a desktop
        manager.systemctl("start", DESKTOP)
        pid = wait_for(person.pid, "the daemon")
        assert str(pid) == manager.show(DESKTOP_UNIT, "MainPID")
        assert person.types("stop").returncode == 0
    assert person.types("autostart", "disable").returncode == 0
    assert person.settings() == before


def test_an_entry_of_the_other_kind_does_not_stay(person: Person) -> None:
    before = person.settings()
    done = person.types("autostart", "enable")
    assert done.returncode == 0 and "No systemd of yours answers in this session" in done.stdout
    with session(person.home) as manager:
        done = person.types("autostart", "enable", manager=manager)
        assert done.returncode == 0 and "answers in this session" not in done.stdout
        assert person.unit.exists() and not person.entry.exists()
    done = person.types("autostart", "disable")  # no systemd to ask now
    assert done.returncode == 0, done.stderr
    assert person.settings() == before


def test_systemd_as_a_desktop_hands_over_every_word_as_it_is(person: Person, tmp_path: Path) -> None:
    command, report = reporter(tmp_path, "%h", "%", ";", "a=b", odd=ODD)
    person.entry.write_text(xdg.entry_text(command))
    with session(person.home) as manager:
        manager.systemctl("start", DESKTOP)
        check(command, report)


@pytest.mark.skipif(shutil.which("gio") is None, reason="GLib's launcher is needed: apt install libglib2.0-bin")
def test_glib_hands_over_every_word_as_it_is(person: Person, tmp_path: Path) -> None:
    command, report = reporter(tmp_path, "%h", "%", ";", "a=b", odd=ODD)
    person.entry.write_text(xdg.entry_text(command))
    subprocess.run(["gio", "launch", str(person.entry)], env=person.daemon.environ, check=True, timeout=PATIENCE)
    check(command, report)


def test_a_path_that_a_desktop_entry_cannot_hold_is_said(person: Person, tmp_path: Path) -> None:
    before = person.settings()
    done = person.types("autostart", "enable", program=odd_python(tmp_path, ODDER))
    assert done.returncode == 1 and "desktops read in different ways" in done.stderr
    assert person.settings() == before


def test_the_desktop_entry_is_valid(tmp_path: Path) -> None:
    if shutil.which("desktop-file-validate") is None:
        reason = "desktop-file-validate is needed: apt install desktop-file-utils"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    for program, environment in ((sys.executable, {}), (odd_python(tmp_path), {"XDG_DATA_HOME": f"/{ODD}"})):
        path = tmp_path / xdg.FILE
        path.write_text(xdg.entry_text(Command(program, ("-m", "matted", "serve"), environment)))
        done = subprocess.run(["desktop-file-validate", str(path)], capture_output=True, text=True)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


# -- what people change ----------------------------------------------------------------------------------------------


def test_a_changed_unit_is_not_replaced_or_deleted_without_force(person: Person) -> None:
    with session(person.home) as manager:
        assert person.types("autostart", "enable", manager=manager).returncode == 0
        changed = person.unit.read_text().replace("RestartSec=2", "RestartSec=9")
        person.unit.write_text(changed)
        for verb in ("enable", "disable"):
            done = person.types("autostart", verb, manager=manager)
            assert done.returncode == 1 and "was changed" in done.stderr and "--force" in done.stderr
            assert person.unit.read_text() == changed
        said = person.types("autostart", "status", manager=manager)
        assert said.returncode == 0 and "was changed" in said.stdout
        assert person.types("autostart", "enable", "--force", manager=manager).returncode == 0
        assert "RestartSec=2" in person.unit.read_text()


def test_a_unit_that_was_switched_off_is_said(person: Person) -> None:
    with session(person.home) as manager:
        assert person.types("autostart", "enable", manager=manager).returncode == 0
        manager.systemctl("disable", UNIT)
        said = person.types("autostart", "status", manager=manager)
        assert said.returncode == 1 and "not enabled" in said.stdout
        assert person.types("autostart", "enable", manager=manager).returncode == 0
        assert person.types("autostart", "status", manager=manager).returncode == 0


def test_what_somebody_added_to_the_unit_stays(person: Person) -> None:
    more = person.unit.parent / f"{UNIT}.d" / "override.conf"
    with session(person.home) as manager:
        assert person.types("autostart", "enable", manager=manager).returncode == 0
        more.parent.mkdir()
        more.write_text("[Service]\nNice=5\n")
        done = person.types("autostart", "disable", manager=manager)
        assert done.returncode == 0 and str(more.parent) in done.stdout
    assert more.exists() and not person.unit.exists()


def test_a_model_to_preload_has_to_be_there(person: Person) -> None:
    done = person.types("autostart", "enable", "--preload", "isnet-general-use")
    assert done.returncode == 1 and "matted models pull isnet-general-use" in done.stderr
    assert not person.entry.exists()
    assert person.types("autostart", "enable", "--preload", "u2netp").returncode == 0
    assert person.entry.read_text().count("--preload u2netp") == 1
