"""Turns masks into the output: layer masks, the selection, or new layers. One undo step each time."""

import gi

gi.require_version("Gimp", "3.0")
import masks
import new_layers
from gi.repository import Gimp
from matted_client.options import NEW_LAYER, SELECTION
from texts import _


def show(image, cut_outs, options):
    """Turn removal.CutOuts into `options.output`. What GIMP would refuse was refused before.

    Returns sentences about what is not as a person would expect.
    """
    pairs = [(each, masks.made(image, each)) for each in cut_outs]
    notes = []
    image.undo_group_start()
    try:
        if options.output == SELECTION:
            _select(image, pairs)
        elif options.output == NEW_LAYER:
            notes = _add_layers(image, pairs, options.crop)
        else:
            for each, mask in pairs:
                masks.put(each.layer.item, mask)
    finally:
        image.undo_group_end()
        Gimp.displays_flush()
    return notes


def _select(image, pairs):
    """Select what the masks show, all together."""
    operation = Gimp.ChannelOps.REPLACE
    for each, mask in pairs:
        x, y = tuple(each.layer.item.get_offsets())[1:]
        image.get_selection().combine_masks(mask, operation, x, y)
        operation = Gimp.ChannelOps.ADD
        mask.delete()


def _add_layers(image, pairs, crop):
    """Put a masked copy above each layer and hide the layer; the copies are selected then. Returns notes as `show`.

    crop: whether a copy is as large as what its mask shows.
    """
    added, notes = [], []
    for each, mask in pairs:
        item = each.layer.item
        copy, note = new_layers.insert(image, each)
        masks.put(copy, mask)
        notes += [said for said in (note, new_layers.crop(copy, each) if crop else "") if said]
        item.set_visible(False)
        if item.get_visible():
            locked = _('"%s" stays visible: its visibility is locked. Unlock it in the Layers dialog, then hide it.')
            notes.append(locked % each.layer.name)
        added.append(copy)
    image.set_selected_layers(added)
    return notes
