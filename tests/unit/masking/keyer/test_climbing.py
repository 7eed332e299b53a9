"""Edges climb from the ground to the colour of the subject beside them, also where two strokes are close together."""

from __future__ import annotations

import numpy as np
import pytest
from canvas import Bytes, Colour, blurred
from keyed_pictures import BLUE, Climbed, Stopped, cover, on, stop
from matted.masking.keyer import climbing
from numpy.typing import NDArray
from sheet import BLACK, WHITE

FURTHEST = 24  # pixels that an edge may be wide
DISC = cover(90, 80, lambda canvas: canvas.disc((44.3, 39.6), 22))


def grey(*rows: list[int]) -> Bytes:
    """Return a picture of grey levels."""
    return np.repeat(np.array(rows, np.uint8)[:, :, np.newaxis], 3, axis=2)


def peaks_of(climbed: Climbed) -> dict[tuple[int, int], tuple[int, int]]:
    """Return for each pixel of the edges, row and column, the place of its peak."""
    places, peaks = climbed.distances.places(climbed.edges.indices), climbed.distances.places(climbed.edges.peaks)
    return {(int(row), int(column)): (int(y), int(x)) for row, column, y, x in zip(*places, *peaks, strict=True)}


def colours_at_peaks(climbed: Climbed) -> NDArray[np.float32]:
    """Return the colour of the subject at each pixel of the edges: n x 3."""
    found, numbers = climbing.look(climbed.distances, climbed.edges, climbed.background, 1.5)
    return found.colours[numbers]


# -- edges -------------------------------------------------------------------------------------------------------------


def test_a_stair_is_climbed_to_its_top_from_both_sides() -> None:
    levels = [255, 255, 230, 180, 90, 20, 20, 20, 60, 200, 255]
    climbed = Climbed.of(grey(*[levels] * 5))
    row = {column: peak[1] for (y, column), peak in peaks_of(climbed).items() if y == 2}
    assert {column: row[column] for column in (2, 3, 4)} == dict.fromkeys((2, 3, 4), 5)
    assert {column: row[column] for column in (8, 9)} == dict.fromkeys((8, 9), 7)
    assert not {0, 1, 10} & set(row), "ground is no edge"
    feet = climbed.distances.places(climbed.edges.feet)[1]
    assert set(feet.tolist()) == {1, 10}


@pytest.mark.parametrize(("colour", "ink"), [(WHITE, BLUE), (BLACK, WHITE), (WHITE, (250, 235, 205)), (BLUE, BLACK)])
def test_all_soft_pixels_of_a_disc_climb_to_its_colour(colour: Colour, ink: Colour) -> None:
    for alpha in (DISC, blurred(DISC, 1.5), blurred(DISC, 3)):
        climbed = Climbed.of(on(colour, alpha, ink), colour)
        rows, columns = climbed.distances.places(climbed.edges.indices)
        found = np.zeros(alpha.shape, bool)
        found[rows, columns] = True
        steep = np.abs(np.subtract(ink, colour)).max()
        assert found[(alpha > 12 / steep) & (alpha < 0.9)].all(), "all that is soft"
        assert not found[blurred(DISC, 6) > 0.999].any(), "none of the inside"
        assert np.abs(colours_at_peaks(climbed) - ink).max() <= max(4, 0.08 * steep)


def test_indices_rise_and_each_is_there_once() -> None:
    edges = Climbed.of(on(WHITE, blurred(DISC, 2))).edges
    assert (np.diff(edges.indices) > 0).all()
    assert edges.peaks.shape == edges.feet.shape == edges.indices.shape
    assert np.isin(edges.peaks, edges.indices).mean() > 0.9, "a peak beside an edge belongs to it"
    assert edges.memory == 3 * edges.indices.nbytes


def test_an_edge_ends_where_it_is_too_wide_to_be_one() -> None:
    slope = [255, 255, *(255 - 4 * step for step in range(1, 61)), 15, 15]
    climbed = Climbed.of(grey(*[slope] * 3))
    columns = climbed.distances.places(climbed.edges.indices)[1]
    assert columns.min() == 2 and columns.max() <= 2 + FURTHEST


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (12, 9)])
@pytest.mark.parametrize("level", [255, 0])
def test_without_a_border_between_ground_and_subject_there_are_no_edges(shape: tuple[int, int], level: int) -> None:
    climbed = Climbed.of(np.full((*shape, 3), level, np.uint8))
    found, numbers = climbing.look(climbed.distances, climbed.edges, climbed.background, 1.5)
    assert len(climbed.edges.indices) == len(found.indices) == len(numbers) == 0
    assert len(climbed.with_valleys().edges.indices) == 0


def test_a_subject_may_reach_the_pictures_border() -> None:
    picture = np.full((20, 30, 3), 255, np.uint8)
    picture[:, :12] = 0
    picture[:, 12] = 128
    climbed = Climbed.of(picture)
    peaks = peaks_of(climbed)
    assert {column for _, column in peaks} == {11, 12}, "the grey, and what it climbs to"
    assert {peak[1] for peak in peaks.values()} == {11}


@pytest.mark.parametrize("pixels", [1, 2])
def test_a_single_pixel_is_its_own_peak(pixels: int) -> None:
    picture = np.full((9, 9, 3), 255, np.uint8)
    picture[4, 4 : 4 + pixels] = 0
    assert peaks_of(Climbed.of(picture)) == {(4, 4 + pixel): (4, 4 + pixel) for pixel in range(pixels)}


def test_a_cancel_stops_it() -> None:
    climbed = Climbed.of(on(WHITE, DISC))
    with pytest.raises(Stopped):
        climbing.climb(climbed.distances, climbed.background, 1.5, stop)


# -- valleys -----------------------------------------------------------------------------------------------------------


def test_between_two_close_strokes_the_valley_is_a_soft_pixel_too() -> None:
    """What two soft edges share is no peak and no ground: it climbs to one of the strokes."""
    levels = [255, 255, 120, 0, 110, 150, 0, 120, 255, 255]
    climbed = Climbed.of(grey(*[levels] * 7))
    assert not {4, 5} & {column for _, column in peaks_of(climbed)}
    with_valleys = climbed.with_valleys()
    peaks = peaks_of(with_valleys)
    assert (peaks[3, 4][1], peaks[3, 5][1]) == (3, 6)
    assert set(climbed.edges.indices) <= set(with_valleys.edges.indices)


def test_a_narrow_gap_between_two_blocks_is_followed_from_its_ends() -> None:
    """No stroke's edge is beside the gap: it is reached from where it opens to the ground."""
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[8:32, 8:32] = 0
    picture[8:32, 20] = 140
    climbed = Climbed.of(picture)
    with_valleys = climbed.with_valleys()
    found = set(with_valleys.edges.indices.tolist())
    assert {climbed.index(20, row) for row in range(8, 32)} <= found
    assert colours_at_peaks(with_valleys).max() == 0


def test_a_flat_place_has_no_valleys() -> None:
    climbed = Climbed.of(on(WHITE, DISC))
    with_valleys = climbed.with_valleys()
    np.testing.assert_array_equal(with_valleys.edges.indices, climbed.edges.indices)


# -- peaks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "flat"), [(1, False), (2, False), (3, True), (6, True)])
def test_a_place_of_three_pixels_is_flat(width: int, flat: bool) -> None:
    picture = np.full((20, 30, 3), 255, np.uint8)
    picture[4:16, 10 : 10 + width] = BLUE
    climbed = Climbed.of(picture)
    found, numbers = climbing.look(climbed.distances, climbed.edges, climbed.background, 1.5)
    rows = climbed.distances.places(climbed.edges.indices)[0]
    middle = numbers[(rows > 6) & (rows < 13)]
    assert (found.flat[middle] == flat).all()
    assert (found.colours == BLUE).all() and len(np.unique(found.indices)) == len(found.indices)


def test_the_colour_of_a_peak_is_the_mean_of_what_is_like_it() -> None:
    picture = np.full((20, 30, 3), 255, np.uint8)
    noise = np.random.default_rng(1).integers(-3, 4, (10, 10, 3))
    picture[5:15, 10:20] = 100 + noise
    picture[9, 9] = 180  # unlike it
    climbed = Climbed.of(picture)
    found, _ = climbing.look(climbed.distances, climbed.edges, climbed.background, 1.5)
    inner = found.colours[found.flat]
    assert len(inner) and np.abs(inner - 100).max() <= 3 and np.abs(inner - 100).mean() < np.abs(noise).mean()


def test_looking_around_a_peak_at_the_border_stays_in_the_picture() -> None:
    picture = np.full((6, 6, 3), 255, np.uint8)
    picture[0, 0] = picture[-1, -1] = picture[0, -1] = picture[-1, 0] = BLUE
    climbed = Climbed.of(picture)
    found, _ = climbing.look(climbed.distances, climbed.edges, climbed.background, 1.5)
    assert len(found.indices) == 4 and (found.colours == BLUE).all()


def test_nothing_is_changed_that_was_given() -> None:
    climbed = Climbed.of(on(WHITE, DISC))
    framed, background = climbed.distances.framed.copy(), climbed.background.copy()
    climbing.look(climbed.distances, climbed.with_valleys().edges, climbed.background, 1.5)
    np.testing.assert_array_equal(climbed.distances.framed, framed)
    np.testing.assert_array_equal(climbed.background, background)
