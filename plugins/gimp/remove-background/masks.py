"""The masks of layers: made of a matte, limited to the selection, put onto a layer, and replaced."""

import gi

gi.require_version("Gimp", "3.0")
import strips
from gi.repository import Gimp
from matted_client import MattedError
from texts import _

ENCODINGS = {8: "Y u8", 16: "Y u16"}  # masks are linear: with "Y' u8" every value would change on its way


def made(image, cut_out):
    """Make a mask that belongs to no layer yet, limited to the image's selection if there is one."""
    item = cut_out.layer.item
    mask = item.create_mask(Gimp.AddMaskType.WHITE)
    buffer = mask.get_buffer()
    strips.write(buffer, cut_out.width, cut_out.height, ENCODINGS[cut_out.depth], cut_out.alpha)
    buffer.flush()  # before the mask belongs to the layer: later writes are no part of the undo step
    if not Gimp.Selection.is_empty(image):
        x, y = tuple(item.get_offsets())[1:]
        mask.combine_masks(image.get_selection(), Gimp.ChannelOps.INTERSECT, -x, -y)
    return mask


def put(item, mask):
    """Add the mask to the layer, in place of an earlier one. The layer stays selected for editing, not its mask."""
    if item.get_mask() is not None:
        item.remove_mask(Gimp.MaskApplyMode.DISCARD)
    added = item.add_mask(mask)
    item.set_edit_mask(False)
    if not added:
        raise _not_accepted()


def replace(mask, refined):
    """Write a refinement.Refined into the mask of a layer, as far as it is selected. It stays what it is otherwise."""
    shadow = mask.get_shadow_buffer()
    strips.write(shadow, refined.width, refined.height, ENCODINGS[refined.depth], refined.alpha)
    shadow.flush()
    # As filters write: what is written into the mask's own buffer could not be undone.
    if not mask.merge_shadow(True):
        raise _not_accepted()
    mask.update(0, 0, refined.width, refined.height)


def _not_accepted():
    return MattedError(_("GIMP did not accept the mask."), _("Undo brings the layer back as it was."))
