"""The server in the settings: what is understood, and what is said about what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from matted.settings.config import Config, ConfigError, load
from matted.settings.server import ServedGraph, ServedModel, is_loopback


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Config:
    (folder / "config.toml").write_text(text)
    return load({}, {"MATTED_CONFIG_DIR": str(folder), **(environ or {})})


def test_without_the_section_there_is_no_server(tmp_path: Path) -> None:
    assert read(tmp_path, "queue = 5").server is None


def test_an_address_is_enough(tmp_path: Path) -> None:
    server = read(tmp_path, '[server]\nurl = "grpcs://studio:9000"').server
    assert server is not None and server.uses_grpc and server.uses_tls
    assert (server.host, server.port, server.models) == ("studio", 9000, None)
    assert (server.timeout, server.insecure, server.fallback, server.max_in_flight) == (10.0, False, True, 4)


def test_every_setting_is_read(tmp_path: Path) -> None:
    server = read(
        tmp_path,
        """
        [server]
        url = "https://studio/models/"
        token_file = "token"
        ca_file = "/etc/studio.pem"
        client_certificate = "~/desk.pem"
        timeout = "2m"
        fallback = false
        max_in_flight = 8
        [server.models]
        u2netp = "matting:2"
        isnet-general-use = "isnet"
        mobile-sam = ["sam:2", "sam-of-clicks"]
        sam2 = "sam2:1"
        """,
    ).server
    assert server is not None
    assert server.url == "https://studio/models" and server.port == 443 and not server.uses_grpc
    assert server.token_file == tmp_path / "token" and server.ca_file == Path("/etc/studio.pem")
    assert server.client_certificate == Path.home() / "desk.pem"
    assert (server.timeout, server.fallback, server.max_in_flight) == (120.0, False, 8)
    assert server.models == (
        ServedModel("u2netp", ServedGraph("matting", "2")),
        ServedModel("isnet-general-use", ServedGraph("isnet")),
        ServedModel("mobile-sam", ServedGraph("sam", "2"), ServedGraph("sam-of-clicks")),
        ServedModel("sam2", ServedGraph("sam2", "1")),
    )
    *_, named, not_named = server.models
    assert named.decoder == ServedGraph("sam-of-clicks"), "its own version, too"
    assert not_named.decoder == ServedGraph("sam2-decoder", "1"), "they are of one version"


def test_a_list_of_models_has_their_own_names(tmp_path: Path) -> None:
    server = read(tmp_path, '[server]\nurl = "http://127.0.0.1:8000"\nmodels = ["u2netp"]').server
    assert server is not None and server.models == (ServedModel("u2netp", ServedGraph("u2netp")),)


def test_the_environment_has_the_address_alone(tmp_path: Path) -> None:
    server = read(tmp_path, '[server]\nurl = "grpcs://studio"', {"MATTED_SERVER": "https://other"}).server
    assert server is not None and server.url == "https://other"


@pytest.mark.parametrize("url", ["http://studio:8000", "grpc://10.0.0.7:8001", "http://localhost.example"])
def test_another_computer_is_not_spoken_to_in_the_open(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f'[server]\nurl = "{url}"')
    assert url in caught.value.message and "insecure = true" in caught.value.hint
    assert read(tmp_path, f'[server]\nurl = "{url}"\ninsecure = true').server is not None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.3.4.5", "::1"])
def test_this_computer_needs_no_tls(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("lines", "setting"),
    [
        ("", "server.url"),
        ('url = "studio:8001"', "server.url"),
        ('url = "ftp://studio"', "server.url"),
        ('url = "https://"', "server.url"),
        ('url = "https://studio:99999"', "server.url"),
        ('url = "https://me:secret@studio"', "server.url"),
        ('url = "grpcs://studio/path"', "server.url"),
        ('url = "https://studio?x=1"', "server.url"),
        ("url = 5", "server.url"),
        ('url = "https://studio"\nmodels = []', "server.models"),
        ('url = "https://studio"\nmodels = [5]', "server.models"),
        ('url = "https://studio"\nmodels = ["../x"]', "server.models"),
        ('url = "https://studio"\nmodels = { u2netp = "x:" }', "server.models"),
        ('url = "https://studio"\nmodels = { u2netp = 5 }', "server.models"),
        ('url = "https://studio"\nmodels = { sam = [] }', "server.models"),
        ('url = "https://studio"\nmodels = { sam = ["a", "b", "c"] }', "server.models"),
        ('url = "https://studio"\nmodels = { sam = ["a", 5] }', "server.models"),
        ('url = "https://studio"\nmodels = { sam = ["a", "b:"] }', "server.models"),
        ('url = "https://studio"\ntimeout = "0"', "server.timeout"),
        ('url = "https://studio"\ntimeout = "forever"', "server.timeout"),
        ('url = "https://studio"\nmax_in_flight = 0', "server.max_in_flight"),
        ('url = "https://studio"\nmax_in_flight = true', "server.max_in_flight"),
        ('url = "https://studio"\ninsecure = "yes"', "server.insecure"),
        ('url = "https://studio"\nfallback = 1', "server.fallback"),
        ('url = "https://studio"\ntoken_file = ""', "server.token_file"),
        ('url = "https://studio"\ntoken = "secret"', "server.token"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, lines: str, setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[server]\n{lines}")
    assert caught.value.message.startswith(setting) and caught.value.hint.endswith(".")
    assert "secret" not in str(caught.value)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="server in"):
        read(tmp_path, "server = 5")
