"""What the plug-ins share, and the plug-ins themselves, have nothing that only tests use, or nobody."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
CLIENT, PLUGINS = CHECKOUT / "shared" / "matted_client", CHECKOUT / "plugins"
USERS = sorted(path for folder in (CLIENT, PLUGINS, CHECKOUT / "daemon") for path in folder.rglob("*.py"))
OFFERED = sorted(path for path in USERS if path.is_relative_to(CLIENT) or path.is_relative_to(PLUGINS))
BY_THE_HOST = {"do_set_i18n", "do_query_procedures", "do_create_procedure"}  # GIMP calls these
BY_THE_HOST |= {"setup", "createActions"}  # and Krita these
BY_THE_HOST |= {"mouseMoveEvent", "mousePressEvent", "mouseReleaseEvent", "paintEvent", "wheelEvent", "sizeHint"}  # Qt
FOR_TRANSLATORS = {"OF_THE_CLIENT"}


def defined(tree: ast.Module) -> Iterator[str]:
    """The functions, classes, methods and constants of a module. Fields of dataclasses are the protocol's."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        if isinstance(node, ast.ClassDef):
            yield from (each.name for each in node.body if isinstance(each, ast.FunctionDef))
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name))


def mentioned(tree: ast.Module) -> Iterator[str]:
    """The names that a module reads, in any way."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


@pytest.fixture(scope="module")
def used() -> set[str]:
    return {name for path in USERS for name in mentioned(ast.parse(path.read_text("utf-8")))}


@pytest.mark.parametrize("path", OFFERED, ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_all_that_is_there_is_used(path: Path, used: set[str]) -> None:
    names = set(defined(ast.parse(path.read_text("utf-8")))) - BY_THE_HOST - FOR_TRANSLATORS
    assert [name for name in sorted(names) if name not in used and not name.startswith("__")] == []
