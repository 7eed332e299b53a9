"""INT8 variants from known ranges: kept if masks are the same and they are quicker, else nothing is left of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from graphs import small
from matted.evaluation import int8
from matted.models import catalogue, convert
from matted.models.catalogue import Catalogue
from matted.models.convert import ranges
from matted.models.convert.ranges import Activation, Chart, Filters, Ranges
from matted.models.sources import Monitor
from matted.models.spec import ModelSpec, Source
from matted.models.store import Store
from matted.system import subprocess_call
from matted_client import MattedError, Rejected

pytestmark = pytest.mark.slow

SIDE = 64
ID = "isnet-general-use"
VARIANT = "isnet-general-use-int8"


@dataclass
class Place:
    """A store with a stand-in for IS-Net, whose ranges are known. steps: what was shown."""

    spec: ModelSpec
    store: Store
    own_file: Path
    steps: list[str]

    def make(self, spec: ModelSpec | None = None) -> int8.Comparison | None:
        known = catalogue.load(self.own_file)
        return int8.make_known(spec or self.spec, known, self.own_file, self.store, self.steps.append)

    @property
    def listed(self) -> bool:
        return VARIANT in catalogue.load(self.own_file).specs

    @property
    def left(self) -> list[str]:
        """What is in the models folder beside the original."""
        return sorted(path.name for path in self.store.folder.iterdir() if path.name != ID)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    found = catalogue.load().find(ID)
    assert isinstance(found, ModelSpec)
    store, file = Store(tmp_path / "models"), small.isnet_like(tmp_path / "net.onnx", SIDE)
    store.pull(found, [Source("file", "file", path=str(file))], Monitor(), trust=True)
    origin = store.origin(found)
    assert origin is not None
    known = {(ID, origin.weights): standin(store.path(found), origin.weights)}
    monkeypatch.setattr(ranges, "find", lambda model, weights: known.get((model, weights)))
    # How quick a small graph is depends on the machine, and is not what most of these tests are about.
    monkeypatch.setattr(int8, "MAX_SHARE", float("inf"))
    yield Place(found, store, tmp_path / "models.toml", [])
    assert store.verify(found), "the original has changed"


def standin(path: Path, weights: str) -> Ranges:
    """Return ranges for the first two convolutions of `isnet_like`, for pictures normalised to -0.5..0.5."""
    chart = Chart(convert.read(path))
    convolutions = [number for number, node in enumerate(chart.nodes) if node.get_type_name() == "Convolution"]
    first, second, _ = convolutions
    filters = [Filters(number, float(np.abs(ranges.weights(chart.nodes[number])).max())) for number in (first, second)]
    activations = (Activation(0, (first,), -0.50196, 0.498), Activation(first + 1, (second,), 0.0, 3.0))
    return Ranges((weights,), "by hand", chart.fingerprint(), activations, tuple(filters))


def test_a_variant_with_the_same_masks_is_installed_and_listed(place: Place) -> None:
    result = place.make()
    assert result is not None and result.kept and result.same and result.photographs == 1
    assert 0 < result.difference < 0.03 and result.variant_bytes < result.original_bytes
    assert place.listed and place.left == [VARIANT]
    variant = catalogue.load(place.own_file).specs[VARIANT]
    assert (variant.made_from, variant.title, variant.licence) == (ID, "IS-Net general use, INT8", place.spec.licence)
    assert place.store.verify(variant)
    kinds = {node.get_element_type().get_type_name() for node in convert.read(place.store.path(variant)).get_ops()}
    assert "i8" in kinds
    assert len(place.steps) == 2


def test_one_that_is_not_quicker_is_deleted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "MAX_SHARE", 0.0)
    result = place.make()
    assert result is not None and result.same and not result.quicker and not result.kept
    assert not place.listed and place.left == []


def test_one_with_other_masks_is_deleted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    right = int8.known_ranges(place.spec, place.store)
    assert right is not None
    narrow = tuple(replace(each, high=each.high / 50, low=each.low / 50) for each in right.activations)
    monkeypatch.setattr(ranges, "find", lambda model, weights: replace(right, activations=narrow))
    result = place.make()
    assert result is not None and not result.same and not result.kept
    assert not place.listed and place.left == []


def test_nothing_is_made_of_weights_that_are_not_known(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "find", lambda model, weights: None)
    assert place.make() is None
    assert place.left == [] and place.steps == []


def test_nothing_is_made_of_a_model_that_is_not_there(place: Place) -> None:
    assert place.make(catalogue.load().specs["birefnet-lite"]) is None


def test_ranges_of_another_graph_are_refused_and_leave_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    right = int8.known_ranges(place.spec, place.store)
    assert right is not None
    monkeypatch.setattr(ranges, "find", lambda model, weights: replace(right, graph="0"))
    with pytest.raises(MattedError, match="its operators are others"):
        place.make()
    assert place.left == []


def test_what_exists_is_not_made_again(place: Place) -> None:
    place.make()
    with pytest.raises(MattedError, match=f"{VARIANT} exists"):
        place.make()
    assert place.listed


def test_without_the_memory_for_a_trial_nothing_is_made(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(available=place.spec.peak_bytes))
    with pytest.raises(MattedError, match=r"takes 1\.8 GB of memory, and 0\.9 GB are free"):
        place.make()
    assert place.left == []


def test_a_full_disk_is_said_and_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.xml")

    monkeypatch.setattr(subprocess_call, "call", full)
    with pytest.raises(MattedError, match=r"could not be made: No space left on device\. Make room") as caught:
        place.make()
    assert "--calibrate" not in caught.value.hint
    assert not place.listed and place.left == []


@pytest.mark.parametrize("stage", [1, 2])
def test_a_cancel_ends_it_in_any_step_and_leaves_nothing(place: Place, stage: int) -> None:
    def check() -> None:
        if len(place.steps) == stage:
            raise Rejected("cancelled", "Cancelled.")

    known: Catalogue = catalogue.load(place.own_file)
    with pytest.raises(Rejected, match="Cancelled"):
        int8.make_known(place.spec, known, place.own_file, place.store, place.steps.append, check=check)
    assert not place.listed and place.left == []
