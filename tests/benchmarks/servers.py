"""A server that others wrote: what a picture costs beyond its inference, how well a folder fills it, and many desks.

python -m benchmarks.servers cost [--pictures 40]
python -m benchmarks.servers folder [--photographs 200] [--seconds 0.3]
python -m benchmarks.servers desks [--seconds 0.3] [--pause 10] [--minutes 2] [--desks 8]...
(in tests/) print tables. --way SERVER-PROTOCOL, such as triton-python-grpc, measures that one alone.

The servers are those of `real_servers`, on this computer. With `--seconds` an inference waits that long on the server
and takes nothing of the processor, as one on a GPU; so the share that desk and server have in the processor does not
hide whether the desk keeps it busy.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import numpy as np
from benchmarks import photographs
from benchmarks.folders import pace
from benchmarks.photographs import Layer
from benchmarks.relay import relay
from benchmarks.stopwatch import family, processor_seconds, processor_seconds_of
from conftest import OFFLINE, Daemon, real_weights, wait_for
from graphs import small
from hosts.roots import cache_folder
from matted.inference.engines.kserve.engine import RemoteEngine
from matted.inference.engines.kserve.flights import Flights
from matted.inference.engines.kserve.server import connect
from matted.models import catalogue
from matted.settings.server import ServedGraph, ServedModel, ServerSettings
from matted.system import allocator
from real_servers import STARTABLE, RealServer, environment, export, running

LARGE, SMALL = "isnet-general-use", "u2netp"  # of 1024 x 1024 pixels, by a small graph that stands in; and as it is
SIDES = {LARGE: 1024, SMALL: 320}
WAYS = [f"{server}-{protocol}" for server in STARTABLE for protocol in ("grpc", "http")]
SLOWEST = "mlserver-http"  # numbers as text: measured where that is the question
MEGAPIXELS = 1.0  # of a photograph
LOOP = 20  # pictures that the plain client asks for before a folder, and again after it
_MODULES = {"mlserver": "openvino_runtime.py", "triton-python": "1/model.py"}
_DEVICE = Path(__file__).with_name("server_device.py")
_PLAIN_LOOP = Path(__file__).with_name("plain_loop.py")


@dataclass(frozen=True)
class Inference:
    """One on the server. begun, ended: seconds by time.monotonic. processor: seconds of all its cores together."""

    begun: float
    ended: float
    processor: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class Served:
    """A server with a model, which tells of its inferences.

    real: the server. model: its id.
    """

    def __init__(self, real: RealServer, model: str, log: Path) -> None:
        self.real = real
        self.model = model
        self._log = log

    def forget(self) -> None:
        """Forget the inferences so far."""
        self._log.write_text("")

    def inferences(self) -> list[Inference]:
        """Return those since `forget`."""
        return [Inference(*map(float, line.split())) for line in self._log.read_text().splitlines()]

    def processor(self) -> float:
        """Return the processor time of its processes so far, in seconds."""
        return sum(map(processor_seconds_of, family(self.real.pid)))

    def statistics(self) -> dict[str, float]:
        """Return what Triton says of its stages, nanoseconds since its start; nothing of another server."""
        if self.real.id == "mlserver":
            return {}
        url = f"{self.real.url('http')}/v2/models/{self.model}/stats"
        with build_opener(ProxyHandler({})).open(url) as answer:
            stages = json.load(answer)["model_stats"][0]["inference_stats"]
        return {stage: stages[stage]["ns"] for stage in ("queue", "compute_input", "compute_infer", "compute_output")}


@contextmanager
def serving(server: str, model: str, folder: Path, seconds: float = 0.0) -> Iterator[Served]:
    """Run a server with a model that `matted models export` writes. seconds: as of `server_device.watch`."""
    person = Daemon(folder / "person", real_weights() if model == SMALL else None)
    person.folder.mkdir(exist_ok=True)
    if model == LARGE:
        graph = small.isnet_like(folder / "graph.onnx", SIDES[LARGE])
        done = person.run("models", "pull", model, "--from", str(graph), "--trust", "--no-int8")
        assert done.returncode == 0, done.stderr
    export(person, model, folder / server, server)
    log = folder / "inferences"
    log.touch()
    module = folder / server / model / _MODULES[server]
    watching = f"\n\n{_DEVICE.read_text()}\n\nwatch({str(log)!r}, {seconds!r})\n"
    module.write_text(module.read_text() + watching)
    with running(server, folder / server, folder) as real:
        yield Served(real, model, log)


@contextmanager
def desk(folder: Path, url: str, model: str, in_flight: int = 4) -> Iterator[Daemon]:
    """Run a daemon that asks the server, and has no model itself."""
    folder.mkdir()
    daemon = Daemon(folder, None)
    daemon.environ.update(OFFLINE)
    settings = f'url = "{url}"\nmodels = ["{model}"]\nmax_in_flight = {in_flight}\nfallback = false\ntimeout = "2m"\n'
    daemon.write_settings(f"[server]\n{settings}")
    try:
        daemon.start("--keep-alive", "forever")
        with daemon.session() as session:
            wait_for(lambda: model in session.status()["server"]["models"], "the server's first answer")
        yield daemon
    finally:
        daemon.end()


# What a picture costs beyond the inference.


@dataclass(frozen=True)
class Here:
    """What an inference takes of whoever asks. processor: seconds. there, back: bytes."""

    processor: float
    there: int
    back: int


def asking(served: Served, protocol: str, count: int) -> Here:
    """Ask as the daemon does, in this process."""
    allocator.keep_blocks()
    planes = np.random.default_rng(0).integers(0, 256, (3, SIDES[served.model], SIDES[served.model]), np.uint8)
    with relay(served.real.rest if protocol == "http" else served.real.grpc) as between:
        with _engine(f"{protocol}://127.0.0.1:{between.port}", served.model) as engine:
            engine.inference([planes]).run()
            between.reset()
            engine.inference([planes]).run()
            there, back = between.there, between.back
    with _engine(served.real.url(protocol), served.model) as engine:
        engine.inference([planes]).run()
        used = time.process_time()
        for _ in range(count):
            engine.inference([planes]).run()
        return Here((time.process_time() - used) / count, there, back)


@contextmanager
def _engine(url: str, model: str) -> Iterator[RemoteEngine]:
    with closing(connect(ServerSettings(url))) as way:
        spec, turns = catalogue.load().specs[model], threading.Semaphore()
        served = ServedModel(model, ServedGraph(model))
        engine = RemoteEngine(spec, served, way, url, turns, Flights(), lambda engine, error: None)
        engine.load()
        yield engine


COST_HEAD = (
    "| server, 1024 x 1024 pixels | inference there | beyond it | of that in Triton: queue | tensors in "
    "| Python backend | tensors out | processor here | processor there | MB there | MB back |"
)


def cost(way: str, pictures: int) -> Iterator[str]:
    """Yield a row: milliseconds a picture, as the daemon says them and as the server does."""
    server, protocol = way.rsplit("-", 1)
    with tempfile.TemporaryDirectory(prefix="matted-servers-") as scratch, ExitStack() as stack:
        served = stack.enter_context(serving(server, LARGE, Path(scratch)))
        daemon = stack.enter_context(desk(Path(scratch) / "desk", served.real.url(protocol), LARGE))
        layer, session = Layer(MEGAPIXELS), stack.enter_context(daemon.session())

        def ask() -> float:
            layer.change()  # one look, so that every request is one inference
            options: dict[str, Any] = {"model": LARGE, "second_look": False, "edges": "off"}
            made = session.mask(layer.frame, layer.width, layer.height, "RGBA8", **options)
            return float(made.info.timings["inference"])

        ask()
        served.forget()
        used, stages = served.processor(), served.statistics()
        said = [ask() for _ in range(pictures)]
        used, inferences = served.processor() - used, served.inferences()
        stages = {stage: (ns - stages[stage]) / 1e9 / pictures for stage, ns in served.statistics().items()}
        here = asking(served, protocol, min(pictures, 10))
    beyond = [one - each.seconds for one, each in zip(said, inferences, strict=True)]
    there = statistics.median(each.seconds for each in inferences)
    backend = stages["compute_infer"] - statistics.mean(each.seconds for each in inferences) if stages else None
    parts = [stages.get("queue"), stages.get("compute_input"), backend, stages.get("compute_output")]
    server_used = (used - sum(each.processor for each in inferences)) / pictures
    cells = [there, statistics.median(beyond), *parts, here.processor, server_used]
    numbers = ["" if cell is None else f"{cell * 1e3:.1f}" for cell in cells]
    yield f"| {_title(way)} | {' | '.join(numbers)} | {here.there / 1e6:.2f} | {here.back / 1e6:.2f} |"


# How well a folder fills the server.

FOLDER_HEAD = (
    "| server and model | the server alone | `matted remove` | of the server alone | the server was busy "
    "| processor a picture |"
)


def folder(way: str, model: str, count: int, seconds: float, in_flight: int) -> Iterator[str]:
    """Yield a row: photographs a minute."""
    server, protocol = way.rsplit("-", 1)
    cache = cache_folder() / "benchmarks" / "photographs"
    source = photographs.folder(cache, count, MEGAPIXELS)
    margin = 2 * in_flight
    with tempfile.TemporaryDirectory(prefix="matted-servers-") as scratch, ExitStack() as stack:
        served = stack.enter_context(serving(server, model, Path(scratch), seconds))
        daemon = stack.enter_context(desk(Path(scratch) / "desk", served.real.url(protocol), model, in_flight))
        loop = [_alone(served, protocol, in_flight)]
        served.forget()
        target = Path(scratch) / "out"
        command = daemon.command("remove", str(source), "-o", str(target), "--model", model, "--no-second-look")
        before = _used(daemon)
        done = subprocess.run(command, env=daemon.environ, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        used = (_used(daemon) - before) / count
        found = pace(target, margin)
        busy = _busy(served.inferences()[margin:-margin])
        loop.append(_alone(served, protocol, in_flight))
    alone = statistics.mean(loop)
    what = f"waits {seconds:g} s" if seconds else "OpenVINO"
    yield (
        f"| {_title(way)}, {SIDES[model]} x {SIDES[model]}, {what} | {60 / alone:.1f} | {60 / found:.1f} "
        f"| {alone / found:.3f} | {busy:.3f} | {used:.2f} s |"
    )


def _alone(served: Served, protocol: str, in_flight: int) -> float:
    form = "json" if served.real.id == "mlserver" and protocol == "http" else "binary"
    python, url = environment() / "bin" / "python", served.real.url(protocol)
    numbers = [str(each) for each in (SIDES[served.model], in_flight, LOOP)]
    done = subprocess.run([python, _PLAIN_LOOP, url, form, served.model, *numbers], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def _used(daemon: Daemon) -> float:
    """Return the processor time of the daemon, and of the commands that have ended. Seconds."""
    return processor_seconds() + processor_seconds_of(daemon.pid())


def _busy(inferences: Sequence[Inference]) -> float:
    """Return the share of the time in which an inference ran; they take turns."""
    return sum(each.seconds for each in inferences) / (inferences[-1].ended - inferences[0].begun)


# How many desks one GPU carries.

DESKS_HEAD = "| desks | clicks | the GPU was busy | a click, median | 95 of 100 within |"


def desks(way: str, counts: Sequence[int], seconds: float, pause: float, minutes: float) -> Iterator[str]:
    """Yield a row for each number of desks. Each clicks, on the average, once in `pause` seconds, as chance has it."""
    server, protocol = way.rsplit("-", 1)
    with tempfile.TemporaryDirectory(prefix="matted-servers-") as scratch, ExitStack() as stack:
        served = stack.enter_context(serving(server, LARGE, Path(scratch), seconds))
        url = served.real.url(protocol)
        daemons = [
            stack.enter_context(desk(Path(scratch) / f"desk-{number}", url, LARGE)) for number in range(max(counts))
        ]
        layers = [Layer(MEGAPIXELS) for _ in daemons]  # kept from row to row: a picture is never asked for twice
        for count in counts:
            served.forget()
            begun = time.monotonic()
            clicks = _clicks(list(zip(daemons, layers, strict=True))[:count], pause, begun + 60 * minutes)
            busy = sum(each.seconds for each in served.inferences()) / (time.monotonic() - begun)
            median, late = statistics.median(clicks), statistics.quantiles(clicks, n=20)[-1]
            yield f"| {count} | {len(clicks)} | {busy:.0%} | {median:.2f} s | {late:.2f} s |"


def _clicks(people: Sequence[tuple[Daemon, Layer]], pause: float, until: float) -> list[float]:
    """Return the seconds that each click took. people: a desk's daemon, and the picture on it."""
    taken: list[float] = []

    def work(number: int, daemon: Daemon, layer: Layer) -> None:
        chance = random.Random(number)
        with daemon.session() as session:
            due = time.monotonic() + chance.uniform(0, pause)
            while due < until:
                time.sleep(max(0.0, due - time.monotonic()))
                layer.change()
                begun = time.monotonic()
                session.mask(layer.frame, layer.width, layer.height, "RGBA8", model=LARGE, second_look=False)
                taken.append(time.monotonic() - begun)
                due = max(due + chance.expovariate(1 / pause), time.monotonic())

    threads = [threading.Thread(target=work, args=(number, *each)) for number, each in enumerate(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def _title(way: str) -> str:
    server, protocol = way.rsplit("-", 1)
    return (
        f"{ {'mlserver': 'MLServer', 'triton-python': 'Triton'}[server] }, {'gRPC' if protocol == 'grpc' else 'REST'}"
    )


def _table(head: str, rows: Iterator[str]) -> None:
    """Print a table, each row when it is known."""
    print(head)
    print("| --- |" + " ---: |" * (head.count("|") - 2), flush=True)
    for row in rows:
        print(row, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.servers")
    parser.add_argument("what", choices=("cost", "folder", "desks"))
    parser.add_argument("--way", action="append", choices=WAYS, help="measure this one alone")
    parser.add_argument("--model", action="append", choices=SIDES, help="measure a folder with this one alone")
    parser.add_argument("--pictures", type=int, default=40, metavar="N")
    parser.add_argument("--photographs", type=int, default=200, metavar="N")
    parser.add_argument("--in-flight", type=int, default=4, metavar="N", help="server.max_in_flight")
    parser.add_argument("--seconds", type=float, default=0.3, metavar="S", help="an inference of the simulated GPU")
    parser.add_argument("--pause", type=float, default=10.0, metavar="S", help="between a desk's clicks")
    parser.add_argument("--minutes", type=float, default=2.0, metavar="M", help="for each number of desks")
    parser.add_argument("--desks", type=int, action="append", metavar="N")
    options = parser.parse_args()
    if options.what == "cost":
        _table(COST_HEAD, (row for way in options.way or WAYS for row in cost(way, options.pictures)))
    elif options.what == "folder":
        ways = options.way or [way for way in WAYS if way != SLOWEST]
        models = {LARGE: options.seconds, SMALL: 0.0}
        cases = [(way, model, models[model]) for model in options.model or models for way in ways]
        rows = (folder(*case[:2], options.photographs, case[2], options.in_flight) for case in cases)
        _table(FOLDER_HEAD, (row for each in rows for row in each))
    else:
        counts = options.desks or [1, 8, 16, 24]
        (way,) = options.way or ["triton-python-grpc"]
        _table(DESKS_HEAD, desks(way, counts, options.seconds, options.pause, options.minutes))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
