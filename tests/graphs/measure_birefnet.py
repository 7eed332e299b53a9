"""Compare the files of make_birefnet.py: loading, inference, memory and difference, before and after conversion.

    python tests/graphs/measure_birefnet.py FOLDER [--rounds 3]

Each file is measured in a process of its own. The processes take turns, one inference each, so that what else the
machine does is spread over all of them; the median counts. `converted` is what matted makes of a file: the deformable
convolutions in one piece and weights in float16.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np


def convert(source: Path, target: Path, answers: Connection) -> None:
    from matted.models import convert

    start = time.perf_counter()
    convert.convert(source, target, [0], compress=True)
    answers.send((time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6))


def serve(path: Path, folder: Path, line: Connection) -> None:
    """Load, tell how long it took; then one inference for each request: seconds, peak memory in GB, difference."""
    import openvino
    from matted.models import convert

    start = time.perf_counter()
    graph = convert.read(path)
    properties = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(graph, "CPU", properties).create_infer_request()
    del graph
    line.send(time.perf_counter() - start)
    picture, right = np.load(folder / "picture.npy"), np.load(folder / "alphas.npy")
    while line.recv():
        start = time.perf_counter()
        [alphas] = request.infer([picture]).values()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        line.send((seconds, peak, float(np.abs(alphas - right).max())))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    context = get_context("spawn")
    files = {}
    for name in ("native", "gathernd"):
        source = options.folder / f"{name}.onnx"
        target = options.folder / "converted" / f"{name}.xml"
        here, there = context.Pipe()
        process = context.Process(target=convert, args=(source, target, there))
        process.start()
        seconds, peak = here.recv()
        process.join()
        size = target.with_suffix(".bin").stat().st_size / 1e6
        print(f"{name} converted in {seconds:.1f} s with {peak:.1f} GB, {size:.0f} MB", flush=True)
        files[f"{name}, as it is"] = source
        files[f"{name}, converted"] = target

    lines, processes, loading = {}, [], {}
    for name, path in files.items():
        lines[name], there = context.Pipe()
        processes.append(context.Process(target=serve, args=(path, options.folder, there)))
        processes[-1].start()
        loading[name] = lines[name].recv()
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in files}
    for _ in range(options.rounds):
        for name, line in lines.items():
            line.send(True)
            results[name].append(line.recv())
    for line in lines.values():
        line.send(False)
    for process in processes:
        process.join()

    print(f"{'':24}{'load':>8}{'inference':>11}{'peak':>9}{'max difference':>16}")
    for name, measured in results.items():
        seconds = statistics.median(second for second, _, _ in measured)
        _, peak, difference = measured[-1]
        print(f"{name:24}{loading[name]:6.1f} s{seconds:9.2f} s{peak:6.1f} GB{difference:16.1e}")


if __name__ == "__main__":
    sys.exit(main())
