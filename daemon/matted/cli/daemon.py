"""`matted serve`, `start`, `stop`, `restart`, `reload` and `status`: run the daemon, and talk to it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from matted_client import MattedError, Rejected, Timeout, Unavailable, endpoint, messages
from matted_client.client import connect
from matted_client.errors import NotRunning
from matted_client.grounds import colour_name
from matted_client.models import why_chosen
from matted_client.options import AUTO, AUTO_MODEL

from matted.cli.output import OK, Show, duration, megabytes, table
from matted.settings import config
from matted.settings.target import ARITHMETICS

STOP_SECONDS = 90.0
SILENT_SECONDS = 5.0  # for a daemon that hangs to end when it is told to, and then once it is killed


def add_parser(commands: Any) -> None:
    """Add the commands that run the daemon, and those that talk to it."""
    serve = commands.add_parser("serve", help="run the daemon in this terminal")
    serve.add_argument(
        "--model", metavar="ID", help="the model for requests that name none; auto: the best for this computer"
    )
    serve.add_argument("--patience", metavar="TIME", help="how long a model may take that is chosen so: 3s, 0.5s")
    serve.add_argument(
        "--flat-ground",
        choices=config.FLAT_GROUNDS,
        help="auto: drawings, scans and the like on an even ground need no model; off: they get one as well",
    )
    serve.add_argument(
        "--refiner",
        metavar="ID",
        help="the model that refines hair and masks that are there; auto: one that is installed; off: none",
    )
    serve.add_argument("--keep-alive", metavar="TIME", help="how long a model stays in memory: 90s, 10m, 0, forever")
    serve.add_argument("--memory", metavar="SIZE", help="how much memory models may take together: 500MB, 8GB")
    serve.add_argument("--device", metavar="NAME", help="AUTO, CPU, GPU, NPU, or one by its name: GPU.1")
    serve.add_argument(
        "--arithmetic", choices=ARITHMETICS, help="f32: nearly the same masks on every computer, but slower"
    )
    serve.add_argument("--preload", metavar="ID", help="a model to load at the start, and to keep in memory")
    serve.add_argument("--idle-exit", metavar="TIME", help="end after this long without a request: 30m, 2h, forever")
    serve.add_argument("--queue", type=int, metavar="N", help="how many requests may wait")
    serve.add_argument("--log-level", choices=config.LOG_LEVELS, help="how much to log")
    serve.set_defaults(run=_serve)

    commands.add_parser("start", help="start the daemon in the background").set_defaults(run=_start)
    commands.add_parser("stop", help="have the daemon finish its work and end").set_defaults(run=_stop)
    commands.add_parser("restart", help="stop the daemon, then start it").set_defaults(run=_restart)
    commands.add_parser("reload", help="have the daemon read config.toml again").set_defaults(run=_reload)

    status = commands.add_parser("status", help="show what the daemon is doing")
    status.set_defaults(run=_status)


def _serve(options: argparse.Namespace) -> int:
    # Set before NumPy is imported. The daemon multiplies small matrices in several threads, while the model uses every
    # core: OpenBLAS's own threads would only wait busily for each other and for the model's.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

    from matted.serving import instance, server
    from matted.system import logbook

    models = ("model", "patience", "flat_ground", "refiner", "keep_alive", "memory", "device", "arithmetic", "preload")
    flags = {name: getattr(options, name) for name in (*models, "idle_exit", "queue", "log_level")}
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
    options.facts.update(running=True, version=status["version"], pid=status["pid"])
    print(f"matted {status['version']} runs (pid {status['pid']}).")
    return OK


def _stop(options: argparse.Namespace) -> int:
    stop(print)
    options.facts["running"] = False
    return OK


def stop(show: Show) -> None:
    """Have the daemon end, and say so by `show`. Raises MattedError if it does not."""
    try:
        with connect("matted stop", start=False) as session:
            session.shutdown()
            if not session.wait_until_gone(STOP_SECONDS):
                hint = "See what it is doing with: matted status"
                raise Rejected(messages.INTERNAL, "The daemon does not end.", hint)
    except (Unavailable, Timeout) as error:
        _end_unreachable(error, show)
    else:
        show("matted has stopped.")


def _end_unreachable(error: MattedError, show: Show) -> None:
    """End the daemon that holds the lock and cannot be talked to. error: why not."""
    from matted.serving import instance
    from matted.system import processes

    folder = Path(endpoint.state_folder())
    pid = instance.holder(folder)
    if pid is None or not processes.is_daemon(pid):
        show("matted is not running.")
        return
    hangs = isinstance(error, Timeout) or isinstance(error.__cause__, Timeout)
    for kill, seconds in ((False, SILENT_SECONDS if hangs else STOP_SECONDS), (True, SILENT_SECONDS)):
        processes.end(pid, kill)
        if instance.wait_until_free(folder, seconds):
            gone = isinstance(error, NotRunning)
            why = "It could not be reached: its connection file was gone." if gone else error.message
            show(f"matted has stopped. Its process {pid} had to be ended: {why[0].lower() + why[1:]}")
            return
    raise Unavailable("The daemon does not end.", f"End its process: {pid}")


def _restart(options: argparse.Namespace) -> int:
    return _stop(options) or _start(options)


def _reload(options: argparse.Namespace) -> int:
    with connect("matted reload", start=False) as session:
        session.reload()
        warnings = session.status()["warnings"]
    print("matted has read its settings again.")
    for warning in warnings:
        print(f"    {warning}")
    return OK


def _status(options: argparse.Namespace) -> int:
    try:
        with connect("matted status", start=False) as session:
            status = session.status()
    except Unavailable:
        options.facts["running"] = False
        raise
    options.facts.update(running=True, **status)
    if options.json:
        return OK
    jobs = [f"{job['stage']}" + (f" ({job['place']} ahead)" if job["place"] else "") for job in status["jobs"]]
    table(
        ("running", f"yes, matted {status['version']}, pid {status['pid']}, for {duration(status['uptime_seconds'])}"),
        ("endpoint", status["endpoint"]),
        ("connection file", status["connection_file"]),
        ("device", status["device"]),
        *(("server", said) for said in _describe_server(status["server"])),
        ("default model", _describe_default(status)),
        ("better model", _describe_better(status["auto"])),
        *(("warning", said) for said in status["warnings"]),
        ("flat ground", "needs no model" if status["flat_ground"] == AUTO else "not looked for"),
        ("latest mask", _describe_latest(status["chosen"])),
        ("models in memory", ", ".join(_describe_loaded(model) for model in status["loaded"]) or "none"),
        ("resident memory", f"{status['resident_bytes'] / 1e6:.0f} MB"),
        ("open pictures", f"{status['pictures']}, {status['picture_bytes'] / 1e6:.0f} MB"),
        ("requests", str(status["requests"])),
        ("jobs", ", ".join(jobs) or "none"),
    )
    return OK


def _describe_server(server: dict[str, Any] | None) -> list[str]:
    """Say what is known of the server that runs models, a sentence or more; nothing if there is none."""
    if server is None:
        return []
    if not server["asked"]:
        return [f"{server['url']}: it is being asked."]
    if server["failure"]:
        return [f"{server['url']}: {server['failure']} {server['hint']}".rstrip()]
    failures = [f"{model}: {why}" for model, why in server["failures"].items()]
    return [f"{server['url']} runs {', '.join(server['models']) or 'none of the models'}.", *failures]


def _describe_default(status: dict[str, Any]) -> str:
    """Say which model is used where none is named. status: of the daemon."""
    auto = status["auto"]
    if status["default_model"] != AUTO_MODEL or auto is None:
        return str(status["default_model"])
    said = f"{auto['model']}, chosen by itself"
    if auto["seconds"] is not None:
        said += f"; {'' if auto['measured'] else 'estimated '}{auto['seconds']:.1f} s"
    return f"{said}. {why_chosen(auto['reason'])}"


def _describe_better(auto: dict[str, Any] | None) -> str:
    """Say which better model could be had, and how; empty if there is none. auto: of the status."""
    if auto is None or auto["better"] is None:
        return ""
    better = auto["better"]
    facts = f"{better['title']}, {megabytes(better['bytes'])}, {better['licence']}"
    return f"{better['model']} ({facts}): matted models pull {better['model']}"


def _describe_latest(chosen: dict[str, Any] | None) -> str:
    """Say what made the latest mask, in a few words. chosen: of the status."""
    if chosen is None:
        return "none yet"
    said = [chosen["model"] or "no model"]
    if chosen["ground"]:
        said.append(f"{colour_name(chosen['ground_colour'])} ground ({chosen['ground']})")
    if chosen["chosen"]:
        said.append("chosen by itself")
    why = f". {why_chosen(chosen['reason'])}" if chosen["reason"] else ""
    return ", ".join(said) + why


def _describe_loaded(model: dict[str, Any]) -> str:
    """Describe a model in memory in a few words."""
    stay = "kept" if model["expires_in"] is None else f"for another {duration(model['expires_in'])}"
    where = f"{model['id']} on {model['device']}, in {model['arithmetic']}"
    return f"{where} ({stay})" + (f" {model['note']}" if model["note"] else "")
