"""Which part of a picture is seen, how large, and where on the screen. All sizes on the screen are device pixels."""

from __future__ import annotations

import math
from typing import List, NamedTuple, Optional, Tuple

LARGEST = 16.0  # screen pixels a picture's pixel: each is a square that one can click on
STEP = 1.25  # the zoom of one step of the wheel
MOST_STEPS = 100  # at once: more would only overflow


class View(NamedTuple):
    """A part of the picture, and the size at which it is shown, which is not larger than the part.

    left, top, right, bottom: pixels of the picture.
    """

    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int

    @property
    def scale(self) -> float:
        """Pixels of the view a pixel of the picture, across."""
        return self.width / (self.right - self.left)

    @property
    def wire(self) -> List[int]:
        """As `view` of a request has it."""
        return list(self)


class Camera:
    """Looks at a picture. It fits the picture into the window until somebody zooms or pans."""

    def __init__(self, width: int, height: int) -> None:
        """width, height: of the picture."""
        self._size = width, height
        self._window = 1, 1
        self._zoom = 1.0
        self._centre = width / 2, height / 2  # the place of the picture that is in the middle of the window
        self._fits = True

    @property
    def zoom(self) -> float:
        """Screen pixels a pixel of the picture."""
        return self._zoom

    @property
    def size(self) -> Tuple[int, int]:
        """Of the picture."""
        return self._size

    @property
    def window(self) -> Tuple[int, int]:
        return self._window

    @property
    def fitting(self) -> float:
        """The zoom at which the whole picture is seen; a small picture is not enlarged."""
        return min(1.0, self._window[0] / self._size[0], self._window[1] / self._size[1])

    def resize(self, width: int, height: int) -> None:
        """Take a window of another size."""
        self._window = max(1, width), max(1, height)
        self._settle()

    def fit(self) -> None:
        """Show the whole picture."""
        self._fits = True
        self._settle()

    def zoom_to(self, zoom: float, at: Optional[Tuple[float, float]] = None) -> None:
        """Zoom so that what is at this place of the window, else in its middle, stays there."""
        at = at or (self._window[0] / 2, self._window[1] / 2)
        x, y = self._place(*at)
        smallest = self.fitting
        self._fits = zoom <= smallest
        self._zoom = min(max(zoom, smallest), LARGEST)
        middle = self._window[0] / 2, self._window[1] / 2
        self._centre = x - (at[0] - middle[0]) / self._zoom, y - (at[1] - middle[1]) / self._zoom
        self._settle()

    def zoom_by(self, steps: float, at: Optional[Tuple[float, float]] = None) -> None:
        """Zoom by steps of the wheel, in where positive. Stops at one to one on its way."""
        zoom = self._zoom * STEP ** min(max(steps, -MOST_STEPS), MOST_STEPS)
        if (self._zoom < 1 < zoom) or (zoom < 1 < self._zoom):
            zoom = 1.0
        self.zoom_to(zoom, at)

    def pan(self, across: float, down: float) -> None:
        """Move the picture by so many screen pixels, to the right and down where positive."""
        self._centre = self._centre[0] - across / self._zoom, self._centre[1] - down / self._zoom
        self._settle()

    def show(self, x: int, y: int) -> None:
        """Pan by as little as makes a pixel of the picture visible."""
        at = self.on_screen(x + 0.5, y + 0.5)
        across, down = _back_inside(at[0], self._window[0]), _back_inside(at[1], self._window[1])
        if across or down:
            self.pan(across, down)

    def pixel(self, x: float, y: float) -> Optional[Tuple[int, int]]:
        """Return the picture's pixel at this place of the window, or None where it shows none."""
        across, down = self._place(x, y)
        inside = 0 <= across < self._size[0] and 0 <= down < self._size[1]
        return (int(across), int(down)) if inside else None

    def nearest(self, x: float, y: float) -> Tuple[int, int]:
        """Return the picture's pixel that is nearest to this place of the window."""
        across, down = self._place(x, y)
        return (
            min(max(math.floor(across), 0), self._size[0] - 1),
            min(max(math.floor(down), 0), self._size[1] - 1),
        )

    def on_screen(self, x: float, y: float) -> Tuple[float, float]:
        """Return where a place of the picture is in the window. Pixel (0, 0) reaches from 0, 0 to 1, 1."""
        return (
            (x - self._centre[0]) * self._zoom + self._window[0] / 2,
            (y - self._centre[1]) * self._zoom + self._window[1] / 2,
        )

    def view(self) -> View:
        """Return the part that is seen, in whole pixels of the picture, at the size that it has on the screen."""
        left, top = self._place(0, 0)
        right, bottom = self._place(*self._window)
        edges = (
            max(0, math.floor(left)),
            max(0, math.floor(top)),
            min(self._size[0], math.ceil(right)),
            min(self._size[1], math.ceil(bottom)),
        )
        across, down = edges[2] - edges[0], edges[3] - edges[1]
        zoom = min(self._zoom, 1.0)
        return View(*edges, min(across, max(1, round(across * zoom))), min(down, max(1, round(down * zoom))))

    def placed(self, view: View) -> Tuple[int, int, int, int]:
        """Return where a view, of now or of before, is in the window: x, y, width, height."""
        left, top = self.on_screen(view.left, view.top)
        right, bottom = self.on_screen(view.right, view.bottom)
        x, y = round(left), round(top)
        if self._zoom == 1.0 or (view.width, view.height) == (round(right - left), round(bottom - top)):
            return x, y, max(1, round(right - left)), max(1, round(bottom - top))
        return x, y, max(1, round(right) - x), max(1, round(bottom) - y)

    def _place(self, x: float, y: float) -> Tuple[float, float]:
        """Return the place of the picture that is at this place of the window."""
        return (
            (x - self._window[0] / 2) / self._zoom + self._centre[0],
            (y - self._window[1] / 2) / self._zoom + self._centre[1],
        )

    def _settle(self) -> None:
        """Keep the zoom in its range, and the picture in the window: in its middle where it is smaller."""
        if self._fits or self._zoom < self.fitting:
            self._zoom, self._fits = self.fitting, True
        self._centre = self._settled(0), self._settled(1)

    def _settled(self, axis: int) -> float:
        size, half = self._size[axis], self._window[axis] / 2 / self._zoom
        return size / 2 if 2 * half >= size else min(max(self._centre[axis], half), size - half)


def _back_inside(at: float, side: int) -> float:
    """Return by how much a place has to move to be within 0 and side - 1."""
    return min(0.0, side - 1 - at) + max(0.0, -at)
