"""The daemon is killed again and again while it works: `python -m attacks.chaos [--kills 50]`.

Clients ask for masks all the time: of pictures, of frames of a scene, and of pictures that they open and never close.
They start the daemon when there is none, as a click in GIMP does. Meanwhile daemons are killed, stopped and continued,
and so are the processes of models. Every request has to end with the right mask or with a MattedError; one during which
nothing was killed has to end with the mask.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil
from attacks import standins
from conftest import Daemon, real_weights, wait_for
from matted_client import MattedError
from matted_client.client import Session, connect
from peers import disc

CLIENTS = 6
SIZES = [(64, 48), (300, 200), (640, 480)]
MAX_LIFE = 2.0  # seconds that a daemon lives at most once it can be reached
MAX_SLEEP = 0.5  # seconds for which a process is stopped
MAX_SECONDS = 60.0  # that a request, or the end of the other processes, may take


@dataclass
class Chaos:
    """The clients, the killer, and what they share.

    expected: the right mask by width, height and shade of the picture.
    outcomes: how many requests ended in which way.
    done: how often the killer did what.
    wrong: sentences about what should not have happened.
    over: set once the killer is done.
    """

    daemon: Daemon
    model: str
    expected: dict[tuple[int, int, int], bytes]
    outcomes: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    _harm: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, kills: int) -> None:
        """Run the clients until so many daemons were killed."""
        with ThreadPoolExecutor(CLIENTS + 1) as threads:
            clients = [threads.submit(self._client, number) for number in range(CLIENTS)]
            try:
                self._kill(kills, Random(0))
            finally:
                self.over.set()
            for client in clients:
                client.result()

    # -- the clients ---------------------------------------------------------------------------------------------------

    def _client(self, number: int) -> None:
        random = Random(number)
        session: Session | None = None
        while not self.over.is_set():
            session = self._request(session, random)
        if session is not None:
            session.close()
        session = self._request(None, random)  # after the last kill everybody is served again
        if session is None:
            self.wrong.append("the request after the last kill got no mask")
        else:
            session.close()

    def _request(self, session: Session | None, random: Random) -> Session | None:
        """Send a request, in a session or, without one, a new one. Returns the session, None if it no longer works."""
        picture = random.choice(list(self.expected))
        harm, start, fresh = self._harm, time.monotonic(), session is None
        try:
            session = session or connect("chaos", path=str(self.daemon.connection_file))
            asked = {"edges": "off", "anyway": True}
            kind = random.randrange(3)
            if kind == 0:
                mask = session.mask(disc(*picture), *picture[:2], "RGBA8", self.model, **asked).alpha
            elif kind == 1:
                with session.scene(*picture[:2], "RGBA8", model=self.model, steady=False, **asked) as scene:
                    *_, last = scene.masks([disc(*picture)] * random.randint(1, 6))
                mask = last.alpha
            else:  # it is not closed, so that daemons are killed with open pictures
                opened = session.open(disc(*picture), *picture[:2], "RGBA8")
                mask = opened.mask(self.model, **asked).alpha
        except MattedError as error:
            self._note(type(error).__name__)
            if session is not None:
                session.close()
            if harm == self._harm and fresh:
                self.wrong.append(f"a request that nothing disturbed failed: {error}")
            return None
        if time.monotonic() - start > MAX_SECONDS:
            self.wrong.append("a request took far too long")
        if bytes(mask) != self.expected[picture]:
            self.wrong.append(f"a wrong mask of {picture}")
        self._note("mask")
        return session

    def _note(self, outcome: str) -> None:
        with self._lock:
            self.outcomes[outcome] += 1

    # -- the killer ----------------------------------------------------------------------------------------------------

    def _kill(self, kills: int, random: Random) -> None:
        while self.done["killed daemons"] < kills:
            daemon = self._wait_for_daemon()
            if self.over.wait(random.random() * MAX_LIFE):
                return
            with suppress(psutil.Error):
                kind = random.choice(["daemon", "daemon", "daemon", "model", "stop the daemon", "stop the model"])
                models = daemon.children()
                if kind == "daemon":
                    self._harm += 1
                    daemon.kill()
                    self.done["killed daemons"] += 1
                elif kind == "stop the daemon":
                    self._stop(daemon, random)
                elif models and kind == "model":
                    self._harm += 1
                    models[0].kill()
                    self._harm += 1  # again, for a request that began in between: it fails, too
                    self.done["killed models"] += 1
                elif models:
                    self._stop(models[0], random)

    def _stop(self, process: psutil.Process, random: Random) -> None:
        """Suspend a process for a while, as it happens when the computer is suspended."""
        process.suspend()
        time.sleep(random.random() * MAX_SLEEP)
        process.resume()
        self.done["stopped and continued"] += 1

    def _wait_for_daemon(self) -> psutil.Process:
        """Wait until a daemon runs that was not killed, and return its process."""

        def alive() -> psutil.Process | None:
            with suppress(OSError, ValueError, KeyError, psutil.Error):
                process = psutil.Process(self.daemon.pid())
                return process if process.status() != psutil.STATUS_ZOMBIE else None
            return None

        found: psutil.Process = wait_for(alive, "a client's start of a new daemon")
        return found


def chaos(folder: Path, weights: Path, kills: int) -> Chaos:
    """Run the chaos with so many kills. The result's `wrong` is empty if all is well."""
    daemon = Daemon(folder, weights)
    [model] = standins.install(daemon, folder, 1)
    with _environment_of(daemon):
        try:
            with connect("alone", path=str(daemon.connection_file)) as session:
                expected = {}
                for picture in [(*size, shade) for size in SIZES for shade in range(20)]:
                    mask = session.mask(disc(*picture), *picture[:2], "RGBA8", model, edges="off", anyway=True)
                    expected[picture] = bytes(mask.alpha)
            work = Chaos(daemon, model, expected)
            work.run(kills)
            _check_remains(daemon, work)
        finally:
            daemon.end()
            _end_all(daemon)
    return work


@contextmanager
def _environment_of(daemon: Daemon) -> Iterator[None]:
    """Give this process the daemon's environment until the end of the block: its clients start daemons with that."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in daemon.environ.items() if name.startswith("MATTED_")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _check_remains(daemon: Daemon, work: Chaos) -> None:
    """Check that one daemon is left, with one engine process and no temporary files but its own."""
    deadline = time.monotonic() + MAX_SECONDS
    while len(_processes(daemon)) > 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    remains = [f"{each.pid} {each.status()} {' '.join(each.cmdline()[1:])}" for each in _processes(daemon)]
    if len(remains) > 2:
        work.wrong.append(f"processes were left behind: {remains}")
    leftovers = [each.name for each in daemon.state.iterdir() if each.name.endswith(".part")]
    if len(leftovers) > 1:
        work.wrong.append(f"{len(leftovers)} temporary connection files were left behind")


def _processes(daemon: Daemon) -> list[psutil.Process]:
    """List the daemons in these folders and their engine processes."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            belongs = process.environ().get("MATTED_STATE_DIR") == str(daemon.state)
            if belongs and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _end_all(daemon: Daemon) -> None:
    for process in _processes(daemon):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matted-chaos-") as folder:
        work = chaos(Path(folder), real_weights(), options.kills)
    done = ", ".join(f"{count} {name}" for name, count in work.done.items())
    print(f"{done}, in {time.monotonic() - start:.0f} s")
    print(", ".join(f"{name} {count}" for name, count in work.outcomes.most_common()))
    print("\n".join(f"FAULT: {fault}" for fault in work.wrong) or "no fault")
    return bool(work.wrong)


if __name__ == "__main__":
    sys.exit(main())
