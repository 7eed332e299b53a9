"""The command line imports what the command needs, and knows every command."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest
from matted.cli.main import MODULES, command_parser

NAMES = [name for names in MODULES.values() for name in names]


def commands(parser: argparse.ArgumentParser) -> list[str]:
    """Return the names of a parser's commands, in the order of the help."""
    [action] = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return list(action.choices)


def test_every_command_is_listed_with_its_module() -> None:
    assert sorted(commands(command_parser())) == sorted(NAMES)
    for module, names in MODULES.items():
        assert sorted(commands(command_parser(names[0]))) == sorted(names), module


@pytest.mark.parametrize("word", ["", "nonesuch", "--help", "--version", "-h"])
def test_without_a_command_all_are_known(word: str) -> None:
    assert sorted(commands(command_parser(word))) == sorted(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["remove", "refine"])
def test_a_command_on_pictures_starts_without_what_it_does_not_need(name: str) -> None:
    code = (
        "import sys; from matted.cli.main import command_parser; command_parser(sys.argv[1]);"
        "print(*sorted({name.split('.')[0] for name in sys.modules} | {n for n in sys.modules if 'matted.' in n}))"
    )
    done = subprocess.run([sys.executable, "-c", code, name], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint({"numpy", "PIL", "tqdm", "psutil", "platformdirs", "ssl", "plistlib"})
    assert {each for each in loaded if each.startswith("matted.cli.")} == {
        *("matted.cli.main", "matted.cli.answers", "matted.cli.output", "matted.cli.signals"),
        *("matted.cli.pictures", "matted.cli.pictures.arguments", "matted.cli.pictures.framing"),
        *(["matted.cli.pictures.films"] if name == "remove" else []),
        f"matted.cli.pictures.{name}",
    }
