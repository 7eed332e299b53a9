"""One refinement of the masks that layers have, from OK to the new ones. This module knows nothing of GIMP.

A picture is any object with the attributes that `refine_masks` uses; GIMP's is `masked_layers.MaskedPicture`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from operation import Asker, ProgressBar, named


@dataclass(frozen=True)
class Refined:
    """The new mask of one layer.

    layer: of the picture.
    alpha: width x height samples of `depth` bits, 0 hides; 16: little-endian.
    """

    layer: Any
    width: int
    height: int
    depth: int
    alpha: bytearray


def refine_masks(folder, host, picture, options, opened=None):
    """Refine the mask of each of the picture's layers, and have the picture take them.

    folder: of the plug-in.
    host: name and version, for the daemon's log.
    options: RefineOptions.
    opened: the OpenedLayer of a preview: this layer is not sent again, and its marks count.

    Raises MattedError with the picture unchanged.
    """
    bar = ProgressBar(picture, len(picture.layers))
    found, notes = [], []
    with Asker(folder, host, bar) as asker:
        for layer in picture.layers:
            refine = _refine_opened if opened is not None and layer.item == opened.layer.item else _refine
            refined, warnings = refine(asker, opened, layer, options.request())
            found.append(refined)
            notes += named(warnings, layer, picture)
            bar.next_layer()
    picture.take(found)
    if notes:
        picture.tell("\n".join(notes))


def _refine(asker, opened, layer, fields):
    """Return (Refined, the daemon's warnings) of one layer."""
    reading, hint = layer.read(), layer.read_mask()

    def question(session, on_progress):
        size = reading.width, reading.height, reading.format
        return session.refine(
            reading.pixels, *size, hint=hint.pixels, on_progress=on_progress, depth=layer.depth, **fields
        )

    return _made(layer, reading, asker.answer(question, reading, hint))


def _refine_opened(asker, opened, layer, fields):
    """As _refine, of the layer of a preview: the daemon knows it already, and its mask if nobody painted on it."""
    hint = opened.hint_now()

    def ask(picture, on_progress, cancelled):
        said = {**fields, **opened.marks.fields(), "hint": hint}
        return picture.refine(on_progress=on_progress, cancelled=cancelled, depth=layer.depth, **said)

    return _made(layer, opened.reading, asker.answer_about(opened, ask))


def _made(layer, reading, mask):
    return Refined(layer, reading.width, reading.height, layer.depth, mask.alpha), list(mask.info.warnings)
