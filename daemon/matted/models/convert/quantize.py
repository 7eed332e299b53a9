"""Make INT8 variants of models, by NNCF (https://github.com/openvinotoolkit/nncf), an extra: matted[quantize].

Post-training quantization: weights become 8-bit integers, and so do the activations between operators, within ranges
that a few photographs show.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matted.models import convert

# Its sampling places are offsets of pixels: a step of 1/256 of their range would move edges. There is no INT8 kernel
# for it either.
_KEPT_REAL = ["DeformableConvolution"]


def quantize(
    model_path: Path,
    samples: Iterable[NDArray[np.float32] | Sequence[NDArray[np.float32]]],
    target: Path,
    transformer: bool,
    on_progress: Callable[[int], None],
) -> None:
    """Write the INT8 variant of a model as an OpenVINO IR.

    model_path: .xml or .onnx.
    samples: for each photograph the model's input, float32, batch x channels x height x width, normalised; or a
        sequence of one array for each input in the graph's order. About six photographs are enough.
    target: the .xml of the variant; its weights lie beside it.
    transformer: whether the model is mainly one, which NNCF treats more carefully.
    on_progress: called with 1, 2, ... for the photograph that is looked at, and from 1 again if NNCF looks twice. What
        it raises ends the work. What it prints on standard output is lost.

    After the photographs NNCF works on for about a third of their time. All samples are held in memory; with IS-Net at
    1024 x 1024 this takes 3.3 GB, where an inference takes 0.8 GB.

    Raises OSError, and ValueError with a sentence for the user: NNCF is not installed, the file cannot be read (see
    `convert.read`), there are no samples, or they have other shapes than the model's inputs.
    """
    nncf = _nncf()
    graph = convert.read(model_path)
    # NNCF goes through the samples more than once, and a photograph at 1024 x 1024 is 12 MB.
    kept = [_checked(sample, graph) for sample in samples]
    if not kept:
        raise ValueError("No photographs were given to find the ranges of INT8 with.")

    def counted() -> Iterator[list[NDArray[np.float32]]]:
        for number, sample in enumerate(kept, 1):
            on_progress(number)
            yield sample

    nncf.set_log_level(logging.ERROR)
    present = {node.get_type_name() for node in graph.get_ops()}
    ignored = nncf.IgnoredScope(types=[kind for kind in _KEPT_REAL if kind in present])
    with contextlib.redirect_stdout(io.StringIO()):  # where NNCF draws progress bars of its own, and nothing else
        small = nncf.quantize(
            graph,
            nncf.Dataset(_Restartable(counted)),
            # What follows activation functions is not symmetric around 0; half of a symmetric range would lie idle.
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(kept),
            model_type=nncf.ModelType.TRANSFORMER if transformer else None,
            ignored_scope=ignored,
        )
    convert.save(small, target, compress=True)


class _Restartable:
    """An iterable that starts anew each time, which a generator does not."""

    def __init__(self, start: Callable[[], Iterator[Any]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[Any]:
        return self._start()


def _checked(sample: Any, graph: Any) -> list[NDArray[np.float32]]:
    arrays = [sample] if isinstance(sample, np.ndarray) else list(sample)
    fits = len(arrays) == len(graph.inputs) and all(
        array.dtype == np.float32 and port.get_partial_shape().compatible(_shape(array.shape))
        for array, port in zip(arrays, graph.inputs, strict=True)
    )
    if not fits:
        given = ", ".join("x".join(map(str, array.shape)) for array in arrays)
        wanted = ", ".join(str(port.get_partial_shape()) for port in graph.inputs)
        raise ValueError(f"The model takes {wanted}, but a photograph was prepared as {given}.")
    return arrays


def _shape(sizes: Sequence[int]) -> Any:
    import openvino

    return openvino.PartialShape(list(sizes))


def _nncf() -> Any:
    try:
        return importlib.import_module("nncf")
    except ImportError as error:
        raise ValueError(
            "Making an INT8 variant needs NNCF, which is not installed. Install it with: pip install 'matted[quantize]'"
        ) from error
