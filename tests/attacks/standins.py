"""Stand-ins: small models with IS-Net's inputs and outputs, for tests of what happens around the inference."""

from __future__ import annotations

from pathlib import Path

from conftest import Daemon
from graphs.small import isnet_like

SIDES = {"small-48": 48, "small-64": 64, "small-96": 96}  # by id: pixels of the model's square input


def install(daemon: Daemon, folder: Path, count: int = len(SIDES)) -> list[str]:
    """Add the first `count` stand-ins to a daemon's models, as a user would. Returns their ids."""
    for model, side in list(SIDES.items())[:count]:
        file = isnet_like(folder / f"{model}.onnx", side)
        done = daemon.run("models", "add", str(file), "--like", "isnet-general-use", "--id", model)
        assert done.returncode == 0, done.stderr
    return list(SIDES)[:count]
