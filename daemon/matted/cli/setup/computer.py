"""Look at the computer: what computes masks, and how much memory and disk there are."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
from matted_client import MattedError

from matted.cli.setup import processor
from matted.cli.setup.dialogue import say
from matted.cli.setup.step import Step
from matted.doctor import software
from matted.doctor.context import FAIL, OK, Context
from matted.doctor.probe import ProbeFailedError
from matted.settings.target import CPU


class Computer(Step):
    """Tries each device with an inference. Changes nothing."""

    title = "This computer"

    def __init__(self, context: Context) -> None:
        self._context = context

    def look(self) -> str:
        try:
            devices = software.find_devices()
        except ProbeFailedError as error:
            raise MattedError(f"OpenVINO does not start: {error}.", software.REINSTALL) from error
        name = next((device.title for device in devices if device.kind == CPU), "An unknown processor")
        cores = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
        say(", ".join([f"{name}: {cores} core{'s' * (cores > 1)}", *processor.extensions()]) + ".")
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(_existing(self._context.settings.models))
        say(
            f"{memory.total / 1e9:.1f} GB of memory, {memory.available / 1e9:.1f} GB of it free; "
            f"{disk.free / 1e9:.1f} GB of disk free for models."
        )
        tried = {device.name: software.try_device(device) for device in devices}
        for device in devices:
            found = tried[device.name]
            if found.state == FAIL:
                raise MattedError(found.what, found.todo)
            if device.kind != CPU:
                say(f"{device.name}: {found.what} {found.todo}".rstrip())
                for wrong in software.check_masks(device, self._context.settings):
                    if wrong.state != OK:
                        say(f"{wrong.what} {wrong.todo}")
        if all(device.kind == CPU for device in devices):
            say("OpenVINO finds no GPU and no NPU: the processor computes the masks.")
        return ""


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.exists())
