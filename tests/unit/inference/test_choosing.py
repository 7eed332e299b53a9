"""Choosing a model where nobody names one: by quality, pace and memory, and steadily."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from fakes import FakeStore, model
from matted.inference.choosing import Choice, Chooser, without_daemon
from matted.inference.paces import Paces
from matted.models import catalogue
from matted.models.catalogue import Catalogue
from matted.models.spec import DRAWINGS, PEOPLE, ModelSpec, Source
from matted.settings.config import Config
from matted.settings.target import Target
from matted_client import Rejected
from matted_client.models import BEST, FIRST, MEMORY, ONLY, PATIENCE, QUICKEST

GB = 1_000_000_000
SOURCE = Source("https", url="https://example.org/model.onnx", sha256="00")


def known(name: str, quality: int, **fields: Any) -> ModelSpec:
    return model(name, **{"quality": quality, "automatic": False, "sources": (SOURCE,), "peak_bytes": GB, **fields})


SMALL = known("small", 28, automatic=True, peak_bytes=GB // 4)
GOOD, BETTER = known("good", 46), known("better", 64, peak_bytes=2 * GB)


@dataclass
class Computer:
    """What the choice depends on. seconds: by model, measured; missing: models that are not installed."""

    folder: Path
    models: tuple[ModelSpec, ...] = (SMALL, GOOD, BETTER)
    missing: set[str] = field(default_factory=set)
    loaded: set[str] = field(default_factory=set)
    free: int = 8 * GB
    patience: float = 3.0

    def __post_init__(self) -> None:
        self.paces = Paces(self.folder / "paces.json", Target(), cores=2, openvino="1.0")
        self.take(small=0.3, good=1.0, better=2.0)
        self.cut_short: set[str] = set()
        store = FakeStore(self.missing, cut_short=self.cut_short)
        self.chooser = Chooser(store.as_store, self.paces, lambda spec: spec.id in self.loaded)

    def take(self, **seconds: float) -> None:
        """Have models take so long, in several inferences."""
        for each in self.models:
            for _ in range(8):
                if each.id in seconds:
                    self.paces.record(each, "CPU", "f32", seconds[each.id])

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue({each.id: each for each in self.models})

    def best(self) -> Choice:
        return self.chooser.best(self.catalogue, self.patience, self.free)

    def better(self) -> Choice | None:
        return self.chooser.best_and_better(self.catalogue, self.patience, self.free)[1]

    def chosen(self) -> tuple[str, str]:
        choice = self.best()
        return choice.spec.id, choice.reason


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_the_best_that_is_quick_enough_and_fits_is_chosen(computer: Computer) -> None:
    assert computer.best() == Choice(BETTER, BEST, 2.0, True)


def test_patience_and_memory_decide(computer: Computer) -> None:
    for patience, free, expected in (
        (1.5, 8 * GB, ("good", PATIENCE)),
        (3.0, GB, ("good", MEMORY)),
        (0.5, 8 * GB, ("small", PATIENCE)),
        (3.0, GB // 2, ("small", MEMORY)),
        (0.1, 8 * GB, ("small", QUICKEST)),
        (3.0, 0, ("small", QUICKEST)),
    ):
        computer.patience, computer.free = patience, free
        computer.chooser.forget()
        assert computer.chosen() == expected


def test_a_model_that_is_in_memory_already_fits(computer: Computer) -> None:
    computer.free, computer.loaded = 0, {"better"}
    assert computer.chosen() == ("better", BEST)


def test_only_installed_models_are_chosen_and_the_automatic_one_always_counts(computer: Computer) -> None:
    computer.missing |= {"small", "good", "better"}
    assert computer.chosen() == ("small", FIRST)
    computer.missing.discard("small")
    assert computer.chosen() == ("small", ONLY)
    computer.missing.discard("good")
    assert computer.chosen() == ("good", BEST)


def test_a_better_model_whose_files_were_cut_short_is_told_of(computer: Computer) -> None:
    computer.missing.add("better")
    assert computer.best().remarks == []
    computer.cut_short.add("better")
    choice = computer.best()
    assert (choice.spec, choice.damaged) == (GOOD, (BETTER,))
    (said,) = choice.remarks
    assert said == f"BETTER is not used: its files are damaged. Get it again with: {BETTER.how_to_get}"
    computer.patience = 1.5
    assert computer.best().remarks == [], "it would not be chosen, either"
    computer.patience = 3.0
    computer.missing |= {"good"}
    computer.cut_short |= {"good"}
    assert computer.best().damaged == (GOOD, BETTER)


def test_of_several_as_good_the_quickest_is_chosen(computer: Computer) -> None:
    computer.models = (SMALL, GOOD, known("good-int8", 46, made_from="good"))
    computer.take(**{"good-int8": 0.5})
    assert computer.chosen() == ("good-int8", BEST)


@pytest.mark.parametrize(
    "conditions",
    [
        {"accept": True},
        {"commercial": False},
        {"subject": PEOPLE},
        {"subject": DRAWINGS},
        {"inputs": "image+plate"},
        {"quality": 0},
    ],
)
def test_a_model_with_conditions_is_never_chosen_by_itself(tmp_path: Path, conditions: dict[str, Any]) -> None:
    special = known("special", **{"quality": 90, **conditions})
    computer = Computer(tmp_path, (SMALL, special))
    computer.take(special=0.1)
    assert computer.chosen() == ("small", ONLY)
    computer.missing.add("special")
    assert computer.better() is None


def test_a_choice_stands_while_times_and_memory_swing(computer: Computer) -> None:
    computer.free = int(2.1 * GB)
    assert computer.chosen() == ("better", BEST)
    for seconds, free in ((4.0, 8 * GB), (2.9, int(2.05 * GB)), (4.4, 2 * GB)):
        computer.take(better=seconds)
        computer.free = free
        assert computer.chosen() == ("better", BEST)
    computer.take(better=4.6)
    assert computer.chosen() == ("good", PATIENCE)
    for seconds in (3.1, 4.0):
        computer.take(better=seconds)
        assert computer.chosen() == ("good", PATIENCE)
    computer.take(better=2.9)
    for free in (2 * GB, int(2.4 * GB)):
        computer.free = free
        assert computer.chosen() == ("good", MEMORY)
    computer.free = int(2.6 * GB)
    assert computer.chosen() == ("better", BEST)


def test_another_as_good_has_to_be_clearly_quicker(computer: Computer) -> None:
    computer.models = (SMALL, GOOD, known("other", 46))
    computer.missing.add("other")
    assert computer.best().spec == GOOD
    computer.missing.discard("other")
    computer.take(other=0.9)
    assert computer.best().spec == GOOD
    computer.take(other=0.7)
    assert computer.best().spec.id == "other"


def test_another_patience_ends_what_stood(computer: Computer) -> None:
    assert computer.best().spec == BETTER
    computer.take(better=3.5)
    assert computer.best().spec == BETTER
    computer.patience = 3.1
    assert computer.best().spec == GOOD


def test_what_was_chosen_may_go(computer: Computer) -> None:
    assert computer.best().spec == BETTER
    computer.missing.add("better")
    assert computer.best().spec == GOOD


def test_a_model_that_has_not_run_is_chosen_by_an_estimate(tmp_path: Path) -> None:
    computer = Computer(tmp_path, (SMALL, known("new", 64, work=45.0 * 5)))
    choice = computer.best()
    assert (choice.spec.id, choice.measured) == ("new", False) and choice.seconds == pytest.approx(1.5)


def test_a_better_one_is_told_of(computer: Computer) -> None:
    assert computer.better() is None
    computer.missing |= {"good", "better"}
    assert computer.better() == Choice(BETTER, BEST, 2.0, True)
    computer.take(better=3.5)
    assert computer.better() == Choice(GOOD, BEST, 1.0, True)
    computer.free = GB // 2
    assert computer.better() is None


@pytest.mark.parametrize("conditions", [{"unseen": True}, {"sources": ()}, {"quality": 28}])
def test_what_was_never_run_cannot_be_had_or_is_no_better_is_not_told_of(
    tmp_path: Path, conditions: dict[str, Any]
) -> None:
    special = known("special", **{"quality": 90, **conditions})
    assert Computer(tmp_path, (SMALL, special), missing={"special"}).better() is None


def test_what_is_quick_enough_once_it_is_in_int8_is_told_of(tmp_path: Path) -> None:
    """Its variant is made when it is downloaded."""
    shipped = catalogue.load().specs
    small, large = shipped["u2netp"], shipped["isnet-general-use"]
    computer = Computer(tmp_path, (small, large), missing={large.id})
    computer.paces.learn("CPU", "A processor with VNNI", ("BF16", "INT8"))
    for seconds, told in ((0.3, True), (1.4, True), (1.8, False)):
        computer.take(u2netp=seconds)
        computer.chooser.forget()
        better = computer.better()
        assert (better is not None and better.spec.id == large.id and not better.measured) is told, seconds
    computer.take(u2netp=1.4)
    assert computer.paces.expected(large).seconds > computer.patience


def test_without_any_model_the_error_says_what_to_do(tmp_path: Path) -> None:
    computer = Computer(tmp_path, (GOOD,), missing={"good"})
    with pytest.raises(Rejected, match="No model on this computer") as caught:
        computer.best()
    assert caught.value.code == "model_not_installed"


def test_without_a_daemon_models_get_the_memory_that_a_daemon_gives_them(
    computer: Computer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A computer whose memory is nearly all free: a daemon takes a share of it."""
    memory = SimpleNamespace(total=3 * GB, available=int(2.8 * GB))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    store = FakeStore({"better"}).as_store
    for setting, better in ((0, None), (int(2.5 * GB), "better")):
        settings = Config(tmp_path, tmp_path, tmp_path, tmp_path, patience=60.0, memory=setting)
        _, found = without_daemon(settings, computer.catalogue, store, computer.paces)
        assert (found and found.spec.id) == better


def test_every_shipped_model_has_its_values() -> None:
    specs = catalogue.load().specs
    assert all(spec.work > 0 for spec in specs.values())
    chosen = {name: spec.quality for name, spec in specs.items() if spec.can_be_chosen}
    assert chosen["u2netp"] < chosen["u2net"] < chosen["isnet-general-use"] < chosen["birefnet-lite"]
    assert not {"rmbg-1.4", "rmbg-2.0", "withoutbg", "isnet-anime", "rvm-mobilenetv3"} & set(chosen)
