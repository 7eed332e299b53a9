"""Reads layers of GIMP, and checks whether they can be cut out.

What GIMP would refuse is refused here first, with a sentence: GIMP ends a plug-in that writes to a locked layer, and a
call that fails inside an undo group leaves half a change behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator

import gi

gi.require_version("Gimp", "3.0")
import frames
import outputs
import strips
from gi.repository import Gimp
from matted_client import MattedError
from matted_client.filling import Filling
from matted_client.formats import BYTES_PER_PIXEL
from matted_client.options import SELECTION
from matted_client.selection import box_of
from texts import _

# By whether there is alpha: what GEGL converts to from every mode, precision and profile, and the daemon's name for it.
# An alpha that no pixel has costs 0.3 s: so long GEGL seeks how to add it, in each process anew.
ENCODINGS = {True: ("R'G'B'A u8", "RGBA8"), False: ("R'G'B' u8", "RGB8")}
QUICK_MASK = "Qmask"  # by this name GIMP itself knows the channel
TOLD = "plug-in-remove-background-told-of-the-selection"
SHALLOW = (Gimp.Precision.U8_LINEAR, Gimp.Precision.U8_NON_LINEAR, Gimp.Precision.U8_PERCEPTUAL)


@dataclass(frozen=True)
class Reading:
    """A layer's pixels, on their way.

    width, height: of the layer.
    format: the daemon's name for it.
    pixels: what the daemon is sent.
    parts: each step reads some more of them, and raises MattedError if the layer is gone; `pixels` fail then.
    """

    width: int
    height: int
    format: str
    pixels: Filling
    parts: Iterator[Any]


class GimpPicture:
    """The picture of one removal. `layers`: those to cut out.

    drawables: what is selected in `image`.
    plate: a layer of GIMP, or None.
    output: a value of the option.
    watched: whether a person looks on, to whom surprising things are explained.
    are_frames: whether several layers are frames of one scene. They are in its order then, the lowest first.

    Raises MattedError if one of the layers can't become `output`.
    """

    TITLE = _("Removing the background")

    def __init__(self, image, drawables, plate, output, watched, are_frames=False):
        self._image = image
        self._output = output
        self._watched = watched
        self.plate = plate
        refuse_if_closed(image)
        self.layers = [self._layer(item) for item in chosen_layers(image, drawables)]
        self.are_frames = are_frames and len(self.layers) > 1
        if self.are_frames:
            self.layers.sort(key=lambda layer: _places(image, layer.item), reverse=True)
            everywhere = frames.around([layer.rectangle() for layer in self.layers])
            for layer in self.layers:
                layer.look_at(*everywhere)
        self._refuse_unless_possible()

    def begin_progress(self):
        """Show GIMP's progress bar, whose Cancel ends the plug-in."""
        Gimp.progress_init(self.TITLE)

    def show_progress(self, text, fraction):
        Gimp.progress_set_text(text)
        Gimp.progress_update(fraction)

    def show(self, cut_outs, options):
        """Turn removal.CutOuts into the output, in one undo step. Returns sentences about what may surprise."""
        # GIMP let its user go on working while the masks were made.
        for each in cut_outs:
            each.layer.refuse_if_changed(each.width, each.height)
            each.layer.refuse_if_selected_otherwise(each.box)
        self._refuse_unless_possible()
        limited = not Gimp.Selection.is_empty(self._image)
        notes = outputs.show(self._image, cut_outs, options)
        if limited and self._watched and Gimp.get_parasite(TOLD) is None:
            Gimp.attach_parasite(Gimp.Parasite.new(TOLD, 0, b"1"))  # lasts as long as this GIMP runs
            notes.append(_("There is a selection, so only what lies in it is kept. This is said once."))
        return notes

    def tell(self, text):
        Gimp.message(text)

    def _layer(self, item):
        return GimpLayer(self._image, item)

    def _refuse_unless_possible(self):
        if self._image.get_floating_sel() is not None:  # it may hang on the very mask that would be replaced
            raise MattedError(
                _("A floating selection has to be settled first."),
                _("Anchor it or make it a new layer, then try again."),
            )
        if self.plate is not None:
            refuse_plate_of_elsewhere(self._image, self.plate)
        for layer in self.layers:
            layer.refuse_unless_possible(self._output)


class GimpLayer:
    """`item` is GIMP's. The others are as they were at first, whatever its user makes of it meanwhile:

    size: width and height.
    area: left, top, width, height of what the model looks at, in the layer's own coordinates: the layer, or more.
    encoding: GEGL's name for how its pixels are read, and the daemon's.
    depth: bits that a sample of its mask can hold.
    """

    def __init__(self, image, item):
        self.item = item
        self.name = item.get_name()
        self.size = size_of(item)
        self.area = (0, 0, *self.size)
        self.encoding = ENCODINGS[item.has_alpha()]
        self.depth = 8 if image.get_precision() in SHALLOW else 16
        self._image = image

    def rectangle(self):
        """Return left, top, right, bottom of the layer in the image."""
        (x, y), (width, height) = offsets(self.item), size_of(self.item)
        return x, y, x + width, y + height

    def look_at(self, left, top, right, bottom):
        """Let the model look at a part of the image that has the layer in it. What is not of the layer is clear."""
        x, y = offsets(self.item)
        self.area = left - x, top - y, right - left, bottom - top
        self.encoding = ENCODINGS[True]  # frames of one scene have one format

    def read(self):
        """Begin to read the area: the whole layer, also what lies outside the canvas. Returns a Reading."""
        self.refuse_if_gone()
        left, top = self.area[:2]
        return self.reading(self.item, left, top, *self.encoding)

    def box(self):
        """Return where the layer is selected, left, top, right, bottom in its area; None: all over, or nowhere.

        Raises MattedError if the selection lies outside the layer.
        """
        self.refuse_if_gone()
        _found, some, *edges = tuple(Gimp.Selection.bounds(self._image))
        if not some:
            return None
        x, y = offsets(self.item)
        left, top, width, height = self.area
        return box_of(edges, (x + left, y + top, x + left + width, y + top + height), self.name)

    def old_mask(self):
        """Return the mask of GIMP's that is to be refined, or None."""
        return None

    def read_plate(self, plate):
        """Begin to read `plate` in the area. Returns a Reading."""
        refuse_plate_of_elsewhere(self._image, plate)
        (x, y), (plate_x, plate_y) = offsets(self.item), offsets(plate)
        left, top = x + self.area[0] - plate_x, y + self.area[1] - plate_y
        width, height = self.area[2:]
        right, bottom = left + width, top + height
        if left < 0 or top < 0 or right > plate.get_width() or bottom > plate.get_height():
            raise MattedError(
                _('The plate "%s" does not cover the layer "%s".') % (plate.get_name(), self.name),
                _("It has to show the same scene in the same place, at least as large."),
            )
        plate_size, plate_name = size_of(plate), plate.get_name()

        def check():
            refuse_plate_of_elsewhere(self._image, plate)
            if size_of(plate) != plate_size:
                raise _resized(plate_name)

        return self.reading(plate, left, top, *self.encoding, check)

    def reading(self, item, left, top, encoding, format, check=lambda: None):
        """Begin to read an item in the size of the area. Returns a Reading.

        left, top: in the item's own coordinates.
        encoding: GEGL's name for its pixels. format: the daemon's.
        check: raises MattedError where the item cannot be read any more.

        Raises MattedError if there is no memory for it.
        """
        width, height = self.area[2:]
        try:
            pixels = Filling(width * height * BYTES_PER_PIXEL[format])
        except MemoryError:
            from matted_client.messages import OUT_OF_MEMORY  # only here: the first pixel does not wait for it
            from matted_client.sentences import SENTENCES

            raise MattedError(*SENTENCES[OUT_OF_MEMORY]) from None
        area = left, top, width, height
        return Reading(width, height, format, pixels, self._parts(item, area, encoding, pixels, check))

    def _parts(self, item, area, encoding, pixels, check):
        try:
            for part in strips.read(item, *area, encoding, lambda: (self.refuse_if_changed(*self.size), check())):
                pixels.add(part)
                yield
        except MattedError as error:
            pixels.fail(error)
            raise

    def form(self):
        """Return what GIMP's buffers of the layer and its mask depend on, besides the size."""
        return self.item.has_alpha(), self._image.get_precision(), self._image.get_base_type()

    def refuse_if_gone(self):
        refuse_if_closed(self._image)
        if not self.item.is_valid():
            raise MattedError(_('The layer "%s" was deleted while its mask was being made.') % self.name)

    def refuse_if_changed(self, width, height):
        self.refuse_if_gone()
        if size_of(self.item) != (width, height):
            raise _resized(self.name)

    def refuse_if_selected_otherwise(self, box):
        """Raise MattedError if the model looked only at `box`, and now that is not what is selected."""
        if box is not None and self.box() != box:
            raise MattedError(_("The selection changed while the mask was being made."), _("Try again."))

    def refuse_unless_possible(self, output):
        """Raise MattedError if the layer can't become `output`, with the reason."""
        for item in [self.item, *_groups_around(self.item)]:
            if item.get_lock_content() and output != SELECTION:
                raise MattedError(
                    _('The pixels of "%s" are locked.') % item.get_name(), _("Unlock them and try again.")
                )
        if self.item.is_group() and not self.item.get_children():
            raise MattedError(_("The layer group is empty."), _("Put a layer into it and try again."))
        self.box()  # raises if the selection lies outside it


def refuse_if_closed(image):
    if not image.is_valid():
        raise MattedError(_("The picture was closed while its background was being removed."))


def refuse_plate_of_elsewhere(image, plate):
    hint = _("Choose one of this picture in Remove Background…, or none.")
    if not plate.is_valid():
        raise MattedError(_("The plate has been deleted."), hint)
    if plate.get_image() != image:
        raise MattedError(_("The plate is a layer of another picture."), hint)


def chosen_layers(image, drawables):
    """Return the layers that are selected, themselves or by their masks, each once, in the order of selection.

    What is in a selected group is left out: the group's mask hides it already.
    """
    layers = []
    for drawable in drawables:
        if not drawable.is_valid():
            raise MattedError(_("A layer that was selected has been deleted."), _("Select a layer and try again."))
        if isinstance(drawable, Gimp.LayerMask):
            drawable = Gimp.Layer.from_mask(drawable)
        if not isinstance(drawable, Gimp.Layer):
            raise _not_a_layer(drawable)
        if drawable.get_image() != image:
            raise MattedError(_('The layer "%s" belongs to another picture.') % drawable.get_name())
        if drawable not in layers:
            layers.append(drawable)
    if not layers:
        raise MattedError(_("No layer is selected."), _("Select one in the Layers dialog and try again."))
    return [layer for layer in layers if not any(group in layers for group in _groups_around(layer))]


def _not_a_layer(drawable):
    if drawable.get_name() == QUICK_MASK:
        return MattedError(
            _("Quick Mask is on, so no layer is selected."),
            _("Switch it off (Select > Toggle Quick Mask) and try again."),
        )
    return MattedError(_("Only a layer can be cut out, and a channel is selected."), _("Select a layer and try again."))


def _groups_around(item):
    """The groups that the item is in, from the innermost."""
    found = []
    while (item := item.get_parent()) is not None:
        found.append(item)
    return found


def _places(image, item):
    """Return where an item stands among its neighbours, and the groups around it among theirs, from the outermost."""
    return [image.get_item_position(each) for each in reversed([item, *_groups_around(item)])]


def _resized(name):
    return MattedError(_('The size of the layer "%s" changed while its mask was being made.') % name, _("Try again."))


def size_of(item):
    """Return (width, height)."""
    return item.get_width(), item.get_height()


def offsets(item):
    """Return (x, y) of the item's upper left corner in the image."""
    return tuple(item.get_offsets())[1:]
