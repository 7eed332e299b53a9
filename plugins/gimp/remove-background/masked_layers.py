"""Layers of GIMP that have a mask, which is read and replaced."""

import gi

gi.require_version("Gimp", "3.0")
import masks
from gi.repository import Gimp
from layers import GimpLayer, GimpPicture
from matted_client import MattedError
from matted_client.options import MASK
from texts import _


class MaskedPicture(GimpPicture):
    """The picture of one refinement. `layers`: those whose masks are refined.

    drawables: what is selected in `image`.

    Raises MattedError if one of the layers has no mask, or a locked one.
    """

    TITLE = _("Refining the mask")

    def __init__(self, image, drawables):
        super().__init__(image, drawables, None, MASK, False)

    def take(self, refined):
        """Put refinement.Refined in the place of the masks, in one undo step."""
        for each in refined:
            each.layer.refuse_if_changed(each.width, each.height)
        self._refuse_unless_possible()
        self._image.undo_group_start()
        try:
            for each in refined:
                masks.replace(each.layer.old_mask(), each)
        finally:
            self._image.undo_group_end()
            Gimp.displays_flush()

    def _layer(self, item):
        return MaskedLayer(self._image, item)


class MaskedLayer(GimpLayer):
    """A layer with a mask."""

    def __init__(self, image, item):
        super().__init__(image, item)
        self._mask = item.get_mask()

    def old_mask(self):
        """Return GIMP's mask. Raises MattedError where there is none, or another one than before."""
        mask = self.item.get_mask()
        if mask is None:
            raise MattedError(
                _('The layer "%s" has no mask.') % self.name,
                _("Choose Remove Background, or Layer > Mask > Add Layer Masks, and try again."),
            )
        if mask != self._mask:
            raise MattedError(_('The layer "%s" got another mask meanwhile.') % self.name, _("Try again."))
        return mask

    def read_mask(self):
        """Begin to read the mask. Returns a Reading."""
        return self.reading(self.old_mask(), 0, 0, masks.ENCODINGS[8], "GRAY8", self.old_mask)

    def refuse_unless_possible(self, output):
        """Raise MattedError if the mask can't be replaced, with the reason."""
        super().refuse_unless_possible(output)
        self.old_mask()
