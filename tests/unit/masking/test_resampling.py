"""Resampling by products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matted.masking.rendering import resampling
from PIL import Image

SIZES = [(1, 1), (1, 9), (9, 1), (2, 3), (40, 40), (40, 41), (41, 40), (40, 1000), (320, 77), (1000, 33)]


def applied(spans: list[resampling.Span], samples: Any) -> Any:
    return np.concatenate([span.weights @ samples[span.samples] for span in spans])


@pytest.mark.parametrize(("samples", "pixels"), SIZES)
@pytest.mark.parametrize("block", [1, 64, 5000])
def test_lanczos_is_that_of_pillow(samples: int, pixels: int, block: int) -> None:
    values = np.random.default_rng(0).random((samples, 3), np.float32)
    expected = np.asarray(Image.fromarray(values).resize((3, pixels), Image.Resampling.LANCZOS))
    np.testing.assert_allclose(applied(resampling.lanczos(samples, pixels, block), values), expected, atol=2e-6)


@pytest.mark.parametrize(("samples", "pixels"), SIZES)
@pytest.mark.parametrize("block", [1, 64, 5000])
def test_linear_is_interpolation_between_the_centres(samples: int, pixels: int, block: int) -> None:
    values = np.random.default_rng(0).random(samples, np.float32)
    apart = pixels / (samples - 0.3)  # the last sample lies beyond the pixels in part
    centres = (np.arange(samples) + 0.5) * apart
    expected = np.interp(np.arange(pixels) + 0.5, centres, values)
    np.testing.assert_allclose(applied(resampling.linear(samples, pixels, apart, block), values), expected, atol=1e-6)


@pytest.mark.parametrize(("samples", "pixels"), SIZES)
def test_every_pixel_is_in_one_span_of_existing_samples(samples: int, pixels: int) -> None:
    for spans in (resampling.lanczos(samples, pixels), resampling.linear(samples, pixels, pixels / samples)):
        assert np.concatenate([np.arange(span.pixels.start, span.pixels.stop) for span in spans]).tolist() == [
            *range(pixels)
        ]
        for span in spans:
            assert 0 <= span.samples.start < span.samples.stop <= samples
            assert span.weights.shape == (span.pixels.stop - span.pixels.start, span.samples.stop - span.samples.start)
            assert span.weights.dtype == np.float32
            np.testing.assert_allclose(span.weights.sum(axis=1), 1.0, atol=1e-6)
