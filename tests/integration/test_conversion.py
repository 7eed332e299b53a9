"""Model files become OpenVINO graphs with the outputs that ONNX Runtime computes from the same files."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from graphs import small
from matted.models import convert as conversion
from matted.models.convert import deformable
from numpy.typing import NDArray
from openvino._offline_transformations import apply_moc_transformations

EXACT = 1e-5  # tolerance: float32 summed in another order
HALF = 2e-3  # tolerance: weights in float16
SIZE = (12, 16)
DECOMPOSED = ["gathernd", "gatherelements", "gridsample"]
LAYERS = {
    "3x3": small.Deformable(),
    "plain": small.Deformable(modulated=False, biased=False),
    "1x1": small.Deformable(kernel=(1, 1), pad=(0, 0)),
    "7x7": small.Deformable(kernel=(7, 7), pad=(3, 3)),
    "groups": small.Deformable(stride=(2, 2), groups=2, offset_groups=2, filters=4),
    "oblong": small.Deformable(kernel=(3, 5), dilation=(2, 1), pad=(2, 1), stride=(1, 2)),
}


def expected(file: Path | bytes, *inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the outputs that ONNX Runtime computes."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file if isinstance(file, bytes) else str(file), options)
    names = [given.name for given in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def computed(graph: Any, *inputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the outputs that OpenVINO computes. graph: an openvino.Model, or the path of a file that it can read."""
    compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [np.asarray(value) for value in compiled(list(inputs)).values()]


def kinds(graph: Any) -> list[str]:
    return [node.get_type_name() for node in graph.get_ops()]


def distance(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    assert some.shape == others.shape
    return float(np.abs(some - others).max())


def names(ports: Any) -> list[set[str]]:
    return [set(port.get_names()) for port in ports]


@pytest.fixture
def picture() -> NDArray[np.float32]:
    return small.picture(1, 3, *SIZE)  # type: ignore[no-any-return]


def test_openvino_alone_cannot_read_deformable_convolutions(tmp_path: Path) -> None:
    """The reason for the tests below. When this one fails, `conversion.read` no longer needs its extension."""
    with pytest.raises(RuntimeError, match="No conversion rule found for operations: DeformConv"):
        openvino.Core().read_model(small.birefnet_like(tmp_path / "native.onnx", "native"))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("flavour", ["native", *DECOMPOSED])
def test_every_flavour_gives_what_onnx_runtime_gives(
    tmp_path: Path, picture: NDArray[np.float32], flavour: str, layer: str
) -> None:
    file = small.birefnet_like(tmp_path / "net.onnx", flavour, LAYERS[layer])
    [right] = expected(file, picture)
    assert right.std() > 0.02, "saturated outputs would hide errors"
    graph = conversion.read(file)
    assert distance(computed(graph, picture)[0], right) <= EXACT
    assert deformable.fold(graph) == (flavour in DECOMPOSED)
    assert kinds(graph).count("DeformableConvolution") == 1
    assert distance(computed(graph, picture)[0], right) <= EXACT


@pytest.mark.parametrize("flavour", ["native", *DECOMPOSED])
def test_an_ir_needs_nothing_but_openvino_and_is_as_right(
    tmp_path: Path, picture: NDArray[np.float32], flavour: str
) -> None:
    file = small.birefnet_like(tmp_path / "net.onnx", flavour)
    [right] = expected(file, picture)
    for compress, tolerance in ((False, EXACT), (True, HALF)):
        target = tmp_path / f"{compress}" / "net.xml"
        conversion.convert(file, target, ["alphas"], compress)
        graph = openvino.Core().read_model(target)
        assert kinds(graph).count("DeformableConvolution") == 1
        assert not {"GatherND", "GatherElements", "GridSample"} & set(kinds(graph))
        assert names(graph.inputs) == [{"pixel_values"}] and names(graph.outputs) == [{"alphas"}]
        assert distance(computed(target, picture)[0], right) <= tolerance
    sizes = [(tmp_path / f"{compress}" / "net.bin").stat().st_size for compress in (True, False)]
    assert sizes[0] < 0.6 * sizes[1]


@pytest.mark.parametrize(("height", "width"), [(24, 32), (64, 20), (9, 7)])
def test_what_a_model_remembers_goes_in_and_out_of_the_ir_and_the_ratio_is_in_it(
    tmp_path: Path, height: int, width: int
) -> None:
    file = small.film_like(tmp_path / "net.onnx")
    target = tmp_path / "ir" / "net.xml"
    states = [("r2i", "r2o"), ("r1i", "r1o"), ("r3i", "r3o"), ("r4i", "r4o")]
    conversion.convert(file, target, ["pha", "fgr"], False, None, ("downsample_ratio", 16), states)
    graph = openvino.Core().read_model(target)
    assert names(graph.inputs) == [{"src"}, {"r2i"}, {"r1i"}, {"r3i"}, {"r4i"}]
    assert names(graph.outputs) == [{"pha"}, {"fgr"}, {"r2o"}, {"r1o"}, {"r3o"}, {"r4o"}]
    ratio = np.float32([min(1.0, 16 / max(height, width))])
    nothing = np.zeros((1, 1, 1, 1), np.float32)
    given, remembered = [nothing] * 4, [nothing] * 4
    for number in range(3):
        picture = small.picture(1, 3, height, width, seed=number)
        fgr, pha, *given = expected(file, picture, *given, ratio)
        found = computed(target, picture, *remembered)
        remembered = found[2:]
        assert pha.std() > 0.02 and distance(found[0], pha) <= EXACT and distance(found[1], fgr) <= EXACT
    assert float(remembered[0].max()) == 3, "it has counted the frames"
    again = tmp_path / "again" / "net.xml"
    conversion.convert(target, again, [0], False, None, ("downsample_ratio", 16), states)
    assert (
        distance(computed(again, picture, *[nothing] * 4)[0], expected(file, picture, *[nothing] * 4, ratio)[1])
        <= EXACT
    )
    with pytest.raises(ValueError, match="no input 'r9i'"):
        conversion.convert(file, target, ["pha"], False, states=[("r9i", "r1o")])


def test_a_batch_and_a_graph_that_is_already_an_ir(tmp_path: Path) -> None:
    file = small.birefnet_like(tmp_path / "net.onnx", "gathernd", batch=2)
    pictures = small.picture(2, 3, *SIZE)
    for compress, tolerance in ((False, EXACT), (True, HALF)):
        graph = conversion.read(file)
        apply_moc_transformations(graph, cf=False)  # as OpenVINO's own converter does
        conversion.save(graph, tmp_path / "given.xml", compress)
        conversion.convert(tmp_path / "given.xml", tmp_path / "net.xml", [0], compress)
        assert "DeformableConvolution" in kinds(conversion.read(tmp_path / "net.xml"))
        assert distance(computed(tmp_path / "net.xml", pictures)[0], expected(file, pictures)[0]) <= tolerance


def changed(file: Path) -> Iterator[bytes]:
    """Yield variants of a graph, each with one small change of a constant, an order of inputs, or an operator."""
    others = {"Floor": "Ceil", "Add": "Sub", "Mul": "Add", "Sub": "Add", "Sum": "Max"}
    original = onnx.load(str(file))
    for index, tensor in enumerate(original.graph.initializer):
        numbers = onnx.numpy_helper.to_array(tensor)
        for place in sorted({0, numbers.size // 2, numbers.size - 1}):
            model = onnx.ModelProto()
            model.CopyFrom(original)
            value = numbers.copy()
            value.reshape(-1)[place] += 1
            model.graph.initializer[index].CopyFrom(onnx.numpy_helper.from_array(value, tensor.name))
            yield model.SerializeToString()
    for index, node in enumerate(original.graph.node):
        for kind in dict.fromkeys((node.op_type, others.get(node.op_type, node.op_type))):
            for turned in (False, True) if len(node.input) == 2 else (False,):
                model = onnx.ModelProto()
                model.CopyFrom(original)
                model.graph.node[index].op_type = kind
                if turned:
                    model.graph.node[index].input[:] = [node.input[1], node.input[0]]
                yield model.SerializeToString()
        for position, attribute in enumerate(node.attribute):
            if attribute.type in (onnx.AttributeProto.INT, onnx.AttributeProto.INTS):
                model = onnx.ModelProto()
                model.CopyFrom(original)
                given = model.graph.node[index].attribute[position]
                if attribute.ints:
                    given.ints[:] = [*attribute.ints[1:], attribute.ints[0]]
                else:
                    given.i = 1 - attribute.i if attribute.i in (0, 1) else attribute.i - 1
                yield model.SerializeToString()


@pytest.mark.parametrize("flavour", DECOMPOSED)
def test_what_is_only_similar_to_a_deformable_convolution_keeps_its_own_meaning(tmp_path: Path, flavour: str) -> None:
    layer = small.Deformable(channels=4, filters=4, kernel=(2, 3), groups=2, offset_groups=2)
    file = small.birefnet_like(tmp_path / "net.onnx", flavour, layer, (5, 7))
    picture = small.picture(1, 3, 5, 7)
    folded = kept = 0
    for number, variant in enumerate(itertools.islice(changed(file), 1, None, 4)):
        path = tmp_path / f"{number}.onnx"
        path.write_bytes(variant)
        try:
            [right] = expected(path, picture)
            graph = conversion.read(path)
        except Exception:  # no longer a model
            continue
        if deformable.fold(graph):
            folded += 1
            assert distance(computed(graph, picture)[0], right) <= EXACT
        else:
            kept += 1
    assert folded and kept


@pytest.mark.parametrize("flavour", DECOMPOSED)
def test_one_channel_a_group_stays_as_it_is(tmp_path: Path, picture: NDArray[np.float32], flavour: str) -> None:
    """Then the shapes of modulation and values do not tell which is which."""
    file = small.birefnet_like(tmp_path / "net.onnx", flavour, small.Deformable(channels=2, offset_groups=2))
    graph = conversion.read(file)
    assert deformable.fold(graph) == 0
    assert distance(computed(graph, picture)[0], expected(file, picture)[0]) <= EXACT


def test_open_sizes_stay_open_unless_they_are_given(tmp_path: Path) -> None:
    """With the stand-in for background matting: two inputs of any size, a matte and a foreground."""
    file = small.keyer(tmp_path / "keyer.onnx")
    conversion.convert(file, tmp_path / "open.xml", ["pha", "fgr"], True)
    graph = openvino.Core().read_model(tmp_path / "open.xml")
    assert names(graph.inputs) == [{"src"}, {"bgr"}] and names(graph.outputs) == [{"pha"}, {"fgr"}]
    assert [str(port.get_partial_shape()[2:]) for port in graph.inputs] == ["[?,?]", "[?,?]"]
    for height, width in ((8, 12), (36, 20)):
        source, plate = small.picture(1, 3, height, width), small.picture(1, 3, height, width, seed=4)
        plate[..., : width // 2] = source[..., : width // 2]
        matte, foreground = computed(tmp_path / "open.xml", source, plate)
        right = expected(file, source, plate)
        assert distance(matte, right[0]) <= EXACT and distance(foreground, right[1]) <= EXACT
        by_hand = np.clip(6 * np.abs(source - plate).max(1, keepdims=True), 0, 1)
        assert distance(matte, by_hand) <= EXACT
        assert distance(foreground, source * (by_hand > 0)) <= EXACT

    sizes = {"src": (1, 3, 8, 12), "bgr": (1, 3, 8, 12)}
    conversion.convert(file, tmp_path / "fixed.xml", ["fgr", "pha"], True, sizes)
    graph = openvino.Core().read_model(tmp_path / "fixed.xml")
    assert [list(port.get_shape()) for port in graph.outputs] == [[1, 3, 8, 12], [1, 1, 8, 12]]
    with pytest.raises(ValueError, match=r"keyer\.onnx has no input 'plate'\. It has: bgr, src\."):
        conversion.convert(file, tmp_path / "wrong.xml", ["pha"], True, {"plate": (1, 3, 8, 12)})
    with pytest.raises(ValueError, match=r"keyer\.onnx does not work at this size: src 1x3x8x12, bgr 1x3x8x16\."):
        conversion.convert(file, tmp_path / "wrong.xml", ["pha"], True, {**sizes, "bgr": (1, 3, 8, 16)})
    assert not (tmp_path / "wrong.xml").exists()


@pytest.mark.parametrize("half", [False, True])
def test_side_outputs_go_and_what_only_they_need(tmp_path: Path, half: bool) -> None:
    file = small.isnet_like(tmp_path / "net.onnx", half=half)
    picture = small.picture(1, 3, 32, 32)
    right = expected(file, picture)[0]
    assert right.std() > 0.02
    for key in ("output", 0):
        conversion.convert(file, tmp_path / "net.xml", [key], True)
        graph = openvino.Core().read_model(tmp_path / "net.xml")
        assert names(graph.outputs) == [{"output"}]
        assert kinds(graph).count("Sigmoid") == 1
        assert {port.get_element_type() for port in (*graph.inputs, *graph.outputs)} == {openvino.Type.f32}
        assert distance(computed(tmp_path / "net.xml", picture)[0], right) <= HALF


def test_inputs_and_outputs_become_float32(tmp_path: Path) -> None:
    net = small.Net(17)
    net.add("Sigmoid", "input", output="output")
    shapes = {"input": (1, 3, 4, 4)}, {"output": (1, 3, 4, 4)}
    file = net.save(tmp_path / "half.onnx", *shapes, onnx.TensorProto.FLOAT16)
    picture = small.picture(1, 3, 4, 4)
    conversion.convert(file, tmp_path / "half.xml", ["output"], True)
    graph = openvino.Core().read_model(tmp_path / "half.xml")
    assert {port.get_element_type() for port in (*graph.inputs, *graph.outputs)} == {openvino.Type.f32}
    assert names(graph.inputs) == [{"input"}] and names(graph.outputs) == [{"output"}]
    assert distance(computed(graph, picture)[0], 1 / (1 + np.exp(-picture))) <= HALF


def test_an_output_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    file = small.isnet_like(tmp_path / "net.onnx")
    for key in ("alphas", 3, -1):
        with pytest.raises(
            ValueError, match=rf"^net\.onnx has no output {key!r}\. It has 3: output, side_1, side_2\.$"
        ):
            conversion.convert(file, tmp_path / "net.xml", [key], True)
    assert not (tmp_path / "net.xml").exists()


def test_files_that_are_no_models_are_refused_in_a_sentence(tmp_path: Path) -> None:
    whole = small.isnet_like(tmp_path / "whole.onnx")
    conversion.convert(whole, tmp_path / "ir.xml", [0], True)
    file = tmp_path / "file.onnx"
    for content in (b"", b"<!DOCTYPE html><title>404</title>", whole.read_bytes()[:-100], bytes(range(256)) * 40):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"file\.onnx is damaged or not an ONNX model\.$"):
            conversion.read(file)

    drawing = tmp_path / "file.xml"
    text, weights = (tmp_path / "ir.xml").read_bytes(), (tmp_path / "ir.bin").read_bytes()
    drawing.write_bytes(text)
    with pytest.raises(ValueError, match=r"file\.xml has no weights: the file file\.bin is not beside it\.$"):
        conversion.read(drawing)
    for content, numbers in ((text, weights[:50]), (text[:700], weights), (b"<html></html>", weights)):
        drawing.write_bytes(content)
        drawing.with_suffix(".bin").write_bytes(numbers)
        with pytest.raises(ValueError, match=r"file\.xml is damaged or not an OpenVINO IR model\.$"):
            conversion.read(drawing)

    with pytest.raises(ValueError, match=r"^There is no file .*nothing\.onnx\.$"):
        conversion.read(tmp_path / "nothing.onnx")
    with pytest.raises(ValueError, match=r"ir\.xml cannot be converted onto itself\.$"):
        conversion.convert(tmp_path / "ir.xml", tmp_path / "ir.xml", [0], True)


FULL_DISK = """
import pathlib, resource, signal, sys
from matted.models import convert as graphs
source, target = map(pathlib.Path, sys.argv[1:])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    graphs.convert(source, target, [0], False)
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of files")
def test_a_full_disk_is_an_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = small.isnet_like(tmp_path / "net.onnx")
    command = [sys.executable, "-c", FULL_DISK, str(file), str(tmp_path / "ir" / "net.xml")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "the model could not be written: the disk seems to be full\n"
    assert not list((tmp_path / "ir").iterdir())


def test_operators_that_openvino_lacks_are_named(tmp_path: Path) -> None:
    net = small.Net(17)
    net.add("Det", "input", output="output")
    file = net.save(tmp_path / "net.onnx", {"input": (1, 3, 4, 4)}, {"output": (1, 3)})
    with pytest.raises(ValueError, match=r"net\.onnx uses operators that OpenVINO does not have: Det-\d+\.$"):
        conversion.read(file)
