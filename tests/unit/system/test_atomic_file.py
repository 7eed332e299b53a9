"""Atomic files: written whole or not at all."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from matted.system import atomic_file

on_posix = pytest.mark.skipif(sys.platform == "win32", reason="not on Windows")


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_what_is_written_replaces_the_old_file(tmp_path: Path) -> None:
    for content in (b"one", b"two"):
        atomic_file.write(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_the_old_file_stays_until_the_end(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with atomic_file.replacing(file) as draft:
        draft.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"


@pytest.mark.parametrize("error", [OSError, ValueError, KeyboardInterrupt])
def test_nothing_changes_and_nothing_is_left_where_writing_fails(tmp_path: Path, error: type[BaseException]) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(error), atomic_file.replacing(file) as draft:
        draft.write_text("new")
        raise error
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_a_folder_in_the_place_of_the_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError):
        atomic_file.write(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_the_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    atomic_file.write(tmp_path / ("x" * 255), b"new")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"new"


@on_posix
def test_permissions_stay_what_they_were(tmp_path: Path, umask: None) -> None:
    for wanted in (0o644, 0o400):
        file = tmp_path / f"{wanted}"
        file.touch()
        file.chmod(wanted)
        atomic_file.write(file, b"new")
        assert mode(file) == wanted


@on_posix
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path, umask: None) -> None:
    atomic_file.write(tmp_path / "file", b"new")
    assert mode(tmp_path / "file") == 0o600


@on_posix
def test_a_file_that_was_private_never_is_anything_else(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o600)
    with atomic_file.replacing(tmp_path / "file") as draft:
        assert mode(draft) == 0o600
    assert mode(tmp_path / "file") == 0o600


@on_posix
def test_a_file_system_without_permissions_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "chmod", refuse)
    atomic_file.write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@on_posix
def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who can write in the folder replaces the temporary file as soon as it is made."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    victim.chmod(0o644)
    made = os.open

    def swapped(path: Path, *args: int) -> int:
        opened = made(path, *args)
        if path.name.endswith(".part"):
            path.unlink()
            path.symlink_to(victim)
        return opened

    monkeypatch.setattr(os, "open", swapped)
    atomic_file.write(tmp_path / "file", b"new", mode=0o600)
    assert victim.read_text() == "mine" and mode(victim) == 0o644


@on_posix
def test_permissions_that_are_asked_for_do_not_depend_on_the_umask(tmp_path: Path, umask: None) -> None:
    atomic_file.write(tmp_path / "program", b"new", mode=0o755)
    assert mode(tmp_path / "program") == 0o755


@on_posix
def test_several_may_write_at_once(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [
        threading.Thread(
            target=lambda content=content: [atomic_file.write(tmp_path / "file", content) for _ in range(20)]
        )
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_bytes() in contents and os.listdir(tmp_path) == ["file"]


def test_leftovers_of_killed_processes_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    left = []
    for name in ("[file]", "other"):
        with atomic_file.replacing(tmp_path / name) as draft:
            left.append(draft)
    for each in left:
        each.write_text("half")
    atomic_file.delete_leftovers(tmp_path / "[file]")
    assert sorted(os.listdir(tmp_path)) == sorted([left[1].name, "[file]", "other"])
