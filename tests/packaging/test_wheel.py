"""The built wheel: what is in it, what is not, and what it says about itself."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path, PurePosixPath

import matted
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PHOTOGRAPH = "matted/inference/engines/photograph.jpg"  # the only one: what devices are compared on


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def information(unpacked: Path, name: str) -> str:
    [folder] = unpacked.glob("*.dist-info")
    return (folder / name).read_text("utf-8")


@pytest.fixture(scope="module")
def metadata(unpacked: Path) -> Message:
    return email.message_from_string(information(unpacked, "METADATA"))


def sources(folder: str) -> set[str]:
    """Every file of a folder of the checkout, but for what Python compiled."""
    root = CHECKOUT / folder
    files = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {name for name in files if "__pycache__" not in name}


@pytest.mark.parametrize(
    ("inside", "folder"),
    [("matted", "daemon/matted"), ("matted_client", "shared/matted_client"), ("matted/plugins", "plugins")],
)
def test_every_source_file_is_in_the_wheel(names: set[str], inside: str, folder: str) -> None:
    assert {f"{inside}/{name}" for name in sources(folder)} <= names


@pytest.mark.parametrize(
    "name",
    [
        "matted/__main__.py",
        "matted/models/catalogue.toml",
        "matted/models/ranges/u2netp.json",
        PHOTOGRAPH,
        "matted_client/__init__.py",
        "matted/plugins/gimp/remove-background/remove-background.py",
        "matted/plugins/krita/remove_background/__init__.py",
        "matted/plugins/krita/remove_background.desktop",
        "matted/plugins/krita/remove_background.action",
    ],
)
def test_what_an_installation_needs_is_in_the_wheel(names: set[str], name: str) -> None:
    assert name in names


def test_nothing_else_is_in_the_wheel(names: set[str]) -> None:
    wanted = {f"matted/{name}" for name in sources("daemon/matted")}
    wanted |= {f"matted_client/{name}" for name in sources("shared/matted_client")}
    wanted |= {f"matted/plugins/{name}" for name in sources("plugins")}
    assert {name for name in names - wanted if ".dist-info/" not in name} == set()


@pytest.mark.parametrize("suffix", [".onnx", ".pyc", ".part", ".whl", ".jpg", ".png"])
def test_no_weights_pictures_or_leftovers_are_in_the_wheel(names: set[str], suffix: str) -> None:
    assert {name for name in names if name.endswith(suffix)} <= {PHOTOGRAPH}


@pytest.mark.parametrize("folder", ["tests", "__pycache__", "docs"])
def test_no_folder_of_the_developers_is_in_the_wheel(names: set[str], folder: str) -> None:
    assert [name for name in names if folder in PurePosixPath(name).parts] == []


def test_the_licence_is_in_the_wheel(unpacked: Path) -> None:
    assert information(unpacked, "licenses/LICENSE") == (CHECKOUT / "LICENSE").read_text("utf-8")


def test_the_metadata_says_name_version_and_licence(metadata: Message) -> None:
    assert metadata["Name"] == "matted"
    assert metadata["Version"] == matted.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.10"


def test_everything_that_is_needed_is_required(metadata: Message) -> None:
    required = {str(value).split(";")[0].rstrip(".0123456789>= ") for value in metadata.get_all("Requires-Dist", [])}
    needed = {"msgpack", "numpy", "openvino", "pillow", "pip", "platformdirs", "psutil", "pyzmq", "tqdm", "zlib-ng"}
    assert needed <= required


def test_there_is_one_command(unpacked: Path) -> None:
    assert "matted = matted.cli.main:main" in information(unpacked, "entry_points.txt")


def test_the_wheel_runs_on_every_platform(wheel: Path) -> None:
    assert wheel.name == f"matted-{matted.__version__}-py3-none-any.whl"


def test_the_plugins_of_the_wheel_are_found_and_installed(unpacked: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(unpacked), "MATTED_STATE_DIR": str(tmp_path / "state")}
    profile = tmp_path / "profile"
    profile.mkdir()
    command = [sys.executable, "-m", "matted", "install", "gimp", "--profile", str(profile)]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    installed = profile / "plug-ins" / "remove-background" / "remove-background.py"
    assert (
        installed.read_bytes() == (unpacked / "matted/plugins/gimp/remove-background/remove-background.py").read_bytes()
    )


def test_the_command_of_the_wheel_says_its_version(unpacked: Path, tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(unpacked)}
    script = (
        "import matted, sys; sys.stderr.write(matted.__file__); from matted.cli.main import main; main(['--version'])"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.startswith(str(unpacked))
    assert done.stdout == f"matted {matted.__version__}\n"
