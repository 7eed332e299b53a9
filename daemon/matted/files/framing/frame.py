"""Say how a result is framed, and frame it: the one interface for the command line, for Python and for films.

    frame = Frame(background=words.background("white"), crop=words.margin("5%"), size=(800, 800))
    result = frame.of_reply(picture, reply, mask=False)

What needs NumPy is imported where it is needed: it takes longer to import than many files take to be read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted_client import MattedError

from matted.files.framing.layout import Layout, Margin
from matted.files.pictures import Picture

if TYPE_CHECKING:
    from matted_client.pictures import Mask
    from numpy.typing import NDArray

    from matted.files.formats.samples import Samples
    from matted.files.framing.backgrounds import Background
    from matted.files.framing.light import Light

_IN_WORK = 28  # bytes of a pixel that is resized, or whose ground is blurred: planes of floats


@dataclass(frozen=True)
class Frame:
    """How a result is framed. Each part may be missing, and all go together.

    background: what the subject lies on; the result is opaque then. None: the result is transparent.
    crop: the result shows the box of the subject with this margin. None: all of the picture.
    size: width and height of the result in pixels, into which what is shown is fitted, larger or smaller, as it is
        wide and high. What is left over is background, or transparent.
    square: whether what is shown gets as wide as it is high, by more background, or by what is transparent.
    shadow: how dark the soft shadow below the subject is, 1 to 100 percent. None: there is none.

    Colours mix in linear light, with the depth and in the profile of the picture; so are they resized. Where the
    subject is opaque and not resized, its samples stay as they are, bit for bit. A grey picture gets RGB in sRGB where
    its background has colour. What the picture's edge cuts off stays at the edge of the result.
    """

    background: Background | None = None
    crop: Margin | None = None
    size: tuple[int, int] | None = None
    square: bool = False
    shadow: int | None = None

    def __post_init__(self) -> None:
        """Raise MattedError for parts that contradict each other."""
        if self.square and self.size is not None and self.size[0] != self.size[1]:
            width, height = self.size
            raise MattedError(f"A square is not {width} x {height} pixels.", "Leave one of both out.")

    @property
    def is_opaque(self) -> bool:
        """Whether results have no alpha, so that a JPEG can hold them."""
        return self.background is not None

    @property
    def file(self) -> Path | None:
        """The file that the background is read from; None if there is none."""
        return None if self.background is None else self.background.file

    @property
    def is_plain(self) -> bool:
        """Whether results are left as they are."""
        return self == Frame()

    @property
    def changes_size(self) -> bool:
        """Whether a result may be of another size than its picture."""
        return self.crop is not None or self.square or self.size is not None

    def refuse_masks(self) -> None:
        """Raise MattedError if a mask cannot be framed so."""
        if self.background is not None or self.shadow is not None:
            what = "background" if self.background is not None else "shadow"
            raise MattedError(f"A mask has no {what}.", "Leave out one of both: crop, size and square go with a mask.")

    def bytes_in_work(self, width: int, height: int) -> int:
        """Return about how many bytes of memory it takes to frame a picture of this size, besides the picture."""
        if self.is_plain:
            return 0
        across, down = self.size or (width, height)
        return _IN_WORK * (width * height + across * down)

    def layout(self, alpha: NDArray[Any]) -> Layout:
        """Return where what is shown lies in the picture and in the result: one for several frames of a film, too.

        alpha: height x width, uint8, uint16 or float: of the cut-out, or the mask. For several frames the largest of
            each pixel.

        Raises MattedError if the subject is to be cropped to, and there is none.
        """
        from matted.files.framing import layout, shadows, subject

        found = subject.find(alpha)
        if self.crop is not None and found is None:
            raise MattedError("There is no subject that it could be cropped to.", "Leave out the crop.")
        reach = shadows.reach(found) if self.shadow is not None and found is not None else (0, 0, 0, 0)
        height, width = alpha.shape
        return layout.make((width, height), found, self.crop, reach, self.square, self.size)

    def of_reply(self, picture: Picture, reply: Mask, mask: bool) -> Picture:
        """Return the result that comes of the daemon's reply, as it is framed. mask: that alone, not the cut-out.

        Raises as `layout`.
        """
        from matted.files import cutting

        if mask:
            return self.apply_to_mask(cutting.grey(reply))
        return self.apply(cutting.of_reply(picture, reply), picture)

    def apply(self, cut: Picture, source: Picture, layout: Layout | None = None) -> Picture:
        """Return a cut-out as it is framed, of the same depth.

        cut: with alpha and clean colours, as cutting.cut_out returns it.
        source: the picture that it was cut out of, of the same size: for a ground that is the picture, blurred.
        layout: as `layout` returned it; None: that of this cut-out.

        Raises as `layout`.
        """
        if self.is_plain:
            return cut
        from matted.files.framing import composing, resampling, shadows
        from matted.files.framing.light import Light

        before, kept = cut.samples, cut.metadata
        light = Light.of(kept.get("icc_profile"), before.grey)
        if before.grey and self.background is not None and not self.background.is_grey:
            before = light.in_colour(before)
            kept = {name: value for name, value in kept.items() if name != "icc_profile"}
            light = Light.of(None, False)
        assert before.alpha is not None
        layout = layout or self.layout(before.alpha)
        subject = resampling.laid_out(before, light, layout)
        ground = None
        if self.background is not None:
            ground = self.background.samples(source, before, light, layout)
        shadow = None
        if self.shadow is not None:
            assert subject.alpha is not None
            shadow = shadows.draw(subject.alpha, layout.subject, self.shadow / 100)
        if ground is not None or shadow is not None:
            subject = composing.composed(subject, ground, shadow, light)
        return _picture(subject, kept, cut, light)

    def apply_to_mask(self, mask: Picture, layout: Layout | None = None) -> Picture:
        """Return a mask as it is framed: cropped, padded with black, resized.

        mask: as cutting.grey returns it. layout: as `layout` returned it; None: that of this mask.

        Raises as `layout`.
        """
        if not self.changes_size or mask.own is None:
            return mask
        from matted.files import cutting
        from matted.files.framing import resampling

        alpha = mask.own.colours[:, :, 0]
        return cutting.grey_of(resampling.mask_laid_out(alpha, layout or self.layout(alpha)))


def _picture(framed: Samples, kept: dict[str, Any], cut: Picture, light: Light) -> Picture:
    """Make a picture of samples that were framed. kept: its metadata. cut: the picture that it was. light: of both."""
    import numpy as np
    from PIL import Image

    from matted.files.formats import picture

    if cut.own is None:
        return Picture(Image.fromarray(np.ascontiguousarray(framed.pixels())), kept, cut.bits)
    made = picture.of_samples(framed, kept.get("icc_profile"), kept, cut.bits)
    exact = light.shown(framed) if made.is_deep and "icc_profile" in kept else None
    if exact is not None:  # a format of 8 bits gets the background's colour as it was said
        image = Image.fromarray(exact)
        if made.image.mode == "RGBA":
            image.putalpha(made.image.getchannel("A"))
        made = replace(made, image=image)
    return replace(made, lossy=cut.lossy, colours=cut.colours)
