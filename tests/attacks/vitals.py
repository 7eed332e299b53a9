"""Vitals: the memory, descriptors, threads and processes of a daemon, and whether it leaks any."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import psutil
from conftest import Daemon
from matted.serving import server

SETTLE_SECONDS = 30.0  # longer than libzmq keeps a handshake that does not go on


@dataclass(frozen=True)
class Vitals:
    """The resources of a daemon.

    resident: bytes of its own process.
    descriptors, threads: of its own process.
    children: engine processes.
    """

    resident: int
    descriptors: int
    threads: int
    children: int

    @staticmethod
    def of(daemon: Daemon) -> Vitals:
        """Measure them now."""
        process = psutil.Process(daemon.pid())
        with process.oneshot():
            return Vitals(
                process.memory_info().rss, process.num_fds(), process.num_threads(), len(process.children(True))
            )

    def __str__(self) -> str:
        return (
            f"{self.resident / 1e6:.1f} MB resident, {self.descriptors} descriptors, {self.threads} threads,"
            f" {self.children} engine processes"
        )


def at_rest(daemon: Daemon, before: Vitals | None = None) -> Vitals:
    """Measure a daemon once no client is connected and it has no more than `before` (memory aside), or time is up.

    The threads that enforce a cancel last two seconds.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        now = Vitals.of(daemon)
        if not _connections(daemon) and not (before and faults_of(now, before, math.inf)):
            break
        time.sleep(0.1)
    time.sleep(server.KEEP_MEMORY_SECONDS + 1.0)  # then it has given back the memory that it keeps for the next picture
    return Vitals.of(daemon)


def _connections(daemon: Daemon) -> int:
    """Count its clients' connections, with those that have ended without its notice yet."""
    connections = psutil.Process(daemon.pid()).net_connections("tcp4")
    ports = {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
    return sum(each.status != psutil.CONN_LISTEN and each.laddr.port in ports for each in connections)


def faults_of(now: Vitals, before: Vitals, slack: float) -> list[str]:
    """List in sentences what of `now` is more than `before`.

    slack: by how much memory may have grown, as a share of what it was.
    """
    faults = []
    if now.resident > before.resident * (1 + slack):
        faults.append(f"{(now.resident - before.resident) / 1e6:.1f} MB more are resident")
    if now.descriptors > before.descriptors:
        faults.append(f"{now.descriptors - before.descriptors} descriptors leaked")
    if now.threads > before.threads:
        faults.append(f"{now.threads - before.threads} threads leaked")
    if now.children > before.children:
        faults.append(f"{now.children - before.children} processes leaked")
    return faults
