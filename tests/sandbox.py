"""Sandboxes like those of Flatpak and Snap: mount namespaces that have only what a program sees in there.

Linux only. Without root privileges a user namespace is needed, which some systems forbid.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

PYTHON = "/usr/bin/python3"
SECONDS = 120
UNSHARE = ["unshare", "--mount", "--propagation", "private"]
if sys.platform == "linux" and os.geteuid() != 0:
    UNSHARE[1:1] = ["--user", "--map-root-user"]

# Builds a sandbox and runs a command in it. $1: folder to build it in. $2: folder with files to put on top. $3: number
# of folders of this computer that are visible; these follow, then the command.
# The system's own /usr stands for the runtime's. The sandbox is gone when the command ends.
ENTER = """
set -e
root=$1 files=$2 count=$3; shift 3
mount -t tmpfs sandbox "$root"
for folder in usr dev proc; do mkdir "$root/$folder"; mount --rbind "/$folder" "$root/$folder"; done
for name in bin sbin lib lib32 lib64; do test ! -L "/$name" || cp -P "/$name" "$root/$name"; done
mkdir -p "$root/etc" "$root/tmp" "$root/var/tmp"
cp /etc/ld.so.cache "$root/etc"
while test "$count" -gt 0; do
    mkdir -p "$root$1"; mount --rbind "$1" "$root$1"; shift; count=$((count - 1))
done
cp -r "$files/." "$root"
exec chroot "$root" env -i "$@"
"""


def require() -> None:
    """Skip the test where no such namespaces can be made; fail it on CI."""
    reason = ""
    if sys.platform != "linux" or not os.access(PYTHON, os.X_OK):
        reason = f"sandboxes are made with Linux's namespaces, and run {PYTHON}"
    elif subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        reason = "sandboxes need root privileges or user namespaces"
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class Sandbox:
    """A sandbox in which commands can be run, each in a new copy."""

    def __init__(
        self, folder: Path, shows: Sequence[Path], files: Path, env: Mapping[str, str], network: bool = True
    ) -> None:
        """Describe the sandbox.

        folder: where it is built.
        shows: folders of this computer that are visible inside, under their own paths.
        files: a folder whose content is put on top.
        env: the whole environment inside.
        network: whether this computer's network is visible.
        """
        self._root = folder / "root"
        self._root.mkdir()
        self._shows = [str(path) for path in shows]
        self._files = files
        self._env = [f"{name}={value}" for name, value in env.items()]
        self._unshare = UNSHARE if network else [*UNSHARE, "--net"]

    def command(self, *arguments: str) -> list[str]:
        """Return the command line that runs a command inside."""
        places = [str(self._root), str(self._files), str(len(self._shows)), *self._shows]
        return [*self._unshare, "sh", "-c", ENTER, "sh", *places, *self._env, *arguments]

    def run(self, *arguments: str) -> str:
        """Run a command inside, which must succeed, and return its standard output."""
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


# -- Flatpak ---------------------------------------------------------------------------------------------------------

# From the manifests on Flathub: the permissions for files, and for names on the session bus.
MANIFESTS = {
    "org.gimp.GIMP": (
        "xdg-config/GIMP:create;xdg-config/gtk-3.0:ro;xdg-run/gvfs;host;/tmp",
        "org.gtk.vfs.*=talk\norg.freedesktop.FileManager1=talk",
    ),
    "org.kde.krita": ("xdg-run/gvfs;host", "com.canonical.AppMenu.Registrar=talk"),
}
OUTSIDE = "org.freedesktop.Flatpak=talk"  # added by `flatpak override --talk-name=org.freedesktop.Flatpak`

# Every runtime has flatpak-spawn. This one asks a HostService where the real one asks Flatpak's.
FLATPAK_SPAWN = f"""#!{PYTHON}
import json, socket, sys
with socket.create_connection(("127.0.0.1", PORT)) as service:
    service.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    sys.exit(int(service.makefile().readline()))
"""


def flatpak(folder: Path, home: Path, app: str, port: int, permission: str = "", network: bool = True) -> Sandbox:
    """Make the sandbox of `flatpak run APP`.

    folder: where it is built.
    home: the user's home folder, which is visible.
    app: a key of MANIFESTS.
    port: of the HostService.
    permission: a line of the bus policy, added to the manifest's.
    network: whether this computer's network is visible.
    """
    filesystems, bus = MANIFESTS[app]
    files = folder / "files"
    (files / "app" / "bin").mkdir(parents=True)
    (files / ".flatpak-info").write_text(
        f"[Application]\nname={app}\n\n[Context]\nshared=network;ipc;\nfilesystems={filesystems};\n\n"
        f"[Session Bus Policy]\n{bus}\n{permission}\n"
    )
    spawn = files / "app" / "bin" / "flatpak-spawn"
    spawn.write_text(FLATPAK_SPAWN.replace("PORT", str(port)))
    spawn.chmod(0o755)
    own = home / ".var" / "app" / app
    own.mkdir(parents=True, exist_ok=True)
    env = {
        "HOME": str(home),
        "PATH": "/app/bin:/usr/bin",
        "FLATPAK_ID": app,
        "container": "flatpak",
        "XDG_CONFIG_HOME": f"{own}/config",
        "XDG_DATA_HOME": f"{own}/data",
        "XDG_CACHE_HOME": f"{own}/cache",
        "XDG_STATE_HOME": f"{own}/.local/state",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "PYTHONPATH": "/app/lib/python3/dist-packages",
    }
    return Sandbox(folder, [home], files, env, network)


class HostService:
    """A stand-in for Flatpak's service outside the sandbox, which runs commands for flatpak-spawn.

    asked: the arguments of each flatpak-spawn.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        """env: the environment of the user's session."""
        self.asked: list[list[str]] = []
        self._env = dict(env)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        while True:
            try:
                caller = self._listener.accept()[0]
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._spawn, args=(caller,)))
            self._threads[-1].start()

    def _spawn(self, caller: socket.socket) -> None:
        with caller, caller.makefile() as lines:
            words = json.loads(lines.readline())
            self.asked.append(words)
            options = [word for word in words if word.startswith("--")]
            assert options[0] == "--host"
            env = dict(option.removeprefix("--env=").split("=", 1) for option in options[1:])
            done = subprocess.run(
                words[len(options) :], env={**self._env, **env}, stdin=subprocess.DEVNULL, capture_output=True
            )
            try:
                caller.sendall(b"%d\n" % done.returncode)
            except OSError:
                pass  # the sandbox has ended; the command that it started may go on

    def close(self) -> None:
        """Wait for the commands that were started. They must be about to end."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(SECONDS)
            assert not thread.is_alive()


@contextmanager
def host_service(env: Mapping[str, str]) -> Iterator[HostService]:
    """Run a HostService until the end of the block."""
    service = HostService(env)
    try:
        yield service
    finally:
        service.close()


# -- Snap ------------------------------------------------------------------------------------------------------------


def snap(folder: Path, home: Path, name: str) -> Sandbox:
    """Make the sandbox of a Snap with the interfaces home and network.

    folder: where it is built.
    home: the user's home folder: what is not hidden is visible, but of ~/snap only the Snap's own folder.
    name: of the Snap.
    """
    files = folder / "files"
    files.mkdir(parents=True)
    shows = [path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name != "snap"]
    data = home / "snap" / name
    env = {
        "HOME": f"{data}/current",
        "PATH": "/usr/bin:/bin",
        "SNAP_NAME": name,
        "SNAP": f"/snap/{name}/1",
        "SNAP_REAL_HOME": str(home),
        "SNAP_USER_DATA": f"{data}/current",
        "SNAP_USER_COMMON": f"{data}/common",
        "XDG_CONFIG_HOME": f"{data}/current/.config",
    }
    return Sandbox(folder, [*shows, data], files, env)


def stand_in(path: Path, command: Sequence[str], dropped: int) -> None:
    """Write a program that runs `command` with its own arguments, except the first `dropped` of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nshift {dropped}\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
