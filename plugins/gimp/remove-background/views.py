"""Reads the part of a layer that a preview shows, and how far it is selected, at the size that it has on the screen."""

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp
from layers import SRGB, offsets

SELECTED = "Y u8"  # selections are linear, as masks are


def seen(layer, view):
    """Return the layer's pixels in a view, RGBA8. Raises MattedError if it is gone."""
    layer.refuse_if_gone()
    return _part(layer.item.get_buffer(), view, (0, 0), SRGB, Gegl.AbyssPolicy.CLAMP)


def selected(layer, view):
    """Return how far each pixel of a view is selected, 0 to 255; None where nothing is. Raises as `seen` does."""
    layer.refuse_if_gone()
    image = layer.item.get_image()
    if Gimp.Selection.is_empty(image):
        return None
    buffer = image.get_selection().get_buffer()
    return _part(buffer, view, offsets(layer.item), SELECTED, Gegl.AbyssPolicy.NONE)


def _part(buffer, view, offset, encoding, beyond):
    """Read a part of a buffer, made smaller. offset: where the view's pixels lie in it."""
    scale = view.scale
    left, top = round((view.left + offset[0]) * scale), round((view.top + offset[1]) * scale)
    return buffer.get(Gegl.Rectangle.new(left, top, view.width, view.height), scale, encoding, beyond)
