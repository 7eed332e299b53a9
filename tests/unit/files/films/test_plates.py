"""Plates of films: the median of what is there most of the time, with bounded memory; and cameras that move."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import film_clips
import numpy as np
import pytest
from matted.files.films import colours, plates
from matted.files.films.clip import Clip
from matted.files.films.forms import FilmError
from matted.files.films.source import About, Frame, Wanted
from matted.files.pictures import Picture
from PIL import Image


def without_square() -> film_clips.Pixels:
    frames = film_clips.squares(16)
    return np.where(frames[0][:, :, :1] > 128, frames[12], frames[0])


def pixels(picture: Picture) -> film_clips.Pixels:
    return np.asarray(picture.image)


@pytest.mark.parametrize("count", [16, 31, 32, 33, 50])
def test_the_median_is_what_is_there_most_of_the_time(tmp_path: Path, count: int) -> None:
    clip = Clip(film_clips.write(tmp_path / "a.mkv", film_clips.squares(count), pixels="bgr0"))
    seen = pixels(plates.median(clip))
    wrong = (seen != without_square()).any(axis=2)
    assert wrong.mean() < 0.001


class Long:
    """A film of many frames, that counts how many are pictures at once."""

    def __init__(self, count: int) -> None:
        self.path = Path("long.mov")
        self.about = About((64, 48), colours.OF_PICTURES, Fraction(1, 25), Fraction(25))
        self.faults: tuple[str, ...] = ()
        self.made = 0
        self._count = count

    def offset(self) -> Fraction:
        return Fraction(0)

    def frames(self, wanted: Wanted) -> Iterator[Frame]:
        for index in range(self._count):
            shown = None
            if wanted(index):
                self.made += 1
                shown = Picture(Image.new("RGB", (64, 48), (index % 256, 0, 9)), {})
            yield Frame(index, Fraction(index, 25), Fraction(1, 25), shown)


def test_few_frames_of_a_long_film_are_looked_at_and_from_all_of_it() -> None:
    film = Long(100_000)
    seen = pixels(plates.median(film))
    assert film.made < 400, "ever fewer"
    assert seen.shape == (48, 64, 3) and (seen[:, :, 2] == 9).all()


def test_a_film_without_frames_has_no_median() -> None:
    with pytest.raises(FilmError, match=r"long\.mov has no frames"):
        plates.median(Long(0))


def test_a_plate_is_a_picture_or_the_median_of_a_film_or_of_the_film_itself(tmp_path: Path) -> None:
    frames = film_clips.squares(40)
    clip = Clip(film_clips.write(tmp_path / "a.mkv", frames, pixels="bgr0"))
    right = without_square()
    Image.fromarray(right).save(tmp_path / "plate.png")
    film_clips.write(tmp_path / "plate.mkv", [right] * 5, pixels="bgr0")
    for wanted in (tmp_path / "plate.png", tmp_path / "plate.mkv", "median"):
        np.testing.assert_array_equal(pixels(plates.plate(str(wanted), clip)), right)
    Image.new("RGB", (30, 30)).save(tmp_path / "small.png")
    with pytest.raises(FilmError, match="64 x 48 pixels, the plate 30 x 30"):
        plates.plate(str(tmp_path / "small.png"), clip)


def scene(seed: int = 2) -> Image.Image:
    """A wide scene in which something can be seen everywhere."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (40, 80, 3), np.uint8))
    return small.resize((800, 400), Image.Resampling.BICUBIC)


def with_subject(frame: Image.Image, number: int) -> Picture:
    shown = np.array(frame)
    shown[100:250, 50 + 4 * number : 150 + 4 * number] = (200, 40, 40)
    noise = np.random.default_rng(number).normal(0, 4, shown.shape)
    return Picture(Image.fromarray(np.clip(shown + noise, 0, 255).astype(np.uint8)), {})


def test_a_camera_that_moves_is_told_of_once() -> None:
    camera, wide, hints = plates.Camera(), scene(), []
    for number in range(20):
        left = 3 * number
        camera.look(10 * number, with_subject(wide.crop((left, 0, left + 640, 360)), number))
        hints.append(camera.hint())
    (hint,) = filter(None, hints)
    assert "The camera seems to move" in hint and "--model" in hint


def test_a_camera_that_stands_still_is_not(tmp_path: Path) -> None:
    camera, wide = plates.Camera(), scene()
    for number in range(30):
        camera.look(10 * number, with_subject(wide.crop((0, 0, 640, 360)), number))
        assert not camera.hint()
