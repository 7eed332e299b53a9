"""A few hundred hostile connections; `make fuzz` makes 20,000."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attacks import standins, strangers
from conftest import Daemon


def test_hostile_connections_change_nothing(new_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    daemon = new_daemon()
    [model] = standins.install(daemon, tmp_path, 1)
    done, before, after, faults = strangers.attack(daemon.start("--model", model), 600, warm_up=300)
    assert done.total() == 600
    assert not [fault for fault in faults if "resident" not in fault], (before, after)
    assert after.resident < before.resident + 20_000_000  # so few connections show no leak of some bytes each
