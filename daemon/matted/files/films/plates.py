"""Plates of films: a picture, or the median of a clip in which the camera stands still; and whether it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from matted.files import pictures
from matted.files.films import animated, forms
from matted.files.films.clip import Clip
from matted.files.films.forms import FilmError
from matted.files.films.source import WHOLE, Source, Span, spread
from matted.files.pictures import Picture

MEDIAN = "median"  # the word for a plate that is made of the film itself
_MOST = 31  # frames that a median is of
_LEAST = 5
_BYTES = 256_000_000  # of these frames, if they are large ones
_ROWS = 32
_SIDE = 384  # pixels of the pictures that are compared
_EVERY = 10  # frames between two looks
_FAR = 2  # of these pixels that are a movement
_LOOKS = 4  # that say so, of which half at least
_PLAINER = 1.5  # times as much speaks for the movement as for none


def open_film(path: Path, span: Span = WHOLE) -> Source:
    """Open a film of either kind. Raises FilmError."""
    if path.suffix.lower() in forms.SUFFIXES:
        return Clip(path, span)
    return animated.Animated(path, span)


def plate(wanted: str, film: Source) -> Picture:
    """Return the plate of a film.

    wanted: a file of a picture; of a film, of which it is the median; or MEDIAN, for that of the film itself.

    Raises FilmError or PictureError; also if the plate has another size than the film.
    """
    if wanted == MEDIAN:
        return median(film)
    path = Path(wanted)
    if forms.is_film(path):
        clip = open_film(path)
        _refuse_other_size(film, clip.about.size)
        return median(clip)
    result = pictures.read(path)
    _refuse_other_size(film, result.image.size)
    return result


def _refuse_other_size(film: Source, size: tuple[int, int]) -> None:
    """Raise FilmError unless a plate has the size of its film."""
    if size != film.about.size:
        sizes = "{} x {} pixels, the plate {} x {}".format(*film.about.size, *size)
        raise FilmError(f"{film.path} has {sizes}.", "Take both from a tripod, at the same size.")


def median(film: Source) -> Picture:
    """Return the median of frames from the whole of a film, in each pixel: what is there most of the time."""
    width, height = film.about.size
    most = max(_LEAST, min(_MOST, _BYTES // (width * height * 3)))
    kept = [shown for _, shown in spread(film, most, lambda picture: np.asarray(picture.image.convert("RGB")))]
    if not kept:
        raise FilmError(f"{film.path} has no frames.")
    result = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _ROWS):
        strips = np.stack([each[top : top + _ROWS] for each in kept])
        result[top : top + _ROWS] = np.partition(strips, len(kept) // 2, axis=0)[len(kept) // 2]
    return Picture(Image.fromarray(result), {})


class Camera:
    """Watches whether the picture moves as a whole, by phase correlation of small grey pictures."""

    def __init__(self) -> None:
        self._first: NDArray[np.complex128] | None = None
        self._scale = 1.0
        self._looks = 0
        self._moved: list[float] = []
        self._said = False

    def look(self, index: int, picture: Picture) -> None:
        """Look at a frame, if it is time for one."""
        if index % _EVERY or self._said:
            return
        small = _small(picture.image)
        spectrum = np.fft.fft2(small)
        if self._first is None:
            self._first, self._scale = spectrum, picture.image.width / small.shape[1]
            return
        self._looks += 1
        shift = _shift(self._first, spectrum)
        if shift >= _FAR:
            self._moved.append(shift * self._scale)

    def hint(self) -> str:
        """Return a sentence, once, when it is plain that the camera moves; else empty."""
        if self._said or len(self._moved) < _LOOKS or 2 * len(self._moved) < self._looks:
            return ""
        self._said = True
        far = round(float(np.median(self._moved)))
        return (
            f"The camera seems to move, by about {far} pixels, and a plate fits one that stands still."
            " A model that needs none may do better: --model rvm-mobilenetv3"
        )


def _small(image: Image.Image) -> NDArray[np.float64]:
    """Return a small grey picture whose edges fade."""
    grey = image.convert("L")
    grey.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(grey, np.float64)
    values = values - values.mean()
    return np.asarray(values * np.hanning(values.shape[0])[:, None] * np.hanning(values.shape[1]))


def _shift(first: NDArray[np.complex128], second: NDArray[np.complex128]) -> float:
    """Return by how many pixels a picture has moved; 0 where that is not plain."""
    cross = first * second.conj()
    found = np.fft.ifft2(cross / (np.abs(cross) + 1e-9)).real
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    still = max(found[0, 0], found[0, 1], found[1, 0], found[0, -1], found[-1, 0])
    if found[row, column] < _PLAINER * still:
        return 0.0
    height, width = found.shape
    return float(np.hypot(min(row, height - row), min(column, width - column)))
