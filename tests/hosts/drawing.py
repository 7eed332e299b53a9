"""A drawing as people have it in GIMP and Krita: lines, letters and a ring in ink on a white layer, nothing else."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

FINER = 4  # times: it is drawn so much larger, and made smaller with soft edges
INK, RED = (20, 20, 28), (200, 30, 40)
# Places, as shares of width and height: on a stroke of the ring, in the red disc, and on bare white.
ON_THE_RING, IN_THE_DISC, ON_WHITE = (0.28, 0.185), (0.80, 0.30), (0.95, 0.94)


def line_art(size: tuple[int, int]) -> Image.Image:
    """Return the drawing, RGB."""
    width, height = (FINER * side for side in size)
    large = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(large)

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return left * width, top * height, right * width, bottom * height

    pen.ellipse(box(0.08, 0.15, 0.48, 0.75), outline=INK, width=round(0.07 * height))
    pen.ellipse(box(0.72, 0.18, 0.88, 0.42), fill=RED)
    pen.text((0.52 * width, 0.48 * height), "Bo8", INK, ImageFont.load_default(0.36 * height))
    for step in range(7):  # from a thick line to one that is thinner than a pixel
        pen.line(box(0.06, 0.84 + 0.02 * step, 0.90, 0.80 + 0.02 * step), INK, FINER * 2 // (1 + step) or 1)
    return large.resize(size, Image.Resampling.BOX)


def place(share: tuple[float, float], size: tuple[int, int]) -> tuple[int, int]:
    """Return a place of the drawing in pixels."""
    return int(share[0] * size[0]), int(share[1] * size[1])
