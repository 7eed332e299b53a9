"""A Python that matted starts runs no file of the current folder and of PYTHON variables, in every version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import matted_client
import pytest
from matted_client import python
from pythons import traps

VERSIONS = [f"3.{minor}" for minor in range(8, 15)]
PACKAGE = Path(matted_client.__file__).parent.parent
# What a Python makes for itself.
MAKE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from matted_client import python
print(json.dumps(python.command(sys.argv[2])))
"""
CODE = "import json, pickle, sys\nprint(sys.argv[1:])\nassert '' not in sys.path"


def find(version: str) -> str:
    """Return a Python of a version, or skip the test."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for program in [*map(str, installed), shutil.which(f"python{version}")]:
        if program and subprocess.run([program, "-c", ""], capture_output=True).returncode == 0:
            return program
    pytest.skip(f"This machine has no Python {version}.")


@pytest.mark.parametrize("version", VERSIONS)
def test_no_trap_runs(version: str, tmp_path: Path) -> None:
    laid, report = traps(tmp_path)
    program = find(version)
    hostile = {"PYTHONPATH": str(laid), "PYTHONSTARTUP": str(laid / "json.py"), "PYTHONHOME": str(laid)}
    environ = {**os.environ, **hostile}
    made = subprocess.run([program, "-c", MAKE, str(PACKAGE), CODE], capture_output=True, text=True, check=True)
    in_any_folder = json.loads(made.stdout)
    for asked, folder in ((in_any_folder, laid), (python.command_of([program], CODE), python.FOLDER)):
        done = subprocess.run([*asked, "a", "-m"], cwd=folder, env=environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "['a', '-m']\n"
        assert not report.exists(), report.read_text()


def test_the_packages_that_a_user_installed_for_themselves_are_found(tmp_path: Path) -> None:
    """As `pip install --user` does; a virtual environment, such as that of the tests, has no such folder."""
    system = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")
    environ = {**os.environ, "HOME": str(tmp_path)}
    where = subprocess.run([system, "-m", "site", "--user-site"], env=environ, capture_output=True, text=True)
    folder = Path(where.stdout.strip())
    folder.mkdir(parents=True)
    (folder / "made_up.py").write_text("print('found')")
    done = subprocess.run(python.command_of([system], "import made_up"), env=environ, capture_output=True, text=True)
    assert done.stdout == "found\n", done.stderr


def test_this_python_is_used_where_none_is_named() -> None:
    assert python.command("pass")[0] == sys.executable
