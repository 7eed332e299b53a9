"""Putting the plug-ins into made-up profiles, and taking exactly that away again."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matted
import matted_client
import pytest
from matted.hosts import installer
from matted.hosts.contents import InstallError
from matted.hosts.registry import HOSTS
from matted_client import python
from matted_client.plugin import read_installation

Tree = dict[str, Any]
GIMP_HOME = ".config/GIMP/3.0/plug-ins/remove-background"
KRITA_HOME = ".local/share/krita/pykrita/remove_background"
PROFILES = {"gimp": ".config/GIMP/3.0", "krita": ".local/share/krita"}
HOMES = {"gimp": GIMP_HOME, "krita": KRITA_HOME}
EACH_HOST = pytest.mark.parametrize("host", ["gimp", "krita"])


@dataclass
class Machine:
    """A home of this test's own, and what the installer said."""

    home: Path
    said: list[str]

    def make(self, *folders: str) -> None:
        for folder in folders:
            (self.home / folder).mkdir(parents=True, exist_ok=True)

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return path

    def install(self, host: str, folder: Path | None = None) -> bool:
        return installer.install(HOSTS[host], folder, self.said.append)

    def uninstall(self, host: str, folder: Path | None = None) -> bool:
        return installer.uninstall(HOSTS[host], folder, self.said.append)

    def tree(self) -> Tree:
        """Every path below the home, with its mode and content."""
        found: Tree = {}
        for path in sorted(self.home.rglob("*")):
            content = path.read_bytes() if path.is_file() else None
            found[path.relative_to(self.home).as_posix()] = (path.stat().st_mode, content)
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    monkeypatch.setenv("MATTED_STATE_DIR", str(tmp_path / "state"))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "GIMP3_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    yield Machine(home, [])


@pytest.fixture
def used(machine: Machine) -> Machine:
    """A machine whose GIMP and Krita were used for a while."""
    machine.write(".config/GIMP/3.0/gimprc", "# settings\n")
    machine.write(".config/GIMP/3.0/plug-ins/other/other.py", "print('other')\n")
    machine.write(".local/share/krita/pykrita/other/__init__.py", "")
    machine.write(".local/share/krita/pykrita/other.desktop", "[Desktop Entry]\n")
    machine.write(".local/share/krita/actions/other.action", "<x/>\n")
    machine.write(".config/kritarc", "theme=dark\n\n[python]\nenable_other=true\n\n[zoom]\nfactor=2\n")
    return machine


def contents_of(folder: Path) -> dict[str, bytes]:
    """What is in it, but for what Python compiled."""
    files = (path for path in folder.rglob("*.*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# -- installing ------------------------------------------------------------------------------------------------------


def test_gimps_plugin_is_a_program(machine: Machine) -> None:
    machine.make(PROFILES["gimp"])
    assert machine.install("gimp")
    assert os.access(machine.home / GIMP_HOME / "remove-background.py", os.X_OK)


def test_kritas_plugin_is_a_package_with_its_description_and_its_action(machine: Machine) -> None:
    machine.make(PROFILES["krita"])
    assert machine.install("krita")
    krita = machine.home / PROFILES["krita"]
    assert (krita / "pykrita/remove_background/__init__.py").is_file()
    assert (krita / "pykrita/remove_background.desktop").is_file()
    assert (krita / "actions/remove_background.action").is_file()


@EACH_HOST
def test_the_client_comes_with_the_plugin(machine: Machine, host: str) -> None:
    machine.make(PROFILES[host])
    machine.install(host)
    client = Path(matted_client.__file__).parent
    installed = machine.home / HOMES[host] / "matted_client"
    there, ours = contents_of(installed), contents_of(client)
    languages = {name.removesuffix(".po") for name in ours if name.endswith(".po")}
    assert len(languages) == 5
    assert set(there) == {name for name in ours if not name.endswith(".po")} | {f"{name}.mo" for name in languages}
    assert all(there[name] == ours[name] for name in set(there) & set(ours))


@EACH_HOST
@pytest.mark.parametrize("language", ["de", "ja"])
def test_the_hosts_read_the_translations_with_the_standard_library_alone(
    machine: Machine, host: str, language: str
) -> None:
    machine.make(PROFILES[host])
    machine.install(host)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from matted_client import translations; "
        "words = translations.load([sys.argv[2]], sys.argv[1] + '/languages'); "
        "print(words.gettext('Mask'), words.gettext('Remove Background') != 'Remove Background')"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(machine.home / HOMES[host]), language]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env={"PYTHONIOENCODING": "utf-8"})
    assert done.stdout == {"de": "Maske True\n", "ja": "マスク True\n"}[language], done.stderr


@EACH_HOST
def test_the_plugin_can_read_where_the_daemon_is(machine: Machine, host: str, tmp_path: Path) -> None:
    machine.make(PROFILES[host])
    machine.install(host)
    installation = read_installation(str(machine.home / HOMES[host]))
    assert installation.connection_file == str(tmp_path / "state" / "connection.json")
    assert installation.command == python.command(python.MATTED)
    assert installation.version == matted.__version__


@EACH_HOST
def test_nothing_half_written_or_compiled_is_left(machine: Machine, host: str) -> None:
    machine.make(PROFILES[host])
    machine.install(host)
    assert not [name for name in machine.tree() if name.endswith((".part", ".pyc", "__pycache__"))]


@EACH_HOST
def test_installing_says_what_was_done_and_what_to_do_next(machine: Machine, host: str) -> None:
    machine.make(PROFILES[host])
    machine.install(host)
    assert str(machine.home / PROFILES[host]) in machine.said[0]
    assert matted.__version__ in machine.said[0]
    assert "Remove Background" in machine.said[-1]


def test_every_profile_gets_the_plugin(machine: Machine) -> None:
    folders = [".config/GIMP/3.0", ".config/GIMP/3.2", ".var/app/org.gimp.GIMP/config/GIMP/3.0"]
    machine.make(*folders, ".config/GIMP/2.10")
    assert machine.install("gimp")
    for folder in folders:
        assert (machine.home / folder / "plug-ins/remove-background/remove-background.py").is_file()
    assert list((machine.home / ".config/GIMP/2.10").iterdir()) == []


@EACH_HOST
def test_a_machine_without_the_host_is_told_so(machine: Machine, host: str) -> None:
    assert not machine.install(host)
    assert machine.tree() == {}
    assert "No profile of" in machine.said[-1]
    assert "--profile" in machine.said[-1]


@EACH_HOST
def test_a_named_folder_gets_the_plugin_and_no_other(machine: Machine, host: str) -> None:
    machine.make(PROFILES[host], "portable")
    assert machine.install(host, machine.home / "portable")
    assert list((machine.home / PROFILES[host]).iterdir()) == []
    assert list((machine.home / "portable").iterdir()) != []


def test_krita_is_told_to_switch_the_plugin_on(used: Machine) -> None:
    used.install("krita")
    assert "enable_remove_background=true" in (used.home / ".config/kritarc").read_text().splitlines()


def test_a_krita_whose_settings_are_unknown_has_to_be_told_by_hand(machine: Machine) -> None:
    machine.make("portable")
    machine.install("krita", machine.home / "portable")
    assert any("Python Plugin Manager" in line for line in machine.said)


# -- installing again ------------------------------------------------------------------------------------------------


@EACH_HOST
def test_installing_twice_is_as_good_as_once(used: Machine, host: str) -> None:
    used.install(host)
    once = used.tree()
    used.install(host)
    assert used.tree() == once


@EACH_HOST
def test_a_file_of_an_older_version_is_removed(machine: Machine, host: str) -> None:
    machine.make(PROFILES[host])
    machine.install(host)
    fresh = machine.tree()
    stale = machine.write(f"{HOMES[host]}/stale.py", "old")
    manifest = machine.home / HOMES[host] / "matted.json"
    fields = json.loads(manifest.read_text())
    fields["version"] = "0.0.1"
    fields["files"].append(stale.relative_to(machine.home / PROFILES[host]).as_posix())
    manifest.write_text(json.dumps(fields))
    machine.install(host)
    assert machine.tree() == fresh


@EACH_HOST
def test_a_damaged_file_is_repaired(machine: Machine, host: str) -> None:
    machine.make(PROFILES[host])
    machine.install(host)
    fresh = machine.tree()
    for path in (machine.home / HOMES[host]).rglob("*.py"):
        path.write_text("damaged")
    machine.install(host)
    assert machine.tree() == fresh


@EACH_HOST
@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"files": null, "created": 5}', '{"files": [1]}'])
def test_a_damaged_list_of_files_does_not_stop_an_installation(machine: Machine, host: str, content: str) -> None:
    machine.make(PROFILES[host])
    machine.write(f"{HOMES[host]}/matted.json", content)
    assert machine.install(host)
    assert read_installation(str(machine.home / HOMES[host])).version == matted.__version__


# -- uninstalling ----------------------------------------------------------------------------------------------------


@EACH_HOST
def test_uninstalling_leaves_a_used_profile_as_it_was(used: Machine, host: str) -> None:
    before = used.tree()
    used.install(host)
    assert used.tree() != before
    assert used.uninstall(host)
    assert used.tree() == before


@EACH_HOST
def test_uninstalling_leaves_a_bare_profile_as_it_was(machine: Machine, host: str) -> None:
    machine.make(PROFILES[host], ".config")
    before = machine.tree()
    machine.install(host)
    machine.uninstall(host)
    assert machine.tree() == before


def test_uninstalling_leaves_every_profile_as_it_was(machine: Machine) -> None:
    machine.make(".config/GIMP/3.0", ".config/GIMP/3.2/plug-ins", "snap/gimp/current/.config/GIMP/3.0")
    machine.make("snap/gimp/common")
    before = machine.tree()
    machine.install("gimp")
    machine.uninstall("gimp")
    assert machine.tree() == before


@EACH_HOST
def test_uninstalling_after_a_second_installation_leaves_the_profile_as_it_was(used: Machine, host: str) -> None:
    before = used.tree()
    used.install(host)
    used.install(host)
    used.uninstall(host)
    assert used.tree() == before


def test_uninstalling_leaves_no_file_in_a_krita_that_was_never_started(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = machine.write("bin/krita", "#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    assert machine.install("krita")
    assert (machine.home / KRITA_HOME).is_dir()
    assert machine.uninstall("krita")
    assert [path for path in machine.home.rglob("*") if path.is_file()] == [program]


@EACH_HOST
def test_files_of_the_user_stay_in_the_folder(used: Machine, host: str) -> None:
    used.install(host)
    used.write(f"{HOMES[host]}/notes.txt", "mine")
    used.write(f"{HOMES[host]}/matted_client/notes.txt", "mine")
    used.uninstall(host)
    left = [
        path.relative_to(used.home / HOMES[host]) for path in (used.home / HOMES[host]).rglob("*") if path.is_file()
    ]
    assert sorted(map(str, left)) == ["matted_client/notes.txt", "notes.txt"]


@EACH_HOST
def test_what_the_host_compiled_is_removed_too(used: Machine, host: str) -> None:
    before = used.tree()
    used.install(host)
    used.write(f"{HOMES[host]}/__pycache__/x.pyc", "compiled")
    used.write(f"{HOMES[host]}/matted_client/__pycache__/x.pyc", "compiled")
    used.uninstall(host)
    assert used.tree() == before


@EACH_HOST
def test_files_that_are_gone_already_do_not_stop_it(used: Machine, host: str) -> None:
    before = used.tree()
    used.install(host)
    for path in (used.home / HOMES[host] / "matted_client").rglob("*.*"):
        path.unlink()
    used.uninstall(host)
    assert used.tree() == before


@EACH_HOST
def test_uninstalling_what_is_not_there_is_said(used: Machine, host: str) -> None:
    before = used.tree()
    assert not used.uninstall(host)
    assert used.tree() == before
    assert "is not installed" in used.said[-1]


def test_uninstalling_one_host_leaves_the_other(used: Machine) -> None:
    used.install("gimp")
    only_gimp = used.tree()
    used.install("krita")
    used.uninstall("krita")
    assert used.tree() == only_gimp


@pytest.mark.parametrize(
    "text",
    [
        "theme=dark\n",
        "theme=dark",
        "[python]\nenable_other=true\n",
        "[python]\nenable_other=true",
        "theme=dark\r\n\r\n[python]\r\nenable_other=true\r\n",
        "name=caf\u00e9 \u2028 \x85\n",
        "name=caf\udce9\n",
    ],
    ids=ascii,
)
def test_kritas_other_settings_survive_to_the_byte(machine: Machine, text: str) -> None:
    machine.make(PROFILES["krita"])
    kritarc = machine.write(".config/kritarc", text)
    before = kritarc.read_bytes()
    machine.install("krita")
    assert b"enable_remove_background=true" in kritarc.read_bytes()
    machine.uninstall("krita")
    assert kritarc.read_bytes() == before


@EACH_HOST
@pytest.mark.parametrize("name", ["../../../mine", "{home}/mine", "a/../../../../mine"])
def test_a_list_that_names_files_elsewhere_gets_none_of_them_removed(used: Machine, host: str, name: str) -> None:
    """Whatever wrote it: it may have come with a zip of somebody else's."""
    mine = used.write("mine", "mine")
    used.install(host)
    manifest = used.home / HOMES[host] / "matted.json"
    fields = json.loads(manifest.read_text())
    fields["files"].append(name.format(home=used.home))
    manifest.write_text(json.dumps(fields))
    used.install(host)
    manifest.write_text(json.dumps(fields))
    used.uninstall(host)
    assert mine.read_text() == "mine"


# -- a Snap ----------------------------------------------------------------------------------------------------------

SNAPS = {"gimp": "snap/gimp/current/.config/GIMP/3.0", "krita": "snap/krita/current/.local/share/krita"}


@EACH_HOST
def test_a_snap_is_told_of_a_connection_file_that_it_can_see(machine: Machine, host: str) -> None:
    machine.make(SNAPS[host], f"snap/{host}/common")
    machine.install(host)
    told = read_installation(str(machine.home / SNAPS[host] / HOSTS[host].home)).connection_file
    assert told == str(machine.home / f"snap/{host}/common/matted/connection.json")
    assert Path(told).parent.stat().st_mode & 0o777 == 0o700 and not Path(told).exists()


def test_a_snap_gets_the_connection_file_of_a_daemon_that_runs_already(machine: Machine, tmp_path: Path) -> None:
    machine.make(SNAPS["gimp"], "snap/gimp/common")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "connection.json").write_text("where it is")
    machine.install("gimp")
    copy = machine.home / "snap/gimp/common/matted/connection.json"
    assert copy.read_text() == "where it is" and copy.stat().st_mode & 0o777 == 0o600


@EACH_HOST
def test_uninstalling_from_a_snap_leaves_it_as_it_was(machine: Machine, host: str, tmp_path: Path) -> None:
    machine.make(SNAPS[host], f"snap/{host}/common", f"snap/{host}/current/.config")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "connection.json").write_text("where it is")
    before = machine.tree()
    machine.install(host)
    machine.uninstall(host)
    assert machine.tree() == before


# -- a zip for Krita -------------------------------------------------------------------------------------------------


@pytest.fixture
def zip_file(machine: Machine) -> Path:
    installer.pack(HOSTS["krita"], machine.home / "plugin.zip", False, machine.said.append)
    return machine.home / "plugin.zip"


def test_the_zip_holds_what_an_installation_writes(machine: Machine, zip_file: Path) -> None:
    machine.make(PROFILES["krita"])
    machine.install("krita")
    profile, manifest = machine.home / PROFILES["krita"], "pykrita/remove_background/matted.json"
    written = {path.relative_to(profile).as_posix(): path.read_bytes() for path in profile.rglob("*") if path.is_file()}
    with zipfile.ZipFile(zip_file) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    ours, theirs = json.loads(packed.pop(manifest)), json.loads(written.pop(manifest))
    assert packed == written
    assert {**ours, "created": []} == {**theirs, "created": []}


def test_the_zip_has_what_kritas_importer_looks_for(zip_file: Path) -> None:
    with zipfile.ZipFile(zip_file) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        desktop = configparser.ConfigParser()  # as the importer reads it, so that no % may stand in it
        desktop.read_string(archive.read("pykrita/remove_background.desktop").decode("utf-8"))
    assert dict(desktop["Desktop Entry"])["x-kde-library"] == "remove_background"
    assert desktop["Desktop Entry"]["Name"] == "Remove Background"
    assert "pykrita/remove_background/" in names, "an entry of its own for the folder"
    assert [name for name in names if name.endswith((".desktop", ".action"))] == [
        "actions/remove_background.action",
        "pykrita/remove_background.desktop",
    ]


def test_the_same_files_make_the_same_zip(machine: Machine, zip_file: Path) -> None:
    before = zip_file.read_bytes()
    installer.pack(HOSTS["krita"], zip_file, True, machine.said.append)
    assert zip_file.read_bytes() == before


def test_a_plugin_that_was_unpacked_is_known_like_any_other(used: Machine, zip_file: Path) -> None:
    zip_file.rename(used.home.parent / "plugin.zip")
    before = used.tree()
    with zipfile.ZipFile(used.home.parent / "plugin.zip") as archive:
        archive.extractall(used.home / PROFILES["krita"])
    assert used.uninstall("krita")
    assert used.tree() == before


def test_no_file_is_overwritten_by_the_zip_unless_told_to(machine: Machine) -> None:
    mine = machine.write("plugin.zip", "mine")
    with pytest.raises(InstallError, match="--force"):
        installer.pack(HOSTS["krita"], mine, False, machine.said.append)
    assert mine.read_text() == "mine"
    installer.pack(HOSTS["krita"], mine, True, machine.said.append)
    assert zipfile.is_zipfile(mine)


def test_a_zip_that_cannot_be_written_gives_one_sentence(machine: Machine) -> None:
    with pytest.raises(InstallError, match="cannot be written"):
        installer.pack(HOSTS["krita"], machine.home / "absent" / "plugin.zip", False, machine.said.append)
    machine.make("folder")
    with pytest.raises(InstallError, match="cannot be written"):
        installer.pack(HOSTS["krita"], machine.home / "folder", True, machine.said.append)
    assert list(machine.home.glob("*.part")) == []


def test_there_is_no_zip_for_gimp(machine: Machine) -> None:
    with pytest.raises(InstallError, match="no importer"):
        installer.pack(HOSTS["gimp"], machine.home / "plugin.zip", False, machine.said.append)


# -- failing ---------------------------------------------------------------------------------------------------------


@EACH_HOST
@pytest.mark.parametrize("folder", [True, False])
def test_a_profile_that_cannot_be_written_gives_one_sentence(machine: Machine, host: str, folder: bool) -> None:
    machine.make(PROFILES[host])
    blocked = {"gimp": "plug-ins", "krita": "pykrita"}[host]
    machine.write(
        f"{PROFILES[host]}/{blocked}{'/remove-background' if host == 'gimp' and folder else ''}", "in the way"
    )
    before = machine.tree()
    with pytest.raises(InstallError) as failure:
        machine.install(host)
    assert str(machine.home / PROFILES[host]) in failure.value.message
    assert "\n" not in failure.value.message
    assert machine.tree() == before


def test_settings_that_cannot_be_written_give_one_sentence(machine: Machine) -> None:
    machine.make(PROFILES["krita"], ".config/kritarc")
    with pytest.raises(InstallError, match="kritarc"):
        machine.install("krita")


def test_a_failure_in_the_middle_can_be_undone(machine: Machine) -> None:
    machine.make(PROFILES["krita"], ".config/kritarc")
    before = machine.tree()
    with pytest.raises(InstallError):
        machine.install("krita")
    (machine.home / ".config/kritarc").rmdir()
    machine.uninstall("krita")
    (machine.home / ".config/kritarc").mkdir()
    assert machine.tree() == before
