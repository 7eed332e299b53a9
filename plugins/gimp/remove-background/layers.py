"""Reads layers of GIMP, and checks whether they can be cut out.

What GIMP would refuse is refused here first, with a sentence: GIMP ends a plug-in that writes to a locked layer, and a
call that fails inside an undo group leaves half a change behind.
"""

import gi

gi.require_version("Gimp", "3.0")
import masks
import outputs
import strips
from gi.repository import Gimp
from matted_client import MattedError
from matted_client.options import SELECTION
from texts import _

SRGB = "R'G'B'A u8"  # GEGL converts from every mode, precision and profile
TOLD = "plug-in-remove-background-told-of-the-selection"
SHALLOW = (Gimp.Precision.U8_LINEAR, Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)


class GimpPicture:
    """The picture of one removal. `layers`: those to cut out.

    drawables: what is selected in `image`.
    plate: a layer of GIMP, or None.
    output: a value of the option.
    watched: whether a person looks on, to whom surprising things are explained.

    Raises MattedError if one of the layers can't become `output`.
    """

    def __init__(self, image, drawables, plate, output, watched):
        self._image = image
        self._output = output
        self._watched = watched
        self.plate = plate
        self.layers = [GimpLayer(image, layer) for layer in chosen_layers(drawables)]
        self._refuse_unless_possible()
        Gimp.progress_init(_("Removing the background"))

    def show_progress(self, text, fraction):
        Gimp.progress_set_text(text)
        Gimp.progress_update(fraction)

    def show(self, cut_outs, options):
        """Turn removal.CutOuts into the output, in one undo step."""
        # GIMP let its user go on working while the masks were made.
        for each in cut_outs:
            each.layer.refuse_if_changed(each.width, each.height)
        self._refuse_unless_possible()
        limited = not Gimp.Selection.is_empty(self._image)
        outputs.show(self._image, cut_outs, options)
        if limited and self._watched and Gimp.get_parasite(TOLD) is None:
            Gimp.attach_parasite(Gimp.Parasite.new(TOLD, 0, b"1"))  # lasts as long as this GIMP runs
            self.tell(_("There is a selection, so only what lies in it is kept. This is said once."))

    def tell(self, text):
        Gimp.message(text)

    def _refuse_unless_possible(self):
        if self._image.get_floating_sel() is not None:  # it may hang on the very mask that would be replaced
            raise MattedError(
                _("A floating selection has to be settled first."),
                _("Anchor it or make it a new layer, then try again."),
            )
        if self.plate is not None and (not self.plate.is_valid() or self.plate.get_image() != self._image):
            raise MattedError(
                _("The plate is a layer of another picture."),
                _("Choose one of this picture in Remove Background…, or none."),
            )
        for layer in self.layers:
            layer.refuse_unless_possible(self._output)


class GimpLayer:
    """`item` is GIMP's. `depth`: bits that a sample of its mask can hold."""

    def __init__(self, image, item):
        self.item = item
        self.name = item.get_name()
        self.depth = 8 if image.get_precision() in SHALLOW else 16
        self._image = image

    def read(self):
        """Return (width, height, pixels) of the whole layer, also of what lies outside the canvas."""
        width, height = self.item.get_width(), self.item.get_height()
        return width, height, _pixels(self.item, 0, 0, width, height)

    def read_plate(self, plate):
        """Return the pixels of `plate` in the area of the layer."""
        (x, y), (plate_x, plate_y) = offsets(self.item), offsets(plate)
        left, top = x - plate_x, y - plate_y
        width, height = self.item.get_width(), self.item.get_height()
        right, bottom = left + width, top + height
        if left < 0 or top < 0 or right > plate.get_width() or bottom > plate.get_height():
            raise MattedError(
                _('The plate "%s" does not cover the layer "%s".') % (plate.get_name(), self.name),
                _("It has to show the same scene in the same place, at least as large."),
            )
        return _pixels(plate, left, top, width, height)

    def refuse_if_changed(self, width, height):
        if not self.item.is_valid():
            raise MattedError(_('The layer "%s" was deleted while its mask was being made.') % self.name)
        if (self.item.get_width(), self.item.get_height()) != (width, height):
            raise MattedError(
                _('The size of the layer "%s" changed while its mask was being made.') % self.name, _("Try again.")
            )

    def refuse_unless_possible(self, output):
        """Raise MattedError if the layer can't become `output`, with the reason."""
        item = self.item
        while item is not None and output != SELECTION:
            if item.get_lock_content():
                raise MattedError(
                    _('The pixels of "%s" are locked.') % item.get_name(), _("Unlock them and try again.")
                )
            item = item.get_parent()
        if self.item.is_group() and not self.item.get_children():
            raise MattedError(_("The layer group is empty."), _("Put a layer into it and try again."))
        if not masks.selection_reaches(self._image, self.item):
            raise MattedError(
                _('The selection lies outside the layer "%s".') % self.name,
                _("The mask is limited to the selection. Select none, or a part of the layer, and try again."),
            )


def chosen_layers(drawables):
    """Return the layers that are selected, themselves or by their masks, each once, in the order of selection."""
    layers = []
    for drawable in drawables:
        if isinstance(drawable, Gimp.LayerMask):
            drawable = Gimp.Layer.from_mask(drawable)
        if not isinstance(drawable, Gimp.Layer):
            raise MattedError(
                _("Only a layer can be cut out, and a channel is selected."), _("Select a layer and try again.")
            )
        if drawable not in layers:
            layers.append(drawable)
    if not layers:
        raise MattedError(_("No layer is selected."), _("Select one in the Layers dialog and try again."))
    return layers


def offsets(item):
    """Return (x, y) of the item's upper left corner in the image."""
    return tuple(item.get_offsets())[1:]


def _pixels(item, left, top, width, height):
    """Read a part of the item as RGBA8. left, top: in its own coordinates, whatever its offset in the image."""
    return strips.read(item.get_buffer(), left, top, width, height, SRGB, 4)
