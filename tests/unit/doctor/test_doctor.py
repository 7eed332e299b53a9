"""The doctor's checks, each on something that is broken."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import matted
import pytest
from matted.doctor import checks, context, daemon, files, hosts, models, probe, report, software
from matted.doctor.context import FAIL, NOTE, OK, Context, Finding
from matted.doctor.probe import ProbeFailedError
from matted.hosts import installer
from matted.hosts.places import Places
from matted.hosts.registry import HOSTS
from matted.inference.engines import verdicts
from matted.inference.engines.devices import Device
from matted.inference.engines.verdicts import Verdict
from matted.models import catalogue
from matted.models.licences import Licences
from matted.settings import config
from matted_client import MattedError, python
from matted_client.plugin import SETTINGS_FILE
from pythons import python_in

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")

GIMP, KRITA = ".config/GIMP/3.0", ".local/share/krita"
KEY = "0123456789abcdef" * 4
OLD = "0.0.1"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up home where everything of matted's is."""
    folder = tmp_path / "home"
    for name in ("state", "data", "cache", "config"):
        (folder / name).mkdir(parents=True, mode=0o700)
        monkeypatch.setenv(f"MATTED_{name.upper()}_DIR", str(folder / name))
    return folder


@pytest.fixture
def sick(home: Path) -> Context:
    """To be made so. On its PATH is nothing."""
    return Context(config.defaults(os.environ), None, Places(home, "linux", {}))


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """program(zmq="...") has Pythons that are started from here on import this in place of the real one."""

    def make(**modules: str) -> None:
        monkeypatch.setattr(sys, "executable", python_in(tmp_path / "python", **modules))

    return make


def states(findings: Iterator[Finding]) -> list[str]:
    return [found.state for found in findings]


def only(findings: Iterator[Finding]) -> Finding:
    [found] = findings
    return found


# -- running all checks ----------------------------------------------------------------------------------------------


def test_a_check_that_fails_itself_is_a_finding_and_what_it_said_before_stays(sick: Context) -> None:
    def check(context: Context) -> Iterator[Finding]:
        yield Finding(OK, "One", "Good.")
        raise ZeroDivisionError("nobody\nthought of it")

    good, bad = checks.run("Odd", check, sick)
    assert good.state == OK and bad.state == FAIL
    assert str(bad).startswith("FAIL Odd: This check itself failed: ZeroDivisionError: nobody thought of it. Please")


@pytest.mark.slow
def test_everything_is_examined_where_the_settings_cannot_be_read(home: Path) -> None:
    (home / "config" / "config.toml").write_text("model = [")
    found = list(checks.run_all(context.load(os.environ)))
    assert not [each for each in found if "itself failed" in each.what]
    assert {"Python", "Settings", "Daemon", "Privacy"} <= {each.subject for each in found}
    assert [each.subject for each in found if each.state == FAIL] == ["Settings"]
    assert all(each.todo for each in found if each.state == FAIL)


# -- software --------------------------------------------------------------------------------------------------------


def test_the_packages_that_matted_says_it_needs_are_checked() -> None:
    names = {required.name for required in software.requirements()}
    assert {"numpy", "openvino", "pillow", "pyzmq", "psutil"} <= names


def test_packages_that_are_in_order_are_one_line(sick: Context) -> None:
    found = only(software.check_packages(sick))
    assert found.state == OK and f"matted {matted.__version__}" in found.what and "openvino 20" in found.what


def test_only_what_cannot_be_imported_is_named(program: Callable[..., None]) -> None:
    program(damaged="raise ImportError('its library is gone')", crashing="import os; os.abort()")
    first, second = software.check_imports(["json", "damaged", "math", "crashing", "csv"])
    assert first.subject == "damaged" and "its library is gone" in first.what and first.todo
    assert second.subject == "crashing" and "SIGABRT" in second.what


@pytest.mark.slow
def test_the_cpu_computes(sick: Context) -> None:
    found = {each.subject: each for each in software.check_devices(sick)}
    assert found["OpenVINO on CPU"].state == OK


def test_an_openvino_that_crashes_is_reported_and_not_suffered(sick: Context, program: Callable[..., None]) -> None:
    program(openvino="import os; os.abort()")
    found = only(software.check_devices(sick))
    assert found.state == FAIL and "it crashed (SIGABRT)" in found.what and "pipx reinstall" in found.todo


def test_a_device_that_computes_wrong_numbers_is_found_out(program: Callable[..., None]) -> None:
    """The trial itself, with the one thing changed that a broken device changes: its answer."""
    program(sitecustomize=_WRONG)
    done = subprocess.run([*python.command(software.TRIAL), "CPU"], capture_output=True, text=True)
    assert done.returncode == 1 and "it computes wrong numbers, off by 0.5" in done.stderr


_WRONG = """
import openvino
sound = openvino.CompiledModel.__call__
openvino.CompiledModel.__call__ = lambda *arguments: {0: sound(*arguments)[0] + 0.5}
"""


@pytest.mark.slow
def test_a_device_of_the_settings_that_is_not_there_is_noted(sick: Context) -> None:
    wanting = replace(sick, settings=replace(sick.settings, device="GPU.7"))
    found = list(software.check_devices(wanting))[-1]
    assert (found.state, found.subject) == (NOTE, "GPU.7") and "the CPU is used" in found.what


CPU = Device("CPU", "Xeon", False, "", "2026")
INTEGRATED = Device("GPU.0", "UHD Graphics (iGPU)", False, "23.1", "2026")
CARD = Device("GPU.1", "Arc A770 (dGPU)", True, "23.1", "2026")


@pytest.fixture
def computer(sick: Context, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """computer("AUTO", CPU, CARD) examines a computer that has these devices. broken: names of those that fail."""

    def examine(setting: str, *found: Device, broken: tuple[str, ...] = (), **settings: Any) -> list[Finding]:
        def run(command: list[str], seconds: float) -> str:
            if command[-1] in broken:
                raise ProbeFailedError("it crashed (SIGSEGV)")
            names = [each.name for each in found]
            return "" if command[-1] in names else json.dumps([asdict(each) for each in found])

        monkeypatch.setattr(probe, "run", run)
        changed = replace(sick, settings=replace(sick.settings, device=setting, **settings))
        return list(software.check_devices(changed))

    return examine


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("AUTO", 'device = "AUTO" takes GPU.1, Arc A770 (dGPU); where that fails, GPU.0, then CPU.'),
        ("GPU", 'device = "GPU" takes GPU.1, Arc A770 (dGPU); where that fails, GPU.0, then CPU.'),
        ("GPU.0", 'device = "GPU.0" takes GPU.0, UHD Graphics (iGPU); where that fails, CPU.'),
        ("CPU", 'device = "CPU" takes the CPU.'),
    ],
)
def test_of_several_gpus_the_one_that_is_used_is_named(
    computer: Callable[..., list[Finding]], setting: str, expected: str
) -> None:
    *tried, used = computer(setting, CPU, INTEGRATED, CARD)
    assert [(each.state, each.subject) for each in tried] == [
        (OK, f"OpenVINO on {name}") for name in ("CPU", "GPU.0", "GPU.1")
    ]
    assert tried[2].what == "Arc A770 (dGPU) computes, with driver 23.1."
    assert (used.state, used.what) == (OK, expected)


def test_a_device_that_fails_its_trial_is_not_said_to_be_used(computer: Callable[..., list[Finding]]) -> None:
    found = {each.subject: each for each in computer("AUTO", CPU, INTEGRATED, CARD, broken=("GPU.1",))}
    assert found["OpenVINO on GPU.1"].state == NOTE and "crashed" in found["OpenVINO on GPU.1"].what
    assert "takes GPU.0" in found["Device"].what
    found = {each.subject: each for each in computer("GPU", CPU, CARD, broken=("GPU.1",))}
    assert found["GPU"].what == "The settings want this device, and it does not work: the CPU is used."
    found = {each.subject: each for each in computer("NPU", CPU, INTEGRATED, CARD)}
    assert "this computer has CPU, GPU.0, GPU.1: the CPU is used" in found["NPU"].what


def test_what_comparing_a_device_found_is_told(computer: Callable[..., list[Finding]], sick: Context) -> None:
    def remember(model: str, device: Device, difference: float, arithmetic: str = "f16") -> Path:
        folder = sick.settings.compiled / model
        found_on = device.name, device.title, device.driver, device.openvino
        verdicts.add(folder, Verdict("1", *found_on, arithmetic, difference))
        return folder / verdicts.FILE

    for model in ("isnet", "u2netp"):
        remember(model, CARD, 0.001)
        remember(model, replace(INTEGRATED, driver="22.9"), 0.5)
    wrong = remember("birefnet", CARD, 0.45)
    found = [each for each in computer("AUTO", CPU, INTEGRATED, CARD) if each.subject.startswith("Masks")]
    assert [(each.state, each.subject) for each in found] == [(NOTE, "Masks on GPU.1"), (OK, "Masks on GPU.1")]
    assert "With birefnet, in f16, it computes wrong numbers" in found[0].what and "45 % off" in found[0].what
    assert "A newer driver" in found[0].todo and found[0].todo.endswith(str(wrong))
    assert found[1].what == "Those of isnet, u2netp are the CPU's."
    remember("birefnet", CARD, 0.0001, "f32")
    found = [each for each in computer("AUTO", CPU, CARD, arithmetic="f32") if each.subject.startswith("Masks")]
    assert [each.what for each in found] == ["Those of birefnet are the CPU's."]


# -- settings and folders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("queue = [", "cannot be read"), ('queue = "many"', "queue in"), ("colour = 1", "unknown setting: colour")],
)
def test_settings_that_are_wrong_are_said_exactly(home: Path, text: str, complaint: str) -> None:
    (home / "config" / "config.toml").write_text(text)
    examined = context.load(os.environ)
    found = only(files.check_settings(examined))
    assert found.state == FAIL and complaint in found.what and found.todo
    assert examined.settings.state == home / "state"


def test_settings_that_are_right_are_used(home: Path) -> None:
    (home / "config" / "config.toml").write_text("queue = 3")
    examined = context.load(os.environ)
    assert only(files.check_settings(examined)).state == OK and examined.settings.queue == 3


def test_folders_that_are_there_or_can_be_made_are_fine(sick: Context) -> None:
    assert FAIL not in states(files.check_folders(sick))


def test_a_folder_that_cannot_be_written_is_said(sick: Context, home: Path) -> None:
    (home / "file").touch()
    found = list(files.check_folders(replace(sick, settings=replace(sick.settings, cache=home / "file"))))[-1]
    assert found.state == FAIL and "Nothing can be written" in found.what


@posix
def test_modes_that_let_others_in_are_said_with_the_command_that_helps(sick: Context, home: Path) -> None:
    for name in ("connection.json", "matted.log", "matted.log.1", "start.log"):
        (home / "state" / name).touch(0o600)
    assert only(files.check_privacy(sick)).state == OK
    (home / "state").chmod(0o755)
    (home / "state" / "matted.log.1").chmod(0o644)
    found = list(files.check_privacy(sick))
    assert [each.state for each in found] == [FAIL, FAIL]
    for each in found:
        subprocess.run(each.todo.removeprefix("Run: ").split(), check=True)
    assert only(files.check_privacy(sick)).state == OK


# -- models ----------------------------------------------------------------------------------------------------------


def test_a_computer_without_models_is_told_when_the_first_one_comes(sick: Context) -> None:
    found = only(models.check_models(sick))
    assert found.state == NOTE and "fetched with the first picture" in found.what


@pytest.mark.parametrize(
    ("model", "todo"), [("nonsense", "matted models default ID"), ("isnet-general-use", "matted models pull isnet")]
)
def test_a_default_model_that_cannot_be_used_is_said(sick: Context, model: str, todo: str) -> None:
    found = only(models.check_models(replace(sick, settings=replace(sick.settings, model=model))))
    assert found.state == FAIL and todo in found.todo


def test_a_model_folder_without_its_record_is_damaged(sick: Context) -> None:
    (sick.settings.models / "u2netp").mkdir(parents=True)
    found = only(models.check_models(sick))
    assert (found.state, found.todo) == (FAIL, "Get it again with: matted models pull u2netp")


def test_own_models_that_cannot_be_read_do_not_hide_the_others(sick: Context) -> None:
    (sick.settings.folder / catalogue.OWN_FILE).write_text("[[model")
    (sick.settings.models / "u2netp").mkdir(parents=True)
    complaint, damaged = models.check_models(sick)
    assert complaint.state == FAIL and catalogue.OWN_FILE in complaint.what
    assert damaged.subject == "Model u2netp"


# -- daemon ----------------------------------------------------------------------------------------------------------


def connection(home: Path, pid: int, port: int) -> Path:
    path = home / "state" / "connection.json"
    path.touch(0o600)
    fields = {"protocol": 1, "endpoint": f"tcp://127.0.0.1:{port}", "pid": pid, "version": "0.1.0", "key": KEY}
    path.write_text(json.dumps(fields))
    return path


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_no_daemon_is_no_fault(sick: Context) -> None:
    found = only(daemon.check_daemon(sick))
    assert found.state == NOTE and "matted start" in found.todo


def test_what_a_daemon_said_that_did_not_start_is_quoted(sick: Context, home: Path) -> None:
    (home / "state" / "start.log").write_text("matted: The folder cannot be used.\n")
    assert "'matted: The folder cannot be used.'" in list(daemon.check_daemon(sick))[1].what


def test_the_connection_file_of_a_dead_daemon_is_stale(sick: Context, home: Path, free_port: int) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    connection(home, ended.pid, free_port)
    found = only(daemon.check_daemon(sick))
    assert found.state == NOTE and "is stale" in found.what


def test_a_process_number_that_another_program_has_now_is_stale_too(sick: Context, home: Path, free_port: int) -> None:
    connection(home, os.getpid(), free_port)
    assert "is stale" in only(daemon.check_daemon(sick)).what


def test_a_daemon_that_runs_and_does_not_answer_is_a_fault(sick: Context, home: Path, free_port: int) -> None:
    waiting = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "serve"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stuck:
        assert stuck.stdin and stuck.stdout and stuck.stdout.readline()
        connection(home, stuck.pid, free_port)
        found = only(daemon.check_daemon(sick))
        stuck.stdin.close()
    assert found.state == FAIL and "matted stop" in found.todo


def test_a_damaged_connection_file_is_said(sick: Context, home: Path) -> None:
    connection(home, 1, 1).write_text("{")
    found = only(daemon.check_daemon(sick))
    assert (found.state, found.subject) == (FAIL, "Connection file") and "damaged" in found.what


@posix
def test_a_connection_file_that_others_can_read_is_refused(sick: Context, home: Path) -> None:
    connection(home, 1, 1).chmod(0o644)
    assert "other users" in only(daemon.check_daemon(sick)).what


# -- the hosts --------------------------------------------------------------------------------------------------


def installed(home: Path, host: str, profile: str) -> Path:
    """The plug-in in a new profile. Returns its folder."""
    folder = home / profile
    folder.mkdir(parents=True)
    assert installer.install(HOSTS[host], folder, lambda line: None)
    return folder / HOSTS[host].home


def rewritten(plugin: Path, **changes: object) -> None:
    manifest = plugin / SETTINGS_FILE
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))


def about(name: str, examined: Context) -> list[Finding]:
    return [found for found in hosts.check_hosts(examined) if found.subject == name]


def test_a_computer_without_hosts_is_told_what_to_do(sick: Context) -> None:
    gimp, krita = hosts.check_hosts(sick)
    assert gimp.state == krita.state == NOTE
    assert "matted install gimp" in gimp.todo and "matted install krita" in krita.todo


def test_a_profile_without_the_plug_in_is_noted(sick: Context, home: Path) -> None:
    (home / GIMP).mkdir(parents=True)
    [found] = about("GIMP 3.0", sick)
    assert found.state == NOTE and found.todo == "To install it there: matted install gimp"


def test_a_plug_in_that_is_in_order_is_said(sick: Context, home: Path) -> None:
    installed(home, "gimp", GIMP)
    assert about("GIMP 3.0", sick)[0].state == OK


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": OLD}, f"Remove Background {OLD} is in it, and matted is {matted.__version__}"),
        ({"connection_file": "/elsewhere/connection.json"}, "looks for the daemon at /elsewhere/connection.json"),
        ({"command": ["/gone/python", "-m", "matted"]}, "cannot start the daemon with /gone/python: "),
        ({"command": [sys.executable, "-m", "matted_of_old"]}, "No module named matted_of_old"),
        ({"command": 7}, "not completely installed"),
    ],
)
def test_a_plug_in_that_no_longer_fits_is_installed_again(
    sick: Context, home: Path, changes: dict[str, object], words: str
) -> None:
    plugin = installed(home, "gimp", GIMP)
    rewritten(plugin, **changes)
    found = about("GIMP 3.0", sick)[0]
    assert found.state == FAIL and words in found.what
    assert found.todo.startswith("Run: matted install gimp")
    installer.install(HOSTS["gimp"], home / GIMP, lambda line: None)
    assert about("GIMP 3.0", sick)[0].state == OK


@pytest.mark.slow
def test_a_plug_in_that_lacks_a_file_or_has_another_is_installed_again(sick: Context, home: Path) -> None:
    plugin = installed(home, "gimp", GIMP)
    (plugin / "texts.py").write_text("# of another build\n")
    found = about("GIMP 3.0", sick)[0]
    assert found.state == FAIL and "1 of the plug-in's files are not those of this matted" in found.what
    assert "texts.py among them" in found.what
    (plugin / "texts.py").unlink()
    found = about("GIMP 3.0", sick)[0]
    assert found.state == FAIL and "1 of the plug-in's files are gone" in found.what
    installer.install(HOSTS["gimp"], home / GIMP, lambda line: None)
    assert about("GIMP 3.0", sick)[0].state == OK


@pytest.mark.slow
def test_a_plug_in_that_krita_does_not_load_is_noted(sick: Context, home: Path) -> None:
    installed(home, "krita", KRITA)
    (home / ".config" / "kritarc").parent.mkdir(exist_ok=True)
    (home / ".config" / "kritarc").write_text("[python]\nenable_remove_background=false\n")
    assert any("switched off" in found.what and found.state == NOTE for found in about("Krita", sick))
    (home / ".config" / "kritarc").write_text("[python]\nenable_remove_background=true\n")
    assert not any("switched off" in found.what for found in about("Krita", sick))


def test_what_makes_an_installation_necessary_is_listed(sick: Context, home: Path) -> None:
    def reasons(host: str, folder: str) -> list[str]:
        return hosts.reasons(HOSTS[host], HOSTS[host].chosen(home / folder, sick.places), sick.settings)

    assert reasons("gimp", GIMP) == ["Remove Background is not in it."]
    plugin = installed(home, "gimp", GIMP)
    assert reasons("gimp", GIMP) == []
    (plugin / "removal.py").unlink()
    assert ["files are gone" in reason for reason in reasons("gimp", GIMP)] == [True]
    (plugin / SETTINGS_FILE).write_text("{")
    assert len(reasons("gimp", GIMP)) == 1
    installed(home, "krita", KRITA)
    assert ["switched off" in reason for reason in reasons("krita", KRITA)] == [True]


@pytest.mark.parametrize(
    ("host", "profile", "name", "words"),
    [
        ("gimp", GIMP, "GIMP 3.0", "there is no gimp command"),
        ("krita", KRITA, "Krita", "there is no krita command"),
        ("gimp", ".var/app/org.gimp.GIMP/config/GIMP/3.0", "GIMP (Flatpak) 3.0", "there is no flatpak command"),
        ("krita", ".var/app/org.kde.krita/data/krita", "Krita (Flatpak)", "there is no flatpak command"),
        ("gimp", "snap/gimp/current/.config/GIMP/3.0", "GIMP (Snap) 3.0", "there is no snap command"),
        ("krita", "snap/krita/current/.local/share/krita", "Krita (Snap)", "there is no snap command"),
    ],
)
def test_a_python_that_cannot_be_run_from_here_is_said_to_be_untried(
    sick: Context, home: Path, host: str, profile: str, name: str, words: str
) -> None:
    installed(home, host, profile)
    found = about(name, sick)[-1]
    assert found.state == NOTE and "was not tried" in found.what and words in found.what


def names_python(home: Path, python: str) -> None:
    """As a user does who wants GIMP to use another Python."""
    folder = home / GIMP / "interpreters"
    folder.mkdir()
    (folder / "pygimp.interp").write_text(f"# ours\npython={python}\npython3={python}\n:Python:E::py::python3:\n")


def test_without_a_daemon_it_is_only_said_that_the_hosts_python_runs_the_client(sick: Context, home: Path) -> None:
    plugin = installed(home, "gimp", GIMP)
    names_python(home, sys.executable)
    found = about("GIMP 3.0", sick)[-1]
    assert found.state == NOTE and f"({sys.executable}) runs the plug-in's client" in found.what
    assert not list(plugin.rglob("__pycache__"))


def test_a_client_that_the_hosts_python_cannot_load_is_a_fault(sick: Context, home: Path) -> None:
    plugin = installed(home, "gimp", GIMP)
    names_python(home, sys.executable)
    (plugin / "matted_client" / "zmtp.py").write_text("import a_package_that_gimp_does_not_have\n")
    found = about("GIMP 3.0", sick)[-1]
    assert found.state == FAIL and "a_package_that_gimp_does_not_have" in found.what


# -- Pythons in sandboxes: stand-ins for `flatpak` and `snap` run the Python that they are asked for -------------------

FLATPAK_GIMP, FLATPAK_KRITA = ".var/app/org.gimp.GIMP/config/GIMP/3.2", ".var/app/org.kde.krita/data/krita"
SNAP_GIMP, SNAP_KRITA = "snap/gimp/current/.config/GIMP/3.0", "snap/krita/current/.local/share/krita"
FLATPAK_RUNS = """
test "$1 $2" = "run --command=python3" || { echo "error: Unknown option $2" >&2; exit 1; }
test -d "$HOME/.var/app/$3" || { echo "error: app/$3/x86_64/master not installed" >&2; exit 1; }
shift 3
exec python3 "$@"
"""
SNAP_RUNS = """
test "$1 $2" = "run --shell" || { echo "error: unknown command $1 $2" >&2; exit 1; }
test -d "$HOME/snap/$3" || { echo "error: snap \\"$3\\" is not installed" >&2; exit 1; }
shift 3
exec /bin/bash "$@"
"""


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Context]:
    """command("flatpak", script) makes that command; the context has it, and a python3, on the PATH."""
    folder = home / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    path = f"{folder}:/usr/bin:/bin"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("HOME", str(home))

    def make(name: str, script: str) -> Context:
        (folder / name).write_text(f"#!/bin/sh\n{script}")
        (folder / name).chmod(0o755)
        return Context(config.defaults(os.environ), None, Places(home, "linux", {"PATH": str(folder)}))

    return make


@pytest.mark.slow
@posix
@pytest.mark.parametrize(
    ("host", "profile", "name", "stand_in", "words"),
    [
        ("gimp", FLATPAK_GIMP, "GIMP (Flatpak) 3.2", "flatpak", "flatpak run --command=python3 org.gimp.GIMP"),
        ("krita", FLATPAK_KRITA, "Krita (Flatpak)", "flatpak", "flatpak run --command=python3 org.kde.krita"),
        ("gimp", SNAP_GIMP, "GIMP (Snap) 3.0", "snap", "python3 in the Snap gimp"),
        ("krita", SNAP_KRITA, "Krita (Snap)", "snap", "python3 in the Snap krita"),
    ],
)
def test_the_python_in_a_sandbox_is_tried(
    home: Path, command: Callable[[str, str], Context], host: str, profile: str, name: str, stand_in: str, words: str
) -> None:
    examined = command(stand_in, FLATPAK_RUNS if stand_in == "flatpak" else SNAP_RUNS)
    plugin = installed(home, host, profile)
    good, *others, tried = about(name, examined)
    assert good.state == OK and [found.what for found in others if "switched off" not in found.what] == []
    assert tried.state == NOTE and f"({words}) runs the plug-in's client" in tried.what
    (plugin / "matted_client" / "zmtp.py").write_text("import a_package_that_is_not_there\n")
    tried = about(name, examined)[-1]
    assert tried.state == NOTE and f"({words}) cannot run the plug-in's client" in tried.what
    assert "a_package_that_is_not_there" in tried.what and "there is nothing to do" in tried.todo


@posix
def test_a_sandbox_that_is_gone_is_a_note(home: Path, command: Callable[[str, str], Context]) -> None:
    examined = command("flatpak", "echo 'error: app/org.gimp.GIMP/x86_64/master not installed' >&2; exit 1\n")
    installed(home, "gimp", FLATPAK_GIMP)
    tried = about("GIMP (Flatpak) 3.2", examined)[-1]
    assert tried.state == NOTE and "org.gimp.GIMP/x86_64/master not installed" in tried.what


@pytest.mark.slow
@posix
def test_gimps_flatpak_that_uses_the_folder_outside_is_tried(
    home: Path, command: Callable[[str, str], Context]
) -> None:
    examined = command("flatpak", FLATPAK_RUNS)
    installed(home, "gimp", GIMP)
    (home / ".var" / "app" / "org.gimp.GIMP").mkdir(parents=True)
    only_flatpak = about("GIMP 3.0", examined)
    assert "(flatpak run --command=python3 org.gimp.GIMP) runs the plug-in's client" in only_flatpak[-1].what
    names_python(home, sys.executable)
    both = about("GIMP 3.0", examined)
    assert [found.what.partition(" (")[2].partition(")")[0] for found in both[-2:]] == [
        sys.executable,
        "flatpak run --command=python3 org.gimp.GIMP",
    ]


@posix
@pytest.mark.parametrize(
    ("host", "profile", "name"), [("gimp", GIMP, "GIMP 3.0"), ("krita", KRITA, "Krita")], ids=["GIMP", "Krita"]
)
def test_an_appimage_is_said_to_have_its_python_inside(
    home: Path, command: Callable[[str, str], Context], host: str, profile: str, name: str
) -> None:
    """It uses the same folders as a program of the distribution; a link to it may be on the PATH."""
    installed(home, host, profile)
    if host == "krita":
        (home / "krita.appimage").write_text("")
        (home / "krita.appimage").chmod(0o755)
        (home / "bin" / "krita").symlink_to(home / "krita.appimage")
    tried = about(name, command("unrelated", ""))[-1]
    assert tried.state == NOTE and "an AppImage has its Python inside" in tried.what


@pytest.mark.parametrize("platform", ["win32", "darwin"])
@pytest.mark.parametrize("host", ["gimp", "krita"])
def test_on_windows_and_macos_the_python_is_inside_the_program(
    home: Path, sick: Context, platform: str, host: str
) -> None:
    folders = {
        ("gimp", "win32"): "AppData/Roaming/GIMP/3.2",
        ("krita", "win32"): "AppData/Roaming/krita",
        ("gimp", "darwin"): "Library/Application Support/GIMP/3.2",
        ("krita", "darwin"): "Library/Application Support/krita",
    }
    installed(home, host, folders[host, platform])
    examined = replace(sick, places=Places(home, platform, {}))
    name = "GIMP 3.2" if host == "gimp" else "Krita"
    first, *_others, tried = about(name, examined)
    assert first.state == OK and "is in" in first.what
    assert "it is inside the program" in tried.what


# -- the report ------------------------------------------------------------------------------------------------------


def test_a_report_is_made_of_whatever_is_left(home: Path) -> None:
    (home / "config" / "config.toml").write_text("queue = 'many'")
    (home / "config" / catalogue.OWN_FILE).write_text("[[model")
    (home / "state" / "matted.log").mkdir()
    text = report.compose(
        context.load(os.environ), [Finding(FAIL, "All", "Broken.", "Mend it.")], {"MATTED_QUEUE": "x"}
    )
    assert "FAIL All: Broken. Mend it." in text and "queue in" in text and "MATTED_QUEUE=x" in text
    assert "not available: CatalogueError" in text and "not available: IsADirectoryError" in text
    assert "processor: " in text and report.PROMISE in text


def test_a_report_tells_no_key_even_if_the_log_did(home: Path, sick: Context) -> None:
    connection(home, os.getpid(), 1)
    (home / "state" / "matted.log").write_text(f"a line that should not be: {KEY}\n")
    text = report.compose(sick, [], {})
    assert "a line that should not be: SECRET" in text and KEY not in text


def test_a_report_tells_no_home_no_user_and_no_computer(
    home: Path, sick: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("LOGNAME", "alice")
    name = socket.gethostname()
    (home / "state" / "matted.log").write_text(f"{home}/models /media/alice/x on {name}\n")
    text = report.compose(sick, [], {})
    assert "~/models /media/USER/x on HOST" in text
    assert str(home) not in text and "alice" not in text


def test_a_report_holds_the_end_of_the_log(home: Path, sick: Context) -> None:
    (home / "state" / "matted.log").write_text("".join(f"line {number};\n" for number in range(1000)))
    text = report.compose(sick, [], {})
    assert "line 999;" in text and "line 700;" in text and "line 699;" not in text


def test_a_report_overwrites_nothing_unless_told_to(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    report.write(path, "one", force=False)
    with pytest.raises(MattedError, match="--force"):
        report.write(path, "two", force=False)
    assert path.read_text() == "one"
    report.write(path, "three", force=True)
    assert path.read_text() == "three"
    with pytest.raises(MattedError, match="cannot be written"):
        report.write(tmp_path / "absent" / "report.txt", "four", force=False)


def test_a_default_model_that_is_a_part_of_matted_is_well(sick: Context) -> None:
    context = replace(sick, settings=replace(sick.settings, model="flat"))
    (found,) = models.check_models(context)
    assert (found.state, found.subject) == (OK, "Default model flat") and "part of matted" in found.what


def test_a_licence_that_was_not_accepted_is_said(sick: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accepting is recorded beside the models: the record may be lost while the models stay."""
    spec = next(spec for spec in catalogue.load().specs.values() if spec.accept)
    monkeypatch.setattr(models.Store, "verify", lambda store, spec: True)  # the weights are not ours to fetch here
    (sick.settings.models / spec.id).mkdir(parents=True)
    found = next(each for each in models.check_models(sick) if each.subject == f"Model {spec.id}")
    assert found.state == FAIL and "was not accepted" in found.what
    Licences(sick.settings.data / "licences.json").accept(spec)
    found = next(each for each in models.check_models(sick) if each.subject == f"Model {spec.id}")
    assert found.state == OK and spec.licence in found.what
