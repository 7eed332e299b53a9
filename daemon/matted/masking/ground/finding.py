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
from matted.masking.ground.field import MAX_DEGREE, Field, count, on_grid, powers, terms

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]

COLOUR, RAMP, PAPER, KEY = "colour", "ramp", "paper", "key"  # kinds of ground, as in the protocol

# Levels are those of samples in 0..255; the distance of two colours is that of the channel that differs most.
_SIDE = 96  # places a side of the grid
_RING = 2  # places from the border on that count as border
_NEAR = 8.0  # levels from the first guess of the field
_GUESSES = 48  # random samples of three places each: with a third of the border covered, one in a million all fail
_TELLING = 1e-6  # of the greatest eigenvalue of the normal equations; what is less tells nothing
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
_LEAST_SEEN = 0.5  # share of the border that is not transparent: else somebody has cut the picture out already
_NOWHERE = 1e4  # levels of places that are transparent: far from any ground
SEEN = 8  # alpha of 255 from which a pixel has a colour; below that it has none, or a poor one
# From where on each measure counts, and where it is all that can be asked for.
_BORDER, _AREA = (0.6, 0.85), (0.04, 0.15)  # shares of the border, and of the picture, that are ground
_ALIKE = 0.25, 0.6  # correlation of the noise, which makes it less sure
_BETWEEN = 0.04, 0.12  # shares of the ground, that as many pixels near it have, which make it less sure
_LEAST_GROUND = 16  # places of the grid
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
    samples = layer.samples[np.ix_(rows, columns)]
    planes = np.stack([samples[:, :, channel] for channel in layer.channels]).astype(np.float32)
    grid = _Grid.of(planes, rows, columns, layer.width, layer.height)
    if layer.alpha is not None:
        seen = layer.alpha[np.ix_(rows, columns)] >= SEEN
        if seen[grid.border].mean() < _LEAST_SEEN:
            return None
        grid.samples[:, ~seen] = _NOWHERE
        grid.border[~seen] = False
    guess = _guessed(grid)
    if guess is None:
        return None
    coefficients, noise = _fitted(grid, guess)
    residuals = grid.residuals(coefficients)
    distances = _greatest(residuals)
    ground = distances <= noise
    if noise > MOST_NOISE or ground.sum() < _LEAST_GROUND:
        return None
    field = Field(layer.width, layer.height, coefficients)
    sureness = (
        _share(float(ground[grid.border].mean()), *_BORDER)
        * _share(float(ground.mean()), *_AREA)
        * (1 - _share(_likeness(residuals, ground), *_ALIKE) * _share(noise, _CLEAN, 2 * _CLEAN))
        * (1 - _share(float((~ground & (distances < 2 * noise + 4)).sum() / ground.sum()), *_BETWEEN))
    )
    kind = _kind(field, noise)
    return Ground(kind or COLOUR, field, noise, sureness if kind else 0.0)


@dataclass(frozen=True)
class _Grid:
    """The places that are looked at.

    samples: 3 x rows x columns, R, G, B.
    across, down: of the columns and of the rows, -1 to 1.
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
        border = np.zeros(samples.shape[1:], bool)
        border[:_RING] = border[-_RING:] = True
        border[:, :_RING] = border[:, -_RING:] = True
        return cls(samples, across, down, border)

    def residuals(self, coefficients: Floats) -> Floats:
        """Return by how much the samples differ from a field: 3 x rows x columns."""
        return self.samples - on_grid(coefficients, self.across, self.down)

    def fitted(self, marks: Marks, highest: int) -> Floats:
        """Return the coefficients of the field of a degree that is nearest to marked places, by least squares.

        The sums of the normal equations are products of small matrices, for which no BLAS starts threads: on a busy
        machine these took many times as long as the work.
        """
        weights = marks.astype(np.float64)
        rows, columns = (
            np.vander(places.astype(np.float64), 2 * highest + 1, increasing=True).T
            for places in (self.down, self.across)
        )
        moments = rows @ weights @ columns.T
        sums = rows[: highest + 1] @ (self.samples * weights) @ columns[: highest + 1].T
        over, under = np.array(powers(highest)).T
        matrix = moments[under[:, np.newaxis] + under, over[:, np.newaxis] + over]
        # Where too few places tell of a term, it is left out.
        return np.asarray(np.linalg.lstsq(matrix, sums[:, under, over].T, rcond=_TELLING)[0], np.float32)


def _places(size: int) -> NDArray[np.intp]:
    """Return the rows or the columns of the grid, from edge to edge."""
    places = np.linspace(0, size - 1, min(_SIDE, size)).astype(np.intp)
    return places[np.diff(places, prepend=-1) > 0]


def _guessed(grid: _Grid) -> Floats | None:
    """Return a first guess of the field by the border, constant or linear: coefficients; None if nothing fits."""
    samples = grid.samples[:, grid.border]
    bins = np.array([256, 16, 1]) @ (samples // 16).astype(np.int64)
    common = samples[:, bins == np.bincount(bins).argmax()]
    middle = _median(common)
    near = _greatest(samples - middle[:, np.newaxis]) <= _NEAR
    if near.mean() >= 0.9:
        return np.asarray(_median(samples[:, near])[np.newaxis], np.float32)
    rows, columns = np.nonzero(grid.border)
    linear = terms(grid.across[columns], grid.down[rows], 1)
    picks = _picks(len(rows))
    systems = linear[picks]
    usable = np.abs(np.linalg.det(systems)) > 0.05  # three places in a line say nothing of the rest
    if not usable.any():
        return np.asarray(middle[np.newaxis], np.float32) if near.mean() >= _LEAST_BORDER else None
    guesses = np.linalg.solve(systems[usable], samples.T[picks[usable]])
    residuals = samples - np.moveaxis(guesses, -1, 1) @ linear.T
    fitting = (np.abs(residuals).max(axis=1) <= _NEAR).mean(axis=1)
    best = int(fitting.argmax())
    if max(fitting[best], near.mean()) < _LEAST_BORDER:
        return None
    if near.mean() + 0.05 >= fitting[best]:
        return np.asarray(middle[np.newaxis], np.float32)
    return np.asarray(guesses[best], np.float32)


def _picks(size: int) -> NDArray[np.int64]:
    """Return random samples of three of so many places each: _GUESSES x 3, always the same.

    The steps of the golden section, scrambled, are random enough, and NumPy's generators are not loaded for them.
    """
    steps = np.arange(1, 3 * _GUESSES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    steps = (steps ^ (steps >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return ((steps >> np.uint64(32)) % np.uint64(size)).astype(np.int64).reshape(_GUESSES, 3)


def _fitted(grid: _Grid, guess: Floats) -> tuple[Floats, float]:
    """Return the field fitted to all that is near it, and the levels that its noise reaches."""
    coefficients, reach = guess, 1.5 * _NEAR
    distances = _greatest(grid.residuals(coefficients))
    for turn in range(_ROUNDS):
        near = distances <= reach
        if near.sum() < 4 * count(MAX_DEGREE):
            break
        coefficients = grid.fitted(near, min(turn, MAX_DEGREE))
        distances = _greatest(grid.residuals(coefficients))
        # Of the greatest of three normal deviations the median is 1.26 standard deviations.
        deviation = float(_median(distances[distances <= reach])) / 1.26 if (distances <= reach).any() else reach
        reach = max(_LEAST_NOISE, min(MOST_NOISE + 10, _DEVIATIONS * deviation))
    field, near = coefficients, distances <= reach
    if not near.any():  # a fit between two colours is near neither of them
        return field, reach
    plain = _median(grid.samples[:, near])[np.newaxis].astype(np.float32)
    if _greatest(grid.residuals(field) - grid.residuals(plain))[near].max(initial=0.0) <= 0.75:
        field = np.rint(plain)  # what a fit adds to one colour is what it learned of the edges of the subject
    return field, reach


def _greatest(differences: Floats) -> Floats:
    """Return the difference of the channel that differs most. differences: 3 x ..."""
    return np.asarray(np.abs(differences).max(axis=0))


def _median(values: Floats) -> Floats:
    """Return the median along the last axis. NumPy's loads all of numpy.ma when it is first called."""
    last = values.shape[-1] - 1
    middle = np.partition(values, (last // 2, -(-last // 2)), axis=-1)
    return np.asarray((middle[..., last // 2] + middle[..., -(-last // 2)]) / np.float32(2))


def _likeness(residuals: Floats, ground: Marks) -> float:
    """Return the correlation of the noise of places that are neighbours on the grid."""
    sums = []
    for one, other, both in (
        (residuals[:, :-1], residuals[:, 1:], ground[:-1] & ground[1:]),
        (residuals[:, :, :-1], residuals[:, :, 1:], ground[:, :-1] & ground[:, 1:]),
    ):
        one, other = one[:, both], other[:, both]
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


def _share(value: float, low: float, high: float) -> float:
    """Return how far a value is on the way from `low`, 0, to `high`, 1."""
    return float(min(1.0, max(0.0, (value - low) / (high - low))))
