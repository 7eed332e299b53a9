"""A file of weights that came from somewhere: check that it is what was expected, and convert it."""

from __future__ import annotations

from pathlib import Path

from matted.models import origin
from matted.models.sources import DownloadError, Monitor
from matted.models.spec import ALGORITHMS, DECODER, MODEL, ModelSpec, Source


def check(file: Path, spec: ModelSpec, offer: Source, number: int, monitor: Monitor, trust: bool) -> str:
    """Check the hash of the weights of a graph that came. Returns it as "algorithm:digest".

    offer: where it came from. number: of the graph among the spec's.
    trust: also accept a file whose hash is not known.

    Raises DownloadError if the hash is another one.
    """
    if offer.digest:
        algorithm, expected = offer.digest
        found = origin.digest(file, algorithm, monitor.check)
        if found != expected:
            page = " (it is a web page)" if _is_page(file) else ""
            raise DownloadError(f"what came is not the expected file{page}")
        return f"{algorithm}:{found}"
    known = {each.files[number].digest for each in spec.sources} - {None}
    for algorithm in ALGORITHMS:
        found = origin.digest(file, algorithm, monitor.check)
        if (algorithm, found) in known:
            return f"{algorithm}:{found}"
    found = origin.digest(file, "sha256", monitor.check)
    if not trust:
        page = "is a web page" if _is_page(file) else "is none of the files that are known as this model"
        raise DownloadError(
            f"{offer.path or offer.url} {page} (its sha256 is {found})",
            "If you know where it comes from and trust it, add --trust.",
        )
    return f"sha256:{found}"


def convert(spec: ModelSpec, file: Path, target: Path) -> None:
    """Write the weights as the OpenVINO IR at `target`. Raises ValueError, RuntimeError."""
    from matted.models import convert

    sizes, half = _open_sizes(file, spec), spec.precision == "fp16"
    convert.convert(file, target, spec.outputs, half, sizes, spec.coarse, spec.states)
    convert.read(target)  # what a full disk cut short shows here


def convert_decoder(spec: ModelSpec, file: Path, target: Path) -> None:
    """Write the weights of a model's decoder as the OpenVINO IR at `target`. Raises ValueError, RuntimeError."""
    from matted.models import convert

    assert spec.decoder is not None, "it has a second graph"
    convert.convert_decoder(file, target, spec.decoder, spec.precision == "fp16")
    convert.read(target)


CONVERTERS = {MODEL: convert, DECODER: convert_decoder}  # by the name of the graph


def _open_sizes(file: Path, spec: ModelSpec) -> dict[str, list[int]]:
    """Choose the input's size where the file leaves it, or the number of pictures, open: fixed sizes are faster."""
    from matted.models import convert
    from matted.models.arithmetic import FITS

    if FITS[spec.fit].flexible:
        return {}
    pictures = convert.read(file).inputs[0]
    shape = pictures.get_partial_shape()
    if shape.is_static or not pictures.get_names():
        return {}
    if len(shape) == 3:  # height x width x 3
        return {pictures.get_any_name(): [spec.side, spec.side, 3]}
    planes = 4 if spec.refines else 3
    sides = [shape[axis].get_length() if shape[axis].is_static else spec.side for axis in (2, 3)]
    return {pictures.get_any_name(): [1, planes, *sides]}


def _is_page(file: Path) -> bool:
    with open(file, "rb") as opened:
        start = opened.read(256).lstrip().lower()
    return start.startswith((b"<!doctype", b"<html", b"<?xml")) and file.suffix != ".xml"
