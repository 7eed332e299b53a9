"""Models that pip downloads from a package index of the tests' own."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import PATIENCE
from http_handlers import Quiet, QuietFiles
from made_up import WEIGHTS, contents, installed_alone, obtain, refusal, spec
from matted.models.sources import Monitor
from matted.models.spec import Source
from matted.models.store import Store

PACKAGE, VERSION, MEMBER = "made-up-weights", "1.0", "made_up/weights.onnx"
WHEEL = "made_up_weights-1.0-py3-none-any.whl"
SPEC = spec(Source("package-index", "package-index", package=f"{PACKAGE}=={VERSION}", member=MEMBER))
SOURCE = SPEC.sources[0]


def wheel(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make the package's wheel with these files in it."""
    info = "made_up_weights-1.0.dist-info"
    texts = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\nRequires-Dist: missing\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in {**members, **texts}.items():
            archive.writestr(name, content)
    return out.getvalue()


def corrupt(data: bytes, name: str) -> bytes:
    """Return the archive with the start of a member overwritten, so that it cannot be decompressed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo(name).header_offset + 30 + len(name)
    return data[:start] + b"\xff" * 16 + data[start + 16 :]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that pip gets packages from."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def test_a_missing_model_is_fetched(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS, "made_up/__init__.py": b"raise SystemExit"}))
    downloaded, fractions = obtain(store, SPEC)
    assert downloaded
    assert fractions[0] == 0.0
    assert installed_alone(store)


def test_what_a_killed_pull_left_is_cleaned_up(store: Store, shelf: Path) -> None:
    for leftover in ("converted", "old", "package-index/pip-unpack"):
        (store.folder / ".pulls" / SPEC.id / leftover).mkdir(parents=True)
        (store.folder / ".pulls" / SPEC.id / leftover / "model.bin").write_bytes(b"half")
    (store.folder / ".pulls" / f"{SPEC.id}.lock").touch()
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store, SPEC)[0]
    assert installed_alone(store)


def test_two_pulls_at_once_fetch_once(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    stages: list[str] = []
    fetched: list[bool] = []
    arrived = threading.Barrier(2)

    def pull() -> None:
        arrived.wait(PATIENCE)
        fetched.append(Store(store.folder).pull(SPEC, SPEC.sources, Monitor(on_stage=stages.append)))

    pulls = [threading.Thread(target=pull) for _ in range(2)]
    for each in pulls:
        each.start()
    for each in pulls:
        each.join(PATIENCE)
    assert sorted(fetched) == [False, True]
    assert any("another pull" in stage for stage in stages)
    assert installed_alone(store)


# -- a download that fails ---------------------------------------------------------------------------------------------


def test_the_refusal_says_what_to_put_where(store: Store, shelf: Path) -> None:
    refused = refusal(store, SPEC)
    for word in (SPEC.file, str(len(WEIGHTS)), SOURCE.sha256, str(store.placed(SPEC)[0])):
        assert word in refused.hint
    assert SPEC.id in refused.message
    assert PACKAGE in refused.message  # pip's own reason


@pytest.mark.parametrize(
    "package",
    [
        wheel({MEMBER: WEIGHTS[::-1]}),
        wheel({"made_up/other.onnx": WEIGHTS}),
        corrupt(wheel({MEMBER: WEIGHTS}), MEMBER),
        corrupt(wheel({MEMBER: WEIGHTS}, zipfile.ZIP_STORED), MEMBER),
        b"not a zip",
    ],
    ids=[
        "other bytes",
        "no such member",
        "cannot be decompressed",
        "wrong checksum",
        "not a zip",
    ],
)
def test_a_package_that_is_not_the_expected_one_is_refused(store: Store, shelf: Path, package: bytes) -> None:
    (shelf / WHEEL).write_bytes(package)
    refusal(store, SPEC)
    assert contents(store.folder) == []


def test_a_member_does_not_land_outside_its_folder(store: Store, shelf: Path, tmp_path: Path) -> None:
    member = "../../../../outside.onnx"
    spec = replace(SPEC, sources=(replace(SOURCE, member=member),))
    (shelf / WHEEL).write_bytes(wheel({member: WEIGHTS}))
    obtain(store, spec)
    assert installed_alone(store)
    assert not list(tmp_path.rglob("outside.onnx"))


def has_small_disks() -> bool:
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/.."]
import test_package_index as here
from matted.models.store import Store
from matted_client import Rejected
folder = Path(sys.argv[2])
source = here.replace(here.SOURCE, bytes=int(sys.argv[3]))
try:
    Store(folder).obtain(here.replace(here.SPEC, sources=(source,)), lambda fraction: None, lambda: None)
except Rejected as refused:
    print(refused.code, refused.message, sep=": ")
print([path.name for path in folder.iterdir()])
"""


@pytest.mark.skipif(not has_small_disks(), reason="this user may not mount a small disk")
@pytest.mark.parametrize("known", [8 << 20, 0], ids=["foreseen", "not foreseen"])
def test_a_full_disk_is_called_full_and_left_clean(tmp_path: Path, shelf: Path, known: int) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: bytes(8 << 20)}))  # small as a package, too large once unpacked
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    inside = [sys.executable, "-c", ON_A_SMALL_DISK, str(Path(__file__).parent), str(disk), str(known)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(disk), *inside], capture_output=True, text=True, timeout=120
    )
    said, left = done.stdout.splitlines()
    assert said.startswith("model_not_installed: ")
    assert "the disk is full" in said
    assert left == "[]"


# -- a download over a network -----------------------------------------------------------------------------------------


@contextmanager
def index(monkeypatch: pytest.MonkeyPatch, handler: Any) -> Iterator[None]:
    """Run a package index until the end of the block, and have pip use it alone."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.delenv("PIP_FIND_LINKS")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


def page(shelf: Path, fragment: str = "") -> None:
    """Write the index page of the one package. fragment: added to its link."""
    folder = shelf / "simple" / PACKAGE
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="/{WHEEL}{fragment}">{WHEEL}</a>')


def test_the_progress_of_a_download_is_told(
    tmp_path: Path, shelf: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(shelf)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS, "padding": os.urandom(3 << 20)}))
    with index(monkeypatch, partial(QuietFiles, directory=str(shelf))):
        downloaded, fractions = obtain(store, SPEC)
    assert downloaded
    assert fractions == sorted(fractions)
    assert any(0 < fraction < 1 for fraction in fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_a_package_that_is_not_what_the_index_promised_is_refused(
    shelf: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(shelf, "#sha256=" + "0" * 64)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    with index(monkeypatch, partial(QuietFiles, directory=str(shelf))):
        refusal(store, SPEC)
    assert contents(store.folder) == []


class Stop(Exception):
    """Raised by the check that is passed to the store."""


class Stalling(Quiet):
    """An index that goes silent when it is asked for the index page or in the middle of the package, until `let_go`."""

    asked: threading.Event
    let_go: threading.Event
    silent_about: str

    def do_GET(self) -> None:
        if self.silent_about in self.path:
            if self.path.endswith(".whl"):
                self.send_response(200)
                self.send_header("Content-Length", str(8 << 20))
                self.end_headers()
                self.wfile.write(b"x" * (1 << 20))
                self.wfile.flush()
            self.asked.set()
            self.let_go.wait(5)  # then the connection ends and pip gives up by itself
            return
        body = f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize("silent_about", [".whl", "/simple/"])
def test_a_check_that_fails_ends_a_download_that_stalls(
    shelf: Path, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, silent_about: str
) -> None:
    asked, let_go = threading.Event(), threading.Event()
    handler = type("Handler", (Stalling,), {"asked": asked, "let_go": let_go, "silent_about": silent_about})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))

    def check() -> None:
        if asked.is_set():
            raise Stop

    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with index(monkeypatch, handler):
        try:
            with pytest.raises(Stop):
                obtain(store, SPEC, check)
        finally:
            let_go.set()
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert contents(store.folder) == []
    assert list(scratch.iterdir()) == [], "what pip had got so far"


def test_a_check_that_fails_at_once_ends_the_download(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))

    def check() -> None:
        raise Stop

    with pytest.raises(Stop):
        obtain(store, SPEC, check)
    assert contents(store.folder) == []
