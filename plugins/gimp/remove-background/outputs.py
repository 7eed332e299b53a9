"""Turns masks into the output: layer masks, the selection, or new layers. One undo step each time."""

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import masks
import strips
from gi.repository import Gegl, Gimp
from matted_client.options import NEW_LAYER, SELECTION
from texts import _

OVERLAY = "R'G'B'A u8"


def show(image, cut_outs, options):
    """Turn removal.CutOuts into `options.output`. What GIMP would refuse was refused before."""
    pairs = [(each, masks.made(image, each)) for each in cut_outs]
    image.undo_group_start()
    try:
        if options.output == SELECTION:
            _select(image, pairs)
        elif options.output == NEW_LAYER:
            _add_layers(image, pairs)
        else:
            for each, mask in pairs:
                masks.put(each.layer.item, mask)
    finally:
        image.undo_group_end()
        Gimp.displays_flush()


def _select(image, pairs):
    """Select what the masks show, all together."""
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
        masks.put(copy, mask)
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
