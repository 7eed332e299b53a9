"""The connection file as a client reads it, and the environment that a daemon is started with."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from matted_client import Unavailable, endpoint
from matted_client.endpoint import HOST_VARIABLES, Starter, clean_environment, read_connection, state_folder

KEY = bytes(range(32))
FIELDS = {"protocol": 1, "endpoint": "tcp://127.0.0.1:40123", "pid": 77, "version": "0.1.0", "key": KEY.hex()}

Write = Callable[[Any], str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Put something into a connection file that only we can read, and return its path."""

    def make(content: Any) -> str:
        path = tmp_path / "connection.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        path.chmod(0o600)
        return str(path)

    return make


def test_a_good_file_is_read(write: Write) -> None:
    connection = read_connection(write(FIELDS))
    assert connection == endpoint.Connection("tcp://127.0.0.1:40123", 77, "0.1.0", KEY)
    assert connection.port == 40123


def test_a_missing_file_means_that_no_daemon_runs(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not running"):
        read_connection(str(tmp_path / "connection.json"))


def test_a_folder_in_the_place_of_the_file_means_that_no_daemon_runs(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(Unavailable):
        read_connection(str(tmp_path))


WHOLE = json.dumps(FIELDS).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"\xff\xfe\x00garbage",
        b"not json",
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:-1],
        WHOLE + WHOLE,
        b"[" * 4000,
        b" " * 5000 + WHOLE,
        [],
        None,
        5,
        "text",
        {},
    ],
    ids=lambda content: repr(content)[:20],
)
def test_a_damaged_file_is_called_damaged(write: Write, content: Any) -> None:
    with pytest.raises(Unavailable, match="damaged"):
        read_connection(write(content))


@pytest.mark.parametrize("name", ["endpoint", "pid", "version", "key"])
def test_a_file_that_lacks_a_field_is_called_damaged(write: Write, name: str) -> None:
    fields = {key: value for key, value in FIELDS.items() if key != name}
    with pytest.raises(Unavailable, match="damaged"):
        read_connection(write(fields))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("key", KEY.hex()[:-2]),
        ("key", KEY.hex() + "00"),
        ("key", ""),
        ("key", "z" * 64),
        ("key", 5),
        ("key", None),
        ("endpoint", "tcp://192.0.2.1:40123"),
        ("endpoint", "tcp://0.0.0.0:40123"),
        ("endpoint", "tcp://localhost:40123"),
        ("endpoint", "ipc:///tmp/socket"),
        ("endpoint", "tcp://127.0.0.1"),
        ("endpoint", "tcp://127.0.0.1:"),
        ("endpoint", "tcp://127.0.0.1:0"),
        ("endpoint", "tcp://127.0.0.1:-5"),
        ("endpoint", "tcp://127.0.0.1:65536"),
        ("endpoint", "tcp://127.0.0.1:80@192.0.2.1:40123"),
        ("endpoint", 40123),
        ("pid", "nobody"),
        ("pid", None),
        ("pid", float("inf")),
    ],
)
def test_a_field_that_cannot_be_used_makes_the_file_damaged(write: Write, name: str, value: Any) -> None:
    with pytest.raises(Unavailable, match="damaged"):
        read_connection(write({**FIELDS, name: value}))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o602, 0o601])
def test_a_file_that_others_can_use_is_refused(write: Write, mode: int) -> None:
    path = write(FIELDS)
    os.chmod(path, mode)
    with pytest.raises(Unavailable, match="other users"):
        read_connection(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(write: Write) -> None:
    path = write(FIELDS)
    os.chown(path, 12345, 12345)
    with pytest.raises(Unavailable, match="another user"):
        read_connection(path)


def test_every_refusal_says_what_to_do(write: Write, tmp_path: Path) -> None:
    for path in (write(b""), str(tmp_path / "missing")):
        with pytest.raises(Unavailable) as refusal:
            read_connection(path)
        assert refusal.value.hint


# -- where the file is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [None, "", "elsewhere"])
def test_the_state_folder_is_that_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chosen: str | None
) -> None:
    monkeypatch.delenv("MATTED_STATE_DIR", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if chosen is not None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / chosen) if chosen else "")
    assert Path(state_folder()) == platformdirs.user_state_path("matted", appauthor=False)


def test_the_state_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MATTED_STATE_DIR", str(tmp_path / "mine"))
    assert endpoint.connection_path() == str(tmp_path / "mine" / "connection.json")


def test_a_relative_choice_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATTED_STATE_DIR", "mine")
    assert state_folder() == str(tmp_path / "mine")


# -- starting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "variable",
    [*HOST_VARIABLES, "PYTHONPATH", "PYTHONHOME", "QT_PLUGIN_PATH", "GIMP3_DATADIR", "GEGL_PATH", "BABL_PATH"],
)
def test_what_a_host_sets_for_itself_is_not_inherited(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "/opt/host")
    assert variable not in clean_environment("/state")


def test_everything_else_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTED_MODEL", "u2netp")
    monkeypatch.setenv("LANG", "C.UTF-8")
    environment = clean_environment("/state")
    assert (environment["MATTED_MODEL"], environment["LANG"]) == ("u2netp", "C.UTF-8")
    assert environment["PATH"] == os.environ["PATH"]


APPIMAGE = "/var/tmp/.mount_krita-XyZ12"


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("SSL_CERT_FILE", f"{APPIMAGE}/usr/share/certs/cacert.pem", None),
        ("SSL_CERT_DIR", f"{APPIMAGE}/usr/share/certs", None),
        ("REQUESTS_CA_BUNDLE", "/made-up/gone.pem", None),
        ("CURL_CA_BUNDLE", "/opt/program/certs/ca.pem", None),
        ("SSL_CERT_FILE", __file__, __file__),
        ("PATH", f"{APPIMAGE}/usr/bin:/opt/program/bin:/usr/bin:/bin", "/usr/bin:/bin"),
        ("XDG_DATA_DIRS", f"{APPIMAGE}/usr/share:/usr/share", "/usr/share"),
        ("FONTCONFIG_FILE", "/opt/program/etc/fonts.conf", None),
        ("GSETTINGS_SCHEMA_DIR", f"{APPIMAGE}/usr/share/glib-2.0/schemas", None),
        ("APPDIR", "/opt/program", None),
        ("APPIMAGE", "/home/x/krita.appimage", None),
        ("https_proxy", "http://somebody:secret@proxy.invalid:3128", "http://somebody:secret@proxy.invalid:3128"),
        ("MADE_UP", "/opt/programs/other", "/opt/programs/other"),
        ("MADE_UP", "", ""),
    ],
)
def test_what_an_appimage_sets_is_not_inherited(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, left: str | None
) -> None:
    monkeypatch.setenv("APPDIR", "/opt/program")
    monkeypatch.setenv("APPIMAGE", "/home/x/program.appimage")
    monkeypatch.setenv(name, value)
    assert clean_environment("/state").get(name) == left


@pytest.mark.parametrize(("folder", "appimage"), [("/home/x", None), ("/", "/home/x/program.appimage")])
def test_a_variable_of_that_name_that_is_no_appimages_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, folder: str, appimage: str | None
) -> None:
    monkeypatch.delenv("APPIMAGE", raising=False)
    monkeypatch.setenv("APPDIR", folder)
    if appimage:
        monkeypatch.setenv("APPIMAGE", appimage)
    monkeypatch.setenv("HOME", "/home/x")
    cleaned = clean_environment("/state")
    assert cleaned["HOME"] == "/home/x" and cleaned["PATH"] == os.environ["PATH"]


def test_what_a_snap_sets_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAP", "/snap/code/1")
    monkeypatch.setenv("GTK_PATH", "/snap/code/1/usr/lib/gtk-3.0")
    assert not {"SNAP", "GTK_PATH"} & set(clean_environment("/state"))


def test_the_started_daemon_uses_the_state_folder_of_its_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTED_STATE_DIR", "/old")
    assert clean_environment("/state")["MATTED_STATE_DIR"] == "/state"


def test_this_process_keeps_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/opt/host")
    clean_environment("/state")
    assert os.environ["PYTHONPATH"] == "/opt/host"


def test_a_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="could not be started") as refusal:
        Starter([str(tmp_path / "no-such-program")], str(tmp_path)).start()
    assert "no-such-program" in refusal.value.message


def test_a_started_program_is_told_to_serve(tmp_path: Path) -> None:
    starter = Starter([sys.executable, "-c", "import sys; print('asked to', *sys.argv[1:])"], str(tmp_path / "state"))
    assert starter.start().wait() == 0
    assert "asked to serve" in starter.reason()


def test_the_last_line_that_a_program_wrote_is_its_reason(tmp_path: Path) -> None:
    starter = Starter([sys.executable, "-c", "raise SystemExit('first\\nlast')"], str(tmp_path))
    assert starter.start().wait() == 1
    assert "last" in starter.reason()
    assert "first" not in starter.reason()


def test_a_silent_program_gave_no_reason(tmp_path: Path) -> None:
    starter = Starter([sys.executable, "-c", ""], str(tmp_path))
    assert starter.start().wait() == 0
    assert "no reason" in starter.reason()


@pytest.mark.skipif(sys.platform == "win32", reason="sessions are POSIX")
def test_a_started_program_is_detached_from_our_terminal(tmp_path: Path) -> None:
    starter = Starter([sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid())"], str(tmp_path))
    starter.start().wait()
    assert "True" in starter.reason()
