"""What the entries for starting at login say, on every platform; that sessions obey them is tested with real ones."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from matted import autostart
from matted.autostart import launchd, systemd, windows, xdg
from matted.autostart.entry import AutostartError, Command, Entry, Mechanism, is_as_written, serve_command
from matted_client import python

SERVE = (*python.command(python.MATTED)[1:], "serve", "--idle-exit", "forever")
PYTHON = "/home/a b/.venv/bin/python"
PYTHON_EXE = r"C:\Users\A B\matted\Scripts\python.exe"
PYTHONW_EXE = r"C:\Users\A B\matted\Scripts\pythonw.exe"


def everywhere(path: str) -> bool:
    return True


def nowhere(path: str) -> bool:
    return False


# -- the command -----------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_at_login_unless_asked_for() -> None:
    assert serve_command(PYTHON, "", {}).words == [PYTHON, *SERVE]
    assert serve_command(PYTHON, "u2netp", {}).arguments == (*SERVE, "--preload", "u2netp")


def test_folders_that_a_login_session_would_not_know_are_carried_and_nothing_else() -> None:
    environ = {
        "MATTED_STATE_DIR": "state",
        "XDG_CACHE_HOME": "/c",
        "MATTED_DATA_DIR": "",
        "MATTED_MODEL": "x",
        "A": "b",
    }
    assert serve_command(PYTHON, "", environ).environment == {
        "MATTED_STATE_DIR": os.path.abspath("state"),
        "XDG_CACHE_HOME": "/c",
    }


@pytest.mark.parametrize("program", ["python", "", "/a\nb/python", "/a\udcff/python", "/a=b/python"])
def test_a_program_that_no_entry_can_hold_is_refused(program: str) -> None:
    with pytest.raises(AutostartError) as caught:
        serve_command(program, "", {})
    assert caught.value.hint


# -- the seal --------------------------------------------------------------------------------------------------------

COMMAND = Command(PYTHON, SERVE, {"MATTED_STATE_DIR": "/home/a b/state"})
TEXTS = pytest.mark.parametrize(
    "text",
    [systemd.unit_text(COMMAND), xdg.entry_text(COMMAND), launchd.agent_text(COMMAND)],
    ids=["unit", "xdg", "agent"],
)


@TEXTS
def test_a_change_is_noticed(text: str) -> None:
    assert is_as_written(text)
    assert not is_as_written(text.replace("forever", "10m"))
    assert not is_as_written(text + "\n")


@TEXTS
def test_a_text_without_a_seal_is_not_ours(text: str) -> None:
    assert not is_as_written("\n".join(line for line in text.splitlines() if "matted-seal" not in line))


def test_a_file_that_is_no_text_is_not_ours(tmp_path: Path) -> None:
    unit = systemd.UserUnit(tmp_path, "nobody answers")
    (tmp_path / "systemd/user").mkdir(parents=True)
    (tmp_path / "systemd/user/matted.service").write_bytes(b"\xff\xfe\0")
    entry = unit.find()
    assert entry and entry.edited and not entry.program


# -- entries as files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [xdg.AutostartEntry, launchd.LaunchAgent])
def test_what_was_put_is_found_and_taken_away(kind: type[xdg.AutostartEntry], tmp_path: Path) -> None:
    way = kind(tmp_path)
    assert way.find() is None
    way.write(COMMAND)
    entry = way.find()
    assert entry and Path(entry.place).is_file()
    assert (entry.program, entry.edited, entry.obstacle) == (PYTHON, False, "")
    assert all(word in entry.runs for word in (PYTHON, *SERVE))
    way.remove()
    assert way.find() is None and list(tmp_path.iterdir()) == []
    way.remove()


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false", "Hidden = true "])
def test_an_entry_that_the_desktop_has_switched_off_is_said(line: str, tmp_path: Path) -> None:
    way = xdg.AutostartEntry(tmp_path)
    way.write(COMMAND)
    path = tmp_path / "autostart" / xdg.FILE
    path.write_text(path.read_text().replace("X-GNOME-Autostart-enabled=true", line))
    entry = way.find()
    assert entry and "switched off" in entry.obstacle


def test_links_to_a_unit_that_is_gone_are_taken_away(tmp_path: Path) -> None:
    wants = tmp_path / "systemd/user/default.target.wants"
    wants.mkdir(parents=True)
    (wants / systemd.UNIT).symlink_to(tmp_path / "systemd/user" / systemd.UNIT)
    (wants / "other.service").symlink_to("/nowhere")
    assert systemd.UserUnit(tmp_path, "nobody answers").remove() == []
    assert [path.name for path in wants.iterdir()] == ["other.service"]


def test_a_unit_that_is_a_link_to_nothing_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "systemd/user").mkdir(parents=True)
    (tmp_path / "systemd/user" / systemd.UNIT).symlink_to("/nowhere")
    systemd.UserUnit(tmp_path, "nobody answers").remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "autostart").write_text("a file")
    with pytest.raises(AutostartError, match="cannot be written"):
        xdg.AutostartEntry(tmp_path).write(COMMAND)


def test_a_python_without_matted_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'No module named matted' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(AutostartError, match="No module named matted"):
        autostart.enable(Command(str(program), SERVE), False, [xdg.AutostartEntry(tmp_path / "config")])
    assert not (tmp_path / "config").exists()


# -- macOS -----------------------------------------------------------------------------------------------------------


def test_the_launch_agent_says_what_launchd_shall_do(tmp_path: Path) -> None:
    text = launchd.agent_text(COMMAND)
    assert plistlib.loads(text.encode()) == {
        "Label": "matted.daemon",
        "ProgramArguments": [PYTHON, *SERVE],
        "EnvironmentVariables": {"MATTED_STATE_DIR": "/home/a b/state"},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 60,
        "ExitTimeOut": 90,
        "ProcessType": "Interactive",
    }
    if sys.platform == "darwin":
        path = tmp_path / "agent.plist"
        path.write_text(text)
        assert subprocess.run(["plutil", "-lint", str(path)]).returncode == 0


def test_a_launch_agent_holds_any_characters() -> None:
    odd = "/a & <b> \"q\" 'q' ü --> ]]> %$\\/python"
    fields = plistlib.loads(launchd.agent_text(Command(odd, SERVE, {"MATTED_DATA_DIR": odd})).encode())
    assert fields["ProgramArguments"][0] == fields["EnvironmentVariables"]["MATTED_DATA_DIR"] == odd


def test_a_launch_agent_that_is_switched_off_or_damaged_is_said(tmp_path: Path) -> None:
    way = launchd.LaunchAgent(tmp_path)
    way.write(COMMAND)
    path = tmp_path / "LaunchAgents/matted.daemon.plist"
    path.write_text(path.read_text().replace("<key>RunAtLoad</key>", "<key>Disabled</key><true/><key>RunAtLoad</key>"))
    entry = way.find()
    assert entry and entry.edited and "switched off" in entry.obstacle and entry.program == PYTHON
    path.write_text("<plist>")
    entry = way.find()
    assert entry and entry.edited and entry.obstacle and not entry.program


# -- Windows ---------------------------------------------------------------------------------------------------------


class Values:
    """The values of a registry, to see what is written there and to read it back."""

    def __init__(self) -> None:
        self.all: dict[tuple[str, str], str | bytes] = {}

    def get(self, key: str, name: str) -> str | bytes | None:
        return self.all.get((key, name))

    def set(self, key: str, name: str, value: str) -> None:
        self.all[key, name] = value

    def remove(self, key: str, name: str) -> None:
        self.all.pop((key, name), None)


def test_the_run_key_gets_a_quoted_command_without_a_console() -> None:
    line = windows.command_line(Command(PYTHON_EXE, SERVE), everywhere)
    assert line == rf'"{PYTHONW_EXE}" {subprocess.list2cmdline(SERVE)}'
    assert windows.program_of(line) == PYTHONW_EXE


def test_a_python_without_its_silent_twin_is_used_as_it_is() -> None:
    assert windows.program_of(windows.command_line(Command(PYTHON_EXE, SERVE), nowhere)) == PYTHON_EXE


@pytest.mark.parametrize(
    ("line", "program"),
    [
        (r"C:\Python\pythonw.exe -m matted serve", r"C:\Python\pythonw.exe"),
        (r'  "C:\A B\pythonw.exe"', r"C:\A B\pythonw.exe"),
        ('"', '"'),
        ("", ""),
    ],
)
def test_the_program_of_a_command_line(line: str, program: str) -> None:
    assert windows.program_of(line) == program


def test_a_command_longer_than_windows_allows_is_refused() -> None:
    with pytest.raises(AutostartError, match="260 characters"):
        windows.command_line(Command(rf"C:\{'a' * 250}\python.exe", SERVE), nowhere)


def test_the_value_of_the_run_key_is_found_and_taken_away() -> None:
    values = Values()
    way = windows.RunKey(values, everywhere)
    assert way.find() is None
    values.all[windows.APPROVED, "matted"] = b"\x03\0\0\0"
    remarks = way.write(Command(PYTHON_EXE, SERVE, {"MATTED_DATA_DIR": r"D:\data"}))
    assert len(remarks) == 1 and "MATTED_DATA_DIR" in remarks[0]
    entry = way.find()
    assert entry and (entry.program, entry.edited, entry.obstacle) == (PYTHONW_EXE, False, "")
    assert entry.place == r"HKEY_CURRENT_USER\Software\Microsoft\Windows\CurrentVersion\Run\matted"
    way.remove()
    assert way.find() is None and values.all == {}


@pytest.mark.parametrize(("approved", "off"), [(b"\x02" + bytes(11), False), (b"\x03" + bytes(11), True), (b"", False)])
def test_a_value_that_the_task_manager_has_switched_off_is_said(approved: bytes, off: bool) -> None:
    values = Values()
    way = windows.RunKey(values, everywhere)
    way.write(Command(PYTHON_EXE, SERVE))
    values.all[windows.APPROVED, "matted"] = approved
    entry = way.find()
    assert entry and bool(entry.obstacle) is off


def test_a_value_of_something_else_is_not_ours() -> None:
    values = Values()
    values.all[windows.RUN, "matted"] = r"C:\other.exe"
    entry = windows.RunKey(values, everywhere).find()
    assert entry and entry.edited


@pytest.mark.skipif(sys.platform != "win32", reason="the real registry is on Windows alone")
def test_the_real_registry_keeps_a_value() -> None:
    registry, key = windows.CurrentUser(), r"Software\matted-test"
    assert registry.get(key, "a") is None
    registry.remove(key, "a")
    registry.set(key, "a", PYTHON_EXE)
    assert registry.get(key, "a") == PYTHON_EXE
    registry.remove(key, "a")
    assert registry.get(key, "a") is None


# -- which mechanism -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has two ways")
def test_without_a_user_manager_the_desktop_entry_is_used(tmp_path: Path) -> None:
    (tmp_path / "systemd").mkdir()  # as another user's session leaves it: nobody answers there
    for environ in ({}, {"XDG_RUNTIME_DIR": str(tmp_path)}, {"XDG_RUNTIME_DIR": str(tmp_path / "nothing")}):
        assert systemd.session_fault(environ)
        assert isinstance(autostart.mechanisms({**environ, "XDG_CONFIG_HOME": str(tmp_path)})[0], xdg.AutostartEntry)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has two ways")
@pytest.mark.parametrize(
    ("runtime", "answer", "why"),
    [
        ("", "", "(XDG_RUNTIME_DIR is not set)"),
        ("nothing", "", "(nothing of it is in {folder}/nothing)"),
        (".", "Failed to connect to bus: No medium found", "(Failed to connect to bus: No medium found)"),
        (".", "", "(systemctl gives no reason)"),
    ],
)
def test_why_the_desktop_entry_is_used_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, answer: str, why: str
) -> None:
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho '{answer}' >&2\nexit 1\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / runtime) if runtime else ""}
    [remark] = autostart.enable(Command(sys.executable, SERVE), False, autostart.mechanisms(environ))
    assert remark.startswith("No systemd of yours answers in this session " + why.format(folder=tmp_path))
    assert "log in as this user" in remark


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has two ways")
def test_nothing_is_said_where_there_is_no_systemd_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    there = autostart.mechanisms({"XDG_CONFIG_HOME": str(tmp_path)})
    assert autostart.enable(Command(sys.executable, SERVE), False, there) == []


class LoginScript(Mechanism):
    """A script that a made-up system runs at login."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> LoginScript | None:
        return cls(Path(environ["LOGIN_SCRIPT"])) if "LOGIN_SCRIPT" in environ else None

    def find(self) -> Entry | None:
        text = self._path.read_text() if self._path.exists() else ""
        return Entry("login script", str(self._path), text, text.partition(" ")[0], False, "") if text else None

    def write(self, command: Command) -> list[str]:
        self._path.write_text(" ".join(command.words))
        return ["It is run at login."]

    def remove(self) -> list[str]:
        self._path.unlink(missing_ok=True)
        return []


def test_another_mechanism_is_a_class_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autostart, "MECHANISMS", (*autostart.MECHANISMS, LoginScript))
    there = autostart.mechanisms({"LOGIN_SCRIPT": str(tmp_path / "script"), "XDG_CONFIG_HOME": str(tmp_path)})
    assert not any(isinstance(each, LoginScript) for each in autostart.mechanisms({}))
    there.sort(key=lambda each: not isinstance(each, LoginScript))
    assert autostart.enable(Command(sys.executable, SERVE), False, there)[0] == "It is run at login."
    [entry] = autostart.entries(there)
    assert (entry.title, entry.program) == ("login script", sys.executable) and autostart.problem(entry) == ""
    autostart.disable(False, there)
    assert autostart.entries(there) == []
