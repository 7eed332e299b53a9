"""One removal, from the click to the masks of all layers. This module knows nothing of GIMP.

A picture is any object with the attributes that `remove_background` uses; GIMP's is `layers.GimpPicture`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import frames
from colours import overlay
from matted_client import Rejected
from matted_client.translations import N_
from operation import Asker, ProgressBar, named
from texts import WORDS, _


@dataclass(frozen=True)
class CutOut:
    """The mask of one layer.

    layer: of the picture.
    alpha: width x height samples of `depth` bits, 0 background; 16: little-endian.
    overlay: RGBA8, what to lay over the layer's pixels for clean colours; None where the colours stay as they are.
    box: left, top, right, bottom of the part of the layer that the model looked at; None: all of it.
    ground: what a flat ground did for it, in words; empty where there is none.
    """

    layer: Any
    width: int
    height: int
    depth: int
    alpha: bytearray
    overlay: Any = None
    box: Any = None
    ground: str = ""


def remove_background(folder, host, picture, options, opened=None):
    """Find the subject of each of the picture's layers, and have the picture show them.

    folder: of the plug-in.
    host: name and version, for the daemon's log.
    options: GimpOptions.
    opened: the OpenedLayer of a preview: this layer is not sent again, and its marks count.

    Raises MattedError with the picture unchanged.
    """
    bar = ProgressBar(picture, len(picture.layers))
    found, empty, notes = [], [], []
    with Asker(folder, host, bar) as asker:
        scene = _Scene(picture.plate, options) if picture.are_frames else None
        for layer in picture.layers:
            is_opened = opened is not None and layer.item == opened.layer.item
            try:
                if scene is not None:
                    cut_out, warnings = scene.cut_out(asker, layer, opened.marks if is_opened else None)
                elif is_opened:
                    cut_out, warnings = _cut_out_opened(asker, opened, layer, picture.plate, options)
                else:
                    cut_out, warnings = _cut_out(asker, layer, picture.plate, options)
            except Rejected as error:
                from matted_client import messages  # what the daemon says needs it, and reading does not wait for it
                from matted_client.sentences import in_words

                if error.code not in (messages.NO_SUBJECT, messages.NO_GROUND) or len(picture.layers) == 1:
                    raise
                warnings = [in_words(error, WORDS)[0]]  # the other layers shall not suffer
                if scene is not None:
                    empty.append(_without_subject(layer))
            else:
                found.append(cut_out)
            notes += named(warnings, layer, picture)
            bar.next_layer()
    if not found:
        from matted_client import messages

        raise Rejected(messages.NO_SUBJECT, N_("No subject was found on any of the layers."))
    notes += picture.show([*found, *empty], options)
    if notes:  # for the grounds alone, nobody is interrupted
        grounds = [line for each in found if each.ground for line in named([each.ground], each.layer, picture)]
        picture.tell("\n".join([*notes, *grounds]))


class _Scene:
    """Cuts out layers that are the frames of one scene, in its order."""

    def __init__(self, plate, options):
        self._plate = plate  # of all frames; the daemon has it from the first one on
        self._options = options
        self._scene = None  # the client's

    def cut_out(self, asker, layer, marks):
        """Return (CutOut, the daemon's warnings) of the next frame. marks: of a preview; None: there are none."""
        reading, fields = layer.read(), self._options.request(layer.box())
        plates = [] if self._plate is None else [layer.read_plate(self._plate)]
        self._plate = None
        within = fields["box"]
        if marks is not None:
            left, top = layer.area[:2]
            fields.update(marks.fields(within, (-left, -top)))

        def question(session, on_progress):
            if self._scene is None:
                self._scene = session.scene(reading.width, reading.height, reading.format)
            plate = plates[0].pixels if plates else None
            self._scene.send(reading.pixels, plate, depth=layer.depth, **fields)
            return self._scene.receive(on_progress)

        mask = asker.answer(question, reading, *plates)
        if mask.is_empty:
            from matted_client.sentences import nothing_found

            raise nothing_found()
        cut_out, warnings = _made(layer, reading, mask, self._options, within)
        return _part_of(cut_out), warnings


def _cut_out(asker, layer, plate, options):
    """Return (CutOut, the daemon's warnings) of one layer."""
    reading = layer.read()
    plates = [] if plate is None else [layer.read_plate(plate)]
    fields = options.request(layer.box())

    def question(session, on_progress):
        return session.mask(
            reading.pixels,
            reading.width,
            reading.height,
            reading.format,
            plate=plates[0].pixels if plates else None,
            on_progress=on_progress,
            depth=layer.depth,
            **fields,
        )

    return _made(layer, reading, asker.answer(question, reading, *plates), options, fields["box"])


def _cut_out_opened(asker, opened, layer, plate, options):
    """As _cut_out, of the layer of a preview: the daemon knows it already."""
    within = layer.box() if options.within_selection else None
    fields = {**options.request(), **opened.marks.fields(within)}
    opened.take_plate(plate)

    def ask(picture, on_progress, cancelled):
        return picture.mask(on_progress=on_progress, cancelled=cancelled, depth=layer.depth, **fields)

    return _made(layer, opened.reading, asker.answer_about(opened, ask), options, within)


def _made(layer, reading, mask, options, box):
    """Return (CutOut, warnings) of the daemon's Mask. box: of the selection, if the model looked at that."""
    from matted_client.grounds import describe_ground

    warnings = list(mask.info.warnings)
    if options.foreground and mask.foreground is None:
        warnings.append(_("The daemon sent no clean colours; the layer's own are used."))
    clean = None if mask.foreground is None else overlay(reading.pixels.bytes, mask.foreground)
    ground = describe_ground(mask.info, WORDS)
    return CutOut(layer, reading.width, reading.height, layer.depth, mask.alpha, clean, box, ground), warnings


def _part_of(cut_out):
    """Return the layer's own part of a CutOut of the area that it was looked at in."""
    layer, clean = cut_out.layer, cut_out.overlay
    return replace(
        cut_out,
        width=layer.size[0],
        height=layer.size[1],
        alpha=frames.part(cut_out.alpha, layer.area, layer.size),
        overlay=None if clean is None else frames.part(clean, layer.area, layer.size),
    )


def _without_subject(layer):
    """Return the CutOut of a frame in which nothing was found: all of it goes."""
    width, height = layer.size
    return CutOut(layer, width, height, layer.depth, bytearray(width * height * layer.depth // 8))
