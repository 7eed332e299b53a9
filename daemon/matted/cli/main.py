"""The `matted` command."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matted_client import MattedError, Rejected, Unavailable, connect, messages
from matted_client.endpoint import COMPLAINT

from matted import __version__
from matted.cli import autostart as autostart_command
from matted.cli import doctor as doctor_command
from matted.cli import logs, models, remove
from matted.settings import config
from matted.settings.target import ARITHMETICS

Command = Callable[[argparse.Namespace], int]

OK, FAILED = 0, 1
STOP_SECONDS = 90.0
INTERRUPTED = 130  # what shells report for Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    options = command_parser().parse_args(arguments)
    run: Command = options.run
    try:
        return run(options)
    except MattedError as error:
        _complain(error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _complain(error: MattedError) -> None:
    print(f"{COMPLAINT}{error.message}", file=sys.stderr)
    if error.hint:
        print(f"        {error.hint}", file=sys.stderr)


def command_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="matted", description="Remove the background of pictures, on this computer.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"matted {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    remove.add_parser(commands)

    serve = commands.add_parser("serve", help="run the daemon in this terminal", allow_abbrev=False)
    serve.add_argument("--model", metavar="ID", help="the model for requests that name none")
    serve.add_argument("--keep-alive", metavar="TIME", help="how long a model stays in memory: 90s, 10m, 0, forever")
    serve.add_argument("--memory", metavar="SIZE", help="how much memory models may take together: 500MB, 8GB")
    serve.add_argument("--device", metavar="NAME", help="AUTO, CPU, GPU, NPU, or what OpenVINO calls it")
    serve.add_argument("--arithmetic", choices=ARITHMETICS, help="f32: masks nearly the same everywhere, but slower")
    serve.add_argument("--preload", metavar="ID", help="a model to load at once, and to keep")
    serve.add_argument("--idle-exit", metavar="TIME", help="end after this long without a request: 30m, 2h, forever")
    serve.add_argument("--queue", type=int, metavar="N", help="how many requests may wait")
    serve.add_argument("--log-level", choices=config.LOG_LEVELS, help="how much to write about what happens")
    serve.set_defaults(run=_serve)

    commands.add_parser("start", help="start the daemon in the background").set_defaults(run=_start)
    commands.add_parser("stop", help="let the daemon finish its work and end").set_defaults(run=_stop)
    commands.add_parser("restart", help="stop the daemon, then start it").set_defaults(run=_restart)
    commands.add_parser("reload", help="have the daemon read config.toml anew").set_defaults(run=_reload)

    status = commands.add_parser("status", help="what the daemon is doing")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(run=_status)

    logs.add_parser(commands)
    doctor_command.add_parser(commands)
    models.add_parser(commands)
    autostart_command.add_parser(commands)

    benchmark = commands.add_parser(
        "benchmark", help="compare the installed models on this computer", allow_abbrev=False
    )
    benchmark.add_argument("--models", nargs="+", metavar="ID", help="only these")
    benchmark.add_argument("--images", type=Path, metavar="DIR", help="pictures to try them on")
    benchmark.add_argument("--truth", type=Path, metavar="DIR", help="true masks: for picture.jpg, DIR/picture.png")
    benchmark.add_argument("--device", metavar="NAME", help="as for serve")
    benchmark.add_argument("--arithmetic", choices=ARITHMETICS, help="as for serve")
    benchmark.add_argument(
        "-o", "--output", type=Path, default=Path("matted-benchmark.png"), help="where the picture of all cut-outs goes"
    )
    benchmark.add_argument("--force", action="store_true", help="overwrite that picture")
    benchmark.set_defaults(run=_benchmark)

    for name, run, text in (
        ("install", _install, "put the plug-in into GIMP or Krita"),
        ("uninstall", _uninstall, "take the plug-in out again"),
    ):
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        command.add_argument("host", choices=("gimp", "krita"))
        where = command.add_mutually_exclusive_group()
        where.add_argument(
            "--profile",
            type=Path,
            metavar="DIR",
            help="only this folder: GIMP's (with plug-ins in it) or Krita's (with pykrita in it)",
        )
        if name == "install":
            where.add_argument(
                "--zip", type=Path, metavar="FILE", help="only write this file, for Krita's own plug-in importer"
            )
            command.add_argument("--force", action="store_true", help="overwrite that file")
        command.set_defaults(run=run)
    return parser


# -- commands --------------------------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    # Before NumPy is there. Its products of matrices are small ones in several threads, and the cores are the model's:
    # OpenBLAS's own threads would wait busily for each other, and for those of the model.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from matted.serving import instance, server
    from matted.system import logbook

    names = ("model", "keep_alive", "memory", "device", "arithmetic", "preload", "idle_exit", "queue", "log_level")
    flags = {name: getattr(options, name) for name in names}
    settings = config.load(flags, os.environ)
    logbook.set_up(settings.state, settings.log_level)
    try:
        server.serve(settings, lambda: config.load(flags, os.environ))
    except instance.AlreadyRunning as error:
        print(error, file=sys.stderr)
    return OK


def _start(options: argparse.Namespace) -> int:
    with connect("matted start") as session:
        status = session.status()
    print(f"matted {status['version']} runs (pid {status['pid']}).")
    return OK


def _stop(options: argparse.Namespace) -> int:
    try:
        session = connect("matted stop", start=False)
    except Unavailable:
        print("matted is not running.")
        return OK
    with session:
        session.shutdown()
        if not session.wait_until_gone(STOP_SECONDS):
            raise Rejected(messages.INTERNAL, "The daemon does not end.", "See what it is doing with: matted status")
    print("matted has stopped.")
    return OK


def _restart(options: argparse.Namespace) -> int:
    return _stop(options) or _start(options)


def _reload(options: argparse.Namespace) -> int:
    with connect("matted reload", start=False) as session:
        session.reload()
    print("matted has read its settings anew.")
    return OK


def _status(options: argparse.Namespace) -> int:
    try:
        with connect("matted status", start=False) as session:
            status = session.status()
    except Unavailable as error:
        if options.json:
            print(json.dumps({"running": False, "reason": error.message}))
        else:
            _complain(error)
        return FAILED
    if options.json:
        print(json.dumps({"running": True, **status}, indent=2))
        return OK
    jobs = [f"{job['stage']}" + (f" ({job['place']} ahead)" if job["place"] else "") for job in status["jobs"]]
    _table(
        ("running", f"yes, matted {status['version']}, pid {status['pid']}, for {_duration(status['uptime_seconds'])}"),
        ("endpoint", status["endpoint"]),
        ("connection file", status["connection_file"]),
        ("device", status["device"]),
        ("default model", status["default_model"]),
        ("models in memory", ", ".join(_resident(model) for model in status["loaded"]) or "none"),
        ("resident memory", f"{status['resident_bytes'] / 1e6:.0f} MB"),
        ("requests", str(status["requests"])),
        ("jobs", ", ".join(jobs) or "none"),
    )
    return OK


def _benchmark(options: argparse.Namespace) -> int:
    from matted.evaluation import benchmark
    from matted.files import pictures
    from matted.models import catalogue
    from matted.models.store import Store

    settings = config.load({"device": options.device, "arithmetic": options.arithmetic}, os.environ)
    known, store = catalogue.load(settings.folder / catalogue.OWN_FILE), Store(settings.models)
    rows = [known.find(model) for model in options.models or known.rows]
    for row in rows:
        if options.models and not store.installed(row):
            raise MattedError(f"{row.id} is not installed.", f"Get it with: matted models pull {row.id}")
    rows = [row for row in rows if store.installed(row) and not row.needs_plate]
    if not rows:
        raise MattedError("No model is installed that could be tried.", "Get one with: matted models pull u2netp")
    for row in rows:
        store.obtain(row, lambda fraction: None, lambda: None)
    tries = benchmark.examples(options.images, options.truth)
    if tries and options.output.exists() and not options.force:  # said before the minutes of work
        raise MattedError(f"{options.output} exists.", "Use --force to overwrite it, or -o for another place.")
    figures = benchmark.run([(row, store.path(row)) for row in rows], settings.target, tries)
    print("\n".join(benchmark.table(figures)))
    if tries:
        pictures.write(pictures.Picture(benchmark.sheet(tries, figures), {}), options.output, options.force)
        print(f"The cut-outs side by side: {options.output}")
    return OK


def _install(options: argparse.Namespace) -> int:
    from matted.hosts import installer

    if options.zip is not None:
        installer.pack(options.host, options.zip, options.force, print)
        return OK
    return OK if installer.install(options.host, options.profile, print) else FAILED


def _uninstall(options: argparse.Namespace) -> int:
    from matted.hosts import installer

    return OK if installer.uninstall(options.host, options.profile, print) else FAILED


def _resident(model: dict[str, Any]) -> str:
    """One model in memory, for people."""
    stay = "for good" if model["expires_in"] is None else f"for {_duration(model['expires_in'])}"
    where = f"{model['id']} on {model['device']}, in {model['arithmetic']}"
    return f"{where} ({stay})" + (f" {model['note']}" if model["note"] else "")


def _table(*rows: tuple[str, str]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes >= 120:
        return f"{minutes // 60} h"
    return f"{minutes} min" if minutes >= 2 else f"{int(seconds)} s"
