"""The models in memory, with a clock and a loader of the test's own."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from matted.backend import Model
from matted.models import catalogue
from matted.models.cache import ModelCache
from matted.models.catalogue import Row
from matted_client import Rejected

GB = 1_000_000_000
BASE = catalogue.load().find("u2netp")


def row(name: str, peak: int = GB) -> Row:
    return replace(BASE, id=name, title=name.upper(), peak_bytes=peak)


@dataclass
class Fake:
    """Stands where a compiled model would: the cache only asks for its row."""

    row: Row


class Machine:
    """A cache on a machine of `total` bytes whose time is set by hand."""

    def __init__(self, budget: int = 10 * GB, total: int = 100 * GB) -> None:
        self.now = 0.0
        self.loads: list[str] = []
        self.releases = 0
        self.total = total
        self.cache = ModelCache(self._load, budget, self._free, self._release, lambda: self.now)

    def _load(self, wanted: Row) -> Model:
        self.loads.append(wanted.id)
        return cast(Model, Fake(wanted))

    def _free(self) -> int:
        return self.total - sum(cast(Any, each.model).row.peak_bytes for each in self.cache.resident())

    def _release(self) -> None:
        self.releases += 1

    def use(self, name: str, keep_alive: float = 60.0, peak: int = GB) -> bool:
        with self.cache.use(row(name, peak), keep_alive) as (model, loaded):
            assert model.row.id == name
        return loaded

    def names(self) -> list[str]:
        return [each.model.row.id for each in self.cache.resident()]


def test_a_model_is_loaded_once() -> None:
    machine = Machine()
    assert machine.use("one") is True
    assert machine.use("one") is False
    assert machine.loads == ["one"]


def test_a_model_goes_when_its_time_is_up_and_not_before() -> None:
    machine = Machine()
    machine.use("one", keep_alive=60)
    machine.now = 59.0
    assert machine.cache.expire() == 1.0
    assert machine.names() == ["one"]
    machine.now = 60.0
    assert machine.cache.expire() is None
    assert machine.names() == [] and machine.releases == 1


def test_each_use_starts_the_time_anew() -> None:
    machine = Machine()
    machine.use("one", keep_alive=60)
    machine.now = 50.0
    machine.use("one", keep_alive=60)
    machine.now = 100.0
    assert machine.cache.expire() == 10.0


def test_keep_alive_zero_unloads_at_the_next_look_and_forever_never() -> None:
    machine = Machine()
    machine.use("brief", keep_alive=0)
    machine.use("lasting", keep_alive=math.inf)
    machine.now = 1e9
    assert machine.cache.expire() is None
    assert machine.names() == ["lasting"]


def test_the_least_recently_used_goes_first_when_the_budget_is_reached() -> None:
    machine = Machine(budget=3 * GB)
    for name in ("one", "two", "three"):
        machine.now += 1
        machine.use(name)
    machine.now += 1
    machine.use("one")
    machine.now += 1
    machine.use("four")
    assert machine.names() == ["one", "three", "four"]


def test_a_model_larger_than_the_budget_runs_alone() -> None:
    machine = Machine(budget=3 * GB)
    machine.use("small")
    machine.use("large", peak=5 * GB)
    assert machine.names() == ["large"]


def test_a_model_that_the_machine_cannot_hold_is_refused_with_the_figures() -> None:
    machine = Machine(total=4 * GB)
    with pytest.raises(Rejected, match=r"LARGE needs 5\.6 GB of memory, and 4\.0 GB are free") as refusal:
        machine.use("large", peak=5_600_000_000)
    assert refusal.value.code == "out_of_memory"
    assert machine.loads == []


def test_others_make_room_before_a_model_is_refused() -> None:
    machine = Machine(total=6 * GB)
    machine.use("small", peak=2 * GB)
    machine.use("large", peak=5 * GB)
    assert machine.names() == ["large"]


def test_a_model_that_is_lent_is_not_unloaded() -> None:
    machine = Machine()
    with machine.cache.use(row("one"), 0):
        machine.now = 1e9
        machine.cache.expire()
        assert machine.names() == ["one"]
    machine.cache.expire()
    assert machine.names() == []


def test_a_model_given_up_while_it_works_goes_when_it_is_done() -> None:
    machine = Machine()
    with machine.cache.use(row("one"), 600):
        assert machine.cache.give_up("one") is True
    machine.cache.expire()
    assert machine.names() == []
    assert machine.cache.give_up("one") is False


def test_a_load_that_fails_leaves_nothing_behind() -> None:
    machine = Machine()

    def fail(wanted: Row) -> Model:
        raise RuntimeError("no")

    cache = ModelCache(fail, 10 * GB, lambda: 10 * GB, lambda: None, lambda: 0.0)
    with pytest.raises(RuntimeError), cache.use(row("one"), 60):
        pass
    assert cache.resident() == [] and machine.names() == []


def test_it_is_said_how_long_a_model_stays() -> None:
    machine = Machine()
    machine.use("one", keep_alive=60)
    machine.use("two", keep_alive=math.inf)
    machine.now = 20.0
    assert [each.expires_in for each in machine.cache.resident()] == [40.0, math.inf]
