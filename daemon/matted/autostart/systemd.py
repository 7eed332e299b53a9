"""A systemd user unit: the user's service manager starts the daemon, starts it again when it fails, and keeps its log.

Quoting and specifiers: systemd.syntax(7), systemd.unit(5); `$` in command lines: systemd.service(5).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from matted.autostart.entry import (
    BLANK_SEAL,
    ENV,
    NOTICE,
    AutostartError,
    Command,
    Entry,
    Mechanism,
    delete,
    is_as_written,
    read,
    sealed,
    settings_folder,
    write,
)
from matted.system import programs

TITLE = "systemd user unit"
UNIT = "matted.service"
ANSWER_SECONDS = 30.0
_NO_SYSTEMD = "this system has none"

# KillMode, OOMPolicy: the daemon ends and replaces its own processes; only it is told to end, and it survives one that
# the kernel killed. TimeoutStopSec: longer than the daemon lets a running request go on. The restrictions are those
# that a user's manager can impose without a user namespace, which some systems forbid. None against memory that is
# writable and executable: OpenVINO compiles kernels at run time.
_UNIT_TEXT = f"""\
# {NOTICE}
# Better than to change it: systemctl --user edit {UNIT}
# {BLANK_SEAL}

[Unit]
Description=matted, the background removal daemon
ConditionFileIsExecutable=@PROGRAM@
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
ExecStart=@COMMAND@
@ENVIRONMENT@\
Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec=90
OOMPolicy=continue
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
"""


def is_here() -> bool:
    """Whether this system has systemd."""
    return programs.find("systemctl") is not None


def session_fault(environ: Mapping[str, str]) -> str:
    """Return why no systemd of this user answers, in words that fit between parentheses; empty if one does."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    if not runtime:
        return "XDG_RUNTIME_DIR is not set"
    if not Path(runtime, "systemd").is_dir():
        return f"nothing of it is in {runtime}"
    done = _systemctl("show", "--property=Version")
    if done.returncode == 0:
        return ""
    return " ".join(done.stderr.split()).rstrip(".") or "systemctl gives no reason"


class UserUnit(Mechanism):
    """A unit of the user's manager.

    root: the user's configuration folder.
    fault: why this session's systemd, which `write` needs, does not answer; empty if it does.
    """

    def __init__(self, root: Path, fault: str) -> None:
        self._root = root
        self._folder = root / "systemd" / "user"
        self._path = self._folder / UNIT
        self._manager = not fault
        self._fault = fault

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> UserUnit | None:
        if sys.platform in ("win32", "darwin"):
            return None
        return cls(settings_folder(environ), session_fault(environ) if is_here() else _NO_SYSTEMD)

    @property
    def usable(self) -> bool:
        return self._manager

    @property
    def passed_over(self) -> str:
        if self._fault in ("", _NO_SYSTEMD):
            return ""
        return (
            f"No systemd of yours answers in this session ({self._fault}), so this is an entry for desktops: without a "
            "desktop it starts nothing. To have systemd start the daemon, log in as this user, not by su or sudo, and "
            "run the command again."
        )

    def find(self) -> Entry | None:
        text = read(self._path)
        if text is None:
            return None
        runs = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)
        program = re.search(r"^ConditionFileIsExecutable=(/.*)$", text, re.MULTILINE)
        return Entry(
            title=TITLE,
            place=str(self._path),
            runs=runs[1] if runs else "",
            program=program[1].replace("%%", "%") if program else "",
            edited=not is_as_written(text),
            obstacle="" if self._links() else f"{UNIT} is not enabled: systemd does not start it.",
        )

    def write(self, command: Command) -> list[str]:
        write(self._path, unit_text(command))
        for words in (("daemon-reload",), ("enable", "--quiet", str(self._path))):
            done = _systemctl(*words)
            if done.returncode:
                said = " ".join(done.stderr.split()) or "it gave no reason"
                raise AutostartError(f"systemd did not accept {self._path}: {said}", "See: matted autostart status")
        return []

    def remove(self) -> list[str]:
        if not os.path.lexists(self._path) and not self._links():
            return []
        if self._manager:  # it may have links where this session does not look
            _systemctl("disable", "--quiet", UNIT)
        for path in (*self._links(), self._path):
            delete(path, self._root)
        if self._manager:
            _systemctl("daemon-reload")
            _systemctl("reset-failed", UNIT)
        changes = self._folder / f"{UNIT}.d"
        return [f"What you added to the unit stays: {changes}"] if changes.exists() else []

    def _links(self) -> list[Path]:
        """Find the links that have the unit started, dangling ones included."""
        return [
            link
            for pattern in ("*.wants/*", "*.requires/*")
            for link in self._folder.glob(pattern)
            if link.name == UNIT
        ]


def unit_text(command: Command) -> str:
    """Make the text of the unit, sealed."""
    first, *rest = command.words
    if re.search(r"""["'\\]""", first):  # which systemd takes for a mistake in the name of a program, quoted or not
        first, rest = ENV, command.words
    # systemd looks for variables in the arguments, but not in the program
    words = [_quoted(first), *(_quoted(word).replace("$", "$$") for word in rest)]
    variables = [f"Environment={_quoted(f'{name}={value}')}\n" for name, value in command.environment.items()]
    text = _UNIT_TEXT.replace("@ENVIRONMENT@", "".join(variables)).replace("@COMMAND@", " ".join(words))
    return sealed(text.replace("@PROGRAM@", command.program.replace("%", "%%")))


def _quoted(word: str) -> str:
    """Quote one word of a command line or of Environment=."""
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w%+,./:=@-]+", word, re.ASCII):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    program = programs.find("systemctl")
    if program is None:
        return subprocess.CompletedProcess(words, 1, "", "there is no systemctl")
    command = [program, "--user", "--no-ask-password", *words]
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
