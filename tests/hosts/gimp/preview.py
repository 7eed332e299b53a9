"""A preview in a dialog of a real GIMP, as a person sees it and clicks in it."""

from __future__ import annotations

from pathlib import Path

from hosts.gimp.session import Gimp
from hosts.installed import until
from matted_client.preview.camera import Camera
from matted_client.preview.shades import DARK, LIGHT
from PIL import Image, ImageChops

MARGIN = 12  # of the dialog, up to the line around the preview
LEFT, RIGHT, WHEEL_UP, WHEEL_DOWN = 1, 3, 4, 5  # buttons of the mouse


class Preview:
    """The preview of a layer of `size`. Places are pixels of the layer; `camera` knows where they are on the screen.

    screenshot: where what was seen last is kept.
    scale: pixels of the screen that GTK makes of a logical one.
    """

    def __init__(self, desktop: Gimp, title: str, size: tuple[int, int], screenshot: Path, scale: int = 1) -> None:
        self._desktop = desktop
        self._title = title
        self._screenshot = screenshot
        self._margin, self._line = scale * MARGIN, scale
        self.camera = Camera(*size)
        self._dialog = until(self._settled, "dialog that keeps its size")
        self.camera.resize(*self.size)

    @property
    def size(self) -> tuple[int, int]:
        """Of the preview within its line, in pixels of the screen."""
        start = self._margin
        edge = self._dialog.getpixel((start, start))
        right = bottom = start
        while self._dialog.getpixel((right + 1, start)) == edge:
            right += 1
        while self._dialog.getpixel((start, bottom + 1)) == edge:
            bottom += 1
        return right + 1 - start - 2 * self._line, bottom + 1 - start - 2 * self._line

    def image(self) -> Image.Image:
        """What is seen, within the line."""
        width, height = self.size
        corner = self._margin + self._line
        seen = self._desktop.picture_of(self._title, self._screenshot)
        return seen.crop((corner, corner, corner + width, corner + height))

    def until_seen(self, stays: list[tuple[int, int]], goes: list[tuple[int, int]]) -> Image.Image:
        """Wait until these places are seen as the layer, and as checks."""

        def seen() -> Image.Image | None:
            image = self.image()
            as_checks = [image.getpixel(self.on_screen(*place)) in (LIGHT, DARK) for place in [*stays, *goes]]
            return image if as_checks == [False] * len(stays) + [True] * len(goes) else None

        return until(seen, "preview with the right things in it")

    def until_like(self, wanted: Image.Image) -> None:
        until(lambda: same(self.image(), wanted), "preview as it was")

    def until_unlike(self, before: Image.Image) -> Image.Image:
        """Wait until something else is seen, and has come to rest."""

        def changed() -> Image.Image | None:
            one, other = self.image(), self.image()
            return one if same(one, other) and not same(one, before) else None

        return until(changed, "another preview")

    def until_said(self, text: str) -> str:
        """Wait until the line below the preview has this text. Returns all of it. The focus is on it afterwards."""

        def said() -> str:
            self._desktop.press(self._title, "Tab")  # selects the line when it comes to it
            selected = self._desktop.selected_text()
            return selected if text in selected else ""

        return str(until(said, f"line that says: {text}"))

    def on_screen(self, x: int, y: int) -> tuple[int, int]:
        """Where a place is in the preview."""
        across, down = self.camera.on_screen(x + 0.5, y + 0.5)
        return int(across), int(down)

    def click(self, x: int, y: int, button: int = LEFT) -> tuple[int, int]:
        """Click on a place. Returns the pixel that was hit."""
        place = self.on_screen(x, y)
        self._mouse(place, "click", str(button))
        hit = self.camera.pixel(*place)
        assert hit is not None
        return hit

    def press(self, x: int, y: int) -> None:
        self._mouse(self.on_screen(x, y), "mousedown", "1")

    def move(self, x: int, y: int) -> None:
        self._mouse(self.on_screen(x, y))

    def let_go(self) -> None:
        self._desktop.mouse_up()

    def drag(self, left: int, top: int, right: int, bottom: int) -> list[int]:
        """Draw a box. Returns its edges in the layer."""
        self.press(left, top)
        self.move((left + right) // 2, (top + bottom) // 2)
        self.move(right, bottom)
        self.let_go()
        one, other = (self.camera.nearest(*self.on_screen(*place)) for place in ((left, top), (right, bottom)))
        return [*one, other[0] + 1, other[1] + 1]

    def _mouse(self, place: tuple[int, int], *act: str) -> None:
        corner = self._margin + self._line
        self._desktop.mouse(self._title, place[0] + corner, place[1] + corner, *act)

    def _settled(self) -> Image.Image | None:
        one, other = (self._desktop.picture_of(self._title, self._screenshot) for _ in range(2))
        return one if one.size == other.size else None


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None
