"""Build the arithmetic on pixels into a model's graph: it then takes uint8 planes and returns colours as uint8.

So only bytes cross to the engine process, and the arithmetic runs on every core, or on the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matted.inference.engines.engine import Planes
from matted.models.arithmetic import FITS, MEAN
from matted.models.spec import ModelSpec
from matted.settings.target import CPU

if TYPE_CHECKING:
    import openvino

_FULL = 255.0  # of a uint8 sample


def build(graph: openvino.Model, spec: ModelSpec) -> openvino.Model:
    """Return a model's graph with the spec's arithmetic around it.

    graph: takes pictures, float32, 1 x 3 x height x width, or one picture and its trimap, 1 x 4 x height x width, then
        states, and returns the outputs that the spec names, then states; others after those are left out. It is
        changed.
    spec: its scale, mean and std are used.

    The result takes uint8 of the same shape; and where the fit says so, height and width of the picture in the model's
    input, int64, 1 x 2, beyond which all is the mean. A sample becomes (sample / scale - mean) / std, where scale is
    255 or the brightest sample of the picture, at least 1. Outputs after the first, which are colours, are clipped to
    0..1 and become uint8 in 0..255; but states, and those of a model that takes clicks, stay as they are.
    """
    import openvino
    from openvino import Layout, Type
    from openvino.preprocess import PrePostProcessor

    outputs = graph.outputs[: len(spec.outputs) + len(spec.states)]
    graph = openvino.Model(outputs, graph.get_parameters(), spec.id)
    extra = 1 if spec.refines else 0  # the plane of the trimap is divided by the scale, and left so
    pictures = len(graph.inputs) - len(spec.states)
    if pictures < 1:
        raise RuntimeError(f"it has no memory, as its file was converted by an earlier matted: {spec.how_to_get}")
    if FITS[spec.fit].on_mean:
        graph = _on_mean(graph, spec)
    border = PrePostProcessor(graph)
    for index in range(pictures):
        picture = border.input(index)
        picture.tensor().set_element_type(Type.u8).set_layout(Layout("NCHW"))
        picture.model().set_layout(Layout("NCHW"))
        steps = picture.preprocess().convert_element_type(Type.f32)
        if spec.scale == "max":
            steps.custom(_divide_by_brightest)
        else:
            steps.scale(_FULL)
        steps.mean([*spec.mean, *[0.0] * extra])
        steps.scale([*spec.std, *[1.0] * extra])
    for index in range(1, 1 if spec.takes_clicks else len(graph.outputs) - len(spec.states)):
        border.output(index).postprocess().custom(_bytes)
    return border.build()


def _on_mean(graph: openvino.Model, spec: ModelSpec) -> openvino.Model:
    """Return the graph with one more input, height and width, beyond which its picture is the mean."""
    import openvino
    from openvino import opset13 as operators

    (picture,) = graph.get_parameters()
    shape = picture.get_output_shape(0)
    uses = picture.output(0).get_target_inputs()
    content = operators.parameter([1, 2], np.int64)
    inside = [
        operators.less(
            np.arange(shape[axis]).reshape(where), operators.gather(content, np.int64(axis - 2), np.int64(1))
        )
        for axis, where in ((2, (1, 1, -1, 1)), (3, (1, 1, 1, -1)))
    ]
    mean = (np.array(MEAN) - spec.mean) / spec.std
    beyond = np.float32(mean.reshape(1, 3, 1, 1))
    chosen = operators.select(operators.logical_and(*inside), picture, beyond).output(0)
    for use in uses:
        use.replace_source_output(chosen)
    return openvino.Model(graph.get_results(), [picture, content], graph.get_friendly_name())


def normalise(planes: Planes, spec: ModelSpec) -> NDArray[np.float32]:
    """Apply the arithmetic of the input alone, for calibrating a model whose graph does not contain it.

    planes: 3 x height x width.

    Returns float32, 1 x 3 x height x width.
    """
    import openvino
    from openvino import opset13 as operators

    picture = operators.parameter([1, *planes.shape], np.float32)
    graph = openvino.Model([operators.convert(picture, "f32").output(0)], [picture], "normalise")
    compiled = openvino.Core().compile_model(build(graph, spec), CPU, {"INFERENCE_PRECISION_HINT": "f32"})
    result: NDArray[np.float32] = compiled(planes[np.newaxis])[0]
    return result


def _divide_by_brightest(picture: openvino.Output) -> openvino.Output:
    from openvino import opset13 as operators

    brightest = operators.reduce_max(picture, np.array([1, 2, 3], np.int64), keep_dims=True)
    return operators.divide(picture, operators.maximum(brightest, np.float32(1.0))).output(0)


def _bytes(colours: openvino.Output) -> openvino.Output:
    from openvino import opset13 as operators

    levels = operators.multiply(operators.clamp(colours, 0.0, 1.0), np.float32(_FULL))
    return operators.convert(operators.round(levels, "half_to_even"), "u8").output(0)
