"""The inks of a drawing: the few flat colours that it is made of, also of strokes that are too thin to show theirs.

A stroke that is thinner than a pixel never reaches its ink's colour. All its pixels lie on the way from the ground to
the ink, so that the direction tells which ink it is, and the ink how much of the pixel is covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.masking.ground import unmixing
from matted.masking.keyer.climbing import Peaks
from matted.masking.keyer.distance import Distances
from matted.system.threads import for_each_slice

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
Marks = NDArray[np.bool_]

MOST = 12  # inks
_BINS = 6  # that the components of a direction, -1 to 1, are rounded to a share of
_DIGITS = 2 * _BINS + 1  # that a rounded component may be
_SAME_WAY = 0.97  # cosine of two directions that are one: 14 degrees
_LEAST = 8  # peaks that show an ink
_SHARE = 0.01  # of all peaks, that show an ink: the others are mixtures of two
_FULL, _THIN = 98, 99  # percent of the peaks that are at most as far from the ground as the ink, flat ones and others
_LEVELS = 10.0  # of 255, by which places of one ink may differ
_APART = 0.015  # of the longer side: over so much shading is seen to bend
_BEND = 2.0  # levels by which twice the pixel in the middle of two may miss their sum
_SMOOTH = 2.5  # levels, as _BEND: from pixel to pixel what is painted bends by less, most of a photograph by more
_SEEN = 1024  # pixels of the longer side, at which texture is looked for: large photographs are smooth at their own
_NEXT = 3  # pixels, over which a flat colour stays what it is
_FEW, _NEARLY = 3, 0.9  # colours, and the share of the inner pixels that they make up in a drawing with noise
_EVEN, _DRAWN = 0.98, 0.7  # share of the inner pixels that are even, or flat, from which all is drawn


@dataclass(frozen=True)
class Inks:
    """The inks that were found.

    colours: n x 3, R, G, B.
    ways: n x 3, unit vectors from the ground to each.
    only: whether the whole subject is drawn in them, so that its thin strokes are, too.
    """

    colours: Floats
    ways: Floats
    only: bool

    def filled(self, peaks: Peaks, ground: Floats) -> Floats:
        """Return the colours of peaks, n x 3, with those of their inks where they are too thin to show them.

        ground: n x 3, the ground's at each peak.
        """
        if not self.only:
            return peaks.colours
        result = peaks.colours.copy()
        thin = np.flatnonzero(~peaks.flat)

        def work(piece: slice) -> None:
            those = thin[piece]
            ways, lengths = _ways(peaks.colours[those], ground[those])
            alike = ways @ self.ways.T
            numbers = alike.argmax(axis=1)
            inks = self.colours[numbers]
            fits = (alike.max(axis=1) > _SAME_WAY) & (lengths < _ways(inks, ground[those])[1])
            result[those[fits]] = inks[fits]

        for_each_slice(work, len(thin))
        return result


def find(peaks: Peaks, ground: Floats, inner: Floats, below: Floats, noise: float, drawn: bool) -> Inks:
    """Return the inks.

    peaks: of the edges. ground: n x 3, the ground's colours at each.
    inner: m x 3: colours of some pixels inside the subject. below: m x 3, the ground's at each.
    noise: levels that the noise of the picture reaches.
    drawn: as `is_drawn` says.
    """
    ways, lengths, bins = _looked_at(peaks.colours, ground)
    left = lengths > 0
    colours: list[Floats] = []
    found: list[Floats] = []
    while len(colours) < MOST and left.sum() >= max(_LEAST, _SHARE * len(ways)):
        way = _commonest(ways, bins, left)
        same = left & (ways @ way > _SAME_WAY)
        left &= ~same
        if same.sum() < _LEAST:
            break
        full = same & peaks.flat
        length = np.percentile(lengths[full], _FULL) if full.sum() >= _LEAST else np.percentile(lengths[same], _THIN)
        top = same & (lengths >= 0.9 * length)
        colours.append(np.median(peaks.colours[top], axis=0))
        found.append(way)
    only = bool(colours) and (not len(inner) or _covered(colours, inner, below, max(_LEVELS, noise), drawn) >= _DRAWN)
    return Inks(_stacked(colours), _stacked(found), only)


def _covered(inks: list[Floats], inner: Floats, below: Floats, levels: float, drawn: bool) -> float:
    """Return the share of the colours inside a subject, n x 3, that are those of inks.

    In what is drawn, tints of an ink are too: a grey fill beside black strokes, say.
    """
    colours = _stacked(inks)
    covered = np.abs(inner[:, np.newaxis] - colours).max(axis=2).min(axis=1) <= levels
    if drawn:
        ways, lengths = _ways(inner[:, np.newaxis], below[:, np.newaxis])
        full_ways, full_lengths = _ways(colours, below[:, np.newaxis])
        tints = ((ways * full_ways).sum(axis=-1) > _SAME_WAY) & (lengths < full_lengths)
        covered |= tints.any(axis=1)
    return float(covered.mean())


def is_drawn(distances: Distances, inner: Indices, noise: float, compressed: bool = False) -> bool:
    """Return whether a subject has flat or evenly graded colours inside, or no inside at all: whether it is drawn.

    inner: indices of some pixels inside the subject, with as many around each as `apart` says.
    noise: levels that the noise of the picture reaches.
    compressed: whether that is of compression alone: the ground is clean.

    In the middle between two pixels an even colour is their mean. One that is painted or photographed bends. In a clean
    picture flat colours show also where they are smaller than that: their pixels are equal. In a compressed one they
    show by how few there are.
    """
    if not len(inner):
        return True
    here = distances.colours(inner)
    changes = [
        unmixing.greatest(np.abs(distances.colours(inner + _NEXT * way) - here)) for way in (1, distances.stride)
    ]
    even = (_bends(distances, inner, apart(distances)) <= max(_BEND, noise)).mean()
    flat = (np.maximum(*changes) == 0).mean()
    return bool(even >= _EVEN or flat >= _DRAWN or (compressed and _are_few(here, max(_LEVELS, noise))))


def _are_few(colours: Floats, levels: float) -> bool:
    """Return whether _FEW colours make up nearly all of n x 3. levels: by which places of one colour may differ."""
    left = colours
    for _ in range(_FEW):
        bins = (left // 32).astype(np.int64) @ np.array([64, 8, 1])
        common = np.median(left[bins == np.bincount(bins).argmax()], axis=0)
        left = left[unmixing.greatest(np.abs(left - common)) > levels]
        if len(left) <= (1 - _NEARLY) * len(colours):
            return True
    return False


def is_photographed(distances: Distances, inner: Indices) -> bool:
    """Return whether the inside of a subject has the grain and the texture of a photograph. Parameters: as is_drawn."""
    if not len(inner):
        return False
    step = max(1, round(max(distances.layer.width, distances.layer.height) / _SEEN))
    return float(np.median(_bends(distances, inner, step))) > _SMOOTH


def _bends(distances: Distances, inner: Indices, step: int) -> Floats:
    """Return by how many levels twice each pixel misses the sum of two, `step` pixels beside it, or above and below."""
    here = distances.colours(inner)

    def bend(way: int) -> Floats:
        one, other = distances.colours(inner - way), distances.colours(inner + way)
        return unmixing.greatest(np.abs(one + other - 2 * here))

    return np.maximum(bend(step), bend(step * distances.stride))


def apart(distances: Distances) -> int:
    """Return the pixels on each side over which a colour is looked at for its evenness."""
    return max(_NEXT, round(_APART * max(distances.layer.width, distances.layer.height)))


def _looked_at(colours: Floats, ground: Floats) -> tuple[Floats, Floats, NDArray[np.int32]]:
    """Return what `_ways` does, and of each way a number that those about as it have, too."""
    ways, lengths = np.empty_like(colours), np.empty(len(colours), np.float32)
    bins = np.empty(len(colours), np.int32)

    def work(piece: slice) -> None:
        ways[piece], lengths[piece] = _ways(colours[piece], ground[piece])
        digits = np.rint(ways[piece] * _BINS).astype(np.int32) + _BINS
        bins[piece] = (digits[:, 0] * _DIGITS + digits[:, 1]) * _DIGITS + digits[:, 2]

    for_each_slice(work, len(colours))
    return ways, lengths, bins


def _commonest(ways: Floats, bins: NDArray[np.int32], left: Marks) -> Floats:
    """Return the direction that most of them have. bins: as `_looked_at` returns them. left: which ones count."""
    number = np.bincount(bins[left]).argmax()
    mean = ways[left & (bins == number)].mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _ways(colours: Floats, ground: Floats) -> tuple[Floats, Floats]:
    """Return the directions from the ground to colours, ... x 3 unit vectors, and how far they are, in levels."""
    ways = colours - ground
    red, green, blue = ways[..., 0], ways[..., 1], ways[..., 2]
    lengths = np.sqrt(red * red + green * green + blue * blue)
    return ways / np.maximum(lengths, 1)[..., np.newaxis], lengths


def _stacked(vectors: list[Floats]) -> Floats:
    return np.asarray(vectors, np.float32).reshape(-1, 3)
