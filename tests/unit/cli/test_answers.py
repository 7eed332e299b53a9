"""--json: every command answers programs in one way, and tells them what went wrong in it, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from matted.cli import answers
from matted.cli.main import MODULES, main

NAMES = [name for names in MODULES.values() for name in names]


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of the test's own, in which no daemon runs."""
    for name in ("STATE", "DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"MATTED_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    """Return the exit code of a command, and the document that it prints."""
    try:
        code = main([*words, "--json"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_tells_a_program_what_is_wrong_with_its_words(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    code, told = answer(capsys, name, "--nonesuch")
    assert (code, told["ok"], told["error"]["code"]) == (2, False, "arguments")
    assert told["error"]["message"] and "--help" in told["error"]["hint"]


def test_json_may_stand_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["--json", "models"],
        ["models", "--json"],
        ["models", "--json", "list"],
        ["models", "list", "--json"],
    ):
        assert main(words) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["ok"] and told["models"][0]["id"] == "u2netp"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["status"], "not_running"),
        (["reload"], "not_running"),
        (["models", "info", "nonesuch"], "model_not_found"),
        (["remove", "nonesuch.png", "-o", "a.xyz"], "file"),
        (["remove", "*.nonesuch"], "file"),
        (["remove", "a.png", "b.png", "--keep", "1,1"], "arguments"),
        (["models", "remove", "flat"], "failed"),
    ],
)
def test_an_error_is_a_code_a_message_and_a_hint(
    capsys: pytest.CaptureFixture[str], words: list[str], code: str
) -> None:
    status, told = answer(capsys, *words)
    assert status == (2 if code == "arguments" else 1)
    assert (told["ok"], told["error"]["code"]) == (False, code), told
    assert told["error"]["message"]
    with_words = main(words)
    assert with_words == status, "the exit code is the same for people"
    assert told["error"]["message"] in capsys.readouterr().err


def test_what_is_printed_for_people_becomes_messages(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "stop") == (0, {"ok": True, "running": False, "messages": ["matted is not running."]})
    code, told = answer(capsys, "models", "remove", "u2netp")
    assert (code, told["model"]) == (0, "u2netp") and told["messages"] == ["u2netp is not on this computer."]
    code, told = answer(capsys, "models", "info", "flat")
    assert code == 0 and told["model"]["id"] == "flat" and "messages" not in told
    assert answer(capsys, "models", "verify", "flat")[1]["models"]["flat"].startswith("part of matted")


def test_an_interrupted_command_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("matted.cli.daemon.stop", interrupted)
    code, told = answer(capsys, "stop")
    assert (code, told["error"]["code"]) == (130, "interrupted")
    monkeypatch.setattr("matted.files.batches.finding.expand", interrupted)
    code, told = answer(capsys, "remove", "a.jpg")
    assert (code, told["error"]["code"]) == (130, "interrupted"), "also where it prints a line for each thing"


def test_words_behind_two_dashes_are_names() -> None:
    assert answers.wants_json(["remove", "--json", "a"])
    assert not answers.wants_json(["remove", "--", "--json"])


def test_a_sentence_on_wrong_words_ends_with_one_full_stop(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("remove", "a.jpg", "--size", "3"), ("remove",)):
        message = answer(capsys, *words)[1]["error"]["message"]
        assert message.endswith(".") and not message.endswith("..")
