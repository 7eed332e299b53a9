"""The cache of models in memory, with a fake engine and clock."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import pytest
from matted.inference import cache
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
    """Stands for an engine, of which the cache uses spec, alive, memory and close."""

    spec: ModelSpec
    closed: bool = False
    crashed: bool = False

    def close(self) -> None:
        self.closed = True

    def alive(self) -> bool:
        return not (self.closed or self.crashed)

    def memory(self) -> int:
        return self.spec.peak_bytes // 2


def _check() -> None:
    """The check of a load that nobody cancels."""


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
        there = self.cache.lend(spec(name, peak))
        engine = there or self.cache.load(spec(name, peak), self.loads(name, peak), _check)
        try:
            yield engine, there is None
        finally:
            self.cache.give_back(engine, keep_alive)

    def loads(self, name: str, peak: int = GB) -> Callable[[], Engine]:
        """Return what loads a model."""

        def load() -> Engine:
            self.loaded.append(Fake(spec(name, peak)))
            return cast(Engine, self.loaded[-1])

        return load

    def use(self, name: str, keep_alive: float = 60.0, peak: int = GB) -> bool:
        with self.lend(name, keep_alive, peak) as (engine, loaded):
            assert engine.spec.id == name
        return loaded

    def _free(self) -> int:
        return self.total - sum(fake.spec.peak_bytes for fake in self.loaded if fake.alive())

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


def test_the_memory_of_models_that_are_not_lent_is_counted() -> None:
    machine = Machine()
    machine.use("one", peak=GB)
    with machine.lend("two", peak=4 * GB):
        assert machine.cache.idle_memory() == GB // 2
    assert machine.cache.idle_memory() == GB // 2 + 2 * GB


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


def test_a_model_that_is_unwanted_is_not_lent_again_while_others_use_it() -> None:
    """After its spec has changed, nobody gets masks by the old one however many requests come."""
    machine = Machine()
    with machine.lend("one"):
        machine.cache.unload_when_idle("one")
        assert not machine.cache.holds(spec("one"))
        assert machine.use("one") is True
        assert machine.names() == ["one", "one"]
    machine.cache.expire()
    assert machine.names() == ["one"] and machine.loaded[0].closed
    machine.cache.unload_when_idle("one")
    assert machine.use("one") is True
    assert machine.names() == ["one"]


def test_an_engine_of_another_spec_is_not_lent() -> None:
    """A load that began by the old spec may end after a reload: who asks by the new one gets no numbers of the old."""
    machine = Machine()
    machine.use("one")
    changed = replace(spec("one"), mean=(0.9, 0.9, 0.9))
    assert not machine.cache.holds(changed) and machine.cache.lend(changed) is None
    assert machine.names() == [] and machine.loaded[0].closed
    machine.cache.load(changed, machine.loads("one"), _check)
    machine.cache.load(spec("one"), machine.loads("one"), _check)  # a request that began before the reload
    assert len(machine.names()) == 2


def test_an_unload_that_comes_as_a_load_ends_is_not_lost() -> None:
    machine = Machine()
    engine = machine.cache.load(spec("one"), machine.loads("one"), _check)
    assert machine.cache.unload_when_idle("one") is True
    assert machine.cache.lend(spec("one")) is None
    machine.cache.give_back(engine, 60)
    assert machine.names() == []


def test_after_the_end_nothing_is_lent_or_loaded() -> None:
    machine = Machine()
    machine.use("one")

    def load() -> Engine:
        machine.cache.clear()  # while it loads
        return machine.loads("two")()

    with pytest.raises(Rejected) as refused:
        machine.cache.load(spec("two"), load, _check)
    assert refused.value.code == "shutting_down" and machine.names() == []
    with pytest.raises(Rejected):
        machine.cache.lend(spec("one"))


def test_an_idle_engine_that_died_is_not_listed_and_closed_with_the_next_expire() -> None:
    machine = Machine()
    machine.use("one", keep_alive=math.inf)
    machine.loaded[0].crashed = True
    assert machine.cache.resident() == []
    machine.cache.expire()
    assert machine.loaded[0].closed


def test_a_model_that_is_unwanted_while_it_is_loaded_is_lent_once() -> None:
    machine = Machine()

    def load() -> Engine:
        assert machine.cache.unload_when_idle("one") is True
        return machine.loads("one")()

    machine.cache.give_back(machine.cache.load(spec("one"), load, _check), 60)
    assert machine.names() == [] and machine.loaded[0].closed


def test_a_load_that_fails_leaves_nothing_behind() -> None:
    machine = Machine()

    def fail() -> Engine:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        machine.cache.load(spec("one"), fail, _check)
    assert machine.names() == [] and machine.cache.lend(spec("one")) is None


def test_a_model_lent_twice_stays_until_both_loans_end() -> None:
    machine = Machine()
    with machine.lend("one", keep_alive=0):
        with machine.lend("one", keep_alive=0) as (_, loaded):
            assert not loaded
        assert machine.cache.expire() is None
        assert machine.names() == ["one"]
    machine.cache.expire()
    assert machine.names() == []


def test_a_model_that_is_not_lent_makes_room_before_one_that_is() -> None:
    machine = Machine(budget=2 * GB)
    with machine.lend("one"):
        machine.use("two")
        machine.use("three")
        assert machine.names() == ["one", "three"]


@pytest.mark.parametrize(("budget", "total"), [(2 * GB, 100 * GB), (100 * GB, 2 * GB)])
def test_a_load_waits_for_a_lent_model_that_has_to_make_room(budget: int, total: int) -> None:
    """So that the budget is kept, and nothing is refused for memory that is about to be free."""
    machine = Machine(budget, total)
    waited = threading.Event()
    with ThreadPoolExecutor() as pool:
        with machine.lend("one"):
            load = pool.submit(machine.cache.load, spec("two", 2 * GB), machine.loads("two", 2 * GB), waited.set)
            assert waited.wait(60) and not load.done()
            assert machine.names() == ["one"]
        assert load.result(60).spec.id == "two"
    assert machine.names() == ["two"]


def test_a_load_that_waits_for_room_can_be_cancelled() -> None:
    machine = Machine(budget=2 * GB)

    def cancelled() -> None:
        raise Rejected("cancelled", "Cancelled.")

    with machine.lend("one"), pytest.raises(Rejected, match="Cancelled"):
        machine.cache.load(spec("two", 2 * GB), machine.loads("two", 2 * GB), cancelled)
    assert machine.names() == ["one"]


def test_a_load_does_not_wait_for_ever_for_a_lent_model() -> None:
    """Its holder may wait for this load, after a crash. The machine's memory is what counts then."""
    machine = Machine(budget=2 * GB)

    def pass_time() -> None:
        machine.now += cache.ROOM_SECONDS

    with machine.lend("one"):
        machine.cache.load(spec("two", 2 * GB), machine.loads("two", 2 * GB), pass_time)
        assert machine.names() == ["one", "two"]
    machine.total = 4 * GB
    with machine.lend("one"), pytest.raises(Rejected, match="THREE needs"):
        machine.cache.load(spec("three", 4 * GB), machine.loads("three", 4 * GB), pass_time)


def test_an_engine_that_died_is_forgotten_at_once_and_closed_when_nobody_holds_it() -> None:
    machine = Machine()
    with machine.lend("one"):
        machine.loaded[0].crashed = True
        assert machine.cache.lend(spec("one")) is None
        assert machine.cache.resident() == [] and machine.cache.lend(spec("one")) is None
        assert not machine.loaded[0].closed
        assert machine.use("one") is True
    assert machine.loaded[0].closed and machine.names() == ["one"]


def test_an_idle_engine_that_died_is_not_lent_and_takes_no_place() -> None:
    machine = Machine()
    machine.use("one")
    machine.loaded[0].crashed = True
    assert not machine.cache.holds(spec("one"))
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
