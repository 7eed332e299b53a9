"""What GIMP shows in the end: layer masks, a selection, or new layers. One undo step each time."""

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import strips
from gi.repository import Gegl, Gimp
from matted_client import MattedError
from options import LAYER, SELECTION
from texts import _

MASKS = {8: "Y u8", 16: "Y u16"}  # masks are linear: with "Y' u8" every value would change on its way
OVERLAY = "R'G'B'A u8"


def show(image, cut_outs, options):
    """Turn job.CutOuts into what `options.output` says. What can be refused was refused before."""
    pairs = [(each, _mask(image, each)) for each in cut_outs]
    image.undo_group_start()
    try:
        if options.output == SELECTION:
            _select(image, pairs)
        elif options.output == LAYER:
            _add_layers(image, pairs)
        else:
            for each, mask in pairs:
                _put_mask(each.layer.item, mask)
    finally:
        image.undo_group_end()
        Gimp.displays_flush()


def selection_reaches(image, item):
    """Whether a part of the layer is selected; without a selection everything is."""
    _found, some, left, top, right, bottom = tuple(Gimp.Selection.bounds(image))
    x, y = tuple(item.get_offsets())[1:]
    return not some or (left < x + item.get_width() and right > x and top < y + item.get_height() and bottom > y)


def _mask(image, cut_out):
    """A mask that belongs to no layer yet, limited to the image's selection if there is one."""
    item = cut_out.layer.item
    mask = item.create_mask(Gimp.AddMaskType.WHITE)
    buffer = mask.get_buffer()
    strips.write(buffer, cut_out.width, cut_out.height, MASKS[cut_out.depth], cut_out.alpha)
    buffer.flush()  # before the mask belongs to the layer: later writes are no part of the undo step
    if not Gimp.Selection.is_empty(image):
        x, y = tuple(item.get_offsets())[1:]
        mask.combine_masks(image.get_selection(), Gimp.ChannelOps.INTERSECT, -x, -y)
    return mask


def _put_mask(item, mask):
    """Give the layer the mask, in the place of the one it may have; the layer stays what is edited."""
    if item.get_mask() is not None:
        item.remove_mask(Gimp.MaskApplyMode.DISCARD)
    added = item.add_mask(mask)
    item.set_edit_mask(False)
    if not added:
        raise MattedError(_("GIMP did not accept the mask."), _("Undo brings the layer back as it was."))


def _select(image, pairs):
    """The selection becomes what the masks show, all together."""
    operation = Gimp.ChannelOps.REPLACE
    for each, mask in pairs:
        x, y = tuple(each.layer.item.get_offsets())[1:]
        image.get_selection().combine_masks(mask, operation, x, y)
        operation = Gimp.ChannelOps.ADD
        mask.delete()


def _add_layers(image, pairs):
    """Put a masked copy above each layer and hide the layer; the copies are selected then."""
    added = []
    for each, mask in pairs:
        item = each.layer.item
        copy = Gimp.Layer.new(
            image,
            _("%s cut out") % each.layer.name,
            each.width,
            each.height,
            item.type(),
            item.get_opacity(),
            item.get_mode(),
        )
        copy.set_offsets(*tuple(item.get_offsets())[1:])
        _copy_pixels(item.get_buffer(), copy.get_buffer(), each)
        image.insert_layer(copy, item.get_parent(), image.get_item_position(item))
        _put_mask(copy, mask)
        item.set_visible(False)
        added.append(copy)
    image.set_selected_layers(added)


def _copy_pixels(source, target, cut_out):
    """Fill the buffer `target` with the pixels of `source`, and the clean colours over them."""
    if cut_out.overlay is None:
        area = Gegl.Rectangle.new(0, 0, cut_out.width, cut_out.height)
        source.copy(area, Gegl.AbyssPolicy.NONE, target, area)
    else:
        Gegl.init(None)
        over = Gegl.Buffer.new(OVERLAY, 0, 0, cut_out.width, cut_out.height)
        strips.write(over, cut_out.width, cut_out.height, OVERLAY, cut_out.overlay)
        graph = Gegl.Node()
        # src-atop: the colours of what is opaque in the overlay, the alpha of the layer
        atop = graph.create_child("gegl:src-atop")
        _source(graph, source).connect_to("output", atop, "input")
        _source(graph, over).connect_to("output", atop, "aux")
        writing = graph.create_child("gegl:write-buffer")
        writing.set_property("buffer", target)
        atop.connect_to("output", writing, "input")
        writing.process()
    target.flush()


def _source(graph, buffer):
    node = graph.create_child("gegl:buffer-source")
    node.set_property("buffer", buffer)
    return node
