"""`matted doctor` on a computer without faults, and on one with each kind of fault."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import matted
import pytest
from conftest import PHOTOGRAPHS, Daemon
from kserve_servers import Behaviour, ServedModel, rest_server
from pythons import python_in

SYSTEM_PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


@pytest.fixture
def computer(new_daemon: Callable[..., Daemon]) -> Daemon:
    """A computer with GIMP's and Krita's profiles, the plug-ins in them, and the model; no daemon runs yet."""
    daemon = new_daemon()
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "GIMP3_DIRECTORY"):
        daemon.environ.pop(name, None)
    interpreters = daemon.folder / ".config" / "GIMP" / "3.0" / "interpreters"
    interpreters.mkdir(parents=True)
    (interpreters / "python.interp").write_text(f"python3={SYSTEM_PYTHON}\n")
    (daemon.folder / ".local" / "share" / "krita").mkdir(parents=True)
    for host in ("gimp", "krita"):
        assert daemon.run("install", host).returncode == 0
    return daemon


@pytest.fixture
def running(computer: Daemon) -> Daemon:
    """The same computer with a running daemon that has loaded the model."""
    computer.start("--log-level", "debug")
    with computer.session() as session:
        session.load("u2netp")
    return computer


def lines(daemon: Daemon, state: str) -> list[str]:
    """Run `matted doctor`, and return its lines with this state: OK, NOTE or FAIL."""
    printed = daemon.run("doctor").stdout.splitlines()
    return [line for line in printed if line.startswith(state)]


def test_a_computer_that_is_well(running: Daemon) -> None:
    done = running.run("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stderr == "" and "FAIL" not in done.stdout
    for good in (
        "OK   Python: ",
        "OK   Packages: matted ",
        "OK   OpenVINO on CPU: ",
        "OK   Privacy: ",
        "OK   Model u2netp: It is intact. Licence Apache-2.0",
        "OK   Connection file: ",
        "OK   Daemon: matted ",
        "OK   GIMP 3.0: Remove Background ",
        f"({SYSTEM_PYTHON}) reaches the daemon.",
        "OK   Krita: Remove Background ",
        "Nothing has to be corrected.",
    ):
        assert good in done.stdout
    assert str(running.folder) not in done.stdout


def test_the_doctor_changes_nothing(computer: Daemon) -> None:
    def everything() -> set[tuple[str, int]]:
        return {(str(path), path.stat().st_mtime_ns) for path in computer.folder.rglob("*") if path.is_file()}

    before = everything()
    assert computer.run("doctor").returncode == 0
    assert everything() == before


def test_a_damaged_model_is_found_and_what_helps_is_what_is_said(running: Daemon) -> None:
    weights = running.data / "models" / "u2netp" / "model.bin"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    done = running.run("doctor")
    assert done.returncode == 1
    assert "FAIL Model u2netp: Its files are damaged. Get it again with: matted models pull u2netp" in done.stdout
    assert "Faults to correct: 1. See the lines that begin with FAIL." in done.stdout


def test_a_killed_daemon_leaves_a_stale_file_and_the_next_start_cures_it(running: Daemon) -> None:
    os.kill(running.pid(), signal.SIGKILL)
    running.wait()
    assert any("is stale" in line for line in lines(running, "NOTE"))
    assert running.run("start").returncode == 0
    assert any(line.startswith("OK   Connection file") for line in lines(running, "OK"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not stop processes")
def test_a_daemon_that_hangs_is_told_from_one_that_is_gone(running: Daemon) -> None:
    pid = running.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        [hanging] = lines(running, "FAIL")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert hanging.startswith(f"FAIL Daemon: The process {pid} runs and does not answer")
    assert not lines(running, "FAIL")


def test_a_daemon_of_another_version_is_to_be_started_again(running: Daemon, tmp_path: Path) -> None:
    other = tmp_path / "other"
    package = Path(matted.__file__).parent
    shutil.copytree(package, other / "matted", ignore=shutil.ignore_patterns("__pycache__"))
    init = other / "matted" / "__init__.py"
    init.write_text(init.read_text().replace(f'"{matted.__version__}"', '"9.9.9"'))
    running.environ["PYTHONPATH"] = str(other)
    [found] = [line for line in lines(running, "FAIL") if line.startswith("FAIL Daemon")]
    assert "This program is matted 9.9.9." in found and "matted restart" in found


def test_broken_settings_are_said_and_all_else_is_checked(running: Daemon) -> None:
    running.write_settings('queue = "many"\n')
    [found] = lines(running, "FAIL")
    assert (
        found == "FAIL Settings: queue in ~/config/config.toml cannot be 'many'. A number from 1 to 1000 is expected."
    )
    assert any(line.startswith("OK   Daemon") for line in lines(running, "OK"))


def test_broken_packages_are_all_named_and_all_else_is_checked(computer: Daemon, tmp_path: Path) -> None:
    names = ("numpy", "PIL", "zmq", "psutil", "openvino")
    broken = python_in(tmp_path / "python", **dict.fromkeys(names, "raise ImportError('it is broken')\n"))
    computer.program[0] = broken
    done = computer.run("doctor", "--report", str(tmp_path / "report.txt"))
    assert done.returncode == 1 and done.stderr == ""
    for name in names:
        assert f"FAIL {name}" in done.stdout
    assert "OK   GIMP 3.0: Remove Background " in done.stdout
    assert "not available: ImportError: it is broken" in (tmp_path / "report.txt").read_text()


def test_an_old_plug_in_is_to_be_installed_again(running: Daemon) -> None:
    manifest = running.folder / ".config/GIMP/3.0/plug-ins/remove-background/matted.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "version": "0.0.1"}))
    [found] = lines(running, "FAIL")
    assert found.startswith("FAIL GIMP 3.0: Remove Background 0.0.1 is in it") and "matted install gimp" in found
    assert running.run("install", "gimp").returncode == 0
    assert not lines(running, "FAIL")


def test_a_plug_in_that_krita_has_imported_is_known(running: Daemon, tmp_path: Path) -> None:
    """Unpacked as the importer does; tests/hosts/test_krita_import.py has the importer itself do it."""
    assert running.run("uninstall", "krita").returncode == 0
    made = running.run("install", "krita", "--zip", str(tmp_path / "plugin.zip"))
    assert made.returncode == 0 and "Import Python Plugin from File" in made.stdout
    again = running.run("install", "krita", "--zip", str(tmp_path / "plugin.zip"))
    assert again.returncode == 1 and "--force" in again.stderr
    assert any("Krita: Remove Background is not in it" in line for line in lines(running, "NOTE"))
    with zipfile.ZipFile(tmp_path / "plugin.zip") as archive:
        archive.extractall(running.folder / ".local" / "share" / "krita")
    assert any(line.startswith("OK   Krita: Remove Background ") for line in lines(running, "OK"))
    assert any(line.startswith("NOTE Krita: Krita does not load Remove Background") for line in lines(running, "NOTE"))
    assert running.run("install", "krita").returncode == 0
    assert not any("Krita does not load" in line for line in lines(running, "NOTE"))
    assert running.run("uninstall", "krita").returncode == 0
    assert not list((running.folder / ".local" / "share" / "krita").rglob("*remove_background*"))


def test_a_plug_in_that_cannot_reach_a_daemon_that_the_doctor_reaches_is_a_fault(running: Daemon) -> None:
    """As in a sandbox without network: here the plug-in's manifest names a connection file that does not exist."""
    manifest = running.folder / ".config/GIMP/3.0/plug-ins/remove-background/matted.json"
    told = {**json.loads(manifest.read_text()), "connection_file": str(running.folder / "connection.json")}
    manifest.write_text(json.dumps(told))
    assert any("does not reach the daemon, which this program does" in line for line in lines(running, "FAIL"))


def test_the_report_has_what_is_needed_and_nothing_else(running: Daemon, tmp_path: Path) -> None:
    secret = tmp_path / "a-private-name.jpg"
    shutil.copy(PHOTOGRAPHS / "chelsea.jpg", secret)
    assert running.run("remove", str(secret)).returncode == 0
    path = tmp_path / "report.txt"
    done = running.run("doctor", "--report", str(path))
    assert done.returncode == 0 and "It holds no pictures" in done.stdout
    text = path.read_text()
    for part in ("OK   Daemon: ", "processor: ", "queue = 32", '"default_model": "auto"', "hello from 'matted"):
        assert part in text
    assert json.loads(running.connection_file.read_text())["key"] not in text
    assert str(running.folder) not in text and "a-private-name" not in text
    before = path.read_bytes()
    refused = running.run("doctor", "--report", str(path))
    assert refused.returncode == 1 and "--force" in refused.stderr and path.read_bytes() == before
    assert running.run("doctor", "--report", str(path), "--force").returncode == 0
    assert path.read_bytes() != before


def test_a_report_is_also_written_of_a_computer_that_is_not_well(computer: Daemon, tmp_path: Path) -> None:
    computer.write_settings("[")
    assert computer.run("start").returncode == 1
    done = computer.run("doctor", "--report", str(tmp_path / "report.txt"))
    text = (tmp_path / "report.txt").read_text()
    assert done.returncode == 1
    assert text.count("config.toml cannot be read") >= 3, "in the findings, in the settings, and in start.log"


def test_a_reader_that_closes_the_pipe_ends_the_doctor_quietly(computer: Daemon) -> None:
    with subprocess.Popen(
        computer.command("doctor"), env=computer.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
    assert process.returncode == 1 and complaint == ""


def test_the_server_is_asked_where_no_daemon_runs(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon(weights=None)
    with rest_server(Behaviour({"isnet-general-use": ServedModel.of_side(1024)})) as url:
        daemon.write_settings(f'model = "isnet-general-use"\n[server]\nurl = "{url}"')
        good = lines(daemon, "OK")
        place = f"{url} (isnet-general-use)"
        assert any(line.startswith("OK   Default model isnet-general-use: ") and place in line for line in good)
        sent = f"OK   Server: Pictures are sent to {url}, made as small as the model sees them, for: isnet-general-use."
        assert sent in good
    failed = lines(daemon, "FAIL")
    assert any(line.startswith(f"FAIL Server: {url}: The server cannot be reached") for line in failed), failed
    assert any(line.startswith("FAIL Default model isnet-general-use: It is not on this computer.") for line in failed)
