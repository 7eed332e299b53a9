"""A layer of GIMP: which one is meant, whether it can be masked, its pixels, and its mask.

Everything that GIMP would refuse is refused here first, in a sentence: a write to a locked layer makes GIMP end the
plug-in, and a failing call in the middle of an undo group would leave half a change behind.
"""

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp
from matted_client import MattedError

SRGB = "R'G'B'A u8"  # GEGL converts from every mode, precision and profile
MASK = "Y u8"  # masks are linear: with "Y' u8" every value would change on its way


class GimpPicture:
    """The layer that `drawables` (what is selected in `image`) means."""

    def __init__(self, image, drawables):
        self._image = image
        self._layer = chosen_layer(drawables)
        self._refuse_unless_maskable()

    def read(self):
        """Return (width, height, pixels): the whole layer, whatever part of it the canvas shows."""
        Gimp.progress_init("Removing the background")
        width, height = self._layer.get_width(), self._layer.get_height()
        pixels = self._layer.get_buffer().get(_all_of(width, height), 1.0, SRGB, Gegl.AbyssPolicy.NONE)
        return width, height, pixels

    def show_progress(self, text, fraction):
        Gimp.progress_set_text(text)
        Gimp.progress_update(fraction)

    def set_mask(self, width, height, alpha):
        """Give the layer the mask `alpha`, width x height bytes, in one undo step; the layer stays what is edited."""
        layer = self._layer
        # GIMP let its user go on working while the mask was made.
        if not layer.is_valid():
            raise MattedError("The layer was deleted while its mask was being made.")
        if (layer.get_width(), layer.get_height()) != (width, height):
            raise MattedError("The layer's size changed while its mask was being made.", "Try again.")
        self._refuse_unless_maskable()
        mask = layer.create_mask(Gimp.AddMaskType.WHITE)
        buffer = mask.get_buffer()
        buffer.set(_all_of(width, height), MASK, alpha)
        buffer.flush()  # before the mask belongs to the layer: later writes are no part of the undo step
        self._image.undo_group_start()
        try:
            if layer.get_mask() is not None:
                layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
            added = layer.add_mask(mask)
            layer.set_edit_mask(False)
        finally:
            self._image.undo_group_end()
            Gimp.displays_flush()
        if not added:
            raise MattedError("GIMP did not accept the mask.", "Undo brings the layer back as it was.")

    def tell(self, text):
        Gimp.message(text)

    def _refuse_unless_maskable(self):
        """Raises MattedError with the reason why the layer can't get a mask."""
        if self._image.get_floating_sel() is not None:  # it may hang on the very mask that would be replaced
            raise MattedError(
                "A floating selection has to be settled first.", "Anchor it or make it a new layer, then try again."
            )
        item = self._layer
        while item is not None:
            if item.get_lock_content():
                raise MattedError('The pixels of "%s" are locked.' % item.get_name(), "Unlock them and try again.")
            item = item.get_parent()
        if self._layer.is_group() and not self._layer.get_children():
            raise MattedError("The layer group is empty.", "Put a layer into it and try again.")


def chosen_layer(drawables):
    """The one layer that is selected, itself or by its mask."""
    if len(drawables) != 1:
        raise MattedError("Remove Background works on one layer.", "Select one in the Layers dialog and try again.")
    drawable = drawables[0]
    if isinstance(drawable, Gimp.LayerMask):
        drawable = Gimp.Layer.from_mask(drawable)
    if not isinstance(drawable, Gimp.Layer):
        raise MattedError("Only a layer can get a mask, and a channel is selected.", "Select a layer and try again.")
    return drawable


def _all_of(width, height):
    """A rectangle in the layer's own coordinates, so its offset in the image plays no part."""
    return Gegl.Rectangle.new(0, 0, width, height)
