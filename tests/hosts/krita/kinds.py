"""The kinds of layers that a person can have in Krita, and what a click on each of them gives.

matted_checks/table.py makes them in Krita; docs/hosts.md is made of what the tests see of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from hosts.seen import IMPOSSIBLE, MASK, Row

TITLES = {"trixie": "5.2", "bookworm": "5.1", "forky": "5.3"}  # of Krita, in the Debian releases
MASK_8 = f"{MASK}, 8 bits"
LAYER, HUGE = "paint layer", "100 megapixels"

DEPTHS = {
    "RGBA": ("U8", "U16", "F16", "F32"),
    "GRAYA": ("U8", "U16", "F16", "F32"),
    "CMYKA": ("U8", "U16", "F32"),
    "LABA": ("U8", "U16", "F32"),
    "XYZA": ("U8", "U16", "F16", "F32"),
    "YCbCrA": ("U8", "U16", "F32"),
}
MODES = [(model, depth) for model, depths in DEPTHS.items() for depth in depths]
IMPOSSIBLE_MODES = [
    (model, depth) for model, depths in DEPTHS.items() for depth in DEPTHS["RGBA"] if depth not in depths
]
NO_SUCH_DEPTH = f"{IMPOSSIBLE}Krita has no such depth"
# What the kinds of layers are tried in; the first alone where time is short.
OFTEN = [("RGBA", "U8"), ("RGBA", "F32"), ("CMYKA", "U8")]

NO_SUBJECT = "No subject was found in this picture."
EMPTY = "The layer is empty."
KINDS = {
    "half transparent": MASK,
    "larger than the canvas": MASK,
    "smaller than the canvas": MASK,
    "partly outside the canvas": MASK,
    "all outside the canvas": MASK,
    "hidden": MASK,
    "several layers selected": MASK,
    "with a selection": MASK,
    "group": MASK,
    "layer in a group": MASK,
    "vector layer": MASK,
    "text": MASK,
    "clone layer": MASK,
    "file layer": MASK,
    "with a mask": MASK,
    "mask selected instead of its layer": MASK,
    "with a filter mask": MASK,
    "with a selection mask of its own": MASK,
    "animated": MASK,
    "alpha locked": MASK,
    "line art on white": MASK,
    "fill layer": NO_SUBJECT,
    "filter layer": "A filter layer has no picture of its own.",
    "empty": EMPTY,
    "empty group": EMPTY,
    "pass-through group": 'The group "passing group" passes through, so Krita would not heed its mask.',
    "locked": 'The layer "LAYER" is locked.',
    "in a locked group": 'The layer "locked group" is locked.',
    "earlier mask locked": 'The mask "Background removed" of an earlier removal is locked.',
}
# Kinds with documents of their own, in the first of OFTEN; the value is the profile.
PROFILES = {"another ICC profile": "ClayRGB-elle-V2-g22.icc", "linear ICC profile": "sRGB-elle-V2-g10.icc"}
NAMES = (LAYER, *KINDS, *PROFILES, HUGE)

REMARKS = {
    "several layers selected": "each has its own, in an undo step of its own, as Krita has it for plug-ins",
    "with a selection": "looked for in the selection, and limited to it; it stays",
    "group": "for what the group shows, on the group itself",
    "with a mask": "besides the old one, with which Krita multiplies it; one of an earlier click is replaced",
    "mask selected instead of its layer": "on the layer",
    "with a filter mask": "for what the filter makes of the layer",
    "with a selection mask of its own": "which does not limit it, as a notice says",
    "animated": "of the frame that is shown, over all frames, as a notice says; the dialog can have all cut out",
    "line art on white": "by the ground's colour; no model is asked",
    "fill layer": "one colour all over; others get what the model sees in them",
}


def result_of(name: str) -> str:
    """What a click on a layer of this kind gives."""
    result = KINDS.get(name, MASK)
    return MASK_8 if result == MASK else result


def rows() -> Iterator[Row]:
    """All that the tests have to see where they do everything."""
    for version in TITLES.values():
        for model, depth in MODES:
            yield Row("Krita", version, model, depth, LAYER, MASK_8)
        for model, depth in IMPOSSIBLE_MODES:
            yield Row("Krita", version, model, depth, LAYER, NO_SUCH_DEPTH)
        for name in KINDS:
            for model, depth in OFTEN:
                yield Row("Krita", version, model, depth, name, result_of(name))
        for name in (*PROFILES, HUGE):
            yield Row("Krita", version, *OFTEN[0], name, MASK_8)
