"""A field is the polynomial that it was made of, however it is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matted.masking.ground import field as fields
from matted.masking.ground.field import MAX_DEGREE, Drawing, Field
from numpy.typing import NDArray

Floats = NDArray[Any]

SIZES = [(1, 1), (1, 40), (40, 1), (64, 48), (700, 300)]
SIZE = (220, 160)
GRID = 0.15  # levels by which what is drawn between knots may miss a cubic that varies by a hundred


def made(width: int, height: int, degree: int) -> Field:
    """Return a field around 120 that varies by 40 levels to 100."""
    random = np.random.default_rng(degree)
    coefficients = random.uniform(-1, 1, (fields.count(degree), 3))
    coefficients *= 30 / max(1e-9, np.abs(coefficients[1:]).sum(axis=0).max(initial=0.0))
    coefficients[0] = 120, 130, 140
    return Field(width, height, coefficients.astype(np.float32))


def exact(field: Field, rows: Floats, columns: Floats) -> Floats:
    """Return the polynomial at some places, written out: n x 3."""
    across, down = (columns + 0.5) / field.width * 2 - 1, (rows + 0.5) / field.height * 2 - 1
    degree = fields.degree(len(field.coefficients))
    total = np.zeros((*across.shape, 3))
    pairs = [(power, other) for power in range(degree + 1) for other in range(degree + 1 - power)]
    for (power, other), coefficient in zip(pairs, field.coefficients.astype(float), strict=True):
        total += (across**power * down**other)[..., np.newaxis] * coefficient
    return total.clip(0, 255)


@pytest.mark.parametrize("degree", range(MAX_DEGREE + 1))
def test_the_degree_tells_how_many_terms_there_are(degree: int) -> None:
    assert (
        fields.count(degree) == len(set(fields.powers(degree))) == fields.terms(np.ones(4), np.ones(4), degree).shape[1]
    )
    assert max(power + other for power, other in fields.powers(degree)) == degree
    assert fields.degree(fields.count(degree)) == degree


@pytest.mark.parametrize("degree", range(MAX_DEGREE + 1))
@pytest.mark.parametrize("size", SIZES)
def test_the_colours_at_places_are_those_of_the_polynomial(size: tuple[int, int], degree: int) -> None:
    field = made(*size, degree)
    rows, columns = (each.ravel() for each in np.indices(size[::-1])[:, ::7, ::5])
    np.testing.assert_allclose(field.at(rows, columns), exact(field, rows, columns), atol=1e-3)
    np.testing.assert_allclose(
        field.at(rows + 0.25, columns - 0.5), exact(field, rows + 0.25, columns - 0.5), atol=1e-3
    )


@pytest.mark.parametrize("degree", range(MAX_DEGREE + 1))
@pytest.mark.parametrize("size", SIZES)
def test_drawn_by_rows_a_field_is_within_a_level_of_the_polynomial(size: tuple[int, int], degree: int) -> None:
    field = made(*size, degree)
    drawing = Drawing(field)
    drawn = np.stack([drawing.plane(channel, 0, field.height) for channel in range(3)], axis=-1)
    assert drawn.shape == (field.height, field.width, 3) and drawn.dtype == np.uint8
    expected = exact(field, *(each.astype(float) for each in np.indices(size[::-1])))
    assert np.abs(drawn - expected).max() <= 0.5 + GRID
    for top, bottom in ((0, 1), (field.height // 3, field.height // 3 + 1), (field.height // 2, field.height)):
        np.testing.assert_array_equal(drawing.plane(1, top, bottom), drawn[top:bottom, :, 1], f"{top} to {bottom}")


@pytest.mark.parametrize("degree", range(MAX_DEGREE + 1))
def test_a_part_is_drawn_as_in_the_whole(degree: int) -> None:
    field = made(*SIZE, degree)
    width, height = SIZE
    whole = field.sampled((0, 0, width, height), width, height)
    assert np.abs(whole - exact(field, *np.indices((height, width)))).max() <= GRID
    part = field.sampled((30, 20, 130, 100), 100, 80)
    assert part.shape == (80, 100, 3)
    np.testing.assert_allclose(part, whole[20:100, 30:130], atol=GRID)
    small = field.sampled((30, 20, 130, 100), 25, 20)
    np.testing.assert_allclose(small, part.reshape(20, 4, 25, 4, 3).mean(axis=(1, 3)), atol=2 * GRID)


def test_one_colour_is_constant_and_no_fraction_of_a_level_is_lost() -> None:
    field = Field(*SIZE, np.array([[10.5, 20.25, 250]], np.float32))
    assert field.is_constant and field.span == 0 and field.mean == (10, 20, 250)
    assert (field.sampled((0, 0, 9.5, 3), 7, 5) == field.coefficients[0]).all()
    assert (field.at(np.arange(4), np.arange(4)) == field.coefficients[0]).all()


def test_the_mean_and_the_span_of_a_ramp_are_known() -> None:
    coefficients = np.zeros((3, 3), np.float32)
    coefficients[0] = 100, 120, 140
    coefficients[fields.powers(1).index((1, 0))] = 20, 0, 5  # from edge to edge twice as much
    coefficients[fields.powers(1).index((0, 1))] = 0, 10, 0
    field = Field(*SIZE, coefficients)
    assert not field.is_constant and field.mean == (100, 120, 140)
    assert field.span == pytest.approx(40, abs=0.01)
    left, right = field.sampled((0, 0, *SIZE), *SIZE)[5, [0, -1], 0]
    assert (left, right) == (pytest.approx(80, abs=0.3), pytest.approx(120, abs=0.3))


def test_no_colour_is_beyond_what_a_picture_has() -> None:
    coefficients = np.zeros((3, 3), np.float32)
    coefficients[0], coefficients[fields.powers(1).index((1, 0))] = 250, 200
    field = Field(*SIZE, coefficients)
    for colours in (
        field.sampled((0, 0, *SIZE), *SIZE),
        field.at(np.full(SIZE[0], 3), np.arange(SIZE[0])),
        Drawing(field).plane(0, 0, SIZE[1]),
    ):
        assert colours.max() == 255 and 50 <= colours.min() <= 53


def test_on_a_grid_the_terms_are_what_they_are_at_each_place() -> None:
    across, down = np.linspace(-1, 1, 5, dtype=np.float32), np.linspace(-1, 1, 4, dtype=np.float32)
    coefficients = made(1, 1, 3).coefficients
    columns, rows = np.meshgrid(across, down)
    places = fields.terms(columns, rows, 3) @ coefficients
    np.testing.assert_allclose(fields.on_grid(coefficients, across, down), np.moveaxis(places, -1, 0), atol=1e-3)
