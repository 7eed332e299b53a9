"""The rooms of the daemon: each imports only those below it, none is too large, OpenVINO stays out of the daemon."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import matted
import matted_client
import pytest

PACKAGE = Path(matted.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "plugins" not in path.relative_to(PACKAGE).parts)
# What exports copy for servers to run: no module of the daemon.
ON_SERVERS = "inference/exporting/on_servers/"
# From the bottom to the top.
ROOMS = ["system", "settings", "autostart", "hosts", "models", "inference", "masking", "files", "library", "evaluation"]
ROOMS += ["doctor", "serving", "cli"]
MOST_MODULES = 12
# What may import OpenVINO: it runs in processes of their own, so that an idle daemon is small and starts at once.
WITH_OPENVINO = {"models/convert", "inference/engines/backend.py", "inference/engines/pixel_graph.py"}
WITH_OPENVINO |= {"doctor/device_trial.py"}
SPEAKING_TO_SERVERS = {"inference/engines/kserve/rest.py", "inference/engines/kserve/rpc.py"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it but where only types are checked."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_package_is_made_of_rooms() -> None:
    assert sorted(path.name for path in PACKAGE.glob("*.py")) == ["__init__.py", "__main__.py"]
    assert {path.relative_to(PACKAGE).parts[0] for path in MODULES} - {"__init__.py", "__main__.py"} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    above = ROOMS[ROOMS.index(room) + 1 :]
    for path in (PACKAGE / room).rglob("*.py"):
        upwards = [name for name in imports(path) if name.startswith("matted.") and name.split(".")[1] in above]
        assert not upwards, f"{path.relative_to(PACKAGE)} imports {upwards[0]}"


def test_no_package_has_too_many_modules() -> None:
    for package in {path.parent for path in MODULES}:
        assert len(list(package.glob("*.py"))) <= MOST_MODULES, package


def test_every_module_says_what_it_owns() -> None:
    for path in MODULES:
        if path.name != "__main__.py":
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_openvino_is_imported_where_it_runs_and_nowhere_else() -> None:
    found = set()
    for path in MODULES:
        place = path.relative_to(PACKAGE).as_posix()
        if not place.startswith(ON_SERVERS) and any(name.split(".")[0] == "openvino" for name in imports(path)):
            found.add("models/convert" if place.startswith("models/convert/") else place)
    assert found == WITH_OPENVINO


def test_the_command_line_of_a_python_is_made_in_one_place() -> None:
    """What starts a Python in another way lets it run files of the current folder: see matted_client.python."""
    client = Path(matted_client.__file__).parent
    modules = [path for path in MODULES if not path.relative_to(PACKAGE).as_posix().startswith(ON_SERVERS)]
    for path in (*modules, *client.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        names = any(isinstance(node, ast.Attribute) and node.attr == "executable" for node in nodes)
        options = any(isinstance(node, ast.Constant) and node.value == "-m" for node in nodes)
        if path in (PACKAGE / "doctor" / "software.py", PACKAGE / "cli" / "autostart.py"):  # which only name it
            assert names and not any(isinstance(node, ast.Name) and node.id == "subprocess" for node in nodes)
        else:
            assert not (names or options) or path == client / "python.py", path


def test_no_program_is_looked_for_in_the_current_folder() -> None:
    """The first word of a command is a whole path, or what matted.system.programs found. Windows looks here first."""
    runs = {"run", "Popen", "call", "check_output", "check_call"}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in runs:
                first = node.args[0] if node.args else None
                word = first.elts[0] if isinstance(first, ast.List) and first.elts else None
                if isinstance(word, ast.Constant):
                    assert isinstance(word.value, str) and word.value.startswith("/"), f"{path}:{node.lineno}"


def test_pictures_that_people_sent_reach_no_other_program() -> None:
    """No module of the daemon speaks to other computers but those that fetch models, and for the server."""
    speaking = {"urllib.request", "http.client", "requests", "httpx", "huggingface_hub", "grpc"}
    for path in MODULES:
        place = path.relative_to(PACKAGE).as_posix()
        may = place.startswith("models/sources/") or place in SPEAKING_TO_SERVERS
        assert may or not speaking & set(imports(path)), place
