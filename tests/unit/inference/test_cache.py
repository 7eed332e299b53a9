"""The cache of models in memory, with a fake engine and clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import pytest
from matted.inference.cache import ModelCache
from matted.inference.engines.engine import Engine
from matted.models import catalogue
from matted.models.spec import ModelSpec
from matted_client import Rejected

GB = 1_000_000_000
BASE = catalogue.load().find("u2netp")


def spec(name: str, peak: int = GB) -> ModelSpec:
    return replace(BASE, id=name, title=name.upper(), peak_bytes=peak)


@dataclass
class Fake:
    """Stands for an engine, of which the cache uses spec, alive and close."""

    spec: ModelSpec
    closed: bool = False
    crashed: bool = False

    def close(self) -> None:
        self.closed = True

    def alive(self) -> bool:
        return not (self.closed or self.crashed)


class Machine:
    """A cache on a machine of `total` bytes whose clock the test sets."""

    def __init__(self, budget: int = 10 * GB, total: int = 100 * GB) -> None:
        self.now = 0.0
        self.loaded: list[Fake] = []
        self.total = total
        self.cache = ModelCache(budget, self._free, lambda: self.now)

    @contextmanager
    def lend(self, name: str, keep_alive: float = 60.0, peak: int = GB) -> Iterator[tuple[Engine, bool]]:
        """Lend the engine in the block. Yields it, and whether it was loaded for that."""

        def load() -> Engine:
            self.loaded.append(Fake(spec(name, peak)))
            return cast(Engine, self.loaded[-1])

        there = self.cache.lend(name)
        engine = there or self.cache.load(spec(name, peak), load)
        try:
            yield engine, there is None
        finally:
            self.cache.give_back(engine, keep_alive)

    def use(self, name: str, keep_alive: float = 60.0, peak: int = GB) -> bool:
        with self.lend(name, keep_alive, peak) as (engine, loaded):
            assert engine.spec.id == name
        return loaded

    def _free(self) -> int:
        return self.total - sum(fake.spec.peak_bytes for fake in self.loaded if not fake.closed)

    def names(self) -> list[str]:
        resident = [each.engine.spec.id for each in self.cache.resident()]
        assert sorted(resident) == sorted(fake.spec.id for fake in self.loaded if not fake.closed)
        return resident


def test_a_model_is_loaded_once() -> None:
    machine = Machine()
    assert machine.use("one") is True
    assert machine.use("one") is False
    assert len(machine.loaded) == 1


def test_a_model_is_unloaded_when_its_time_is_up_and_not_before() -> None:
    machine = Machine()
    machine.use("one", keep_alive=60)
    machine.now = 59.0
    assert machine.cache.expire() == 1.0
    assert machine.names() == ["one"]
    machine.now = 60.0
    assert machine.cache.expire() is None
    assert machine.names() == []


def test_each_use_restarts_the_time() -> None:
    machine = Machine()
    machine.use("one", keep_alive=60)
    machine.now = 50.0
    machine.use("one", keep_alive=60)
    machine.now = 100.0
    assert machine.cache.expire() == 10.0


def test_keep_alive_zero_unloads_at_the_next_expire_and_forever_never() -> None:
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
    assert machine.loaded == []


def test_others_make_room_before_a_model_is_refused() -> None:
    machine = Machine(total=6 * GB)
    machine.use("small", peak=2 * GB)
    machine.use("large", peak=5 * GB)
    assert machine.names() == ["large"]


def test_a_model_that_is_lent_is_not_unloaded() -> None:
    machine = Machine()
    with machine.lend("one", keep_alive=0):
        machine.now = 1e9
        machine.cache.expire()
        assert machine.names() == ["one"]
    machine.cache.expire()
    assert machine.names() == []


def test_a_lent_model_that_is_unwanted_is_unloaded_when_it_is_given_back() -> None:
    machine = Machine()
    with machine.lend("one", keep_alive=600):
        assert machine.cache.unload_when_idle("one") is True
    machine.cache.expire()
    assert machine.names() == []
    assert machine.cache.unload_when_idle("one") is False


def test_a_load_that_fails_leaves_nothing_behind() -> None:
    machine = Machine()

    def fail() -> Engine:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        machine.cache.load(spec("one"), fail)
    assert machine.names() == [] and machine.cache.lend("one") is None


def test_a_model_lent_twice_stays_until_both_loans_end() -> None:
    machine = Machine()
    with machine.lend("one", keep_alive=0):
        with machine.lend("one", keep_alive=0) as (_, loaded):
            assert not loaded
        assert machine.cache.expire() is None
        assert machine.names() == ["one"]
    machine.cache.expire()
    assert machine.names() == []


def test_a_lent_model_does_not_make_room() -> None:
    machine = Machine(budget=2 * GB)
    with machine.lend("one"):
        machine.use("two")
        machine.use("three")
        assert machine.names() == ["one", "three"]


def test_an_engine_that_died_is_forgotten_at_once_and_closed_when_nobody_holds_it() -> None:
    machine = Machine()
    with machine.lend("one") as (engine, _):
        machine.cache.discard(engine)
        assert machine.cache.resident() == [] and machine.cache.lend("one") is None
        assert not machine.loaded[0].closed
        assert machine.use("one") is True
    assert machine.loaded[0].closed and machine.names() == ["one"]


def test_an_idle_engine_that_died_is_not_lent_and_takes_no_place() -> None:
    machine = Machine()
    machine.use("one")
    machine.loaded[0].crashed = True
    assert not machine.cache.holds("one")
    assert machine.use("one") is True
    assert machine.names() == ["one"] and machine.loaded[0].closed


def test_an_engine_that_dies_while_it_is_lent_is_forgotten_when_it_is_given_back() -> None:
    machine = Machine()
    with machine.lend("one"):
        machine.loaded[0].crashed = True
    assert machine.names() == [] and machine.loaded[0].closed


def test_at_the_end_all_models_are_unloaded_also_lent_ones() -> None:
    machine = Machine()
    machine.use("one")
    with machine.lend("two"):
        machine.cache.clear()
        assert machine.names() == []


def test_resident_tells_how_long_a_model_stays() -> None:
    machine = Machine()
    machine.use("one", keep_alive=60)
    machine.use("two", keep_alive=math.inf)
    machine.now = 20.0
    assert [each.expires_in for each in machine.cache.resident()] == [40.0, math.inf]
