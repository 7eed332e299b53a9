"""Many clients for a long time: `python -m attacks.soak [--requests 2000]`.

Eight clients request masks of mixed sizes from several models, of pictures that they send or open, close or leave open;
they cancel, hang up, unload models, and kill engine processes. Every mask is compared, byte for byte, with the one that
another daemon made for the same request alone, of the picture's pixels. At
the end memory, descriptors and threads must be as they were after the first 100 requests.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import psutil
from attacks import standins
from attacks.vitals import Vitals, at_rest, faults_of
from conftest import Daemon, real_weights
from matted.inference.remembered import MAX_PICTURES
from matted_client import MattedError, Rejected, messages, options
from matted_client.client import Session
from peers import disc

CLIENTS = 8
FIRST = 100  # requests after which the daemon's memory is what it should stay at
SLACK = 0.05  # of resident memory
REAL_SHARE = 0.02  # of requests for u2netp, which takes longer than all the rest
FINE_SHARE = 0.02  # of requests with refined edges: a stand-in's mattes are soft everywhere, which takes long to refine
KILLS = 0.01  # of requests before which an engine process is killed
CANCELS = 0.08
OPENED = 0.4  # of requests whose picture is opened first
LEFT_OPEN = 0.5  # of these, whose picture is not closed
DISCONNECTS = 0.06
UNLOADS = 0.01
SMALL = (64, 48)
SIZES = [(1, 1), (17, 33), (120, 90), (64, 200), (300, 200), (321, 243), (640, 480), (1200, 800)]


@dataclass(frozen=True)
class Request:
    """A mask request: the picture (`disc` of width, height and shade), the model, and the options.

    opened: whether the picture is opened first. left_open: whether it is not closed then.
    """

    width: int
    height: int
    shade: int
    model: str
    options: dict[str, Any]
    opened: bool = False
    left_open: bool = False

    def send(self, session: Session, **arguments: Any) -> bytes:
        """Send the request, and return the mask, or b"no subject". Raises MattedError for all other errors."""
        picture = disc(self.width, self.height, self.shade), self.width, self.height, "RGBA8"
        try:
            if not self.opened:
                mask = session.mask(*picture, self.model, **self.options, **arguments)
            else:
                opened = session.open(*picture)
                mask = opened.mask(self.model, **self.options, **arguments)
                if not self.left_open:
                    opened.close()
        except Rejected as refusal:
            if refusal.code != messages.NO_SUBJECT:
                raise
            return b"no subject"
        return bytes(mask.alpha)


def make_requests(models: list[str], count: int) -> list[Request]:
    """Make random requests, the same for the same count. A third repeat others, so that remembered outputs are used."""
    random, requests = Random(count), list[Request]()
    for number in range(count):
        if requests and random.random() < 0.33:
            requests.append(random.choice(requests[-40:]))
            continue
        model = "u2netp" if random.random() < REAL_SHARE else random.choice(models)
        asked: dict[str, Any] = {
            "depth": random.choice([8, 8, 16]),
            "edges": options.FINE if random.random() < FINE_SHARE else options.OFF,
            "grow": random.choice([0, 0, 3, -2]),
            "feather": random.choice([0.0, 0.0, 2.5]),
            "threshold": random.choice([None, None, 0.5]),
            "invert": random.random() < 0.1,
            "anyway": random.random() < 0.5,
        }
        opened, left_open = random.random() < OPENED, random.random() < LEFT_OPEN
        requests.append(Request(*random.choice(SIZES), number % 400, model, asked, opened, left_open))
    return requests


class HungUp(Exception):
    """A client leaves in the middle of its request."""


@dataclass
class Soak:
    """The clients and what they share.

    todo, expected: the requests, and the masks that they should get.
    outcomes: how many requests ended in which way.
    wrong: sentences about what should not have happened.
    """

    daemon: Daemon
    todo: list[Request]
    expected: list[bytes]
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    _next: int = 0
    _until: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, until: int, before: Vitals | None = None) -> Vitals:
        """Send the requests up to number `until`, and return the daemon's vitals afterwards.

        Then all models are loaded, and the daemon remembers as many raw outputs as it ever does.
        """
        self._until = until
        with ThreadPoolExecutor(CLIENTS) as threads:
            list(threads.map(self._client, range(CLIENTS)))
        with self.daemon.session() as session:
            for model in {request.model for request in self.todo}:
                for shade in range(MAX_PICTURES):
                    session.mask(disc(*SMALL, shade), *SMALL, "RGBA8", model, edges=options.OFF, anyway=True)
        return at_rest(self.daemon, before)

    def _client(self, number: int) -> None:
        random, session = Random(number), None
        while (index := self._take()) is not None:
            if session is None:
                session = self.daemon.session()
            try:
                outcome = self._request(index, session, random)
            except HungUp:
                outcome = "hung up"
            except MattedError as error:
                outcome = error.code if isinstance(error, Rejected) else f"{type(error).__name__}: {error}"
            with self._lock:
                self.outcomes[outcome] += 1
            if outcome not in ("mask", "wrong mask"):  # one that gave up while it was sending is closed
                session.close()
                session = None
        if session is not None:
            session.close()

    def _take(self) -> int | None:
        with self._lock:
            if self._next >= self._until:
                return None
            self._next += 1
            return self._next - 1

    def _request(self, index: int, session: Session, random: Random) -> str:
        request, chance, end = self.todo[index], random.random(), time.monotonic() + random.random() * 0.05

        def leave() -> bool:
            if time.monotonic() > end:
                raise HungUp
            return False

        if chance < DISCONNECTS:
            mask = request.send(session, cancelled=leave)
        elif chance < DISCONNECTS + CANCELS:
            mask = request.send(session, cancelled=lambda: time.monotonic() > end)
        else:
            if chance > 1 - KILLS:
                self._kill(random)
            elif chance > 1 - KILLS - UNLOADS:
                session.unload(request.model)
            mask = request.send(session)
        if mask != self.expected[index]:
            self.wrong.append(f"request {index} got another mask than alone: {request}")
            return "wrong mask"
        return "mask"

    def _kill(self, random: Random) -> None:
        with suppress(psutil.Error, IndexError):
            random.choice(psutil.Process(self.daemon.pid()).children()).kill()


def soak(folder: Path, weights: Path, requests: int) -> tuple[Counter[str], Vitals, Vitals, list[str]]:
    """Run the soak. Returns how requests ended, the vitals after the first requests and at the end, and the faults."""
    for name in ("alone", "crowded", "files"):
        (folder / name).mkdir()
    alone, crowded = (Daemon(folder / name, weights) for name in ("alone", "crowded"))
    for daemon in (alone, crowded):
        models = standins.install(daemon, folder / "files")
    todo = make_requests(models, requests)
    try:
        with alone.start("--keep-alive", "forever").session() as session:
            expected = [replace(request, opened=False).send(session) for request in todo]
    finally:
        alone.end()
    try:
        work = Soak(crowded.start("--keep-alive", "forever"), todo, expected)
        before = work.run(min(FIRST, requests // 2))
        after = work.run(requests, before)
        faults = work.wrong + faults_of(after, before, SLACK)
        if crowded.process is None or crowded.process.poll() is not None:
            faults.append("the daemon died")
        if "Traceback" in crowded.log:
            faults.append("the daemon's log tells of faults of its own")
    finally:
        crowded.end()
    # Out of memory is what a request says whose engine process was killed.
    known_ends = {"mask", "hung up", messages.CANCELLED, messages.OUT_OF_MEMORY}
    faults += [f"{count} requests ended with {end}" for end, count in work.outcomes.items() if end not in known_ends]
    return work.outcomes, before, after, faults


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=2000)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matted-soak-") as folder:
        outcomes, before, after, faults = soak(Path(folder), real_weights(), options.requests)
    print(
        f"{outcomes.total():,} requests in {time.monotonic() - start:.0f} s, the daemon that made each alone included"
    )
    print(", ".join(f"{name} {count}" for name, count in outcomes.most_common()))
    print(f"after the first: {before}\nat the end:      {after}")
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "no fault")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
