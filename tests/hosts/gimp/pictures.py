"""Pictures that are open in a real GIMP, and what the tests want to know of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from hosts.gimp.session import Gimp
from hosts.installed import Installed, until
from PIL import Image

PHOTOGRAPHS = Path(__file__).parents[2] / "photographs"
ONE_CLICK, WITH_DIALOG = "plug-in-remove-background", "plug-in-remove-background-dialog"  # the procedures
REFINE = "plug-in-refine-mask"
WINDOW, MESSAGE, DIALOG = "layers?) .* GIMP$", "^GIMP Message$", "^Remove Background$"  # titles
REFINE_DIALOG = "^Refine Mask$"
REMOVE, REFINE_BUTTON = "alt+v", "alt+n"  # the buttons of the dialogs
# In the menu Filters, whose last entry is Remove Background.
DIALOG_KEYS, REFINE_KEYS = ["alt+r", "Up", "Up", "Return"], ["alt+r", "Up", "Up", "Up", "Return"]
SUCCESS = ["success", ""]
SIZE = (240, 160)  # of pictures that are enough to tell one kind of layer from another


class Picture:
    """A picture that is open in GIMP, with one layer, unchanged since it was opened."""

    def __init__(self, gimp: Gimp, path: str) -> None:
        self.gimp = gimp
        self.path = path
        self.id = gimp.load(path)
        self.layer = gimp.layers(self.id)[0]
        self.clean()

    def clean(self) -> dict[str, Any]:
        """From here on `state()["dirty"]` says whether there is an undo step. Returns the state."""
        self.gimp.clean(self.id)
        return self.state()

    def state(self) -> dict[str, Any]:
        return self.gimp.state(self.id)

    def refine(self, *items: int, **options: Any) -> list[str]:
        """Refine Mask on these items, or on the layer. Returns GIMP's status and error."""
        return self.gimp.remove_background(self.id, items or [self.layer], "NONINTERACTIVE", options, REFINE)

    def click(self, *items: int, **options: Any) -> list[str]:
        """Remove Background on these items, or on the layer. Returns GIMP's status and error."""
        return self.gimp.remove_background(self.id, items or [self.layer], "NONINTERACTIVE", options)

    def pixels(self, layer: int | None = None) -> Image.Image:
        """A layer as GIMP gives it to plug-ins: sRGB, 8 bits, with alpha."""
        shape = next(shape for shape in self.state()["layers"] if shape["id"] == (layer or self.layer))
        return Image.frombytes("RGBA", tuple(shape["size"]), base64.b64decode(shape["pixels"]))

    def mask(self, layer: int | None = None) -> bytes | None:
        shape = next(shape for shape in self.state()["layers"] if shape["id"] == (layer or self.layer))
        return None if shape["mask"] is None else base64.b64decode(shape["mask"])


@contextmanager
def in_a_window(desktop: Gimp, installed: Installed, image: Image.Image) -> Iterator[Picture]:
    """The picture is open in GIMP's window in the block."""
    picture = Picture(desktop, installed.put(image))
    desktop.show(picture.id)
    until(lambda: desktop.windows(WINDOW), "window with the picture")
    yield picture
    desktop.close_image(picture.id)


def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPHS / "chelsea.jpg") as picture:
        return picture.convert("RGB")


def two_subjects() -> Image.Image:
    """A woman at the left and a cat at the right, before a wall: LEFT_ONE and RIGHT_ONE are places in them.

    Light and shade go over the wall in waves: nobody takes it for a flat ground, which needs no model.
    """
    y, x = np.mgrid[:700, :1300]
    shade = 18 + 18 * np.sin(24 * x / 1300) * np.sin(18 * y / 700)
    both = Image.fromarray((np.array([200, 205, 210]) - shade[..., np.newaxis]).astype(np.uint8))
    with Image.open(PHOTOGRAPHS / "astronaut.jpg") as woman:
        both.paste(woman.convert("RGB").resize((600, 600)), (20, 60))
    both.paste(photograph().resize((600, 400)), (660, 200))
    return both


LEFT_ONE, RIGHT_ONE, WALL = (250, 450), (960, 430), (640, 30)


def without_masks(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers without what Remove Background may change. A group shows what is in it, masked."""
    changing: dict[str, Any] = {"mask": None, "edits mask": None}
    return [{**shape, **changing, **({"pixels": None} if shape["group"] else {})} for shape in state["layers"]]


@contextmanager
def asked(
    picture: Picture, procedure: str, title: str = DIALOG, also: Sequence[int] = (), **options: Any
) -> Iterator[Future[list[str]]]:
    """A procedure is called by a person, and its dialog stands open with `options`. Gives what it will return.

    also: layers that are selected besides the first.
    """
    with ThreadPoolExecutor(1) as pool:
        arguments = (picture.id, [picture.layer, *also], "INTERACTIVE", options, procedure)
        called = pool.submit(picture.gimp.remove_background, *arguments)
        try:
            until(lambda: picture.gimp.windows(title), "dialog")
            yield called
        finally:
            while not called.done():  # a look at the windows misses some while others come and go
                if picture.gimp.windows(title):
                    picture.gimp.press(title, "Escape")
                wait([called], 1.0)


def read_the_message(desktop: Gimp, screenshot: Path, begins: str = "error for ") -> str:
    """What the one message that GIMP shows says; it is closed then."""
    until(lambda: desktop.windows(MESSAGE), "message")
    desktop.screenshot(screenshot)
    assert len(desktop.windows(MESSAGE)) == 1
    desktop.press(MESSAGE, "Tab", "Tab")  # from the button to the title, to the text
    text = until(lambda: re.search(f"{begins}.*", desktop.selected_text(), re.DOTALL), "text of the message")[0]
    desktop.press(MESSAGE, "Escape")
    until(lambda: not desktop.windows(MESSAGE), "end of the message")
    return text
