"""Find the ground of a picture: whether one colour, a ramp, paper or a key colour is behind everything, and how sure.

A few thousand pixels of a grid tell, whatever the picture's size. The field is fitted to those at the border first, by
the best of some random samples (Fischler and Bolles, "Random Sample Consensus", 1981), then to all that are near it.

How sure it is, is the product of four measures, each 0..1:

- Border: how much of the border is ground.
- Area: how much of the picture is.
- Grain: how little alike the noise of pixels some way apart is. What is left of a wall or a sky is a texture; grain and
  the noise of a sensor are not alike.
- Gap: how few pixels are neither ground nor clearly something else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matted.inference.layer import Layer
from matted.mask.ground.field import MAX_DEGREE, Field, count, terms

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]

COLOUR, RAMP, PAPER, KEY = "colour", "ramp", "paper", "key"  # kinds of ground, as in the protocol

# Levels are those of samples in 0..255; the distance of two colours is that of the channel that differs most.
_SIDE = 96  # places a side of the grid
_RING = 2  # places from the border on that count as border
_NEAR = 8.0  # levels from the first guess of the field
_GUESSES = 48  # random samples of three places each: with a third of the border covered, one in a million all fail
_ROUNDS = 5  # of fitting to what is near and looking anew what that is
_LEAST_BORDER = 0.5  # share of the border that the first guess has to explain
_DEVIATIONS = 5.0  # standard deviations of the noise that the noise reaches
_LEAST_NOISE = 1.5  # levels: rounding, dither
MOST_NOISE = 30.0  # levels that the noise may reach; more is no flat ground
_CLEAN = 2.0  # levels; a ground whose noise reaches no further was made by a program
_FLAT = 3.0  # levels over the whole picture that a single colour may vary by
_LIGHT, _PALE = 120, 90  # least level, and greatest difference of the channels, of paper
# The most of the other channels that a key colour has, as a share of the strong channel, or of the weaker one of two.
# Skies and skin have more of them.
_GREEN, _BLUE, _MAGENTA = 0.65, 0.45, 0.45
_STRONG = 80  # least level of the strong channel
_TRANSPARENT = 0.02  # share of a picture that may be transparent: colours there mean nothing
SURE = 0.5  # sureness from which the ground is taken


@dataclass(frozen=True)
class Ground:
    """The ground of a picture.

    kind: COLOUR, RAMP, PAPER or KEY.
    field: its colour everywhere.
    noise: levels of 255 that its noise reaches.
    sureness: that it is a flat ground and nothing else, 0..1.
    """

    kind: str
    field: Field
    noise: float
    sureness: float

    @property
    def is_sure(self) -> bool:
        """Whether it can be taken without asking anybody."""
        return self.sureness >= SURE

    @property
    def is_clean(self) -> bool:
        """Whether it has no noise, as what a program has filled."""
        return self.noise <= _CLEAN


def find(layer: Layer) -> Ground | None:
    """Return the ground of a picture; None if it has none that is flat."""
    rows, columns = _places(layer.height), _places(layer.width)
    samples = layer.samples[np.ix_(rows, columns)][:, :, list(layer.channels)].astype(np.float32)
    if layer.has_alpha and _transparent(layer, rows, columns):
        return None
    grid = _Grid.of(samples, rows, columns, layer.width, layer.height)
    guess = _guessed(grid)
    if guess is None:
        return None
    coefficients, noise = _fitted(grid, guess)
    residuals = grid.residuals(coefficients)
    distances = np.abs(residuals).max(axis=-1)
    ground = distances <= noise
    if noise > MOST_NOISE or ground.sum() < 16:
        return None
    field = Field(layer.width, layer.height, coefficients)
    sureness = (
        _share(float(ground[grid.border].mean()), 0.6, 0.85)
        * _share(float(ground.mean()), 0.04, 0.15)
        * (1 - _share(_likeness(residuals, ground), 0.25, 0.6) * _share(noise, _CLEAN, 2 * _CLEAN))
        * (1 - _share(float((~ground & (distances < 2 * noise + 4)).sum() / ground.sum()), 0.04, 0.12))
    )
    kind = _kind(field, noise)
    return Ground(kind or COLOUR, field, noise, sureness if kind else 0.0)


@dataclass(frozen=True)
class _Grid:
    """The places that are looked at.

    samples: rows x columns x 3, R, G, B.
    across, down: rows x columns, of each place, -1 to 1.
    border: rows x columns, which of them are at the border.
    """

    samples: Floats
    across: Floats
    down: Floats
    border: Marks

    @classmethod
    def of(cls, samples: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp], width: int, height: int) -> _Grid:
        across = ((columns + 0.5) * (2 / width) - 1).astype(np.float32)
        down = ((rows + 0.5) * (2 / height) - 1).astype(np.float32)
        border = np.zeros(samples.shape[:2], bool)
        border[:_RING] = border[-_RING:] = True
        border[:, :_RING] = border[:, -_RING:] = True
        return cls(samples, *np.meshgrid(across, down), border)

    def residuals(self, coefficients: Floats) -> Floats:
        """Return by how much the samples differ from a field: rows x columns x 3."""
        degree = next(each for each in range(MAX_DEGREE + 1) if count(each) == len(coefficients))
        return np.asarray(self.samples - terms(self.across, self.down, degree) @ coefficients)


def _places(size: int) -> NDArray[np.intp]:
    """Return the rows or the columns of the grid, from edge to edge."""
    return np.unique(np.linspace(0, size - 1, min(_SIDE, size)).astype(np.intp))


def _transparent(layer: Layer, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> bool:
    alpha = layer.alpha
    return alpha is not None and bool((alpha[np.ix_(rows, columns)] < 255).mean() > _TRANSPARENT)


def _guessed(grid: _Grid) -> Floats | None:
    """Return a first guess of the field by the border, constant or linear: coefficients; None if nothing fits."""
    samples = grid.samples[grid.border]
    bins = (samples // 16).astype(np.int32) @ np.array([256, 16, 1])
    common = samples[bins == np.bincount(bins).argmax()]
    middle = np.median(common, axis=0)[np.newaxis]
    near = np.abs(samples - middle).max(axis=1) <= _NEAR
    if near.mean() >= 0.9:
        return np.asarray(np.median(samples[near], axis=0)[np.newaxis], np.float32)
    linear = terms(grid.across[grid.border], grid.down[grid.border], 1)
    picks = np.random.default_rng(1).integers(0, len(samples), (_GUESSES, 3))
    systems = linear[picks]
    usable = np.abs(np.linalg.det(systems)) > 0.05  # three places in a line say nothing of the rest
    if not usable.any():
        return np.asarray(middle, np.float32) if near.mean() >= _LEAST_BORDER else None
    guesses = np.linalg.solve(systems[usable], samples[picks[usable]])
    fitting = (np.abs(samples - linear @ guesses).max(axis=2) <= _NEAR).mean(axis=1)
    best = int(fitting.argmax())
    if max(fitting[best], near.mean()) < _LEAST_BORDER:
        return None
    if near.mean() + 0.05 >= fitting[best]:
        return np.asarray(middle, np.float32)
    return np.asarray(guesses[best], np.float32)


def _fitted(grid: _Grid, guess: Floats) -> tuple[Floats, float]:
    """Return the field fitted to all that is near it, and the levels that its noise reaches."""
    coefficients, reach = guess, 1.5 * _NEAR
    for turn in range(_ROUNDS):
        distances = np.abs(grid.residuals(coefficients)).max(axis=-1)
        near = distances <= reach
        if near.sum() < 4 * count(MAX_DEGREE):
            break
        degree = min(turn, MAX_DEGREE) if len(coefficients) > 1 or turn else 0
        basis = terms(grid.across[near], grid.down[near], degree)
        coefficients = np.linalg.lstsq(basis, grid.samples[near], rcond=None)[0].astype(np.float32)
        distances = np.abs(grid.residuals(coefficients)).max(axis=-1)
        # Of the greatest of three normal deviations the median is 1.26 standard deviations.
        deviation = float(np.median(distances[distances <= reach])) / 1.26 if (distances <= reach).any() else reach
        reach = max(_LEAST_NOISE, min(MOST_NOISE + 10, _DEVIATIONS * deviation))
    field = coefficients
    plain = np.median(grid.samples[distances <= reach], axis=0)[np.newaxis].astype(np.float32)
    if np.abs(grid.residuals(field) - grid.residuals(plain))[distances <= reach].max(initial=0.0) <= 0.75:
        field = np.rint(plain)  # what a fit adds to one colour is what it learned of the edges of the subject
    return field, reach


def _likeness(residuals: Floats, ground: Marks) -> float:
    """Return the correlation of the noise of places that are neighbours on the grid."""
    sums = []
    for one, other, both in (
        (residuals[:-1], residuals[1:], ground[:-1] & ground[1:]),
        (residuals[:, :-1], residuals[:, 1:], ground[:, :-1] & ground[:, 1:]),
    ):
        one, other = one[both], other[both]
        sums.append((float((one * other).sum()), float((one**2 + other**2).sum() / 2)))
    return sum(each[0] for each in sums) / max(1e-6, sum(each[1] for each in sums))


def _kind(field: Field, noise: float) -> str:
    """Return the kind of ground; empty if its noise is none that such a ground has."""
    if noise <= _CLEAN:
        return COLOUR if field.span <= _FLAT else RAMP
    red, green, blue = field.mean
    for strong, others, most in (
        (green, max(red, blue), _GREEN),
        (blue, max(red, green), _BLUE),
        (min(red, blue), green, _MAGENTA),
    ):
        if strong >= _STRONG and others <= most * strong:
            return KEY
    low, high = min(field.mean), max(field.mean)
    return PAPER if low >= _LIGHT and high - low <= _PALE else ""


def _share(value: float, none: float, all: float) -> float:
    """Return how far a value is on the way from `none`, 0, to `all`, 1."""
    return float(min(1.0, max(0.0, (value - none) / (all - none))))
