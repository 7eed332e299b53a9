"""Key a picture out of its ground: look at it once, then make the alpha of it for any choice of what is inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matted_client.options import AUTO
from numpy.typing import NDArray

from matted.inference.layer import Layer
from matted.masking.ground import unmixing
from matted.masking.ground.finding import KEY, PAPER, Ground
from matted.masking.keyer import climbing, distance, holes, inks, noise, rims, veils
from matted.masking.keyer.clicks import Said
from matted.masking.keyer.climbing import Edges
from matted.masking.keyer.distance import Distances
from matted.masking.keyer.holes import Cells
from matted.masking.keyer.rims import Rims
from matted.masking.view import dtype_of
from matted.system.threads import for_each, for_each_slice

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Indices = NDArray[np.intp]
Mask = NDArray[np.uint8 | np.uint16]

_PLAIN = 3.0  # levels of noise, up to which a picture counts as free of it
_INNER = 4096  # pixels inside the subject, about, that are looked at to tell whether it is made of inks
_OFTEN = 64  # times as many places that are looked for them at: a subject may fill little of the picture
# Levels from the ground up to which pixels are no subject if that is more than ten times as far from it: ripples of
# resampling, which divide no areas either.
_FAINT, _STRONG = 8.0, 10.0
_GRID = 256  # pixels a side, about, that tell how far the subject is from the ground
_PALE, _MOST_PALE = 32, 0.15  # levels from the ground, and share of the edges that lead to no more
_VEILED = 3.0  # times as much of a picture is veil as is subject, from which on the shadow may be a part of the subject
_OFF, _FAR = 6.0, 4  # levels, by which a mixture may be off, and pixels from the ground from where on that counts
_LEAST_SUBJECT = 8  # pixels at edges: fewer are stains
_STROKES = 0.1  # times as many pixels as the edges have; with fewer inside, a subject is made of strokes
_SPECK = 2.5  # times the noise: what rises no higher out of a noisy ground is a part of it
_ROWS = 256  # of a strip
_VEIL_ROWS = 16  # of one with a shadow, where each pixel takes a hundred bytes


@dataclass(frozen=True)
class Keyed:
    """What was seen in a picture before a flat ground: all that its alpha is made of.

    ground: as it was found.
    noise: levels that the noise reaches near the subject.
    distances: of all pixels from the ground.
    veil: height x width: shadows and glows; None if there are none.
    edges: the pixels at the subject's edges.
    shares: of each of these, 0..1, how much is subject and veil.
    shade: of each of these, 0..1, how much the veil under it covers.
    cells: the areas of the background.
    borders: of each pixel of the edges, the number of the area that it borders on.
    around: of each, the number of the hole that it is on the rim of; 0: of none.
    rims: what is around each area; None where the subject is made of strokes.
    drawn: whether the subject has even colours; else it is painted in shades.
    photographed: whether it has the texture of a photograph.
    inner: n x 3: colours of some pixels inside the subject, R, G, B.
    subject: of each pixel of the edges, the colour of the subject there, R, G, B.
    """

    ground: Ground
    noise: float
    distances: Distances
    veil: Marks | None
    edges: Edges
    shares: Floats
    shade: Floats
    cells: Cells
    borders: NDArray[np.int32]
    around: NDArray[np.int32]
    rims: Rims | None
    drawn: bool
    photographed: bool
    inner: Floats
    subject: Floats

    @property
    def memory(self) -> int:
        """The bytes that it takes, without the picture."""
        arrays = (self.distances.framed, self.shares, self.shade, self.borders, self.around, self.subject, self.veil)
        return self.edges.memory + self.cells.memory + sum(each.nbytes for each in arrays if each is not None)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but the ground."""
        return len(self.edges.indices) < _LEAST_SUBJECT and self.veil is None

    @property
    def suffices(self) -> bool:
        """Whether the ground alone tells what the subject is.

        Before a wall, a sky or a sheet of white there may be things that have its colour: what is photographed needs a
        model, but before a key colour. So does what is hardly told from the ground, or is as smooth as a shadow and
        grey, as the body of a white cup.
        """
        if self.ground.kind == KEY:
            return True
        if not veils.has_glows(self.ground) and self._veiled > _VEILED:
            return False
        if self.drawn:
            return True
        heights = self.distances.flat[self.edges.peaks]
        pale = float((heights < _PALE).mean()) if len(heights) else 0.0
        return self.ground.kind != PAPER and not self.photographed and pale <= _MOST_PALE

    @property
    def _veiled(self) -> float:
        """How many times as much of the picture is veil as is subject."""
        if self.veil is None:
            return 0.0
        seen = self.distances.inner > max(_FAINT, self.noise)
        veiled = int(np.count_nonzero(seen & self.veil))
        return veiled / max(1, int(np.count_nonzero(seen)) - veiled)

    @cached_property
    def doubtful(self) -> Marks:
        """Which areas of the background are open, although a model may know better: by number."""
        return holes.doubtful(self.cells, self._kept(AUTO), self.drawn)

    def _kept(self, inside: str) -> Marks:
        return holes.kept(self.cells, inside, self.rims, self.drawn, self.inner, self._outline)

    def alpha(self, depth: int, inside: str, shadow: bool, said: Said) -> Mask:
        """Return the mask: height x width, full scale is subject.

        depth: bits of a sample, 8 or 16.
        inside: what becomes of holes: a choice of the option.
        shadow: whether shadows and glows stay.
        said: what a person said of it.
        """
        layer, full = self.distances.layer, (1 << depth) - 1
        mask = np.zeros((layer.height, layer.width), dtype_of(depth))
        kept = said.decide(self._kept(inside), self.cells)
        held = kept[self.cells.near] if kept.any() else None

        def work(top: int) -> None:
            rows = slice(top, top + _ROWS)
            solid = self.distances.inner[rows] > int(self.noise)
            if self.veil is not None:
                solid &= ~self.veil[rows]
            if held is not None:
                solid |= self.cells.enlarged(held, top, top + len(solid), layer.width)
            mask[rows][solid] = full

        for_each(work, range(0, layer.height, _ROWS))
        if self.veil is not None and shadow:
            self._draw_veil(mask, full, kept)
        shares = self.shares
        if not shadow:
            shares = np.where(self.shade < 1, (shares - self.shade) / np.maximum(1 - self.shade, 1e-6), shares)
        shares = np.where(kept[self.borders], np.float32(1), shares)
        mask[self.distances.places(self.edges.indices)] = np.rint(shares * np.float32(full)).astype(mask.dtype)
        gone = said.gone(kept, self.cells)
        if gone is not None:
            mask[self.cells.enlarged(gone, 0, layer.height, layer.width)] = 0
        return mask

    def _outline(self, number: int) -> tuple[Floats, float]:
        """Return the colour of the stroke around an area of the background, and the share of it that has it."""
        stroke = self.subject[self.around == number]
        colour = np.median(stroke, axis=0)
        return colour, float((unmixing.greatest(np.abs(stroke - colour)) <= rims.EQUAL).mean())

    def _draw_veil(self, mask: Mask, full: int, kept: Marks) -> None:
        """Draw shadows and glows, but in areas that are kept: what explains the pixel with the least alpha."""
        veil = self.veil
        assert veil is not None

        def work(top: int) -> None:
            rows, columns = np.divmod(np.flatnonzero(veil[top : top + _VEIL_ROWS]), veil.shape[1])
            indices = self.distances.indices(rows + top, columns)
            indices = indices[~kept[self.cells.at(self.distances, indices)]]
            shares = _thinnest(self.distances, indices)
            mask[self.distances.places(indices)] = np.rint(shares * np.float32(full)).astype(mask.dtype)

        for_each(work, range(0, len(veil), _VEIL_ROWS))


def key(layer: Layer, ground: Ground, check: Callable[[], None]) -> Keyed:
    """Return what is seen before the ground.

    check: called between steps; raises to stop.
    """
    distances = distance.measure(layer, ground.field, check)
    reach = noise.near_subject(distances, ground.noise)
    whole = int(reach)  # for whole levels the same, and no comparison in float64
    background, veil = _background(distances, ground, whole)
    check()
    noisy = reach > _PLAIN
    compressed = noisy and ground.is_clean
    edges, rest = climbing.climb(distances, background, reach, check)
    if noisy or not ground.is_clean or not ground.field.is_constant:  # a fitted field may be some levels off
        # Of little noise, whole levels hide how far it reaches.
        least = _SPECK * reach if ground.is_clean else max(_FAINT, _SPECK * reach)
        edges, specks = _without_specks(distances, edges, least)
        background.reshape(-1)[specks] = True
        if compressed:  # what lies around an edge is a haze on the ground: of the picture nothing is lost
            veil = np.zeros(distances.inner.shape, bool) if veil is None else veil
            veil[distances.places(specks)] = True
        else:
            distances.flat[specks] = 0
    inside = _inside(distances, rest, edges)
    # A key colour is for photographs.
    drawn = ground.kind != KEY and inks.is_drawn(distances, inside, reach, compressed)
    if drawn:
        edges = climbing.add_valleys(distances, edges, background, rest, reach, check)
    del rest  # as large as a channel of the picture
    check()
    peaks, numbers = climbing.look(distances, edges, background, reach)
    inner = distances.colours(inside)
    found = inks.find(peaks, distances.ground(peaks.indices), inner, distances.ground(inside), reach, drawn)
    subject = found.filled(peaks, distances.ground(peaks.indices))[numbers]
    shares, shade = _shares(distances, veil, edges, subject, reach if noisy else 0.0)
    cells = holes.divide(distances, background)
    borders = cells.at(distances, edges.feet)
    around, around_holes = np.zeros_like(borders), None
    if len(inside):
        around = cells.rims(distances, edges.indices, borders)
        sizes = cells.background.sizes
        around_holes = rims.look(distances, background, around, edges.indices, subject, sizes, reach)
    return Keyed(
        ground=ground,
        noise=reach,
        distances=distances,
        veil=veil,
        edges=edges,
        shares=shares,
        shade=shade,
        cells=cells,
        borders=borders,
        around=around,
        rims=around_holes,
        drawn=drawn,
        photographed=inks.is_photographed(distances, inside),
        inner=inner,
        subject=subject,
    )


def _background(distances: Distances, ground: Ground, reach: int) -> tuple[Marks, Marks | None]:
    """Return the ground with what lies on it, False in the frame; and where on it shadows, glows and ripples are.

    The latter is height x width; None if there are none.

    reach: levels that the noise reaches.
    """
    layer = distances.layer
    small = veils.find(layer, ground, reach)
    enlarged = None if small is None else veils.enlarged(small, layer.width, layer.height)
    grid = distances.inner[:: max(1, layer.height // _GRID), :: max(1, layer.width // _GRID)]
    strong = grid[grid > _FAINT]
    # Grain and the noise of compression have no ripples that could be told from them.
    clean = ground.is_clean and reach <= _PLAIN
    faint = int(min(_FAINT, float(np.median(strong)) / _STRONG)) if clean and len(strong) else 0
    background = np.zeros(distances.framed.shape, bool)
    veil = None if enlarged is None and faint <= reach else np.empty(distances.inner.shape, bool)

    def work(top: int) -> None:
        rows = slice(top, top + _VEIL_ROWS)
        levels, bare = distances.inner[rows], background[1:-1, 1:-1][rows]
        np.less_equal(levels, reach, out=bare)
        if veil is not None:
            lies = np.less_equal(levels, max(faint, reach), out=veil[rows])
            if enlarged is not None:
                lies |= enlarged[rows]
            np.greater(lies, bare, out=lies)
            bare |= lies

    for_each(work, range(0, layer.height, _VEIL_ROWS))
    return background, veil


def _without_specks(distances: Distances, edges: Edges, least: float) -> tuple[Edges, Indices]:
    """Return the edges of what rises out of the noise, above so many levels, and the indices of what does not."""
    high = distances.flat[edges.peaks] > least
    return Edges(edges.indices[high], edges.peaks[high], edges.feet[high]), edges.indices[~high]


def _inside(distances: Distances, rest: Marks, edges: Edges) -> Indices:
    """Return some pixels inside the subject, with as much of it around them as `inks.is_drawn` looks at.

    There are none where the subject is made of strokes.

    rest: flat, which pixels are neither background nor edge.
    """
    height, width = distances.framed.shape
    inside = rest.reshape(height, width)
    step = max(1, int((inside.size / _INNER / _OFTEN) ** 0.5))
    rows, columns = np.nonzero(inside[::step, ::step])
    rows, columns = rows * step, columns * step
    apart = inks.apart(distances)
    roomy = (rows >= apart) & (rows < height - apart) & (columns >= apart) & (columns < width - apart)
    indices = rows[roomy] * distances.stride + columns[roomy]
    for offset in (apart, -apart, apart * distances.stride, -apart * distances.stride):
        indices = indices[rest[indices + offset]]
    if len(indices) * step**2 < _STROKES * len(edges.indices):
        indices = indices[:0]
    return np.asarray(indices[:: max(1, len(indices) // _INNER)])


def _shares(
    distances: Distances, veil: Marks | None, edges: Edges, subject: Floats, noise_: float
) -> tuple[Floats, Floats]:
    """Return of each pixel of the edges how much is subject and veil, and how much the veil under it covers, 0..1.

    subject: n x 3, the subject's colour at each.
    noise_: levels by which a pixel may differ from its mixture.
    """
    count = len(edges.indices)
    shares, shade = np.empty(count, np.float32), np.zeros(count, np.float32)

    def work(piece: slice) -> None:
        indices, feet = edges.indices[piece], edges.feet[piece]
        colours, ground = distances.colours(indices), distances.ground(indices)
        below, covered = ground, shade[piece]
        if veil is not None:
            veiled = veil[distances.places(feet)]
            covered[veiled] = _thinnest(distances, feet[veiled])
            below = np.where(veiled[:, np.newaxis], distances.colours(feet), ground)
        over = unmixing.along(colours, below, subject[piece])
        # Far from the ground a mixture that is none is the shading of a subject that is near the ground in colour.
        strange = unmixing.off(colours, below, subject[piece], over) > max(_OFF, 2 * noise_)
        over[strange & (distances.apart(indices, feet) >= _FAR)] = 1
        over += (1 - over) * covered
        shares[piece] = np.maximum(over, unmixing.least(colours, ground, noise_))

    for_each_slice(work, count)
    return shares, shade


def _thinnest(distances: Distances, indices: Indices) -> Floats:
    """Return the alpha of pixels of a veil, 0..1: the least that explains them."""
    return unmixing.least(distances.colours(indices), distances.ground(indices))
