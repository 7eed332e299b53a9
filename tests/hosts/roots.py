"""Debian roots that hold a real GIMP and a real Krita with matted installed in them.

A root is built once with debootstrap and reused from a cache folder ($MATTED_TEST_CACHE, else the user's cache
folder); packages that the list got since are installed into it. Commands run in it through chroot, in a mount namespace
of their own that has /proc and /dev: the mounts end with the command, so that deleting a root stays safe. Needs root
privileges.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).resolve().parents[2]
DESKTOP = "python3-pyqt5 xvfb xauth xdotool openbox scrot adwaita-icon-theme locales"
DESKTOP += " fonts-dejavu-core fonts-wqy-microhei"  # the second one has Chinese and Japanese
PACKAGES = {
    "forky": f"gimp krita {DESKTOP}".split(),
    "trixie": f"gimp krita {DESKTOP}".split(),
    "bookworm": f"krita {DESKTOP}".split(),
}
# Which of them are tested: those of released Debians, unless somebody asks for more, as `make test-hosts` does.
SUITES = os.environ.get("MATTED_TEST_SUITES", "trixie bookworm").split()
PYTHON = {"forky": "3.14", "trixie": "3.13", "bookworm": "3.11"}  # each Debian's own
SCRIPTS = {"forky": "sid"}  # the debootstrap script of a suite that an older debootstrap does not know by name
PLATFORMS = [f"manylinux_2_{minor}_{platform.machine()}" for minor in (36, 35, 34, 31, 28, 27, 26, 24, 17, 12, 5)]
PLATFORMS += [f"manylinux2014_{platform.machine()}", f"manylinux1_{platform.machine()}"]
MATTED = Path("/opt/matted")
_PATHS = "/usr/lib/python3/dist-packages/matted.pth"  # has the system's own Python find them
NEWCOMERS = ["pipx", "npm", "ca-certificates"]  # what somebody needs who has GIMP and Krita, and reads the README
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BUILD_SECONDS = 1500


def cache_folder() -> Path:
    chosen = os.environ.get("MATTED_TEST_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matted-tests"


class Root:
    """One built root. Paths of the methods are paths inside it, except for `outside`."""

    def __init__(self, suite: str, path: Path) -> None:
        self.suite = suite
        self.path = path

    def outside(self, inside: str | Path) -> Path:
        return self.path / str(inside).lstrip("/")

    def command(self, command: Sequence[str], env: Mapping[str, str]) -> list[str]:
        variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root", **env}
        words = [f"{name}={value}" for name, value in variables.items()]
        script = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" env -i "$@"'
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, str(self.path), *words, *command]

    def run(
        self, command: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 120, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(command, env or {}), capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
        )
        if check and done.returncode:
            raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def popen(
        self, command: Sequence[str], env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command in its own session; its output goes to `log` (an outside path)."""
        with open(log or os.devnull, "wb") as output:
            return subprocess.Popen(
                self.command(command, env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def missing() -> str:
    """Why no root can be built or used on this machine; empty if one can."""
    if sys.platform != "linux":
        return "the real GIMP and Krita are tested in Debian roots, which need Linux"
    if os.geteuid() != 0:
        return "the tests in the real GIMP and Krita need root privileges (chroot): run: sudo make test"
    absent = [tool for tool in ("debootstrap", "unshare", "chroot") if shutil.which(tool) is None]
    return f"the tests in the real GIMP and Krita need {', '.join(absent)}: apt install debootstrap" if absent else ""


def get(suite: str, wheel: Path) -> Root:
    """The root of a Debian release with matted installed from `wheel`. Skips where there can be none, fails on CI."""
    reason = missing()
    if reason:
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = cache_folder() / "roots"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{suite}.lock"):
        root = Root(suite, folder / suite)
        if not root.path.exists():
            _build(root)
        _install_packages(root)
        _install_matted(root, wheel)
    return root


def fresh(suite: str, wheel: Path) -> Root:
    """The root of a Debian release with its programs, pipx and npm, and nothing of matted. Skips and fails as `get`.

    What runs in it reaches the package indexes as this machine does: by its names of servers and its certificates.
    """
    base = get(suite, wheel)
    folder = cache_folder() / "roots"
    root = Root(suite, folder / f"{suite}-fresh")
    with locked(folder / f"{suite}.lock"):
        if not root.path.exists():
            draft = root.path.with_suffix(".part")
            shutil.rmtree(draft, ignore_errors=True)
            _call(["cp", "--archive", "--reflink=auto", str(base.path), str(draft)])
            part = Root(suite, draft)
            for place in (str(MATTED), "/home", _PATHS):
                _call(["rm", "-rf", str(part.outside(place))])
            part.outside("/home").mkdir()
            _install_packages(part, NEWCOMERS)
            draft.rename(root.path)
    shutil.copy("/etc/resolv.conf", root.outside("/etc/resolv.conf"))
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, root.outside(CERTIFICATES))
    return root


def _build(root: Root) -> None:
    draft = root.path.with_suffix(".part")
    shutil.rmtree(draft, ignore_errors=True)
    mirror, script = _mirror(), [SCRIPTS[root.suite]] if root.suite in SCRIPTS else []
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    _call(["debootstrap", "--variant=minbase", f"--keyring={keyring}", root.suite, str(draft), mirror, *script])
    _install_packages(Root(root.suite, draft))
    draft.rename(root.path)


def _install_packages(root: Root, more: Sequence[str] = ()) -> None:
    """Install what the root lacks of its list, and of `more`."""
    there = root.run(["dpkg-query", "--show", "--showformat", "${Package}\n"]).stdout.split()
    lacking = [name for name in (*PACKAGES[root.suite], *more) if name not in there]
    if not lacking:
        return
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    shutil.copy("/etc/resolv.conf", root.outside("/etc/resolv.conf"))
    # A testing release is signed for a week only, and mirrors lag behind.
    root.run(["apt-get", "-o", "Acquire::Check-Valid-Until=false", "update"], env, BUILD_SECONDS)
    root.run(["apt-get", "install", "-y", "--no-install-recommends", *lacking], env, BUILD_SECONDS)
    root.run(["apt-get", "clean"], env)


def _install_matted(root: Root, wheel: Path) -> None:
    """Install the wheel and what it needs under /opt/matted, seen by the root's own python3."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    libraries = root.outside(MATTED / f"libraries-{_digest(*project['dependencies'])}")
    if not libraries.exists():
        draft = libraries.with_suffix(".part")
        shutil.rmtree(draft, ignore_errors=True)
        _pip(root, draft, *project["dependencies"])
        draft.rename(libraries)
    program = root.outside(MATTED / f"program-{hashlib.sha256(wheel.read_bytes()).hexdigest()[:12]}")
    paths = root.outside(_PATHS)
    said = f"{MATTED / program.name}\n{MATTED / libraries.name}\n"
    if program.exists() and paths.exists() and paths.read_text() == said:
        return  # another process of this run may be using it
    for earlier in program.parent.glob("program*"):
        shutil.rmtree(earlier)
    _pip(root, program, "--no-deps", str(wheel))
    paths.write_text(said)


def _pip(root: Root, target: Path, *what: str) -> None:
    version = ["--python-version", PYTHON[root.suite], "--implementation", "cp", "--only-binary", ":all:"]
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--target", str(target)]
    _call([*pip, *version, *platforms, *what])


def _mirror() -> str:
    """The mirror that this machine's apt uses."""
    for source in sorted(Path("/etc/apt").glob("sources.list.d/*.sources")):
        for line in source.read_text().splitlines():
            if line.startswith("URIs:"):
                return line.split()[1]
    for line in Path("/etc/apt/sources.list").read_text().splitlines():
        words = [word for word in line.split() if not word.startswith("[")]
        if words[:1] == ["deb"]:
            return words[1]
    raise AssertionError("apt on this machine names no mirror")


def _call(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


def _digest(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock against other processes. path: a file that is made for it."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
