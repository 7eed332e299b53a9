"""Find the INT8 ranges of a model with NNCF, for daemon/matted/models/ranges/, from where they are used without it.

    .venv/bin/python tests/int8_ranges.py MODEL [--images DIR] [--real NUMBER ...] [--rows ROWS] [--also DIGEST ...]

The model has to be installed. What is found depends on the photographs a little: those of `matted models quantize`
unless others are named. --real leaves convolutions as they are, by their numbers in the file (`ranges.Chart`), where
INT8 would change the masks; --rows those of so few rows that they take little time. --also names other files that have
the same weights, as algorithm:digest.

The files there are made by:

    tests/int8_ranges.py isnet-general-use --also \
        sha256:60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a
    tests/int8_ranges.py u2netp --rows 40 --real 1 399 464 466 469 472 475 478 482

u2netp's convolution 399 takes a channel that is 228 nearly everywhere, and others of less than 20: in 8 bits these have
some twenty levels. Because of it alone masks are 0.14 off on average; without it 0.003. The first convolution, the
side outputs, and all of at most 40 rows are 4 % of the work, and bring that to 0.002.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matted.evaluation import photographs
from matted.files import pictures
from matted.files.batches import finding
from matted.inference import model_io
from matted.inference.engines import pixel_graph
from matted.inference.layer import Layer
from matted.models import catalogue, convert
from matted.models.convert import quantize, ranges
from matted.models.convert.nodes import constant
from matted.models.sources import Monitor
from matted.models.spec import ModelSpec
from matted.models.store import Store
from matted.settings import config
from numpy.typing import NDArray

if TYPE_CHECKING:
    import openvino

FOLDER = Path(ranges.__file__).parent.parent / "ranges"
PASSED = ("MaxPool", "Concat", "Interpolate")  # operators that integers only pass through
DIGITS = 5  # of a number in the file


def show(path: Path, spec: ModelSpec) -> NDArray[np.float32]:
    """Prepare a photograph as the model's input, normalised: 1 x 3 x side x side."""
    image = pictures.read(path).image.convert("RGB")
    fit = model_io.choose_fit(*image.size, spec, (spec.side, spec.side))
    return pixel_graph.normalise(model_io.prepare(Layer(np.asarray(image)), spec, fit), spec)


def extract(original: openvino.Model, quantized: openvino.Model, weights: Sequence[str], found: str) -> ranges.Ranges:
    """Return the ranges in a graph that NNCF has made.

    original: the graph that it was made of, whose operators have the same names.
    weights, found: as in `Ranges`.
    """
    chart = ranges.Chart(original)
    numbers = {node.get_friendly_name(): number for number, node in enumerate(chart.nodes)}
    assert len(numbers) == len(chart.nodes), "two operators of the same name"
    activations, filters = [], []
    for node in quantized.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "FakeQuantize":
            low, high, out_low, out_high = (constant(node.input_value(index)).reshape(-1) for index in range(1, 5))
            assert node.get_attributes()["levels"] == 256 and low.size == high.size == 1
            assert (low, high) == (out_low, out_high)
            source = node.input_value(0).get_node()
            while source.get_friendly_name() not in numbers:
                source = source.input_value(0).get_node()
            users = tuple(sorted({numbers[name] for name in _users(node, numbers)}))
            activation = ranges.Activation(numbers[source.get_friendly_name()], users, _short(low[0]), _short(high[0]))
            activations.append(activation)
        elif kind == "Convolution" and node.input_value(1).get_node().get_type_name() == "Multiply":
            number = numbers[node.get_friendly_name()]
            largest = np.abs(ranges.weights(chart.nodes[number])).max()
            filters.append(ranges.Filters(number, _short(largest)))
    activations.sort(key=lambda each: (each.node, each.users))
    filters.sort(key=lambda each: each.node)
    return ranges.Ranges(tuple(weights), found, chart.fingerprint(), tuple(activations), tuple(filters))


def _users(node: openvino.Node, numbers: dict[str, int]) -> Iterator[str]:
    """Give the names of the operators that take what a node computes, conversions left out."""
    for port in node.output(0).get_target_inputs():
        user = port.get_node()
        if user.get_friendly_name() in numbers:
            yield user.get_friendly_name()
        else:
            yield from _users(user, numbers)


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def rows(node: openvino.Node) -> int:
    """Return the height of what a node computes."""
    height: int = node.output(0).get_partial_shape()[2].get_length()
    return height


def without(known: ranges.Ranges, real: set[int], chart: ranges.Chart) -> ranges.Ranges:
    """Return the ranges with some convolutions left as they are, and so what is computed for these alone."""
    users: dict[int, set[int]] = {}
    for number, node in enumerate(chart.nodes):
        for source in chart.sources(node):
            if source is not None:
                users.setdefault(chart.number(source), set()).add(number)

    def is_for_integers(number: int) -> bool:
        kind = chart.nodes[number].get_type_name()
        if kind in PASSED:
            return any(is_for_integers(user) for user in users.get(number, ()))
        return number not in real

    kept = [(each, tuple(user for user in each.users if is_for_integers(user))) for each in known.activations]
    return replace(
        known,
        activations=tuple(replace(each, users=left) for each, left in kept if left),
        filters=tuple(each for each in known.filters if each.node not in real),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--images", type=Path, metavar="DIR")
    parser.add_argument("--real", type=int, nargs="*", default=[], metavar="NUMBER")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--also", nargs="*", default=[], metavar="DIGEST")
    options = parser.parse_args()
    spec = catalogue.load().find(options.model)
    assert isinstance(spec, ModelSpec)
    store = Store(config.load({}, os.environ).models)
    origin = store.origin(spec)
    if origin is None:
        sys.exit(f"{spec.id} is not installed.")
    with tempfile.TemporaryDirectory() as folder:
        given: Path | None = options.images
        photos = finding.list_pictures(given) if given else photographs.fetch(Path(folder), Monitor())
        shown = [show(path, spec) for path in photos]
        target = Path(folder) / "model.xml"
        quantize.quantize(store.path(spec), shown, target, spec.family == "birefnet", lambda number: None)
        names = ", ".join(path.name for path in photos)
        found = f"NNCF {metadata.version('nncf')}, {names}"
        graphs = convert.read(store.path(spec)), convert.read(target)
        known = extract(*graphs, [origin.weights, *options.also], found)
        chart = ranges.Chart(graphs[0])
        coarse = {each.node for each in known.filters if rows(chart.nodes[each.node]) <= options.rows}
        known = without(known, {*options.real, *coarse}, chart)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{spec.id}.json").write_text(ranges.encode(known), "utf-8")


if __name__ == "__main__":
    main()
