"""INT8 from known ranges: what is put into a graph, which graphs and weights it fits, the files that come with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import openvino
import pytest
from graphs import small
from matted.models import catalogue, convert
from matted.models.convert import ranges
from matted.models.convert.ranges import Activation, Chart, Filters, Ranges
from numpy.typing import NDArray

SIDE = 16
FOLDER = Path(ranges.__file__).parent.parent / "ranges"
# Numbers of the nodes of `isnet_like`, whose only output that is kept is the first.
PARAMETER, FIRST, RELU, SECOND, LAST, SIGMOID = 0, 1, 2, 3, 5, 6
SEEN, MIDDLE = (-8.0, 7.9375), (0.0, 51.0)  # ranges, so wide that their levels are far apart
EVERY_MODEL = sorted(path.stem for path in FOLDER.iterdir())


def model(folder: Path, half: bool = False, side: int = SIDE) -> Path:
    """Convert the stand-in as a model is when it is installed."""
    target = folder / f"{half}-{side}" / "model.xml"
    convert.convert(small.isnet_like(folder / "net.onnx", side, half), target, [0], compress=half)
    return target


def known(path: Path) -> Ranges:
    """Return ranges for the first two convolutions of a stand-in."""
    chart = Chart(convert.read(path))
    assert [chart.nodes[number].get_type_name() for number in (FIRST, SECOND, LAST)] == ["Convolution"] * 3
    filters = [Filters(number, float(np.abs(ranges.weights(chart.nodes[number])).max())) for number in (FIRST, SECOND)]
    activations = (Activation(PARAMETER, (FIRST,), *SEEN), Activation(RELU, (SECOND,), *MIDDLE))
    return Ranges(("sha256:0",), "by hand", chart.fingerprint(), activations, tuple(filters))


def picture() -> NDArray[np.float32]:
    return small.picture(1, 3, SIDE, SIDE) * 2.5 - 0.9


def answer(path: Path) -> NDArray[np.float32]:
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    result: NDArray[np.float32] = compiled(picture())[0]
    return result


def rounded(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return the nearest of 256 levels."""
    step = (high - low) / 255
    return np.rint((np.clip(values, low, high) - low) / step) * step + low


def convolved(values: NDArray[np.float64], filters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return channels x rows x columns: the correlation, with zeros around what is given."""
    reach = filters.shape[2] // 2
    padded = np.pad(values, [(0, 0), (reach, reach), (reach, reach)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, filters.shape[2:], (1, 2))
    return np.einsum("crsyx,ocyx->ors", windows, filters)


def integers(filters: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return weights as multiples of a 127th of their channel's largest."""
    scale = np.abs(filters).max(axis=(1, 2, 3), keepdims=True).astype(np.float64) / 127
    return np.rint(filters / scale) * scale


def test_the_variant_computes_with_the_levels_of_its_ranges(tmp_path: Path) -> None:
    path = model(tmp_path)
    ranges.quantize(path, known(path), tmp_path / "int8.xml")
    first, second, last = (ranges.weights(Chart(convert.read(path)).nodes[number]) for number in (FIRST, SECOND, LAST))
    seen = rounded(picture()[0].astype(np.float64), *SEEN)
    middle = rounded(np.maximum(convolved(seen, integers(first)), 0), *MIDDLE)
    logits = convolved(np.maximum(convolved(middle, integers(second)), 0), last.astype(np.float64))
    expected = 1 / (1 + np.exp(-logits))
    off = float(np.abs(answer(tmp_path / "int8.xml")[0] - expected).mean())
    changed = float(np.abs(answer(path)[0] - expected).mean())  # by the levels
    # Scales are stored in half precision, which now and then decides between two levels.
    assert off < 0.001 and off < changed / 10, (off, changed)


def test_weights_are_stored_as_integers_and_the_rest_as_it_was(tmp_path: Path) -> None:
    path = model(tmp_path)
    ranges.quantize(path, known(path), tmp_path / "int8.xml")
    graph = convert.read(tmp_path / "int8.xml")
    stored = [node for node in graph.get_ops() if node.get_type_name() == "Constant"]
    whole = [node.data for node in stored if node.get_element_type() == openvino.Type.i8]
    assert sorted(array.shape for array in whole) == [(8, 3, 3, 3), (8, 8, 3, 3)]
    assert all(np.abs(array).max(axis=(1, 2, 3)).tolist() == [127] * 8 for array in whole)
    assert sum(node.get_type_name() == "FakeQuantize" for node in graph.get_ops()) == 2


def test_the_same_is_made_again(tmp_path: Path) -> None:
    path = model(tmp_path)
    made = [tmp_path / name / "model.xml" for name in ("one", "other")]
    for target in made:
        ranges.quantize(path, known(path), target)
    # Not the .xml: OpenVINO numbers the nodes that a process makes.
    assert made[0].with_suffix(".bin").read_bytes() == made[1].with_suffix(".bin").read_bytes()
    assert np.array_equal(answer(made[0]), answer(made[1]))


def test_ranges_fit_copies_in_half_and_in_single_precision(tmp_path: Path) -> None:
    single, half = model(tmp_path), model(tmp_path, half=True)
    assert Chart(convert.read(single)).fingerprint() == Chart(convert.read(half)).fingerprint()
    ranges.quantize(half, known(single), tmp_path / "int8.xml")
    ranges.quantize(single, known(single), tmp_path / "other.xml")
    assert np.abs(answer(tmp_path / "int8.xml") - answer(tmp_path / "other.xml")).mean() < 0.002


def test_the_order_of_nodes_depends_on_the_graph_alone(tmp_path: Path) -> None:
    """An IR that was written and read again lists its nodes in another order, with other names for some."""
    file = small.isnet_like(tmp_path / "net.onnx", SIDE)
    graph = convert.read(file)
    before = Chart(graph)
    convert.save(graph, tmp_path / "model.xml", compress=True)
    after = Chart(convert.read(tmp_path / "model.xml"))
    assert before.fingerprint() == after.fingerprint()
    assert [node.get_type_name() for node in before.nodes] == [node.get_type_name() for node in after.nodes]


def test_another_graph_is_refused(tmp_path: Path) -> None:
    path, larger = model(tmp_path), model(tmp_path, side=2 * SIDE)
    with pytest.raises(ValueError, match="its operators are others"):
        ranges.quantize(larger, known(path), tmp_path / "int8.xml")
    assert not (tmp_path / "int8.xml").exists()


def test_other_weights_of_the_same_graph_are_refused(tmp_path: Path) -> None:
    path = model(tmp_path)
    right = known(path)
    wrong = replace(
        right, filters=(right.filters[0], replace(right.filters[1], largest=right.filters[1].largest * 1.01))
    )
    with pytest.raises(ValueError, match="its weights are others"):
        ranges.quantize(path, wrong, tmp_path / "int8.xml")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    right = known(model(tmp_path))
    assert ranges.decode(ranges.encode(right)) == right


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_the_ranges_that_come_with_matted_are_for_files_of_the_catalogue(name: str) -> None:
    spec = catalogue.load().specs[name]
    sources = {f"{algorithm}:{digest}" for algorithm, digest in filter(None, (each.digest for each in spec.sources))}
    first = ranges.decode((FOLDER / f"{name}.json").read_text("utf-8"))
    assert first.weights and set(first.weights) <= sources
    assert all(ranges.find(name, weights) == first for weights in first.weights)
    assert ranges.find(name, "sha256:" + "0" * 64) is None
    assert all(each.low <= 0 <= each.high and each.low < each.high for each in first.activations)
    assert (FOLDER / f"{name}.json").stat().st_size < 10_000


def test_a_model_without_a_file_has_no_ranges() -> None:
    assert ranges.find("birefnet-lite", "sha256:" + "0" * 64) is None
