"""Distances are those of the channel that differs most, and indices find what belongs to each pixel."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import ramp, rounded
from keyed_pictures import Stopped, field_of, ground_of, layer_of, nothing, stop
from matted.inference.layer import Layer
from matted.masking.keyer import distance
from matted.masking.keyer.distance import AHEAD, AROUND, Distances

SHAPES = [(1, 1), (1, 50), (50, 1), (2, 3), (33, 70)]
COLOUR = (200, 100, 3)


def random_picture(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (*shape, 3), np.uint8)


def measured(shape: tuple[int, int]) -> Distances:
    picture = random_picture(shape)
    return distance.measure(layer_of(picture), field_of(picture, COLOUR), nothing)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_channel_that_differs_most_counts_without_a_wrap(shape: tuple[int, int]) -> None:
    found = measured(shape)
    expected = np.abs(random_picture(shape).astype(int) - COLOUR).max(axis=2)
    np.testing.assert_array_equal(found.inner, expected)
    assert found.framed.dtype == np.uint8 and found.framed.sum() == found.inner.sum(), "0 in the frame"
    assert found.framed.shape == (shape[0] + 2, shape[1] + 2)


def test_all_256_levels_have_their_distance_to_each_other() -> None:
    every = np.arange(256, dtype=np.uint8)
    picture = np.zeros((2, 256, 3), np.uint8)
    picture[0, :, 1] = every
    for level in (0, 1, 127, 128, 254, 255):
        found = distance.measure(layer_of(picture), field_of(picture, (0, level, 0)), nothing)
        np.testing.assert_array_equal(found.inner[0], np.abs(every.astype(int) - level))


def test_a_field_that_varies_is_followed() -> None:
    truth = ramp(300, 200, (250, 220, 180), (160, 190, 230), 0.4)
    picture = rounded(truth)
    found = distance.measure(layer_of(picture), ground_of(picture).field, nothing)
    assert found.inner.max() <= 1
    picture[50:60, 70:80] = 0
    found = distance.measure(layer_of(picture), ground_of(picture).field, nothing)
    assert np.abs(found.inner[50:60, 70:80] - truth[50:60, 70:80].max(axis=2)).max() <= 1.5


@pytest.mark.parametrize("shape", SHAPES)
def test_indices_are_places_colours_and_ground(shape: tuple[int, int]) -> None:
    found, picture = measured(shape), random_picture(shape)
    rows, columns = (each.ravel() for each in np.indices(shape))
    indices = found.indices(rows, columns)
    np.testing.assert_array_equal(np.stack(found.places(indices)), [rows, columns])
    np.testing.assert_array_equal(found.colours(indices), picture[rows, columns])
    assert (found.ground(indices) == np.asarray(COLOUR, np.float32)).all()
    np.testing.assert_array_equal(found.flat[indices], found.inner[rows, columns])


def test_neighbours_are_found_by_offsets_and_those_ahead_are_half_of_them() -> None:
    found = measured((5, 7))
    here = 3 * found.stride + 4  # row 2, column 3
    around = {
        (row - 2, column - 3) for row, column in zip(*found.places(here + np.array(found.offsets())), strict=True)
    }
    assert around == set(AROUND) == {(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)} - {(0, 0)}
    ahead = found.offsets(AHEAD)
    assert sorted([*ahead, *(-offset for offset in ahead)]) == sorted(found.offsets())


@pytest.mark.parametrize("format", ["GRAY8", "GRAYA8", "RGBA8", "BGRA8"])
def test_all_formats_are_measured_in_their_own_channels(format: str) -> None:
    shape, grey = (9, 11), format.startswith("G")
    picture = random_picture(shape)
    if grey:
        picture[...] = picture[:, :, :1]
    samples = picture[:, :, :1] if grey else picture[:, :, ::-1] if format == "BGRA8" else picture
    if format.endswith("A8"):
        samples = np.dstack([samples, np.full(shape, 9, np.uint8)])
    layer = Layer.from_frame(memoryview(samples.tobytes()), shape[1], shape[0], format)
    colour = (90, 90, 90) if grey else COLOUR
    found = distance.measure(layer, field_of(picture, colour), nothing)
    np.testing.assert_array_equal(found.inner, np.abs(picture.astype(int) - colour).max(axis=2))
    indices = np.array([found.stride + 1, found.stride + 4])
    np.testing.assert_array_equal(found.colours(indices), picture[0, [0, 3]])


def test_a_cancel_stops_it() -> None:
    picture = random_picture((40, 40))
    with pytest.raises(Stopped):
        distance.measure(layer_of(picture), field_of(picture), stop)
