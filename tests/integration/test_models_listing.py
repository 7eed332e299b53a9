"""`matted models` for people: what stands where, on terminals of any width and encoding, with and without a daemon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from conftest import PHOTOGRAPHS, Daemon, wait_for
from kserve_servers import Behaviour, ServedModel, rest_server
from matted.models import catalogue

SHIPPED = catalogue.load()


def sections(listing: str) -> dict[str, dict[str, list[str]]]:
    """The lines beneath each model, by heading and by its id. The first is what stands behind the id."""
    found: dict[str, dict[str, list[str]]] = {}
    for part in listing.strip().split("\n\n"):
        head, *lines = part.splitlines()
        if not lines:
            found[head] = {}
            continue
        model, _, name = head.partition("  ")
        found[list(found)[-1]][model] = [name, *(line.strip() for line in lines)]
    return found


def listed(daemon: Daemon, **environ: str) -> str:
    """What `matted models` prints."""
    daemon.environ.update(environ)
    done = daemon.run("models")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_here_comes_first_then_what_is_free_then_what_has_conditions(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.write_settings("patience = 1000")
    found = sections(listed(daemon, COLUMNS="120"))
    here, free, conditions = found.values()
    assert list(found) == ["On this computer", "To be had", "To be had, with conditions"]
    assert list(here) == ["u2netp", "flat"] and len(here) + len(free) + len(conditions) == len(SHIPPED.entries)
    assert here["u2netp"][:2] == ["U²-Net small - chosen by itself", "Apache-2.0 (free, also for commercial work)"]
    assert here["u2netp"][3] == "The only free model that you have for any subject."
    assert re.fullmatch(r"quality █░░░ fair, pace about [0-9.]+ s", here["u2netp"][2])
    assert here["u2netp"][-1].startswith("installed, 4.6 MB on disk")
    assert next(iter(free)) == "isnet-general-use" and free["isnet-general-use"][0].endswith(
        " - better than what is here"
    )
    rest = [SHIPPED.specs[model] for model in list(free)[1:]]
    assert rest == sorted(rest, key=lambda spec: (("any", "people", "drawings").index(spec.subject), -spec.quality))
    for model, lines in {**free, **conditions}.items():
        spec = SHIPPED.specs[model]
        assert (
            lines[-1].endswith(f"MB, get it with: {spec.how_to_get}")
            or f" GB, get it with: {spec.how_to_get}" in lines[-1]
        )
    assert all(SHIPPED.specs[model].accept or not SHIPPED.specs[model].commercial for model in conditions)
    assert "very good for people" in free["rvm-mobilenetv3"][2]
    assert not any(line.startswith("quality") for line in free["background-matting-mobilenetv2"])


@pytest.mark.parametrize("columns", [10, 40, 60, 250])
def test_every_line_fits_the_terminal_and_no_command_is_broken(new_daemon: Callable[..., Daemon], columns: int) -> None:
    daemon = new_daemon()
    listing = listed(daemon, COLUMNS=str(columns))
    width = min(max(columns, 41), 101)
    too_long = [line for line in listing.splitlines() if len(line) >= width]
    assert all(line.strip().startswith("matted models pull ") for line in too_long), too_long
    for spec in SHIPPED.specs.values():
        if spec.id != "u2netp":
            assert re.search(rf"{re.escape(spec.how_to_get)}$", listing, re.MULTILINE), spec.id


def test_a_terminal_without_blocks_gets_a_bar_of_other_characters(new_daemon: Callable[..., Daemon]) -> None:
    listing = listed(new_daemon(), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert listing.isascii() and "quality #--- fair" in listing and "U\\xb2-Net small" in listing


def test_what_has_run_here_says_how_long_it_took(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    assert "it has not run here yet" in daemon.run("models", "info", "u2netp").stdout
    # Three times, which is believed however long it took: the computer may be busy.
    photographs = [str(PHOTOGRAPHS / f"{name}.jpg") for name in ("astronaut", "chelsea", "coffee")]
    (daemon.folder / "cut").mkdir()
    assert daemon.run("remove", *photographs, "-o", str(daemon.folder / "cut")).returncode == 0
    for running in (True, False):
        info = daemon.run("models", "info", "u2netp").stdout
        assert re.search(r"^pace +[0-9.]+ s an inference$", info, re.MULTILINE), info
        assert ("in memory" in info) is running
        here = sections(listed(daemon))["On this computer"]
        assert re.fullmatch(r"quality █░░░ fair, pace [0-9.]+ s", here["u2netp"][2])
        daemon.run("stop")


def test_a_model_that_the_settings_name_is_marked(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.write_settings('model = "u2netp"')
    assert "u2netp  U²-Net small - the default\n" in listed(daemon)
    assert re.search(r"^state +the default, installed", daemon.run("models", "info", "u2netp").stdout, re.MULTILINE)


@pytest.mark.parametrize("runs", [False, True])
def test_what_the_server_has_is_listed_with_and_without_a_daemon(new_daemon: Callable[..., Daemon], runs: bool) -> None:
    daemon = new_daemon(weights=None)
    with rest_server(Behaviour({"isnet-general-use": ServedModel.of_side(1024)})) as url:
        daemon.write_settings(f'[server]\nurl = "{url}"')
        if runs:
            daemon.start()
            with daemon.session() as session:
                wait_for(lambda: session.status()["server"]["models"], "the server's answer")
        found = sections(listed(daemon, COLUMNS="120"))
        here = found["On this computer, or on the server"]
        assert list(here) == ["isnet-general-use", "flat"]
        assert here["isnet-general-use"][0].endswith(" - chosen by itself"), "it needs no memory here"
        assert here["isnet-general-use"][-1] == f"runs on the server, {url} (isnet-general-use)"
        facts = json.loads(daemon.run("models", "info", "isnet-general-use", "--json").stdout)["model"]
        assert facts["server"] == f"{url} (isnet-general-use)" and not facts["installed"]


def test_a_server_that_is_away_ends_no_listing(new_daemon: Callable[..., Daemon]) -> None:
    daemon = new_daemon()
    daemon.write_settings('[server]\nurl = "http://127.0.0.1:9"')
    done = daemon.run("models")
    assert done.returncode == 0 and not done.stderr and "On this computer\n" in done.stdout
