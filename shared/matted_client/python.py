"""The command line of every Python that matted starts: it runs no stranger's files.

A Python that runs code or a module looks for modules in the current folder first, and in what PYTHONPATH names. Either
may hold a file of the name of a module, which then runs in that module's place: `pickle.py` in a folder of downloads,
or the modules of the Python that a host program brings.
"""

from __future__ import annotations

import os
import sys
from typing import List, Sequence

# The matted command. Its arguments can follow.
MATTED = "import matted.__main__"
# Where a Python of any version is to be run: nobody but the system's owner puts files there. Python 3.13 imports a
# module before the code begins.
FOLDER = os.environ.get("SystemRoot", "C:\\Windows") if sys.platform == "win32" else os.sep

# -E: no variable of the environment that begins with PYTHON is heeded. -P: the current folder is not on the path;
# unknown to Python 3.10, where it is taken away by the code. -I, which is both, would also leave out the packages that
# a user has installed for themselves.
_OPTIONS = ("-E", "-P") if sys.version_info >= (3, 11) else ("-E",)
_WITHOUT_CURRENT_FOLDER = "import sys;sys.path=[p for p in sys.path if p];"


def command(code: str) -> List[str]:
    """Make the command line by which this Python runs code, in any folder. Arguments can follow: sys.argv[1:].

    code: begins with a statement of one line.
    """
    return [sys.executable, *_OPTIONS, "-c", code if "-P" in _OPTIONS else _WITHOUT_CURRENT_FOLDER + code]


def command_of(python: Sequence[str], code: str) -> List[str]:
    """Make the command line by which a Python of any version runs code, in FOLDER. Otherwise like `command`.

    python: runs it; arguments can follow.
    """
    return [*python, "-E", "-c", _WITHOUT_CURRENT_FOLDER + code]
