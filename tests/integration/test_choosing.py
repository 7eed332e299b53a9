"""The model that is chosen by itself: a real daemon with several, and what changes its choice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import PHOTOGRAPHS, Daemon
from graphs import small
from matted_client.client import Session
from peers import disc

SIZE = (96, 64)
CAT = PHOTOGRAPHS / "chelsea.jpg"
GRADES = """
quality = 60
work = {work}
peak_bytes = {memory}
"""


def add(daemon: Daemon, folder: Path, model: str, work: float, memory: int = 1_000_000) -> None:
    """Add a quick model that is said to be better than u2netp. work, memory: of its spec."""
    file = small.isnet_like(folder / f"{model}.onnx")
    done = daemon.run("models", "add", str(file), "--like", "isnet-general-use", "--id", model)
    assert done.returncode == 0, done.stderr
    own = daemon.folder / "config" / "models.toml"
    own.write_text(own.read_text() + GRADES.format(work=work, memory=memory))


def made(session: Session, model: str = "default") -> tuple[str, str]:
    """Have a mask made. Returns the model, and why it was chosen."""
    info = session.mask(disc(*SIZE), *SIZE, "RGBA8", model=model, anyway=True).info
    assert info.chosen is bool(info.reason)
    return info.model, info.reason


def auto(session: Session) -> dict[str, Any]:
    return dict(session.status()["auto"])


@pytest.fixture
def off(new_daemon: Callable[..., Daemon]) -> Daemon:
    """A daemon that is not started yet, which asks a model about flat grounds, too."""
    daemon = new_daemon()
    daemon.environ["MATTED_FLAT_GROUND"] = "off"
    return daemon


def test_a_fresh_computer_begins_with_the_automatic_model(new_daemon: Callable[..., Daemon]) -> None:
    with new_daemon(weights=None).start().session() as session:
        found = auto(session)
        assert (found["model"], found["reason"], found["measured"]) == ("u2netp", "first", False)


def test_what_is_measured_decides_and_the_next_daemon_knows_it(off: Daemon, tmp_path: Path) -> None:
    add(off, tmp_path, "better", work=1e6)  # which would take hours
    with off.start().session() as session:
        assert made(session) == ("u2netp", "patience")
        assert not next(facts["measured"] for facts in session.models() if facts["id"] == "better")
        assert made(session, "better") == ("better", "")
        assert made(session) == ("better", "best")
        assert auto(session)["measured"] and auto(session)["seconds"] < 3.0
    off.run("stop")
    with off.start().session() as session:
        assert (auto(session)["model"], auto(session)["measured"]) == ("better", True)
        assert made(session) == ("better", "best")
    off.run("stop")
    (off.folder / "cache" / "paces.json").write_text('{"openvino"')
    with off.start().session() as session:
        assert made(session) == ("u2netp", "patience")
    assert "paces.json is damaged" in off.log


def test_patience_memory_and_what_is_removed_change_the_choice(off: Daemon, tmp_path: Path) -> None:
    add(off, tmp_path, "better", work=1e6, memory=300_000_000)
    with off.start().session() as session:
        assert made(session) == ("u2netp", "patience")
        for settings, expected in (
            ('patience = "1000h"', ("better", "best")),
            ('patience = "1000h"\nmemory = "250MB"', ("better", "best")),  # it is in memory
            ('patience = "1000h"', ("better", "best")),
        ):
            off.write_settings(settings)
            session.reload()
            assert made(session) == expected
        off.write_settings('patience = "1000h"\nmemory = "250MB"')
        session.unload("better")
        session.reload()
        assert made(session) == ("u2netp", "memory")
        off.write_settings('patience = "1000h"')
        session.reload()
        assert made(session) == ("better", "best")
        assert off.run("models", "remove", "better").returncode == 0
        assert made(session) == ("u2netp", "only")


def test_the_command_line_may_name_a_patience(off: Daemon, tmp_path: Path) -> None:
    add(off, tmp_path, "better", work=1e6)
    with off.start("--patience", "1000h").session() as session:
        assert (auto(session)["model"], auto(session)["reason"]) == ("better", "best")


def test_views_of_an_open_picture_keep_their_model(off: Daemon, tmp_path: Path) -> None:
    add(off, tmp_path, "better", work=1e6)
    with off.start().session() as session:
        with session.open(disc(*SIZE), *SIZE, "RGBA8") as picture:
            first = picture.mask(view=(0, 0, *SIZE, 48, 32), anyway=True).info
            made(session, "better")
            last = picture.mask(anyway=True).info
            assert (first.model, last.model) == ("u2netp", "u2netp")
        assert made(session) == ("better", "best")


def test_a_better_model_that_was_cut_short_on_the_disk_is_told_of_everywhere(off: Daemon, tmp_path: Path) -> None:
    add(off, tmp_path, "better", work=1.0)
    weights = off.data / "models" / "better" / "model.bin"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    what_to_do = "matted models remove better, then add it again"
    said = f"better is not used: its files are damaged. Get it again with: {what_to_do}"
    with off.start().session() as session:
        made = session.mask(disc(*SIZE), *SIZE, "RGBA8", anyway=True).info
        assert (made.model, made.warnings) == ("u2netp", [said])
        assert session.status()["warnings"] == [said]
        assert session.mask(disc(*SIZE), *SIZE, "RGBA8", model="u2netp", anyway=True).info.warnings == []
    assert said in off.run("status").stdout
    here = off.run("models").stdout.partition("To be had")[0]
    assert "its files are damaged, get it again with: matted models remove better" in " ".join(here.split())
    weights.write_bytes(content)
    with off.session() as session:
        made = session.mask(disc(*SIZE), *SIZE, "RGBA8", anyway=True).info
        assert (made.model, made.warnings) == ("better", [])


def test_the_commands_say_what_is_chosen_and_why(off: Daemon, tmp_path: Path) -> None:
    add(off, tmp_path, "better", work=1.0)
    why = "The best of the free models that you have."

    def chosen() -> list[str]:
        return [facts["id"] for facts in json.loads(off.run("models", "--json").stdout)["models"] if facts["chosen"]]

    assert chosen() == ["better"], "without a daemon"
    listed = off.run("models").stdout
    assert "better - chosen by itself" in listed and why in listed
    done = off.run("remove", str(CAT), "-o", str(tmp_path / "cat.png"), "--anyway")
    assert done.stderr.strip().endswith(f"better was chosen by itself. {why} For another: --model ID")
    assert chosen() == ["better"], "with a daemon"
    assert f"default model     better, chosen by itself; 0.0 s. {why}" in off.run("status").stdout
    assert f"better is chosen by itself, and takes 0.0 s. {why}" in off.run("doctor").stdout
    said = off.run("models", "info", "better").stdout
    assert "very good" in said and "chosen by itself" in said
    assert off.run("models", "default", "u2netp").returncode == 0
    assert "chosen by itself" not in off.run("models").stdout
    done = off.run("models", "default", "auto")
    assert done.returncode == 0 and f"At present that is better. {why}" in done.stdout
    assert 'model = "auto"' in (off.folder / "config" / "config.toml").read_text()
    for request in ("default", "auto"):
        done = off.run("remove", str(CAT), "-o", str(tmp_path / "cat.png"), "--force", "--anyway", "--model", request)
        assert done.returncode == 0 and "better was chosen by itself" in done.stderr
    assert off.run("models", "add", str(CAT), "--like", "u2netp", "--id", "auto").returncode == 1
