"""Makes the layers that show a subject by itself: each looks as its source does, with non-destructive filters too."""

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import strips
from gi.repository import Gegl, Gimp
from texts import _

OVERLAY = "R'G'B'A u8"
SHOWN = "Y u8"  # how much a mask shows


def insert(image, cut_out):
    """Insert a copy of the layer of a removal.CutOut above it, with its clean colours and without a mask.

    Returns the copy, and a sentence where it is not all that was asked for, else "".
    """
    item, name, note = cut_out.layer.item, cut_out.layer.name, ""
    parent, position = item.get_parent(), image.get_item_position(item)
    if type(item) is Gimp.Layer:
        copy = _copy(item)
        if cut_out.overlay is not None:
            _draw(item.get_buffer(), cut_out, copy.get_buffer())
    elif not item.get_filters():
        copy = _pixels(image, cut_out)
        _blend(copy, item)
    else:
        copy = _copy(item)
        if cut_out.overlay is not None and not item.is_group():  # GIMP draws it anew, without them
            note = _('The colours of "%s" were not cleaned: it has a filter, and is not a layer of pixels.') % name
    image.insert_layer(copy, parent, position)
    if copy.is_group():  # the filters apply to what is in it
        for child in copy.get_children():
            image.remove_layer(child)
        image.insert_layer(_pixels(image, cut_out), copy, 0)
    copy.set_name(_("%s cut out") % name)
    copy.set_lock_visibility(False)
    copy.set_visible(True)
    return copy, note


def crop(copy, cut_out):
    """Make the copy that `insert` returned, and its mask, as large as what the mask shows. It stays where it is.

    Returns a sentence where that cannot be, else "".
    """
    if type(copy) is not Gimp.Layer or copy.get_filters():  # a filter may look otherwise on a smaller layer
        return _('"%s" was not cropped: it has a filter.') % cut_out.layer.name
    from matted_client.cropping import box_of_subject  # only here: reading does not wait for it

    width, height = cut_out.width, cut_out.height
    shown = b"".join(strips.read(copy.get_mask(), 0, 0, width, height, SHOWN, lambda: None))
    box = box_of_subject(shown, width, height)
    if box is not None:
        left, top, right, bottom = box
        copy.resize(right - left, bottom - top, -left, -top)
    return ""


def _copy(item):
    """Copy a layer of any kind with its filters, which nothing else takes over in full."""
    copy = item.copy()
    if copy.get_mask() is not None:
        copy.remove_mask(Gimp.MaskApplyMode.DISCARD)
    return copy


def _pixels(image, cut_out):
    """Make a plain layer of what a layer of any kind shows without its filters, with the clean colours."""
    item = cut_out.layer.item
    size = cut_out.width, cut_out.height
    layer = Gimp.Layer.new(image, cut_out.layer.name, *size, item.type(), 100.0, Gimp.LayerMode.NORMAL)
    layer.set_offsets(*tuple(item.get_offsets())[1:])
    _draw(item.get_buffer(), cut_out, layer.get_buffer())
    return layer


def _blend(layer, item):
    """Blend a plain layer as `item` is blended; in place of a group that passes its layers through, as usual."""
    layer.set_opacity(item.get_opacity())
    if item.get_mode() != Gimp.LayerMode.PASS_THROUGH:
        layer.set_mode(item.get_mode())
    layer.set_blend_space(item.get_blend_space())
    layer.set_composite_mode(item.get_composite_mode())
    layer.set_composite_space(item.get_composite_space())


def _draw(source, cut_out, target):
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
        _node_of(graph, source).connect_to("output", atop, "input")
        _node_of(graph, over).connect_to("output", atop, "aux")
        writing = graph.create_child("gegl:write-buffer")
        writing.set_property("buffer", target)
        atop.connect_to("output", writing, "input")
        writing.process()
    target.flush()


def _node_of(graph, buffer):
    node = graph.create_child("gegl:buffer-source")
    node.set_property("buffer", buffer)
    return node
