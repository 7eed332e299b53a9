"""`matted install krita --zip`, imported by the real Krita's own importer, then used and taken away."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import roots
from hosts.installed import Installed
from hosts.krita.session import SCRIPT
from hosts.seen import artefacts_folder
from PIL import Image

CHECKS = Path(__file__).parent / "krita" / "matted_checks"
PHOTOGRAPH = Path(__file__).parents[1] / "photographs" / "chelsea.jpg"
VERSIONS = {"trixie": "5.2", "bookworm": "5.1", "forky": "5.3"}
TESTED = [suite for suite in VERSIONS if suite in roots.SUITES]
KRITA_SECONDS = 600
PLUGINS, KRITARC = ".local/share/krita/pykrita", ".config/kritarc"
ENABLED = "enable_remove_background=true"


class Krita:
    """A home with matted and the checks in it. `run` starts Krita once and returns what its check saw."""

    def __init__(self, installed: Installed, artefacts: Path) -> None:
        self.installed = installed
        self.home = installed.outside(installed.home)
        self.folder = self.home / "checks"
        self._artefacts = artefacts
        self.folder.mkdir()
        plugins = self.home / PLUGINS
        shutil.copytree(CHECKS, plugins / CHECKS.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(CHECKS.with_suffix(".desktop"), plugins)
        (self.home / ".config").mkdir()
        (self.home / KRITARC).write_text(f"[python]\nenable_{CHECKS.name}=true\n")

    def run(self, name: str) -> dict[str, Any]:
        env = {
            **self.installed.env,
            "XDG_RUNTIME_DIR": f"{self.installed.home}/runtime",
            "MATTED_CHECKS": f"{self.installed.home}/checks",
            "MATTED_IMPORT": "1",
        }
        results = self.folder / "results.json"
        results.unlink(missing_ok=True)
        log = self._artefacts / f"{name}.log"
        process = self.installed.root.popen(["sh", "-c", SCRIPT], env, log)
        try:
            code = process.wait(KRITA_SECONDS)
        finally:
            _end_group(process.pid)
            process.wait()
        for shot in self.folder.glob("*.png"):
            shutil.copy(shot, self._artefacts)
        said = log.read_text(errors="replace")[-3000:]
        assert results.exists(), f"Krita wrote no results\n{said}"
        ((check, seen),) = json.loads(results.read_text()).items()
        assert code == 0 and check == name and "failure" not in seen, f"{seen}\n{said}"
        return dict(seen)

    def doctor(self) -> str:
        return self.installed.root.run(
            ["/usr/bin/python3", "-m", "matted", "doctor"], self.installed.env, check=False
        ).stdout

    def files(self) -> set[str]:
        """What is in Krita's folder of plug-ins and of actions, but for the checks and what Python compiled."""
        folder = self.home / ".local/share/krita"
        found = [path for top in ("pykrita", "actions") for path in (folder / top).rglob("*") if path.is_file()]
        return {
            path.relative_to(folder).as_posix()
            for path in found
            if CHECKS.name not in path.as_posix() and "__pycache__" not in path.parts
        }


@pytest.fixture(params=TESTED, ids=[f"krita-{VERSIONS[suite]}" for suite in TESTED])
def krita(
    request: pytest.FixtureRequest, wheel: Path, u2netp_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Krita]:
    artefacts = artefacts_folder(tmp_path_factory, f"krita-{VERSIONS[request.param]}-import")
    installed = Installed(roots.get(request.param, wheel), u2netp_file)
    yield Krita(installed, artefacts)
    installed.remove()


def test_the_zip_is_imported_used_known_and_taken_away(krita: Krita) -> None:
    zip_file = f"{krita.installed.home}/checks/plugin.zip"
    krita.installed.matted("install", "krita", "--zip", zip_file)
    assert krita.files() == set()

    assert "Remove Background" in krita.run("import")["asked"]
    assert ENABLED in (krita.home / KRITARC).read_text().splitlines()

    with Image.open(PHOTOGRAPH) as image:
        photograph = image.convert("RGBA")
    photograph.save(krita.folder / "photograph.png")
    seen = krita.run("use")
    assert seen["mask"] == "transparencymask" and seen["messages"] == []
    assert (krita.folder / "mask").read_bytes() == krita.installed.mask_of(photograph)

    said = krita.doctor()
    assert "OK   Krita: Remove Background " in said and "reaches the daemon." in said
    assert "switched off" not in said and not [line for line in said.splitlines() if line.startswith("FAIL Krita")]

    imported = krita.files()
    krita.installed.matted("install", "krita")
    assert krita.files() == imported
    krita.installed.matted("uninstall", "krita")
    assert krita.files() == set()
    assert ENABLED not in (krita.home / KRITARC).read_text().splitlines()


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
