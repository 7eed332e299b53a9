"""Hostile connections to a real daemon: `python -m attacks.strangers [--connections 20000]`.

Most do not know the key; some do, as a broken client of the user's own would. Every few hundred connections, and at the
end, a correct client must get the same mask as before. At the end memory, descriptors and threads must be as they were.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from attacks.hostile import ATTACKS, GREETING, SIZE, Stranger
from attacks.vitals import Vitals, at_rest, faults_of
from conftest import Daemon, real_weights
from matted.inference.remembered import MAX_PICTURES
from matted_client import Rejected, messages
from matted_client.client import connect
from matted_client.endpoint import Connection, read_connection
from peers import disc

CROWD = 16  # connections at the same time
WAVE = 500  # connections between two requests of a correct client
WARM_UP = 1500  # connections before memory is measured: libzmq and malloc keep some of what they allocate
SLACK = 0.05  # of resident memory
HANG_SECONDS = 60.0  # a daemon that takes longer to answer a correct client hangs


class Slow:
    """Clients that send the handshake byte by byte and stay connected; with more than four the oldest leaves."""

    def __init__(self) -> None:
        self._open: deque[tuple[socket.socket, int]] = deque()

    def add(self, stranger: Stranger) -> None:
        self._open.append((stranger.socket, 0))
        if len(self._open) > 4:
            self._open.popleft()[0].close()

    def send_a_byte(self) -> None:
        """Send the next byte of every client."""
        for _ in range(len(self._open)):
            end, sent = self._open.popleft()
            try:
                end.sendall(GREETING[sent : sent + 1])
                self._open.append((end, sent + 1))
            except OSError:  # the daemon has ended the connection
                end.close()

    def leave(self) -> None:
        while self._open:
            self._open.popleft()[0].close()


def crowd(daemon: Connection, count: int, seed: int) -> Counter[str]:
    """Make `count` connections, one after the other. Returns how many of each kind. An exception is a fault."""
    random, done, slow = Random(seed), Counter[str](), Slow()
    for _ in range(count):
        attack = random.choice([*ATTACKS, None])
        stranger = Stranger(daemon, random)
        slow.send_a_byte()
        if attack is None:
            slow.add(stranger)
            done["slow"] += 1
            continue
        try:
            attack(stranger)
        except (ConnectionError, TimeoutError):  # the daemon ended the connection, as it should
            pass
        finally:
            stranger.socket.close()
        done[attack.__name__] += 1
    slow.leave()
    return done


def wave(daemon: Daemon, count: int, seed: int) -> Counter[str]:
    """Make `count` connections, CROWD at a time. Returns how many of each kind."""
    connection = read_connection(str(daemon.connection_file))
    with ThreadPoolExecutor(CROWD) as threads:
        shares = [count // CROWD + (number < count % CROWD) for number in range(CROWD)]
        kinds = threads.map(lambda number: crowd(connection, shares[number], seed * CROWD + number), range(CROWD))
        return sum(kinds, Counter[str]())


def served(daemon: Daemon, shade: int = 0) -> bytes:
    """Return the mask that a correct client gets. Raises MattedError if it gets none in time."""
    with connect("tests", path=str(daemon.connection_file), start=False) as session:
        deadline = time.monotonic() + HANG_SECONDS
        while True:
            try:
                return bytes(session.mask(disc(*SIZE, shade), *SIZE, "RGBA8", anyway=True).alpha)
            except Rejected as refusal:  # strangers that know the key can fill the queue for a moment
                if refusal.code != messages.BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def attack(daemon: Daemon, connections: int, warm_up: int = WARM_UP) -> tuple[Counter[str], Vitals, Vitals, list[str]]:
    """Attack the daemon. Returns how many connections of each kind, its vitals before and after, and the faults."""
    expected, pid = served(daemon), daemon.pid()
    for shade in range(MAX_PICTURES):  # the daemon keeps so many raw outputs, which is no leak
        served(daemon, shade)
    done = wave(daemon, min(warm_up, connections // 2), seed=0)
    before = at_rest(daemon)
    number = 0
    while done.total() < connections:
        number += 1
        done += wave(daemon, min(WAVE, connections - done.total()), seed=number)
        assert served(daemon) == expected, "a correct client got another mask"
        assert daemon.pid() == pid, "the daemon is another one"
    after = at_rest(daemon, before)
    faults = faults_of(after, before, SLACK)
    if "a request failed" in daemon.log or "Traceback" in daemon.log:
        faults.append("the daemon's log tells of faults of its own")
    return done, before, after, faults


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="matted-strangers-") as folder:
        daemon = Daemon(Path(folder), real_weights()).start()
        try:
            start = time.monotonic()
            done, before, after, faults = attack(daemon, options.connections)
        finally:
            daemon.end()
    print(f"{done.total():,} connections in {time.monotonic() - start:.0f} s")
    print(", ".join(f"{name} {count}" for name, count in done.most_common()))
    print(f"before: {before}\nafter:  {after}")
    print("\n".join(f"FAULT: {fault}" for fault in faults) or "no fault")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
