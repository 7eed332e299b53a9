"""The engine: what it costs that a model runs in a process of its own, and what a load costs a click beside it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.photographs import Layer
from benchmarks.samples import Sample
from benchmarks.stopwatch import Effort, Run, in_turns, timed
from benchmarks.workplace import Workplace
from conftest import wait_for
from graphs import small
from matted.inference.engines import backend
from matted.inference.engines.local import LocalEngine
from matted.models import catalogue
from matted.models.spec import ModelSpec
from matted.settings.target import CPU, Target
from matted_client import MattedError
from matted_client.client import Session

KIND, LOADING = "engine", "beside a load"
HERE, PROCESS = "in the process that asks", "in a process of its own"
ALONE, BESIDE = "alone", "while another loads"
WARM, SLOW = "u2netp", "isnet-general-use"
PLATES = (2160, 3840)  # height, width: the largest that a model with a plate is shown
SQUARE = (1024, 1024)
CLICK = 1.0  # megapixels
EFFORT = Effort(seconds=10.0, least=5, most=21)
LOADS = Effort(seconds=60.0, least=5, most=9)


def measure(place: Workplace) -> list[Sample]:
    """Round trips of pictures whose inference takes little, with and without the process in between."""
    shipped = catalogue.load().specs
    samples = []
    with tempfile.TemporaryDirectory() as folder:
        plate = replace(shipped["background-matting-mobilenetv2"], id="plates of 3840 x 2160")
        samples += _round_trip(plate, small.keyer(Path(folder) / "keyer.onnx"), PLATES, 2)
        square = replace(shipped["isnet-general-use"], id="a picture of 1024 x 1024", side=SQUARE[0], bfloat16=False)
        samples += _round_trip(square, small.isnet_like(Path(folder) / "net.onnx", SQUARE[0]), SQUARE, 1)
    return samples


def beside(place: Workplace) -> list[Sample]:
    """A click on a warm model, alone and while a larger one is loaded that OpenVINO has compiled before."""
    if not any(subject.spec.id == SLOW for subject in place.subjects()):
        raise MattedError(f"{SLOW} is not installed.", f"Get it with: matted models pull {SLOW}")
    layer = Layer(CLICK)
    with place.daemon() as daemon, daemon.start("--keep-alive", "forever").session() as session:
        session.load(WARM)
        session.load(SLOW)
        session.unload(SLOW)

        def click() -> Run:
            layer.change()
            asked: dict[str, Any] = {"model": WARM, "second_look": False}
            return timed(lambda: session.mask(layer.frame, layer.width, layer.height, "RGBA8", **asked))

        def click_beside() -> Run:
            wait_for(lambda: SLOW not in _loaded(session), "the unloading")
            with daemon.session() as other:
                loading = threading.Thread(target=other.load, args=(SLOW,))
                loading.start()
                wait_for(lambda: [job["stage"] for job in session.status()["jobs"]] == ["loading"], "the load")
                run = click()
                assert loading.is_alive(), "the load was over before the click was"
                loading.join()
            session.unload(SLOW)
            return run

        click()
        return in_turns(WARM, CLICK, {ALONE: click, BESIDE: click_beside}, LOADS)


def _round_trip(spec: ModelSpec, file: Path, size: tuple[int, int], count: int) -> list[Sample]:
    random = np.random.default_rng(1)
    pictures = [random.integers(0, 256, (3, *size), np.uint8) for _ in range(count)]
    bare = backend.load(spec, file, Target(CPU, "f32"), None)
    engine = LocalEngine(spec, file, Target(CPU, "f32"), None)
    try:
        engine.load()
        tasks: dict[str, Callable[[], Run]] = {
            HERE: lambda: timed(lambda: bare.infer(pictures)),
            PROCESS: lambda: timed(engine.inference(pictures).run),
        }
        return in_turns(spec.id, size[0] * size[1] / 1e6, tasks, EFFORT)
    finally:
        engine.close()


def _loaded(session: Session) -> list[str]:
    return [model["id"] for model in session.status()["loaded"]]
