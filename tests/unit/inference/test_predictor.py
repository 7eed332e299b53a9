"""The predictor with a fake engine and clock: loading, crashes, cancels, memory, and what waits for what."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import wait_for
from fakes import SIDE, TARGET, Clock, Engines, FakeStore, disc, model, paces
from matted.inference.asking.held import Prediction
from matted.inference.cache import ModelCache
from matted.inference.compiled import CompiledFiles
from matted.inference.engines.engine import EngineDied
from matted.inference.layer import Layer
from matted.inference.paces import Expected
from matted.inference.predictor import Predictor
from matted.inference.timing import Stopwatch
from matted.models.spec import ModelSpec
from matted.system.task import Task
from matted_client import Rejected
from matted_client.messages import Progress

SMALL, LARGE = model("small"), model("large")
PICTURE = [Layer.from_frame(memoryview(disc()), 96, 96, "RGB8")]
KEEP = 60.0


class Harness:
    """A predictor with fakes around it."""

    def __init__(self, folder: Path, free: int = 10_000) -> None:
        self.clock = Clock()
        self.engines = Engines(self.clock)
        self.store = FakeStore()
        self.free = free
        self.cache = ModelCache(10_000, lambda: self.free, self.clock)
        self.compiled = CompiledFiles(folder, 1_000_000)
        self.predictor = Predictor(
            self.store.as_store, self.cache, self.compiled, paces(folder), TARGET, self.engines, self.clock
        )

    def stopwatch(self) -> Stopwatch:
        return Stopwatch(self.clock.now, self.clock)

    def predict(
        self, spec: ModelSpec = SMALL, task: Task | None = None, part: bool = False, number: int = 0, **options: Any
    ) -> Prediction:
        """Predict for the picture. part: for a part of it, which has another input; number: for another part."""
        layers = [PICTURE[0].crop(number, 0, 60, 60)] if part else PICTURE
        with self.predictor.hold(task or Task(), spec, KEEP, self.stopwatch(), **options) as held:
            return held.predict(layers)


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path)


def in_thread(work: Callable[[], object]) -> Callable[[], BaseException | None]:
    """Start `work` in a thread. Returns a function that waits for its end and returns what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def end() -> BaseException | None:
        thread.join(60)
        assert not thread.is_alive()
        return raised[0] if raised else None

    return end


# -- predicting --------------------------------------------------------------------------------------------------------


def test_a_prediction_is_the_output_of_the_engine_for_its_input(harness: Harness) -> None:
    found = harness.predict()
    assert found.planes.shape == (3, SIDE, SIDE) and found.planes.dtype == np.uint8
    np.testing.assert_array_equal(found.raw, found.planes[0] / np.float32(255))
    assert found.device == "CPU" and found.foreground is None


def test_colours_of_a_model_that_gives_them_come_with_the_prediction(harness: Harness) -> None:
    found = harness.predict(model("coloured", outputs=("alpha", "foreground")))
    assert found.foreground is not None
    np.testing.assert_array_equal(found.foreground, found.planes)


def test_a_model_is_loaded_once_and_held_once_for_all_predictions_of_a_request(harness: Harness) -> None:
    with harness.predictor.hold(Task(), SMALL, KEEP, harness.stopwatch()) as held:
        held.predict(PICTURE)
        harness.cache.unload_when_idle("small")
        harness.cache.expire()  # as when another model needs its memory in between
        part = [PICTURE[0].crop(0, 0, 40, 40)]
        held.predict(part, "second_look")
        (engine,) = harness.engines.made
        assert engine.inferences == 2 and not engine.closed
    harness.cache.expire()
    assert engine.closed


def test_a_model_that_is_given_back_early_can_be_unloaded_before_the_request_ends(harness: Harness) -> None:
    with harness.predictor.hold(Task(), SMALL, 0.0, harness.stopwatch()) as held:
        held.predict(PICTURE)
        held.give_back()
        harness.cache.expire()
        assert harness.engines.made[0].closed
    assert harness.cache.resident() == []


def test_the_same_picture_is_inferred_once(harness: Harness) -> None:
    first, second = harness.predict(), harness.predict()
    np.testing.assert_array_equal(first.raw, second.raw)
    assert harness.engines.made[0].inferences == 1


def test_a_model_loaded_anew_remembers_nothing(harness: Harness) -> None:
    harness.predict()
    harness.cache.unload_when_idle("small")
    harness.cache.expire()
    harness.predict()
    assert [engine.inferences for engine in harness.engines.made] == [1, 1]


def test_the_stopwatch_records_each_stage(harness: Harness) -> None:
    stopwatch = harness.stopwatch()
    with harness.predictor.hold(Task(), SMALL, KEEP, stopwatch) as held:
        held.predict(PICTURE)
    assert stopwatch.laps["inference"] == 1.0
    assert {"loading", "preparing", "waiting"} <= set(stopwatch.laps)
    assert harness.predictor.paces.expected(SMALL) == Expected(1.0, True)


def test_what_is_measured_is_remembered_with_the_device_and_ends_with_it(harness: Harness, tmp_path: Path) -> None:
    harness.predict()
    harness.predict(part=True)
    assert harness.predictor.paces.expected(SMALL) == Expected(1.0, True)
    harness.predictor.paces.record(SMALL, harness.engines.made[0].device, "f32", 1.0)  # the third: it is believed
    again = Harness(tmp_path)
    assert again.predictor.paces.expected(SMALL) == Expected(1.0, True)
    again.predictor.paces.learn("CPU", "Another processor", ())
    again.predictor.paces.record(SMALL, "CPU", "f32", 2.0)
    last = Harness(tmp_path)
    last.predict(LARGE)  # on the processor of the first
    assert not last.predictor.paces.expected(SMALL).measured


def test_an_unnamed_lap_is_not_recorded() -> None:
    clock = Clock()
    stopwatch = Stopwatch(clock.now, clock)
    clock.now += 5
    stopwatch.lap("")
    clock.now += 2
    stopwatch.lap("mask")
    clock.now += 1
    stopwatch.lap("mask")
    assert stopwatch.laps == {"mask": 3.0}


# -- what waits for what -----------------------------------------------------------------------------------------------


def test_a_model_in_memory_waits_for_no_other_load(harness: Harness) -> None:
    harness.predict(SMALL)
    loading = harness.engines.close_loading("large")
    end = in_thread(lambda: harness.predict(LARGE))
    assert loading.reached.wait(60)
    harness.predict(SMALL)  # would wait for ever if it waited for the load
    loading.open()
    assert end() is None


def test_a_model_in_memory_waits_for_no_download_of_its_own(harness: Harness) -> None:
    """Its files may be gone, or be replaced by a pull."""
    harness.predict()
    harness.store.missing.add("small")
    harness.store.downloading.close()
    harness.predict(part=True, download=True)  # would wait for ever


def test_a_model_in_memory_whose_licence_is_accepted_no_more_is_not_used(harness: Harness) -> None:
    harness.predict()
    harness.store.licences.refused.add("small")
    for use in (harness.predict, lambda: harness.predictor.renew(SMALL, KEEP)):
        with pytest.raises(Rejected) as refusal:
            use()
        assert refusal.value.code == "licence_not_accepted"
    assert harness.engines.made[0].inferences == 1


def test_a_load_gives_way_to_an_inference(harness: Harness) -> None:
    harness.predict(SMALL)
    loading, inferring = harness.engines.close_loading("large"), harness.engines.close_inferring("small")
    ends = [in_thread(lambda: harness.predict(LARGE))]
    assert loading.reached.wait(60)
    inferring.reached.clear()
    ends.append(in_thread(lambda: harness.predict(part=True)))
    assert inferring.reached.wait(60)
    large = harness.engines.made[1]
    assert large.paused
    inferring.open()
    assert ends[1]() is None
    assert not large.paused and large.pauses == 1
    loading.open()
    assert ends[0]() is None


def test_a_load_that_begins_during_an_inference_waits_for_its_end(harness: Harness) -> None:
    harness.predict(SMALL)
    loading, inferring = harness.engines.close_loading("large"), harness.engines.close_inferring("small")
    inferring.reached.clear()
    first = in_thread(lambda: harness.predict(part=True))
    assert inferring.reached.wait(60)
    second = in_thread(lambda: harness.predict(LARGE))
    assert loading.reached.wait(60)
    large = harness.engines.made[1]
    assert large.paused
    inferring.open()
    assert first() is None
    assert not large.paused and large.pauses == 1
    loading.open()
    assert second() is None


def test_a_load_that_is_cancelled_while_it_is_paused_ends_at_once(harness: Harness) -> None:
    harness.predict(SMALL)
    loading, inferring = harness.engines.close_loading("large"), harness.engines.close_inferring("small")
    task = Task()
    load = in_thread(lambda: harness.predict(LARGE, task))
    assert loading.reached.wait(60)
    inferring.reached.clear()
    inference = in_thread(lambda: harness.predict(part=True))
    assert inferring.reached.wait(60)
    task.cancel()
    error = load()
    assert isinstance(error, Rejected) and error.code == "cancelled"
    assert harness.engines.made[1].closed
    inferring.open()
    assert inference() is None


def test_a_load_ends_however_many_inferences_come(harness: Harness) -> None:
    """It is paused for as long as it has run, plus GRACE_SECONDS: an inference takes a second of the clock."""
    harness.predict(SMALL)
    loading = harness.engines.close_loading("large")
    end = in_thread(lambda: harness.predict(LARGE))
    assert loading.reached.wait(60)
    large = harness.engines.made[1]
    for number in range(10):
        harness.predict(part=True, number=number)
    assert large.pauses == 6  # two in GRACE_SECONDS, then every other one
    harness.clock.now += 5
    harness.predict(part=True, number=11)
    assert large.pauses == 7
    loading.open()
    assert end() is None


def test_two_requests_for_a_model_load_it_once(harness: Harness) -> None:
    loading = harness.engines.close_loading("small")
    ends = [in_thread(lambda: harness.predict(SMALL)) for _ in range(2)]
    assert loading.reached.wait(60)
    loading.open()
    assert [end() for end in ends] == [None, None]
    assert len(harness.engines.made) == 1


def test_one_inference_runs_at_a_time(harness: Harness) -> None:
    gate, waiting = harness.engines.close_inferring("small"), Task()
    first = in_thread(lambda: harness.predict(SMALL))
    assert gate.reached.wait(60)
    second = in_thread(lambda: harness.predict(LARGE, waiting))
    wait_for(
        lambda: waiting.progress == Progress("inference", place=1) and len(harness.engines.made) == 2,
        "the second wait for its turn",
    )
    assert harness.engines.made[1].inferences == 0
    gate.open()
    assert first() is None and second() is None
    assert harness.engines.most_running == 1
    assert waiting.progress.place == 0  # from its turn on it waits for nobody


# -- cancelling --------------------------------------------------------------------------------------------------------


def test_a_cancel_before_anything_is_heeded_before_the_load(harness: Harness) -> None:
    task = Task()
    task.cancel()
    with pytest.raises(Rejected) as refusal:
        harness.predict(task=task)
    assert refusal.value.code == "cancelled"
    assert all(engine.closed for engine in harness.engines.made) and harness.cache.resident() == []


def test_a_cancel_ends_a_load_and_leaves_nothing_in_memory(harness: Harness) -> None:
    task, loading = Task(), harness.engines.close_loading("small")
    end = in_thread(lambda: harness.predict(task=task))
    assert loading.reached.wait(60)
    task.cancel()
    error = end()
    assert isinstance(error, Rejected) and error.code == "cancelled"
    assert harness.engines.made[0].closed and harness.cache.resident() == []
    assert len(harness.engines.made) == 1  # it was not tried again
    harness.predict()


def test_a_cancel_while_another_loads_is_heeded_at_once(harness: Harness) -> None:
    loading = harness.engines.close_loading("large")
    first = in_thread(lambda: harness.predict(LARGE))
    assert loading.reached.wait(60)
    task = Task()
    second = in_thread(lambda: harness.predict(SMALL, task))
    wait_for(lambda: task.progress.stage == "loading", "the second wait for the load")
    task.cancel()
    error = second()
    assert isinstance(error, Rejected) and error.code == "cancelled"
    loading.open()
    assert first() is None


def test_a_cancel_ends_an_inference_and_the_model_stays(harness: Harness) -> None:
    task, gate = Task(), harness.engines.close_inferring("small")
    end = in_thread(lambda: harness.predict(task=task))
    assert gate.reached.wait(60)
    task.cancel()
    error = end()
    assert isinstance(error, Rejected) and error.code == "cancelled"
    assert [each.engine for each in harness.cache.resident()] == harness.engines.made
    harness.predict()
    assert harness.engines.made[0].inferences == 2  # what was cancelled was not remembered


def test_a_cancel_while_another_infers_is_heeded_at_once(harness: Harness) -> None:
    gate = harness.engines.close_inferring("large")
    first = in_thread(lambda: harness.predict(LARGE))
    assert gate.reached.wait(60)
    task = Task()
    second = in_thread(lambda: harness.predict(SMALL, task))
    wait_for(lambda: task.progress.place == 1, "the second wait for its turn")
    task.cancel()
    error = second()
    assert isinstance(error, Rejected) and error.code == "cancelled"
    gate.open()
    assert first() is None


def test_an_inference_that_is_overtaken_goes_on_and_serves_the_next_request(harness: Harness) -> None:
    gate = harness.engines.close_inferring("small")
    overtaken, following = Task(), Task()
    first = in_thread(lambda: harness.predict(task=overtaken))
    assert gate.reached.wait(60)
    overtaken.overtake()
    second = in_thread(lambda: harness.predict(task=following))
    wait_for(lambda: following.progress.place == 1, "the second wait for its turn")
    gate.open()
    assert first() is None and second() is None
    assert harness.engines.made[0].inferences == 1


def test_a_load_that_is_overtaken_goes_on_and_serves_the_next_request(harness: Harness) -> None:
    task, loading = Task(), harness.engines.close_loading("small")
    end = in_thread(lambda: harness.predict(task=task))
    assert loading.reached.wait(60)
    task.overtake()
    loading.open()
    error = end()
    assert isinstance(error, Rejected) and error.code == "cancelled"
    harness.predict()
    assert len(harness.engines.made) == 1 and not harness.engines.made[0].closed


def test_a_cancel_ends_a_download(harness: Harness) -> None:
    harness.store.missing.add("small")
    harness.store.downloading.close()
    task = Task()
    end = in_thread(lambda: harness.predict(task=task, download=True))
    assert harness.store.downloading.reached.wait(60)
    assert (task.progress.stage, task.progress.fraction) == ("downloading", 0.5)
    task.cancel()
    harness.store.downloading.open()
    error = end()
    assert isinstance(error, Rejected) and error.code == "cancelled"
    assert harness.engines.made == []


def test_what_a_download_that_was_asked_for_is_followed_by_comes_before_the_load(harness: Harness) -> None:
    harness.store.missing.add("small")
    followed: list[tuple[str, int]] = []
    harness.predictor.on_downloaded = lambda task, spec: followed.append((spec.id, len(harness.engines.made)))
    harness.predict(download=True)
    harness.predict(download=True)
    assert followed == [("small", 0)]


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_an_engine_that_dies_is_replaced_once_in_a_request(harness: Harness) -> None:
    harness.engines.infer_errors["small"] = [EngineDied("a crash")]
    harness.predict()
    first, second = harness.engines.made
    assert first.closed and second.inferences == 1


def test_the_compiled_files_are_deleted_when_an_engine_dies(harness: Harness) -> None:
    folder = harness.compiled.folder("small")
    folder.mkdir()
    (folder / "model.blob").write_bytes(b"compiled")
    harness.engines.infer_errors["small"] = [EngineDied("a crash")]
    with harness.predictor.hold(Task(), SMALL, KEEP, harness.stopwatch()) as held:
        folder.mkdir(exist_ok=True)
        (folder / "model.blob").write_bytes(b"compiled")
        held.predict(PICTURE)
    assert not folder.exists()


def test_two_crashes_in_a_request_are_an_error_and_the_model_is_unloaded(harness: Harness) -> None:
    harness.engines.infer_errors["small"] = [EngineDied("a crash"), EngineDied("a crash")]
    with pytest.raises(Rejected, match="OpenVINO crashed while it ran SMALL") as refusal:
        harness.predict()
    assert refusal.value.code == "internal" and isinstance(refusal.value.__cause__, EngineDied)
    assert all(engine.closed for engine in harness.engines.made) and harness.cache.resident() == []


def test_the_second_prediction_of_a_request_has_no_other_try(harness: Harness) -> None:
    harness.engines.infer_errors["small"] = [EngineDied("a crash"), None, EngineDied("a crash")]
    with (
        pytest.raises(Rejected, match="crashed"),
        harness.predictor.hold(Task(), SMALL, KEEP, harness.stopwatch()) as held,
    ):
        held.predict(PICTURE)
        held.predict([PICTURE[0].crop(0, 0, 40, 40)])
    assert len(harness.engines.made) == 2


def test_an_engine_that_the_system_ended_is_reported_as_out_of_memory(harness: Harness) -> None:
    harness.engines.infer_errors["small"] = [EngineDied("killed", killed=True)]
    with pytest.raises(Rejected, match="The system ended SMALL") as refusal:
        harness.predict()
    assert refusal.value.code == "out_of_memory"


@pytest.mark.parametrize("errors", ["load_errors", "infer_errors"])
def test_after_the_system_ended_an_engine_nothing_is_tried_again_and_nothing_deleted(
    harness: Harness, errors: str
) -> None:
    """The next try would need as much memory, and the system might end the picture editor then."""
    getattr(harness.engines, errors)["small"] = [EngineDied("killed", killed=True)]
    blob = compiled_file(harness)
    with pytest.raises(Rejected, match="The system ended SMALL"):
        harness.predict()
    assert len(harness.engines.made) == 1 and blob.exists()
    harness.predict()
    assert blob.exists()


def test_an_engine_that_died_while_it_was_idle_is_loaded_anew_without_blame(harness: Harness) -> None:
    blob = compiled_file(harness)
    with harness.predictor.hold(Task(), SMALL, KEEP, harness.stopwatch()) as held:
        harness.engines.made[0].die()
        assert held.predict(PICTURE).device == "CPU"
    first, second = harness.engines.made
    assert first.inferences == 0 and first.closed and second.inferences == 1 and blob.exists()


def test_one_try_more_is_all_that_a_request_has(harness: Harness) -> None:
    """A load that fails after a crash has none of its own: each costs the computer as much as the first."""
    harness.engines.infer_errors["small"] = [EngineDied("a crash")]
    harness.engines.load_errors["small"] = [None, RuntimeError("no")]
    with pytest.raises(Rejected, match="OpenVINO cannot run SMALL: no"):
        harness.predict()
    assert len(harness.engines.made) == 2


def compiled_file(harness: Harness) -> Path:
    """Put a compiled file, with its seal, where OpenVINO would have left it."""
    blob = harness.compiled.folder("small") / "model.blob"
    blob.parent.mkdir()
    blob.write_bytes(b"compiled")
    harness.compiled.seal("small")
    return blob


def test_a_load_that_fails_is_tried_again_without_compiled_files(harness: Harness) -> None:
    harness.engines.load_errors["small"] = [RuntimeError("the blob is damaged")]
    harness.predict()
    first, second = harness.engines.made
    assert first.closed and first.compiled is not None and second.compiled is None


def test_openvinos_message_is_reported_and_kept_as_the_cause(harness: Harness) -> None:
    harness.engines.load_errors["small"] = [RuntimeError("no")] * 2
    with pytest.raises(Rejected, match="OpenVINO cannot run SMALL: no") as refusal:
        harness.predict()
    assert isinstance(refusal.value.__cause__, RuntimeError)
    assert all(engine.closed for engine in harness.engines.made)


def test_out_of_memory_while_inferring_is_no_crash(harness: Harness) -> None:
    harness.engines.infer_errors["small"] = [MemoryError()]
    with pytest.raises(MemoryError):
        harness.predict()
    assert len(harness.engines.made) == 1 and not harness.engines.made[0].closed


def test_a_model_that_the_machine_cannot_hold_is_never_loaded(tmp_path: Path) -> None:
    harness = Harness(tmp_path, free=999)
    with pytest.raises(Rejected) as refusal:
        harness.predict()
    assert refusal.value.code == "out_of_memory" and harness.engines.made == []


def test_a_model_makes_room_for_another_but_not_while_it_is_held(tmp_path: Path) -> None:
    harness = Harness(tmp_path)
    harness.cache.budget = 1500
    harness.predict(SMALL)
    harness.predict(LARGE)
    assert [engine.closed for engine in harness.engines.made] == [True, False]
    task = Task()
    with harness.predictor.hold(Task(), LARGE, KEEP, harness.stopwatch()):
        end = in_thread(lambda: harness.predict(SMALL, task))
        wait_for(lambda: task.progress.stage == "loading", "the load, which waits for room")
        assert len(harness.engines.made) == 2 and not harness.engines.made[1].closed
    assert end() is None
    assert [engine.closed for engine in harness.engines.made] == [True, True, False]


def test_a_model_that_is_not_installed_is_refused_before_anything_is_loaded(harness: Harness) -> None:
    harness.store.missing.add("small")
    with pytest.raises(Rejected) as refusal:
        harness.predict()
    assert refusal.value.code == "model_not_installed" and harness.engines.made == []
