"""The documents are true: their example runs, and their commands, options, settings, codes and links exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import matted
import numpy as np
import pytest
from conftest import CHECKOUT, PHOTOGRAPHS, Daemon
from matted.cli.main import command_parser
from matted.models import catalogue
from matted.settings import config
from matted_client import messages
from matted_client.formats import BYTES_PER_PIXEL
from PIL import Image

DOCS = CHECKOUT / "docs"
PROTOCOL = (DOCS / "protocol.md").read_text("utf-8")
PYTHON = (DOCS / "python.md").read_text("utf-8")
PAGES = [*CHECKOUT.glob("*.md"), *DOCS.glob("*.md")]


def help_of(*command: str) -> str:
    """Return the help of a command, on lines that are wide enough for every word."""
    words = [sys.executable, "-m", "matted", *command, "--help"]
    environ = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60, env=environ).stdout


COMMANDS = set(re.findall(r"^    ([a-z]+)", help_of(), re.M))


def test_the_client_in_the_protocol_document_works_as_it_stands(daemon: Daemon, tmp_path: Path) -> None:
    code, rest = re.findall(r"```python\n(.*?)```", PROTOCOL, re.DOTALL)
    script = tmp_path / "client.py"
    script.write_text(code + rest)
    target, view = tmp_path / "mask.png", tmp_path / "view.png"
    done = subprocess.run(
        [sys.executable, str(script), str(PHOTOGRAPHS / "coffee.jpg"), str(target), str(view)],
        env=daemon.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(target) as mask:
        assert np.asarray(mask).max() == 255
    own = tmp_path / "own.png"
    assert daemon.run("remove", str(PHOTOGRAPHS / "coffee.jpg"), "-o", str(own), "--mask").returncode == 0
    with Image.open(own) as expected, Image.open(target) as mask:
        assert mask.tobytes() == expected.tobytes()
        with Image.open(view) as shown:
            assert shown.size == (mask.width // 2, mask.height // 2)
            smaller = np.asarray(mask.resize(shown.size, Image.Resampling.BOX), float)
            assert np.abs(np.asarray(shown, float) - smaller).mean() < 4
    assert "'op': 'done'" in done.stdout and done.stdout.count("'op': 'result'") >= 2


def test_the_examples_for_python_run_as_they_stand(daemon: Daemon, tmp_path: Path) -> None:
    """All of them, one after another, in a folder with a photograph and a folder of photographs."""
    shutil.copy(PHOTOGRAPHS / "coffee.jpg", tmp_path / "photo.jpg")
    (tmp_path / "holiday").mkdir()
    for name in ("coffee.jpg", "astronaut.jpg"):
        shutil.copy(PHOTOGRAPHS / name, tmp_path / "holiday")
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    blocks = [block for page in (readme, PYTHON) for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL)]
    assert len(blocks) > 8
    for block in blocks:
        script = tmp_path / "example.py"
        script.write_text(block, "utf-8")
        command = [sys.executable, "-W", "error", str(script)]
        done = subprocess.run(command, env=daemon.environ, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, ""), block
    with Image.open(tmp_path / "shop.jpg") as shop:
        assert (shop.format, shop.size) == ("JPEG", (800, 800))
    made = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.suffix in (".png", ".webp")}
    named = {name.replace("\\", "/") for block in blocks for name in re.findall(r'"([\w-]+\.(?:png|webp))"', block)}
    assert made == named | {"holiday/coffee.png", "holiday/astronaut.png"}


def test_the_page_for_python_names_models_and_errors_that_exist() -> None:
    rows = re.search(r"\| its model \| here \|\n(.*?)\n\n", PYTHON, re.DOTALL)
    assert rows is not None
    here = {name for row in rows[1].splitlines()[1:] for name in re.findall(r"`([^`]+)`", row.split("|")[2])}
    known = set(catalogue.load().specs)
    assert len(here) > 10 and here <= known
    section = PYTHON.partition("\n## Errors\n")[2].partition("```")[0]
    errors = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.M))))
    assert {"PictureError", "NotRunning"} <= errors <= set(matted.__all__)


def test_the_protocol_document_has_every_operation_code_and_limit() -> None:
    kinds = {*messages.Message.__subclasses__(), *messages.Question.__subclasses__()} - {messages.Question}
    operations = {kind.op for kind in kinds}
    assert operations and all(f"`{op}`" in PROTOCOL for op in operations)
    codes = [value for name, value in vars(messages).items() if name.isupper() and isinstance(value, str)]
    assert len(codes) >= 11 and all(f"`{code}`" in PROTOCOL for code in codes)
    assert all(f"`{name}`" in PROTOCOL for name in BYTES_PER_PIXEL)
    for limit in (messages.MAX_PIXELS, messages.MAX_SIDE, messages.MAX_FRAME_BYTES, messages.MAX_HEADER_BYTES):
        assert f"{limit:,}" in PROTOCOL


def test_the_documents_name_commands_that_exist() -> None:
    texts = [page.read_text("utf-8") for page in PAGES]
    shell = "".join(block for text in texts for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    named = {name for text in texts for name in re.findall(r"`matted ([a-z]+)", text)}
    named |= set(re.findall(r"^matted ([a-z]+)", shell, re.M))
    assert len(named) > 10 and named <= COMMANDS


def test_the_commands_of_the_documents_can_be_given_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PHOTOGRAPHS / "coffee.jpg", tmp_path / "beach.jpg")  # the background of an example
    monkeypatch.chdir(tmp_path)
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("matted ")]
    assert len(lines) > 40
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        assert callable(command_parser(words[0]).parse_args(words).run), line


def test_every_command_option_and_setting_has_its_line() -> None:
    page = (DOCS / "command-line.md").read_text("utf-8")
    assert [name for name in sorted(COMMANDS) if not re.search(rf"^\| .*`matted {name}\b", page, re.M)] == []
    options = re.findall(r"^  (?:-o OUT, )?(--[a-z-]+)", help_of("remove") + help_of("refine"), re.M)
    assert len(set(options)) > 10 and "--reach" in options
    assert [option for option in options if f"`{option}" not in page and f"{option}`" not in page] == []
    page = (DOCS / "settings.md").read_text("utf-8")
    for name in set(config.Config.__dataclass_fields__) - {"state", "data", "cache", "folder"}:
        assert f"| `{name}` |" in page


def test_every_link_between_the_documents_leads_somewhere() -> None:
    links = [
        (document, link)
        for document in PAGES
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8"))
        if "://" not in link
    ]
    assert links
    for document, link in links:
        assert (document.parent / link).exists(), f"{document.name}: {link}"
