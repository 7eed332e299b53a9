"""The real Krita of a Debian root, with matted installed, on a screen of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hosts.roots import Root
from hosts.seen import EVERYTHING
from matted_client import Unavailable
from matted_client.client import Session, connect
from matted_client.endpoint import read_connection

PLUGIN = Path(__file__).parent / "matted_checks"
STATE = ".local/state/matted"  # in the home
KRITA_SECONDS = 1800  # for all checks; some 200 on an idle machine of two cores, but other tests run beside them
SIGNALLED = 128  # what a shell adds to the number of the signal that ended a program
SCREEN = "1400x900x24"
SMALL_SCREEN = "1280x720x24"
# Xvfb picks a free display and says which. Everything ends with the script: Krita first, then what it was shown on.
SCRIPT = f"""
set -e
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
rm -f "$HOME/display"
mkfifo "$HOME/display"
Xvfb -displayfd 3 -screen 0 "${{SCREEN:-{SCREEN}}}" -nolisten tcp 3>"$HOME/display" &
XVFB=$!
trap 'kill $XVFB' EXIT
read -r number <"$HOME/display"
export DISPLAY=":$number"
openbox &
krita --nosplash
"""
# In the place of a web browser: writes down what it was asked to open.
BROWSER = """#!/bin/sh
echo "$1" >"$HOME/opened.part"
mv "$HOME/opened.part" "$HOME/opened.txt"
"""


class Crashed(AssertionError):
    """Krita was ended by a signal. Its message has the end of the log, with what Python was doing."""


class KritaSession:
    """One HOME in the root where Krita runs the checks of matted_checks once. matted has to be put into it first."""

    def __init__(self, root: Root, home: Path) -> None:
        self.root = root
        self.folder = home / "checks"
        self._connection_file = home / STATE / "connection.json"
        self._home = home
        inside = "/" + str(home.relative_to(root.path))
        self._env = {
            "HOME": inside,
            "XDG_RUNTIME_DIR": f"{inside}/runtime",
            "MATTED_STATE_DIR": f"{inside}/{STATE}",
            "MATTED_CHECKS": f"{inside}/checks",
            "PATH": f"{inside}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PYTHONFAULTHANDLER": "1",  # a crash of Krita says in its log what Python was doing
            **({"MATTED_TEST_EVERYTHING": "1"} if EVERYTHING else {}),
        }
        self.folder.mkdir()
        browser = home / "bin/xdg-open"
        browser.parent.mkdir()
        browser.write_text(BROWSER)
        browser.chmod(0o755)

    def install(self, weights: Path, stand_ins: Mapping[str, Path]) -> None:
        """Put matted into the home, with the weights of u2netp and stand-ins of other models, which are all checked."""
        self._env["MATTED_CHECKED_MODELS"] = " ".join([*stand_ins, "u2netp"])
        models = self._home / ".local/share/matted/models"
        models.mkdir(parents=True)
        shutil.copy(weights, models)
        (models.parent / "offered.json").write_text("{}")  # dialogs look the same, whichever is the first
        if stand_ins:
            settings = self._home / ".config/matted/config.toml"
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text('clicks = "off"\n')  # what the checks point at is found by u2netp
        for model, file in stand_ins.items():
            for each in file.parent.glob(f"{file.stem}*.onnx"):  # a decoder lies beside it
                shutil.copy(each, self._home)
            place = f"{self._env['HOME']}/{file.name}"
            self._matted("models", "pull", model, "--from", place, "--trust", "--accept-licence")
        if stand_ins:  # of which the best would be chosen by itself
            self._matted("models", "default", "u2netp")
        self._matted("install", "krita")

    def _matted(self, *arguments: str) -> str:
        return self.root.run(["/usr/bin/python3", "-m", "matted", *arguments], self._env).stdout

    def add_checks(self) -> None:
        """Put the checks beside the plug-in, which is there."""
        plugins = self._home / ".local/share/krita/pykrita"
        shutil.copytree(PLUGIN, plugins / PLUGIN.name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(PLUGIN.with_suffix(".desktop"), plugins)
        settings = self._home / ".config/kritarc"
        lines = settings.read_text().splitlines()
        lines.insert(lines.index("[python]") + 1, f"enable_{PLUGIN.name}=true")
        settings.write_text("\n".join(lines) + "\n")

    @property
    def plugin(self) -> Path:
        """The folder of the installed plug-in, as seen from outside."""
        return self._home / ".local/share/krita/pykrita/remove_background"

    def speak(self, language: str) -> None:
        """Have Krita in this language, as Settings > Switch Application Language does, and check only that."""
        (self._home / ".config/klanguageoverridesrc").write_text(f"[Language]\nkrita={language}\n")
        self._env["MATTED_LANGUAGE"] = language

    def measure(self, what: str, module: Path) -> None:
        """Have Krita do only what is measured, with this module. what: a check of dialog_benchmark.py or
        benchmark.py."""
        shutil.copy(module, self._home / ".local/share/krita/pykrita" / PLUGIN.name)
        self._env["MATTED_BENCHMARK"] = what

    def click(self) -> None:
        """Have Krita check only the first click."""
        self._env["MATTED_CLICK"] = "1"

    def show(self) -> None:
        """Have Krita show what the README shows, and check only that."""
        self._env["MATTED_README"] = "1"

    def preview(self) -> None:
        """Have Krita check only the dialogs with a preview, on a small screen."""
        self._env.update(MATTED_PREVIEW="1", SCREEN=SMALL_SCREEN)

    def animate(self) -> None:
        """Have Krita check only layers with frames."""
        self._env["MATTED_FRAMES"] = "1"
        # Krita 5.1 crashes now and then where a picture is closed while frames are made ready to be played.
        settings = self._home / ".config/kritarc"
        settings.write_text("calculateAnimationCacheInBackground=false\n" + settings.read_text())

    def settings(self, text: str) -> None:
        """Write matted's settings, for the next daemon."""
        file = self._home / ".config/matted/config.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def ask_server(self, url: str, model: str) -> None:
        """Have Krita check only the click and the dialog. The daemon asks a server for the model, which is not here."""
        shutil.rmtree(self._home / ".local/share/matted/models")
        self.settings(f'[server]\nurl = "{url}"\nmodels = ["{model}"]\n')
        self._env["MATTED_STUDIO"] = "1"

    def get_models(self) -> None:
        """Have Krita check only how its dialog gets models, on a small screen."""
        self._env.update(MATTED_GETTING="1", SCREEN=SMALL_SCREEN)

    def run(self, log: Path) -> dict[str, dict]:
        """Start Krita, let it run the checks and quit, and return what they saw."""
        results = self.folder / "results.json"
        results.unlink(missing_ok=True)
        process = self.root.popen(["sh", "-c", SCRIPT], self._env, log)
        try:
            code = process.wait(KRITA_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end_group(process.pid)
            process.wait()
        said = log.read_text(errors="replace")[-6000:]
        if code is not None and code > SIGNALLED:
            done = list(json.loads(results.read_text())) if results.exists() else []
            raise Crashed(f"Krita crashed with {code - SIGNALLED} after {done[-1:]}\n{said}")
        assert results.exists(), f"Krita wrote no results\n{said}"
        seen = json.loads(results.read_text())
        assert code == 0, f"Krita ended with {code} after {list(seen)[-1]}\n{said}"
        return seen

    def ask(self) -> Session:
        """A session with the daemon that Krita left running in the root: its loopback is ours."""
        return connect("tests", path=str(self._connection_file), start=False)

    def end_daemon(self) -> None:
        """Whatever state the checks left it in. It is in our process namespace, so its pid is its pid."""
        try:
            os.kill(read_connection(str(self._connection_file)).pid, signal.SIGKILL)
        except (Unavailable, ProcessLookupError):
            pass


class Results:
    """What the checks saw in Krita, by their names, and the session, whose daemon may still run."""

    def __init__(self, session: KritaSession, results: Mapping[str, dict[str, Any]]) -> None:
        self.session = session
        self._results = results

    def __getitem__(self, check: str) -> dict[str, Any]:
        """What a check saw. Fails if it failed, or was not reached."""
        assert check in self._results, f"Krita ended before: {check}"
        seen = self._results[check]
        assert "failure" not in seen, seen["failure"]
        return seen


@contextmanager
def krita_session(root: Root, weights: Path, stand_ins: Mapping[str, Path]) -> Iterator[KritaSession]:
    """weights: u2netp's. stand_ins: ONNX files by the ids of the models that they are installed as."""
    parent = root.outside("/home")
    with tempfile.TemporaryDirectory(prefix="krita-", dir=parent) as home:
        session = KritaSession(root, Path(home))
        session.install(weights, stand_ins)
        session.add_checks()
        try:
            yield session
        finally:
            session.end_daemon()


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
