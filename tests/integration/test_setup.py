"""`matted setup` in homes of all kinds: with a server in place of the internet, and with a terminal or without one."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import matted
import pytest
from conftest import CHECKOUT, OFFLINE, PATIENCE, Daemon
from matted.cli.setup import processor
from matted.models import catalogue
from matted_client.plugin import SETTINGS_FILE
from mirrors import Mirror, mirror
from PIL import Image

GIMP, KRITA = ".config/GIMP/3.0", ".local/share/krita"
PLUGINS = {GIMP: "plug-ins/remove-background", KRITA: "pykrita/remove_background"}
LOGIN = ".config/autostart/matted.desktop"
BETTER = "isnet-general-use"
SOURCE = "mirror"
READY = "Everything is ready."
UNDECIDED = 3
# A program that makes a profile when it is started, as GIMP does.
FIRST_START = """#!/bin/sh
case "$1" in
--version) echo "GNU Image Manipulation Program version 3.0.4" ;;
*) mkdir -p "$HOME/.config/GIMP/3.0" ;;
esac
"""


class Person:
    """Somebody with a home of their own, and no program but Python on the PATH. The server has the better model."""

    def __init__(self, daemon: Daemon, server: Mirror, weights: bytes) -> None:
        self.daemon = daemon
        self.home = daemon.folder
        self.server = server
        self.programs = self.home / "bin"
        self.programs.mkdir()
        (self.programs / "python3").symlink_to(sys.executable)
        left_out = ("XDG_", "GIMP", "MATTED_MODEL", "MATTED_PATIENCE")
        kept = {name: value for name, value in daemon.environ.items() if not name.startswith(left_out)}
        self.environ = {**kept, **OFFLINE, "PATH": str(self.programs), "PYTHONPATH": str(CHECKOUT / "tests")}
        self.environ["no_proxy"] = "127.0.0.1"
        self.environ["MATTED_PATIENCE"] = "1h"  # however busy the computer is
        daemon.environ = self.environ
        server.files["/net.onnx"] = weights
        self.offer(bytes=len(weights))

    def offer(self, **fields: Any) -> None:
        """Set what the source of the better model says."""
        digest = sha256(self.server.files["/net.onnx"]).hexdigest()
        source = {"kind": "https", "name": SOURCE, "url": f"{self.server.url}/net.onnx", "sha256": digest, **fields}
        (self.home / "sources.json").write_text(json.dumps({BETTER: [source]}))

    def owns(self, *folders: str) -> None:
        for folder in folders:
            (self.home / folder).mkdir(parents=True)

    def command(self, *arguments: str) -> list[str]:
        with_sources = [str(CHECKOUT / "tests" / "matted_with.py"), str(self.home / "sources.json")]
        return [sys.executable, *with_sources, "setup", *arguments]

    def sets_up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command without a terminal."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3 * PATIENCE,
        )

    def answers(self, replies: dict[str, str], *arguments: str) -> tuple[int, str]:
        """Run the command at a terminal. replies: by a part of the question. Returns the exit code, and what was said.

        A question that is not among them fails the test, and so does one that was not asked.
        """
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(*arguments), env=self.environ, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        said, left = b"", dict(replies)
        while True:
            try:
                said += os.read(ours, 1000)
            except OSError:  # the other end is closed
                break
            if said.endswith(b"[Y/n] "):
                question = said.decode().splitlines()[-1]
                reply = left.pop(next((part for part in left if part in question), ""), None)
                assert reply is not None, question
                os.write(ours, reply.encode() + b"\n")
        os.close(ours)
        assert left == {}
        return process.wait(PATIENCE), said.decode()

    def has_plugin(self, profile: str) -> bool:
        return (self.home / profile / PLUGINS[profile] / SETTINGS_FILE).exists()

    @property
    def starts_at_login(self) -> bool:
        return (self.home / LOGIN).exists()

    @property
    def models(self) -> set[str]:
        """The ids of the installed models."""
        folder = self.daemon.data / "models"
        return {path.parent.name for path in folder.glob("*/origin.json")}

    @property
    def settings(self) -> str:
        path = self.home / "config" / "config.toml"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def server() -> Iterator[Mirror]:
    with mirror() as running:
        yield running


@pytest.fixture
def person(new_daemon: Callable[..., Daemon], server: Mirror, u2netp_file: Path) -> Person:
    """With u2netp on this computer. What the server has is u2netp too, so that it finds the subject of the try."""
    return Person(new_daemon(), server, u2netp_file.read_bytes())


@pytest.fixture
def without_models(new_daemon: Callable[..., Daemon], server: Mirror, u2netp_file: Path) -> Person:
    return Person(new_daemon(weights=None), server, u2netp_file.read_bytes())


def test_everything_at_once_and_the_second_time_nothing_is_left_to_do(person: Person) -> None:
    person.owns(GIMP, KRITA)
    done = person.sets_up("--yes", "--source", SOURCE)
    assert done.returncode == 0, done.stdout + done.stderr
    spec = catalogue.load().specs[BETTER]
    for fact in (spec.title, spec.licence, spec.use, "MB from", person.server.url, "core", "memory", "disk", READY):
        assert fact in done.stdout
    assert person.has_plugin(GIMP) and person.has_plugin(KRITA) and person.starts_at_login
    assert person.models == {BETTER} and person.settings == ""
    assert f"s by {BETTER} on " in done.stdout
    with person.daemon.session() as session:
        assert session.status()["chosen"]["model"] == BETTER

    before = {path: path.stat().st_mtime_ns for path in person.home.rglob("*") if "remove" in str(path)}
    again = person.sets_up("--yes", "--source", SOURCE)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("already") == 3 and READY in again.stdout
    assert len(person.server.downloads()) == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    code, said = person.answers({})
    assert code == 0, said  # nothing is asked that is settled


def test_without_a_terminal_nothing_is_done_but_said(person: Person) -> None:
    person.owns(GIMP)
    done = person.sets_up("--source", SOURCE)
    assert done.returncode == UNDECIDED
    assert "Install the plug-in in GIMP 3.0?" in done.stdout and "Get it?" in done.stdout
    assert "Start it at every login?" in done.stdout and "matted setup --yes" in done.stdout
    assert not person.has_plugin(GIMP) and not person.starts_at_login and person.models == set()
    assert not person.daemon.connection_file.exists() and person.server.asked == []


def test_at_a_terminal_each_thing_is_asked_once_and_return_is_yes(person: Person) -> None:
    person.owns(GIMP, KRITA)
    code, said = person.answers(
        {"plug-in in GIMP 3.0 and Krita": "", "Get it": "Y", "every login": "yes"}, "--source", SOURCE
    )
    assert code == 0 and READY in said, said
    assert person.has_plugin(GIMP) and person.has_plugin(KRITA) and person.starts_at_login
    assert person.models == {BETTER}


def test_what_is_declined_is_left_and_the_rest_works(person: Person) -> None:
    person.owns(GIMP)
    code, said = person.answers({"plug-in": "n", "Get it": "no", "every login": "N"}, "--source", SOURCE)
    assert code == 0, said
    assert not person.has_plugin(GIMP) and not person.starts_at_login
    assert person.models == {"u2netp"} and person.server.asked == []
    for later in ("matted install gimp", f"matted models pull {BETTER}", "matted autostart enable"):
        assert later in said
    assert "s by u2netp on " in said
    assert READY not in said and "the plug-in in GIMP, which you left out" in said.splitlines()[-1]


def test_without_a_host_the_rest_is_done(person: Person) -> None:
    done = person.sets_up("--yes", "--offline", "--no-autostart")
    assert done.returncode == 0, done.stderr
    assert "GIMP was not found" in done.stdout and "Krita was not found" in done.stdout
    assert READY not in done.stdout and "neither GIMP nor Krita was found" in done.stdout.splitlines()[-1]
    assert not any(person.has_plugin(profile) for profile in PLUGINS) and not person.starts_at_login
    assert "s by u2netp on " in done.stdout


def test_a_gimp_that_was_never_started_is(person: Person) -> None:
    program = person.programs / "gimp-console"
    program.write_text(FIRST_START)
    program.chmod(0o755)
    person.environ["PATH"] += f"{os.pathsep}/usr/bin{os.pathsep}/bin"  # which have mkdir
    done = person.sets_up("--yes", "--offline", "--no-autostart")
    assert done.returncode == 0, done.stderr
    assert "never started" in done.stdout and person.has_plugin(GIMP)


def test_a_gimp_that_makes_no_profile_is_said_and_krita_gets_the_plugin(person: Person) -> None:
    program = person.programs / "gimp-console"
    program.write_text(FIRST_START.replace("mkdir -p", "echo"))
    program.chmod(0o755)
    person.owns(KRITA)
    done = person.sets_up("--yes", "--offline", "--no-autostart")
    assert done.returncode == 1 and "made no profile" in done.stderr and "Start GIMP yourself once" in done.stderr
    assert person.has_plugin(KRITA) and "A photograph was cut out" in done.stdout


def test_what_is_broken_is_mended(person: Person) -> None:
    person.owns(GIMP, KRITA)
    assert person.sets_up("--yes", "--source", SOURCE).returncode == 0
    (person.home / GIMP / PLUGINS[GIMP] / "removal.py").unlink()
    manifest = person.home / KRITA / PLUGINS[KRITA] / SETTINGS_FILE
    manifest.write_text(manifest.read_text().replace(matted.__version__, "0.0.1"))
    weights = person.daemon.data / "models" / BETTER / "model.bin"
    content = bytearray(weights.read_bytes())
    content[1000] ^= 0xFF
    weights.write_bytes(content)
    person.daemon.run("stop")
    done = person.sets_up("--yes", "--source", SOURCE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "files are gone" in done.stdout and "0.0.1" in done.stdout and "are damaged" in done.stdout
    assert (person.home / GIMP / PLUGINS[GIMP] / "removal.py").exists()
    assert matted.__version__ in manifest.read_text()
    assert len(person.server.downloads()) == 2


def test_offline_nothing_travels_and_what_is_there_is_used(person: Person) -> None:
    person.owns(GIMP)
    done = person.sets_up("--yes", "--offline")
    assert done.returncode == 0, done.stderr
    assert "--offline downloads nothing" in done.stdout and "s by u2netp on " in done.stdout
    assert person.server.asked == [] and person.has_plugin(GIMP)


def test_offline_without_a_model_the_rest_is_done(without_models: Person) -> None:
    person = without_models
    person.owns(GIMP)
    done = person.sets_up("--yes", "--offline")
    assert done.returncode == 1
    assert "--offline downloads nothing" in done.stderr and "--from FILE" in done.stderr
    assert person.has_plugin(GIMP) and person.starts_at_login
    assert "cut out" not in done.stdout and person.server.asked == []
    assert not person.daemon.connection_file.exists()


def test_a_source_that_cannot_be_reached_is_a_sentence_and_the_rest_is_done(person: Person) -> None:
    person.owns(GIMP)
    person.offer(url="http://127.0.0.1:9/net.onnx")
    done = person.sets_up("--yes")
    assert done.returncode == 1 and "could not be" in done.stderr and "Traceback" not in done.stderr
    assert person.has_plugin(GIMP) and person.starts_at_login and "s by u2netp on " in done.stdout
    assert "matted setup goes on from there" in done.stdout


def test_a_disk_without_room_for_the_model_is_a_sentence(person: Person) -> None:
    person.offer(bytes=10**15)
    done = person.sets_up("--yes", "--source", SOURCE, "--no-autostart")
    assert done.returncode == 1 and "the disk is full" in done.stderr
    assert person.server.asked == [] and "s by u2netp on " in done.stdout


def test_a_model_that_is_named_is_got_and_used_from_then_on(person: Person) -> None:
    done = person.sets_up("--yes", "--model", BETTER, "--no-autostart")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'model = "{BETTER}"' in person.settings and person.models == {BETTER}
    again = person.sets_up("--yes", "--no-autostart")
    assert again.returncode == 0 and f"({BETTER}) is there" in again.stdout
    back = person.sets_up("--yes", "--model", "auto", "--no-autostart")
    assert back.returncode == 0 and 'model = "auto"' in person.settings, back.stderr


def test_a_model_that_refines_is_refused_before_it_is_downloaded(person: Person) -> None:
    (sources,) = json.loads((person.home / "sources.json").read_text()).values()
    (person.home / "sources.json").write_text(json.dumps({"vitmatte-small": sources}))
    done = person.sets_up("--yes", "--model", "vitmatte-small", "--no-autostart")
    assert done.returncode == 1 and "finds no subject" in done.stderr
    assert person.server.asked == [] and person.models == {"u2netp"} and "s by u2netp on " in done.stdout


@pytest.mark.parametrize("accept", [False, True])
def test_a_licence_is_accepted_explicitly_or_not_at_all(person: Person, accept: bool) -> None:
    (sources,) = json.loads((person.home / "sources.json").read_text()).values()
    (person.home / "sources.json").write_text(json.dumps({"rmbg-1.4": sources}))
    flags = ["--accept-licence"] * accept
    done = person.sets_up("--yes", "--model", "rmbg-1.4", "--no-autostart", *flags)
    assert done.returncode == (0 if accept else 1), done.stderr
    assert ("--accept-licence" in done.stderr) is not accept
    assert ("rmbg-1.4" in person.models) is accept and bool(person.server.asked) is accept
    assert ('model = "rmbg-1.4"' in person.settings) is accept


def test_a_try_that_fails_is_told_without_the_path_of_a_photograph_that_nobody_has_given(person: Person) -> None:
    weights = person.daemon.data / "models" / "u2netp.onnx"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0xFF
    weights.write_bytes(content)
    done = person.sets_up("--yes", "--offline", "--no-autostart")
    assert done.returncode == 1 and "could not be installed" in done.stderr, done.stderr
    assert "photograph.jpg" not in done.stdout + done.stderr


def test_an_unknown_model_or_source_is_said_with_those_that_there_are(person: Person) -> None:
    done = person.sets_up("--yes", "--model", "nonesuch", "--no-autostart")
    assert done.returncode == 1 and "Known models" in done.stderr and "s by u2netp on " in done.stdout
    done = person.sets_up("--yes", "--source", "nonesuch", "--no-autostart")
    assert done.returncode == 1 and "has no source called 'nonesuch'" in done.stderr


def test_the_cut_out_of_the_try_can_be_kept(person: Person) -> None:
    target = person.home / "kept.png"
    done = person.sets_up("--yes", "--offline", "--no-autostart", "--keep", str(target))
    assert done.returncode == 0, done.stderr
    with Image.open(target) as cut_out:
        alpha = cut_out.getchannel("A")
        assert alpha.getextrema() == (0, 255)
    refused = person.sets_up("--yes", "--keep", str(target))
    assert refused.returncode == 2 and "exists" in refused.stderr
    assert person.sets_up("--yes", "--keep", "kept.jpg").returncode == 2


def test_an_entry_at_login_that_somebody_changed_is_left(person: Person) -> None:
    assert person.sets_up("--yes", "--offline").returncode == 0
    entry = person.home / LOGIN
    entry.write_text(entry.read_text().replace("Exec=", "Exec=/gone"))
    done = person.sets_up("--yes", "--offline")
    assert done.returncode == 1 and "--force" in done.stderr
    assert "Exec=/gone" in entry.read_text()


@pytest.mark.skipif(not processor.is_quick_in_int8(), reason="this processor is not quicker in 8-bit arithmetic")
def test_a_quicker_variant_of_what_is_there_is_offered(person: Person) -> None:
    assert person.sets_up("--yes", "--offline", "--no-autostart").returncode == 0
    assert person.models == {"u2netp"}, "the daemon has just taken it in"
    code, said = person.answers({"Make this variant": "n"}, "--offline", "--no-autostart")
    assert code == 0 and "matted models quantize u2netp" in said, said
    code, said = person.answers({"Make this variant": ""}, "--offline", "--no-autostart")
    assert code == 0, said
    assert ("u2netp-int8" in person.models) is ("u2netp-int8 is installed" in said), said
    assert ("u2netp-int8" in person.models) is not ("It was not kept" in said), said


def test_settings_that_cannot_be_read_are_said_and_the_plugin_is_installed(person: Person) -> None:
    person.owns(GIMP)
    (person.home / "config").mkdir()
    (person.home / "config" / "config.toml").write_text("model = [")
    done = person.sets_up("--yes", "--offline", "--no-autostart")
    assert done.returncode == 1 and "FAIL Settings" in done.stdout
    assert person.has_plugin(GIMP) and "cut out" not in done.stdout
