"""The plot: bars in SVG, drawn here, so that no plotting library is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks import cold, folders, warm
from benchmarks.report import STAGES, size
from benchmarks.samples import Results, Sample

WIDTH = 900
LEFT = 330  # where bars begin
ROOM = 70  # for the number behind the longest bar
BAR, STEP, HEADING = 14, 20, 40

# Okabe and Ito's palette, which people with any colour vision can tell apart: https://jfly.uni-koeln.de/color/
COLOURS = {
    "waiting": "#000000",
    "preparing": "#56B4E9",
    "inference": "#0072B2",
    "mask": "#F0E442",
    "edges": "#E69F00",
    "colours": "#CC79A7",
    "transport": "#009E73",
}
BARE, OURS, PEER = "#999999", "#0072B2", "#D55E00"
_FOLDER_BARS = ((folders.BARE, BARE), (folders.PLAIN, OURS), (folders.MATTED, OURS), (folders.REMBG, PEER))


@dataclass(frozen=True)
class Bar:
    """parts: lengths and colours, from left to right. note: what stands behind it."""

    label: str
    parts: Sequence[tuple[float, str]]
    note: str


@dataclass(frozen=True)
class Panel:
    """Bars on one scale."""

    title: str
    bars: Sequence[Bar]


def write(results: Results, target: Path) -> None:
    panels = [_click(results, model) for model in results.models()] + [_sizes(results), _folders(results)]
    target.write_text(draw([panel for panel in panels if panel.bars]), "utf-8")


def draw(panels: Sequence[Panel]) -> str:
    """An SVG document, on white, so that it can be read on any page."""
    top = 0
    shapes = []
    for panel in panels:
        top += HEADING
        shapes.append(f'<text x="10" y="{top - 12}" class="title">{escape(panel.title)}</text>')
        longest = max(sum(length for length, _ in bar.parts) for bar in panel.bars)
        scale = (WIDTH - LEFT - ROOM) / max(longest, 1e-9)
        for bar in panel.bars:
            middle = top + BAR - 3
            shapes.append(f'<text x="{LEFT - 8}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>')
            x = float(LEFT)
            for length, colour in bar.parts:
                size = f'width="{length * scale:.1f}" height="{BAR}"'
                shapes.append(f'<rect x="{x:.1f}" y="{top}" {size} fill="{colour}"/>')
                x += length * scale
            shapes.append(f'<text x="{x + 6:.1f}" y="{middle}">{escape(bar.note)}</text>')
            top += STEP
    top += HEADING
    for number, (stage, colour) in enumerate(COLOURS.items()):
        x = 10 + number * 118
        shapes.append(f'<rect x="{x}" y="{top - 26}" width="{BAR}" height="{BAR}" fill="{colour}"/>')
        shapes.append(f'<text x="{x + 20}" y="{top - 15}">{escape(stage)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}">\n'
        "<style>text { font: 12px sans-serif; fill: #222 } .title { font-weight: bold; font-size: 14px }</style>\n"
        f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def _click(results: Results, model: str) -> Panel:
    """What a person waits for, with one model, in every way."""
    bars = []
    for what, label in (
        (warm.BARE, "bare inference"),
        (warm.OFF, "matted, edges off"),
        (warm.FINE, "matted, fine edges"),
        (warm.COLOURS, "matted, fine edges, colours"),
        (warm.AGAIN, "matted, other settings"),
        (warm.REMBG, "rembg as a library"),
    ):
        sample = results.one(warm.KIND, model=model, what=what, megapixels=cold.MEGAPIXELS)
        if sample:
            bars.append(_bar(label, sample, PEER if what == warm.REMBG else BARE))
    for what, colour in ((cold.MATTED, OURS), (cold.REMBG, PEER)):
        sample = results.one(cold.KIND, model=model, what=what)
        if sample:
            bars.append(_bar(f"{what}, cold, file to file", sample, colour))
    return Panel(f"{model}: seconds for a picture of {size(cold.MEGAPIXELS)}", bars)


def _sizes(results: Results) -> Panel:
    model = results.models()[0]
    samples = results.of(warm.KIND, model=model, what=warm.FINE)
    bars = [_bar(size(sample.megapixels), sample, OURS) for sample in samples]
    return Panel(f"{model}: seconds for a warm request with fine edges", bars)


def _folders(results: Results) -> Panel:
    bars = []
    for ours in results.of(folders.KIND, what=folders.MATTED, megapixels=folders.SIZES[0]):
        for what, colour in _FOLDER_BARS:
            sample = results.one(folders.KIND, model=ours.model, what=what, megapixels=ours.megapixels)
            if sample:
                pace = 60.0 / sample.median
                bars.append(Bar(f"{ours.model}, {what}", [(pace, colour)], f"{pace:.0f}"))
    return Panel(f"Photographs of {size(folders.SIZES[0])} a minute, a folder of them", bars)


def _bar(label: str, sample: Sample, colour: str) -> Bar:
    parts = [(sample.stages[stage], COLOURS[stage]) for stage in STAGES if stage in sample.stages]
    return Bar(label, parts or [(sample.median, colour)], f"{sample.median:.2f}")
