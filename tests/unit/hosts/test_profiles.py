"""Finding GIMP's and Krita's folders, in made-up homes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from matted.hosts.host import Profile
from matted.hosts.places import Places
from matted.hosts.registry import HOSTS
from matted.hosts.sharing import shared_folders

Home = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """home("a/b", "c") makes these folders in a home and returns the home."""

    def make(*folders: str) -> Path:
        for folder in folders:
            (tmp_path / "home" / folder).mkdir(parents=True)
        (tmp_path / "home").mkdir(exist_ok=True)
        return tmp_path / "home"

    return make


def find(host: str, home: Path, platform: str = "linux", **environ: str) -> list[Profile]:
    return HOSTS[host].profiles(Places(home, platform, environ))


def folders(found: list[Profile], home: Path) -> list[str]:
    return [profile.folder.relative_to(home).as_posix() for profile in found]


# -- GIMP ------------------------------------------------------------------------------------------------------------


def test_an_empty_home_has_no_gimp(home: Home) -> None:
    assert find("gimp", home()) == []


@pytest.mark.parametrize("version", ["3.0", "3.2"])
@pytest.mark.parametrize(
    ("folder", "name", "shared"),
    [
        (".config/GIMP", "GIMP", None),
        (".var/app/org.gimp.GIMP/config/GIMP", "GIMP (Flatpak)", None),
        ("snap/gimp/current/.config/GIMP", "GIMP (Snap)", "snap/gimp/common/matted"),
    ],
)
def test_each_kind_of_gimp_on_linux_is_found(
    home: Home, folder: str, name: str, shared: str | None, version: str
) -> None:
    where = home(f"{folder}/{version}")
    assert find("gimp", where) == [
        Profile(f"{name} {version}", where / folder / version, shared=where / shared if shared else None)
    ]


def test_all_kinds_and_versions_of_gimp_are_found_together(home: Home) -> None:
    wanted = [
        ".config/GIMP/3.0",
        ".config/GIMP/3.2",
        ".var/app/org.gimp.GIMP/config/GIMP/3.2",
        "snap/gimp/current/.config/GIMP/3.0",
    ]
    where = home(*wanted, ".config/GIMP/2.10")
    assert folders(find("gimp", where), where) == wanted


@pytest.mark.parametrize("version", ["2.8", "2.10", "2.99"])
def test_gimp_2_is_ignored(home: Home, version: str) -> None:
    assert find("gimp", home(f".config/GIMP/{version}")) == []


def test_a_file_is_not_a_profile_of_gimp(home: Home) -> None:
    where = home(".config/GIMP")
    (where / ".config/GIMP/3.0").write_text("")
    assert find("gimp", where) == []


def test_gimp_is_found_where_xdg_says(home: Home) -> None:
    where = home("settings/GIMP/3.0", ".config/GIMP/3.0")
    found = find("gimp", where, XDG_CONFIG_HOME=str(where / "settings"))
    assert folders(found, where) == ["settings/GIMP/3.0"]


def test_an_empty_xdg_variable_does_not_count(home: Home) -> None:
    where = home(".config/GIMP/3.0")
    assert folders(find("gimp", where, XDG_CONFIG_HOME=""), where) == [".config/GIMP/3.0"]


def gimp_of(folder: Path, name: str, version: str) -> str:
    """Write a program that says that it is this version of GIMP. Returns its path."""
    file = folder / name
    file.write_text(f'#!/bin/sh\necho "GNU Image Manipulation Program version {version}"\n')
    file.chmod(0o755)
    return str(file)


@pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")
@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ({"gimp": "3.0.4", "gimp-console": "3.0.4"}, "gimp-console"),
        ({"gimp": "2.10.38", "gimp-console-3.2": "3.2.0"}, "gimp-console-3.2"),
        ({"gimp": "2.10.38", "gimp-console": "2.10.38"}, ""),
        ({}, ""),
    ],
)
def test_a_gimp_3_that_was_never_started_can_be_without_a_window(
    home: Home, there: dict[str, str], chosen: str
) -> None:
    where = home("programs")
    found = {name: gimp_of(where / "programs", name, version) for name, version in there.items()}
    environ = {"PATH": str(where / "programs")}
    wanted = (found[chosen], "--no-interface", "--quit") if chosen else ()
    assert HOSTS["gimp"].first_start(Places(where, "linux", environ)) == wanted
    assert HOSTS["gimp"].first_start(Places(where, "darwin", environ)) == ()


STORE_GIMP = "AppData/Local/Packages/GIMP.GIMP_abcdefghijklm/LocalCache/Roaming/GIMP/3.2"


def test_gimp_of_the_windows_store_is_found_beside_the_other(home: Home) -> None:
    where = home("AppData/Roaming/GIMP/3.0", STORE_GIMP, "AppData/Local/Packages/Other_x/LocalCache/Roaming/GIMP/3.0")
    assert [(profile.name, profile.folder) for profile in find("gimp", where, "win32")] == [
        ("GIMP 3.0", where / "AppData/Roaming/GIMP/3.0"),
        ("GIMP (Store) 3.2", where / STORE_GIMP),
    ]


def test_gimp_is_found_on_windows(home: Home) -> None:
    where = home("AppData/Roaming/GIMP/3.0", ".config/GIMP/3.2")
    assert find("gimp", where, "win32") == [Profile("GIMP 3.0", where / "AppData/Roaming/GIMP/3.0")]


def test_gimp_is_found_on_windows_with_a_roaming_folder_elsewhere(home: Home) -> None:
    where = home("Roaming/GIMP/3.0", "AppData/Roaming/GIMP/3.0")
    assert folders(find("gimp", where, "win32", APPDATA=str(where / "Roaming")), where) == ["Roaming/GIMP/3.0"]


def test_gimp_is_found_on_macos(home: Home) -> None:
    where = home("Library/Application Support/GIMP/3.0", ".config/GIMP/3.2")
    assert folders(find("gimp", where, "darwin"), where) == ["Library/Application Support/GIMP/3.0"]


def test_gimp_is_found_in_the_folder_that_its_own_variable_names(home: Home) -> None:
    where = home("mine")
    assert folders(find("gimp", where, GIMP3_DIRECTORY=str(where / "mine")), where) == ["mine"]


def test_a_variable_that_names_no_folder_is_ignored(home: Home) -> None:
    where = home()
    assert find("gimp", where, GIMP3_DIRECTORY=str(where / "missing")) == []


def test_a_flatpak_whose_folder_leads_to_that_outside_is_listed_once(home: Home) -> None:
    where = home(".config/GIMP/3.2", ".var/app/org.gimp.GIMP/config")
    (where / ".var/app/org.gimp.GIMP/config/GIMP").symlink_to(where / ".config/GIMP")
    assert folders(find("gimp", where), where) == [".config/GIMP/3.2"]


def test_a_folder_that_is_found_in_two_ways_is_listed_once(home: Home) -> None:
    where = home(".config/GIMP/3.0")
    found = find("gimp", where, GIMP3_DIRECTORY=str(where / ".config/GIMP/3.0"))
    assert folders(found, where) == [".config/GIMP/3.0"]


# -- Krita -----------------------------------------------------------------------------------------------------------


def test_an_empty_home_has_no_krita(home: Home) -> None:
    assert find("krita", home()) == []


STORE_KRITA = "AppData/Local/Packages/49800KritaProject.Krita_abcdefghijklm/LocalCache"
SNAP_KRITA = "snap/krita/current"
KRITAS = [
    ("linux", "Krita", ".local/share/krita", ".config/kritarc", None),
    ("linux", "Krita (Flatpak)", ".var/app/org.kde.krita/data/krita", ".var/app/org.kde.krita/config/kritarc", None),
    (
        "linux",
        "Krita (Snap)",
        f"{SNAP_KRITA}/.local/share/krita",
        f"{SNAP_KRITA}/.config/kritarc",
        "snap/krita/common/matted",
    ),
    ("win32", "Krita", "AppData/Roaming/krita", "AppData/Local/kritarc", None),
    ("win32", "Krita (Store)", f"{STORE_KRITA}/Roaming/krita", f"{STORE_KRITA}/Local/kritarc", None),
    ("darwin", "Krita", "Library/Application Support/krita", "Library/Preferences/kritarc", None),
]
EACH_KRITA = pytest.mark.parametrize(
    ("platform", "name", "folder", "settings", "shared"), KRITAS, ids=[f"{row[1]} on {row[0]}" for row in KRITAS]
)


@EACH_KRITA
def test_each_kind_of_krita_is_found_with_its_settings(
    home: Home, platform: str, name: str, folder: str, settings: str, shared: str | None
) -> None:
    where = home(folder)
    assert find("krita", where, platform) == [
        Profile(name, where / folder, where / settings, where / shared if shared else None)
    ]


@EACH_KRITA
def test_each_kind_of_krita_is_found_in_the_resource_folder_that_its_user_has_chosen(
    home: Home, platform: str, name: str, folder: str, settings: str, shared: str | None
) -> None:
    """Krita then loads plug-ins from there alone."""
    where = home(folder, "my resources")
    (where / settings).parent.mkdir(parents=True, exist_ok=True)
    (where / settings).write_text(f"theme=dark\nResourceDirectory={where / 'my resources'}\n\n[python]\n")
    found = find("krita", where, platform)
    assert [(profile.name, profile.folder, profile.settings) for profile in found] == [
        (name, where / "my resources", where / settings)
    ]


def test_a_resource_folder_that_is_gone_is_not_used(home: Home) -> None:
    where = home(".local/share/krita", ".config")
    (where / ".config/kritarc").write_text(f"ResourceDirectory={where / 'gone'}\n")
    assert folders(find("krita", where), where) == [".local/share/krita"]


def test_all_kinds_of_krita_are_found_together(home: Home) -> None:
    wanted = [".local/share/krita", ".var/app/org.kde.krita/data/krita", "snap/krita/current/.local/share/krita"]
    where = home(*wanted)
    assert folders(find("krita", where), where) == wanted


def test_krita_is_found_where_xdg_says(home: Home) -> None:
    where = home("data/krita", ".local/share/krita")
    environ = {"XDG_DATA_HOME": str(where / "data"), "XDG_CONFIG_HOME": str(where / "settings")}
    assert find("krita", where, **environ) == [Profile("Krita", where / "data/krita", where / "settings/kritarc")]


def program(folder: Path) -> str:
    """A folder for PATH with a krita in it."""
    folder.mkdir()
    (folder / "krita").write_text("#!/bin/sh\n")
    (folder / "krita").chmod(0o755)
    return str(folder)


def test_a_krita_that_was_never_started_is_found_by_its_program(home: Home) -> None:
    where = home()
    found = find("krita", where, PATH=program(where / "bin"))
    assert found == [Profile("Krita", where / ".local/share/krita", where / ".config/kritarc")]


def test_a_krita_that_was_never_started_stands_beside_its_sandboxed_ones(home: Home) -> None:
    where = home(".var/app/org.kde.krita/data/krita")
    found = find("krita", where, PATH=program(where / "bin"))
    assert folders(found, where) == [".local/share/krita", ".var/app/org.kde.krita/data/krita"]


def test_a_krita_that_keeps_everything_elsewhere_is_not_taken_for_one_that_was_never_started(home: Home) -> None:
    where = home("resources", ".config")
    (where / ".config/kritarc").write_text(f"ResourceDirectory={where / 'resources'}\n")
    assert folders(find("krita", where, PATH=program(where / "bin")), where) == ["resources"]


def test_a_krita_in_a_sandbox_only_is_not_found_natively(home: Home) -> None:
    where = home(".var/app/org.kde.krita/data/krita", "empty")
    found = find("krita", where, PATH=str(where / "empty"))
    assert folders(found, where) == [".var/app/org.kde.krita/data/krita"]


# -- folders that Snaps can see --------------------------------------------------------------------------------------


def test_only_folders_that_an_installation_has_prepared_get_the_connection_file(home: Home) -> None:
    snaps = [
        "snap/gimp/current/.config/GIMP/3.0",
        "snap/gimp/current/.config/GIMP/3.2",
        f"{SNAP_KRITA}/.local/share/krita",
    ]
    where = home(*snaps, "snap/gimp/common", "snap/krita/common")
    places = Places(where, "linux", {})
    assert shared_folders(places) == []
    for name in ("krita", "gimp"):
        (where / "snap" / name / "common" / "matted").mkdir()
    assert folders_of(shared_folders(places), where) == ["snap/gimp/common/matted", "snap/krita/common/matted"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need privileges there")
def test_a_snap_cannot_have_the_connection_file_put_elsewhere(home: Home) -> None:
    where = home("snap/gimp/current/.config/GIMP/3.0", "snap/gimp/common", "elsewhere")
    (where / "snap/gimp/common/matted").symlink_to(where / "elsewhere")
    assert shared_folders(Places(where, "linux", {})) == []


def folders_of(paths: list[Path], home: Path) -> list[str]:
    return [path.relative_to(home).as_posix() for path in paths]


# -- a folder that the user named ------------------------------------------------------------------------------------


def test_a_named_folder_that_is_a_known_profile_keeps_its_settings(home: Home) -> None:
    where = home(".local/share/krita")
    chosen = HOSTS["krita"].chosen(where / ".local/share/krita", Places(where, "linux", {}))
    assert chosen.settings == where / ".config/kritarc"


@pytest.mark.parametrize(("host", "title"), [("gimp", "GIMP"), ("krita", "Krita")])
def test_another_named_folder_is_taken_as_it_is(home: Home, host: str, title: str) -> None:
    where = home("portable")
    chosen = HOSTS[host].chosen(where / "portable", Places(where, "linux", {}))
    assert (chosen.folder, chosen.settings) == (where / "portable", None)
    assert chosen.name.startswith(f"{title} in ")


def test_a_named_folder_becomes_absolute(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    where = home("portable")
    monkeypatch.chdir(where)
    assert HOSTS["gimp"].chosen(Path("portable"), Places(where, "linux", {})).folder == where / "portable"
