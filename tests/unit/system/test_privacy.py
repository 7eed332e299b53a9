"""Removing from texts what identifies a user and a computer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from matted.system.privacy import HomeFilter, PrivacyFilter

KEY = "ab" * 32


@pytest.mark.parametrize(
    ("home", "text", "expected"),
    [
        ("/home/alice", "/home/alice/.config", "~/.config"),
        ("/home/alice", "in '/home/alice'.", "in '~'."),
        ("/home/alice", "PATH=/home/alice:/home/alice/bin", "PATH=~:~/bin"),
        ("/home/al", "/home/alice/x and /home/al/x", "/home/alice/x and ~/x"),
        ("/home/al", "/mnt/home/al/x", "/mnt/home/al/x"),
        ("C:\\Users\\Al", "C:\\Users\\Al\\x and 'c:\\\\users\\\\al\\\\x'", "~\\x and '~\\\\x'"),
        ("/", "/var/log", "/var/log"),
    ],
)
def test_the_home_folder_is_written_as_a_tilde(home: str, text: str, expected: str) -> None:
    assert HomeFilter(Path(home))(text) == expected


def test_a_home_that_is_a_link_is_recognised_by_both_its_names(tmp_path: Path) -> None:
    (tmp_path / "disk" / "alice").mkdir(parents=True)
    os.symlink(tmp_path / "disk" / "alice", tmp_path / "link")
    assert HomeFilter(tmp_path / "link")(f"{tmp_path}/link/a {tmp_path}/disk/alice/a") == "~/a ~/a"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice on tower.example.org", "USER on HOST"),
        ("ALICE's TOWER", "USER's HOST"),
        ("/media/alice/disk", "/media/USER/disk"),
        ("alice_old", "USER_old"),
        ("malice and towering", "malice and towering"),
        ("localhost, local", "localhost, local"),
        ("a key: " + KEY, "a key: SECRET"),
    ],
)
def test_names_and_secrets_are_taken_out(text: str, expected: str) -> None:
    hosts = ["tower", "tower.example.org", "localhost", "local"]
    assert PrivacyFilter(Path("/home/alice"), ["alice", "a", ""], hosts, [KEY, ""])(text) == expected
