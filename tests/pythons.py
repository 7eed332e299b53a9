"""Pythons for the tests that find other modules than this one does, and files that must never run."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

# A stranger's file of the name of a module: it says that it ran, and breaks what imports it.
_TRAP = "with open({report!r}, 'a') as file:\n    file.write(__name__ + '\\n')\nraise ImportError('a trap')\n"


def python_in(home: Path, **modules: str) -> str:
    """Make a Python with the packages of this one, and return its path.

    home: its folder, which is made.
    modules: the text of modules that it finds before those packages, by name.
    """
    packages = home / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "here.pth").write_text("\n".join(path for path in sys.path if os.path.isdir(path)))
    for name, text in modules.items():
        (packages / f"{name}.py").write_text(text)
    (home / "bin").mkdir()
    base = Path(os.path.realpath(sys.executable))
    (home / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    (home / "bin/python").symlink_to(base)
    return str(home / "bin/python")


def traps(folder: Path) -> tuple[Path, Path]:
    """Lay a trap for every module of the standard library and of all packages.

    Returns the folder of the traps, and the file in which those that ran have written their names.
    """
    report, laid = folder / "ran", folder / "traps"
    laid.mkdir()
    names = {*sys.stdlib_module_names, *metadata.packages_distributions(), "matted", "matted_client"}
    for name in {*names, "sitecustomize", "usercustomize"}:
        if name.isidentifier():
            (laid / f"{name}.py").write_text(_TRAP.format(report=str(report)))
    return laid, report
