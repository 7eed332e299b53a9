"""The model files on disk, and fetching them with pip from a package index of this test's own."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from matted.models import catalogue
from matted.models.catalogue import Row, Source
from matted.models.store import Store, sha256
from matted_client import Rejected

WEIGHTS = bytes(range(256)) * 64
PACKAGE, VERSION, MEMBER = "made-up-weights", "1.0", "made_up/weights.onnx"
WHEEL = "made_up_weights-1.0-py3-none-any.whl"
ROW = replace(
    catalogue.load().find("u2netp"),
    id="made-up",
    title="Made up",
    file="weights.onnx",
    bytes=len(WEIGHTS),
    sha256=hashlib.sha256(WEIGHTS).hexdigest(),
    sources=(Source("package-index", f"{PACKAGE}=={VERSION}", MEMBER, 0),),
)
PATIENCE = 30.0  # seconds after which something that should have happened is called a failure

Fractions = list[float]


def wheel(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
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
    """The same archive with a member that cannot be decompressed."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo(name).header_offset + 30 + len(name)
    return data[:start] + b"\xff" * 16 + data[start + 16 :]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes its packages from, and from nowhere else."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def nothing() -> None:
    pass


def obtain(store: Store, row: Row = ROW, check: Callable[[], None] = nothing) -> tuple[bool, Fractions]:
    fractions: Fractions = []
    return store.obtain(row, fractions.append, check), fractions


def put(store: Store, content: bytes = WEIGHTS) -> Path:
    store.folder.mkdir(parents=True, exist_ok=True)
    path = store.path(ROW)
    path.write_bytes(content)
    return path


def refusal(store: Store) -> Rejected:
    with pytest.raises(Rejected) as refused:
        obtain(store)
    assert refused.value.code == "model_not_installed"
    return refused.value


def contents(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


# -- a file that is there --------------------------------------------------------------------------------------------


def test_a_good_file_is_taken_without_a_download(store: Store, shelf: Path) -> None:
    put(store)
    assert obtain(store) == (False, [])


def test_a_hash_is_that_of_the_whole_file(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 5)
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "installed"), [(WEIGHTS, True), (WEIGHTS[:-1], False), (b"", False), (None, False)]
)
def test_a_file_of_the_right_size_is_listed_as_installed(store: Store, content: bytes | None, installed: bool) -> None:
    if content is not None:
        put(store, content)
    assert store.installed(ROW) is installed


# -- a file that is fetched ------------------------------------------------------------------------------------------


def test_a_missing_file_is_fetched(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    downloaded, fractions = obtain(store)
    assert downloaded
    assert fractions[0] == 0.0
    assert store.path(ROW).read_bytes() == WEIGHTS


def test_nothing_but_the_weights_is_kept(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS, "made_up/__init__.py": b"raise SystemExit"}))
    obtain(store)
    assert contents(store.folder) == [ROW.file]


def test_a_fetched_file_is_not_fetched_again(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    obtain(store)
    assert obtain(store) == (False, [])
    assert obtain(Store(store.folder)) == (False, [])


@pytest.mark.parametrize("content", [WEIGHTS[::-1], WEIGHTS[:-1]], ids=["other bytes", "too short"])
def test_a_file_with_the_wrong_content_is_replaced(store: Store, shelf: Path, content: bytes) -> None:
    path = put(store, content)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store)[0]
    assert path.read_bytes() == WEIGHTS


def test_a_file_that_changed_after_it_was_verified_is_replaced(store: Store, shelf: Path) -> None:
    path = put(store)
    obtain(store)
    path.write_bytes(WEIGHTS[::-1])
    os.utime(path, ns=(1, 1))
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store)[0]
    assert path.read_bytes() == WEIGHTS


def test_a_file_that_vanished_after_it_was_verified_is_fetched(store: Store, shelf: Path) -> None:
    path = put(store)
    obtain(store)
    path.unlink()
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store)[0]
    assert path.read_bytes() == WEIGHTS


def test_a_file_that_vanished_after_it_was_verified_and_cannot_be_fetched_is_missed(store: Store, shelf: Path) -> None:
    path = put(store)
    obtain(store)
    path.unlink()
    refusal(store)


def test_what_a_killed_download_left_is_cleaned_up(store: Store, shelf: Path) -> None:
    leftover = store.folder / ".download-abc" / "wheels"
    leftover.mkdir(parents=True)
    (leftover / WHEEL).write_bytes(b"half")
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    obtain(store)
    assert contents(store.folder) == [ROW.file]


def test_other_models_stay_where_they_are(store: Store, shelf: Path) -> None:
    store.folder.mkdir()
    (store.folder / "other.onnx").write_bytes(b"other")
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    obtain(store)
    assert contents(store.folder) == ["other.onnx", ROW.file]


# -- a download that fails -------------------------------------------------------------------------------------------


def test_the_refusal_says_what_to_put_where(store: Store, shelf: Path) -> None:
    refused = refusal(store)
    for word in (ROW.file, str(ROW.bytes), ROW.sha256, str(store.path(ROW))):
        assert word in refused.hint
    assert ROW.id in refused.message
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
    refusal(store)
    assert contents(store.folder) == []


def test_a_bad_package_does_not_cost_the_file_that_is_there(store: Store, shelf: Path) -> None:
    path = put(store, b"damaged, but mine")
    (shelf / WHEEL).write_bytes(wheel({MEMBER: b"worse"}))
    refusal(store)
    assert path.read_bytes() == b"damaged, but mine"


def test_a_later_attempt_can_succeed(store: Store, shelf: Path) -> None:
    refusal(store)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store)[0]


def test_a_file_put_there_by_hand_ends_the_trouble(store: Store, shelf: Path) -> None:
    refusal(store)
    put(store)
    assert obtain(store) == (False, [])


def test_a_folder_that_cannot_be_made_is_a_refusal(tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal(Store(tmp_path / "file" / "models"))


def test_a_folder_in_the_place_of_the_file_is_a_refusal(store: Store, shelf: Path) -> None:
    store.path(ROW).mkdir(parents=True)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    refusal(store)
    assert contents(store.folder) == [ROW.file]


def test_a_member_does_not_land_outside_its_folder(store: Store, shelf: Path, tmp_path: Path) -> None:
    member = "../../../outside.onnx"
    row = replace(ROW, sources=(replace(ROW.sources[0], member=member),))
    (shelf / WHEEL).write_bytes(wheel({member: WEIGHTS}))
    obtain(store, row)
    assert contents(store.folder) == [ROW.file]
    assert not list(tmp_path.rglob("outside.onnx"))


def has_small_disks() -> bool:
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    return subprocess.run(command, capture_output=True).returncode == 0


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import test_store
from matted.models.store import Store
from matted_client import Rejected
folder = Path(sys.argv[2])
row = test_store.replace(test_store.ROW, bytes=8 << 20)
try:
    Store(folder).obtain(row, lambda fraction: None, lambda: None)
except Rejected as refused:
    print(refused.code, refused.message, sep=": ")
print([path.name for path in folder.iterdir()])
"""


@pytest.mark.skipif(not has_small_disks(), reason="this user may not mount a small disk")
def test_a_full_disk_is_called_full_and_left_clean(tmp_path: Path, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: bytes(8 << 20)}))  # small as a package, too large once unpacked
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    inside = [sys.executable, "-c", ON_A_SMALL_DISK, str(Path(__file__).parent), str(disk)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(disk), *inside], capture_output=True, text=True, timeout=120
    )
    said, left = done.stdout.splitlines()
    assert said.startswith("model_not_installed: ")
    assert "the disk is full" in said
    assert left == "[]"


# -- a download over a network ---------------------------------------------------------------------------------------


@contextmanager
def index(monkeypatch: pytest.MonkeyPatch, handler: Any) -> Iterator[None]:
    """Have pip ask a server of this test's own."""
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


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def page(shelf: Path, fragment: str = "") -> None:
    """The index page of our one package."""
    folder = shelf / "simple" / PACKAGE
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="/{WHEEL}{fragment}">{WHEEL}</a>')


def test_the_progress_of_a_download_is_told(
    tmp_path: Path, shelf: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    page(shelf)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS, "padding": os.urandom(3 << 20)}))
    with index(monkeypatch, partial(QuietFiles, directory=str(shelf))):
        downloaded, fractions = obtain(store)
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
        refusal(store)
    assert contents(store.folder) == []


class Stop(Exception):
    """What the caller's check raises."""


class Stalling(BaseHTTPRequestHandler):
    """Answers for the index page, begins to send the package, and then says nothing more until it is let go."""

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

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.parametrize("silent_about", [".whl", "/simple/"])
def test_a_check_that_fails_ends_a_download_that_stalls(
    shelf: Path, store: Store, monkeypatch: pytest.MonkeyPatch, silent_about: str
) -> None:
    asked, let_go = threading.Event(), threading.Event()
    handler = type("Handler", (Stalling,), {"asked": asked, "let_go": let_go, "silent_about": silent_about})

    def check() -> None:
        if asked.is_set():
            raise Stop

    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with index(monkeypatch, handler):
        try:
            with pytest.raises(Stop):
                obtain(store, check=check)
        finally:
            let_go.set()
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
    assert contents(store.folder) == []


def test_a_check_that_fails_at_once_ends_the_download(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))

    def check() -> None:
        raise Stop

    with pytest.raises(Stop):
        obtain(store, check=check)
    assert contents(store.folder) == []


# -- the catalogue ---------------------------------------------------------------------------------------------------


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(Rejected, match="no-such-model") as refused:
        catalogue.load().find("no-such-model")
    assert refused.value.code == "model_not_found"
    assert "u2netp" in refused.value.hint


def test_every_row_says_all_that_a_download_needs() -> None:
    for row in catalogue.load().rows.values():
        assert len(row.sha256) == 64
        assert row.bytes > 0
        assert row.sources
        assert row.file == Path(row.file).name
        assert row.resample in ("lanczos", "bilinear")
        assert row.scale in ("max", "255")


def test_a_summary_says_what_how_big_and_which_licence() -> None:
    assert catalogue.load().find("u2netp").summary == "U²-Net small (u2netp), 4.6 MB, licence Apache-2.0"
