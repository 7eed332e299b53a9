"""A real GIMP in a Debian root that does what the tests outside tell it, with or without its windows."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hosts.installed import Installed, until
from PIL import Image

VERSIONS = {"trixie": "3.0", "forky": "3.2"}  # of GIMP, in the Debian releases
SCREEN = "1280x900"
START_SECONDS = 90  # a new profile, with two processors that others use too
CALL_SECONDS = 90
GIMPRC = """(config-version "VERSION")
(show-welcome-dialog no)
(color-profile-policy keep)
(metadata-rotation-policy keep)
(check-updates no)
"""
READ_SELECTION = """
import gi
gi.require_version("Gtk", "3.0")
from gi.repository import Gdk, Gtk
print(Gtk.Clipboard.get(Gdk.SELECTION_PRIMARY).wait_for_text() or "")
"""
INSIDE = Path(__file__).with_name("inside.py")
COMPLAINT = re.compile(r"CRITICAL|WARNING")
# Of GIMP itself, whatever runs in it: about plug-ins that end, and about the devices and the screen of the tests.
USUAL = re.compile(
    r"gimp_flush\(\): error: Broken pipe|gimp_wire_read\(\): unexpected EOF|cannot open display"
    r"|Gdk-CRITICAL|gimp_device_info_get_device|Glycin running without sandbox"
)


def profile(installed: Installed) -> str:
    """GIMP's folder in the user's home."""
    return f"{installed.home}/.config/GIMP/{VERSIONS[installed.root.suite]}"


def plugin(installed: Installed) -> Path:
    """The folder of the installed plug-in, as seen from outside."""
    return installed.outside(f"{profile(installed)}/plug-ins/remove-background")


def new_profile(installed: Installed) -> None:
    """Make the profile as after GIMP's first start."""
    version = installed.root.run([f"gimp-console-{VERSIONS[installed.root.suite]}", "--version"]).stdout.split()[-1]
    installed.outside(profile(installed)).mkdir(parents=True)
    installed.outside(f"{profile(installed)}/gimprc").write_text(GIMPRC.replace("VERSION", version))


class Gimp:
    """`gimp.NAME(arguments)` calls the function NAME of inside.py."""

    def __init__(
        self,
        installed: Installed,
        windows: bool,
        logs: Path,
        language: str = "en",
        screen: str = SCREEN,
        scale: int = 1,
    ) -> None:
        """screen: its width and height. scale: pixels of it that GTK makes of a logical one, in each direction."""
        self.installed = installed
        self._size = screen
        self._log = logs / "gimp.log"
        self._read = 0  # lines of the log
        self._env = {**installed.env, "GIMP_TEST_PORT_FILE": f"{installed.home}/gimp-port"}
        self._env.update(LANGUAGE=language, GDK_SCALE=str(scale))
        self._screen: list[subprocess.Popen[bytes]] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: Any = None
        try:
            if windows:
                self._open_screen(logs)
            self._start(windows)
        except BaseException:
            self.close()
            raise

    def _open_screen(self, logs: Path) -> None:
        number = self.installed.outside(f"{self.installed.home}/display")
        number.unlink(missing_ok=True)
        screen = f"exec Xvfb -displayfd 5 -screen 0 {self._size}x24 -nolisten tcp 5>{self.installed.home}/display"
        self._screen.append(self.installed.root.popen(["sh", "-c", screen], self._env, logs / "xvfb.log"))
        self._env["DISPLAY"] = ":" + until(lambda: number.exists() and number.read_text().strip(), "Xvfb")
        self._screen.append(self.installed.root.popen(["openbox"], self._env, logs / "openbox.log"))

    def _start(self, windows: bool) -> None:
        home = self.installed.home
        self.installed.outside(f"{home}/inside.py").write_text(INSIDE.read_text("utf-8"), "utf-8")
        port = self.installed.outside(f"{home}/gimp-port")
        port.unlink(missing_ok=True)
        version = VERSIONS[self.installed.root.suite]
        program = [f"gimp-{version}", "--no-splash"] if windows else [f"gimp-console-{version}", "--no-interface"]
        script = f"exec(compile(open('{home}/inside.py').read(), 'inside.py', 'exec'))"
        batch = ["--new-instance", "--quit", "--batch-interpreter", "python-fu-eval", "--batch", script]
        process = self._process = self.installed.root.popen([*program, *batch], self._env, self._log)
        until(lambda: port.exists() or process.poll() is not None, "GIMP that answers", START_SECONDS)
        if process.poll() is not None:
            raise AssertionError(f"GIMP ended with {process.returncode}:\n{self.log()}")
        connection = socket.create_connection(("127.0.0.1", int(port.read_text())), CALL_SECONDS)
        self._stream = connection.makefile("rw", encoding="utf-8")
        connection.close()  # the stream keeps it open

    def log(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def complaints(self) -> list[str]:
        """The lines of the log since the last call that say that GIMP was used wrongly."""
        lines = self.log().splitlines()
        fresh, self._read = lines[self._read :], len(lines)
        return [line for line in fresh if COMPLAINT.search(line) and not USUAL.search(line)]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._stream.write(json.dumps([name, *arguments]) + "\n")
            self._stream.flush()
            line = self._stream.readline()
            if not line:
                raise AssertionError(f"GIMP ended in {name}:\n{self.log()}")
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(f"{name}{arguments} failed in GIMP:\n{answer['error']}")
            return answer["value"]

        return call

    # -- its windows -------------------------------------------------------------------------------------------------

    def _xdotool(self, *words: str, check: bool = True) -> list[str]:
        return self.installed.root.run(["xdotool", *words], self._env, check=check).stdout.split()

    def windows(self, title: str) -> list[str]:
        """The visible windows whose title matches; xdotool fails where there is none."""
        return self._xdotool("search", "--onlyvisible", "--name", title, check=False)

    def press(self, title: str, *keys: str) -> None:
        """Press keys one after the other in the window with this title."""
        window = until(lambda: self.windows(title), f"window titled {title}")[-1]
        self._xdotool("windowactivate", "--sync", window)
        self._xdotool("key", "--clearmodifiers", "--delay", "100", *keys)

    def click(self, title: str, x: int, y: int, button: int = 1) -> None:
        """Click there in the window with this title; negative: from its right or lower edge."""
        self.mouse(title, x, y, "click", str(button))

    def mouse(self, title: str, x: int, y: int, *act: str) -> None:
        """Move the mouse there in the window with this title, as `click` does, and do what xdotool calls `act`."""
        window, (width, height) = self._window(title)
        self._xdotool("mousemove", "--window", window, str(x % width), str(y % height), *act)

    def mouse_up(self) -> None:
        """Let the left button go where the mouse is."""
        self._xdotool("mouseup", "1")

    def hold(self, key: str, down: bool) -> None:
        """Press a key and keep it down, or let it go."""
        self._xdotool("keydown" if down else "keyup", key)

    def size(self, title: str) -> tuple[int, int]:
        """The window's width and height without its frame."""
        return self._window(title)[1]

    def _window(self, title: str) -> tuple[str, tuple[int, int]]:
        """The window with this title, and its width and height without the frame, in pixels."""
        window = until(lambda: self.windows(title), f"window titled {title}")[-1]
        geometry = dict(line.split("=") for line in self._xdotool("getwindowgeometry", "--shell", window))
        return window, (int(geometry["WIDTH"]), int(geometry["HEIGHT"]))

    def resize(self, title: str, width: int, height: int) -> None:
        """Give the window this size without its frame."""
        window, _ = self._window(title)
        self._xdotool("windowsize", "--sync", window, str(width), str(height))

    def picture_of(self, title: str, screenshot: Path) -> Image.Image:
        """What the screen shows where the window is, without the mouse. screenshot: where the whole screen is kept."""
        window, (width, height) = self._window(title)
        self._xdotool("mousemove", "--window", window, "0", "0")
        corner = dict(line.split("=") for line in self._xdotool("getmouselocation", "--shell"))
        left, top = int(corner["X"]), int(corner["Y"])
        self.screenshot(screenshot)
        with Image.open(screenshot) as screen:
            return screen.convert("RGB").crop((left, top, left + width, top + height))

    def selected_text(self) -> str:
        """What is selected in any window; a GIMP message selects its parts as Tab moves through them."""
        return self.installed.root.run(["/usr/bin/python3", "-c", READ_SELECTION], self._env).stdout.strip()

    def screenshot(self, path: Path) -> None:
        inside = f"{self.installed.home}/screenshot.png"
        self.installed.root.run(["scrot", "--overwrite", inside], self._env)
        path.write_bytes(self.installed.outside(inside).read_bytes())

    def close(self) -> int | None:
        """End GIMP the way it ends after any batch, then its screen. Returns GIMP's exit code."""
        code = None
        if self._stream is not None:
            self._stream.close()
        if self._process is not None:
            code = _ended(self._process, START_SECONDS if self._stream is not None else 0)
        for process in reversed(self._screen):
            _ended(process, 0)
        return code


def _ended(process: subprocess.Popen[bytes], patience: float) -> int | None:
    """Wait for the process, then kill it with its children. Returns its exit code, None if it had to be killed."""
    try:
        return process.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None
