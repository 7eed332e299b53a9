"""Downloads through the proxies that the environment names, and sentences for those that cannot be used."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from http_handlers import QuietFiles
from matted.models.sources import DownloadError, Monitor, Unreachable, https, hub, network, npm, package_index
from matted.models.spec import Source
from matted_client.endpoint import CERTIFICATES
from mirrors import Mirror, mirror
from socks_proxy import proxy

CONTENT = b"weights"
PATH = "/net.onnx"
ELSEWHERE = "made-up.invalid"  # a host that only a proxy knows


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Mirror]:
    with mirror() as running:
        running.files[PATH] = CONTENT
        yield running


def get(folder: Path, host: str) -> bytes:
    return https.fetch(f"http://{host}{PATH}", folder, len(CONTENT), Monitor()).read_bytes()


def test_a_file_comes_through_a_socks_proxy(server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxy(server.server.server_port) as running:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://somebody:secret@127.0.0.1:{running.port}")
        assert get(tmp_path, ELSEWHERE) == CONTENT
    assert running.asked == [ELSEWHERE], "it looks names up itself"


def test_a_host_that_needs_no_proxy_gets_none(server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert get(tmp_path, f"127.0.0.1:{server.server.server_port}") == CONTENT


def test_the_proxy_for_everything_may_be_of_another_kind(
    server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", server.url)
    server.files[f"http://{ELSEWHERE}{PATH}"] = CONTENT
    assert get(tmp_path, ELSEWHERE) == CONTENT


def test_pip_goes_through_a_socks_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = tmp_path / "simple" / "made-up"
    shelf.mkdir(parents=True)
    (shelf / "index.html").write_text("")  # it has no version of it: what counts is who was asked
    handler = functools.partial(QuietFiles, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        with proxy(index.server_port) as running:
            monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
            monkeypatch.setenv("PIP_INDEX_URL", f"http://{ELSEWHERE}/simple/")
            monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
            monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
            monkeypatch.setenv("PIP_TRUSTED_HOST", ELSEWHERE)
            monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{running.port}")
            with pytest.raises(DownloadError, match="No matching distribution"):
                package_index.fetch("made-up==1.0", [], tmp_path / "got", Monitor())
        index.shutdown()
    assert ELSEWHERE in running.asked


HUB = Source("hub", "hub", repo="made/up", revision="main", path="net.onnx")
KINDS = {
    "https": lambda folder: get(folder, ELSEWHERE),
    "hub": lambda folder: hub.fetch(HUB, folder, Monitor()),
    "pip": lambda folder: package_index.fetch("made-up==1.0", [], folder, Monitor()),
}
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


@EACH_KIND
def test_what_is_missing_for_a_socks_proxy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(network, "_PACKAGES", {"no_such_module": "PySocks", "zipfile": "socksio"})
    monkeypatch.setenv("ALL_PROXY", "socks5://somebody:secret@127.0.0.1:9")
    with pytest.raises(DownloadError) as failed:
        KINDS[kind](tmp_path / "got")
    assert str(failed.value) == "the proxy socks5://127.0.0.1:9 speaks SOCKS, and PySocks is not installed"
    assert "pipx inject matted PySocks socksio" in failed.value.hint


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        *itertools.product(KINDS, ["socks5://127.0.0.1:abc", "socks5://[::1", "socks5h://"]),
        ("https", "http://[bad"),  # pip and the hub's library say so themselves
    ],
)
def test_a_proxy_whose_address_is_none_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, address: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(DownloadError, match="cannot be understood"):
        KINDS[kind](tmp_path / "got")


def test_a_proxy_without_a_scheme_is_one_for_http_whatever_its_name(
    server: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_PACKAGES", {"no_such_module": "PySocks"})
    monkeypatch.setenv("http_proxy", "socks-gateway.invalid:3128")
    with pytest.raises(DownloadError, match="could not be reached"):
        get(tmp_path / "got", ELSEWHERE)


def test_the_hub_does_not_speak_the_old_socks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks4a://127.0.0.1:9")
    with pytest.raises(DownloadError, match="version 4 of SOCKS"):
        hub.fetch(HUB, tmp_path / "got", Monitor())


@EACH_KIND
def test_a_proxy_that_does_not_say_which_socks_it_is_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As GNOME's settings write it."""
    monkeypatch.setenv("all_proxy", "socks://127.0.0.1:9/")
    with pytest.raises(DownloadError, match="does not say which version of SOCKS") as failed:
        KINDS[kind](tmp_path / "got")
    assert "socks5h://" in failed.value.hint


def test_pip_without_its_package_for_socks_says_what_to_install() -> None:
    said = "ERROR: Could not install packages due to an OSError: Missing dependencies for SOCKS support.\n"
    error = package_index._error(said)
    assert "PySocks" in str(error) and error.hint == network.SOCKS_HINT


@EACH_KIND
def test_a_source_that_nothing_answers_at_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="could not be reached") as failed:
        KINDS[kind](tmp_path / "got")
    assert "errno" not in str(failed.value)


def test_an_npm_without_a_network_is_unreachable() -> None:
    said = (
        "npm error code ENOTFOUND\nnpm error network request to https://made-up.invalid/x failed, reason: getaddrinfo"
    )
    assert isinstance(npm._error(said), Unreachable)
    assert not isinstance(npm._error("npm error code E404\nnpm error 404 Not Found - GET x\n"), Unreachable)


@pytest.mark.parametrize("variable", CERTIFICATES)
def test_a_variable_that_names_missing_certificates_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    assert network.certificates_hint() == ""
    monkeypatch.setenv(variable, str(tmp_path))
    assert network.certificates_hint() == ""
    monkeypatch.setenv(variable, str(tmp_path / "gone"))
    assert network.certificates_hint().startswith(f"{variable} is set to {tmp_path / 'gone'}, which is not there.")
