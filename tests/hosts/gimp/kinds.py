"""The kinds of layers that a person can have in GIMP, and what a click on each of them gives.

docs/hosts.md is made of what the tests see of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hosts.drawing import line_art
from hosts.gimp.pictures import SIZE, Picture
from hosts.gimp.session import VERSIONS
from hosts.seen import IMPOSSIBLE, MASK, Row

OLD_MASK = 77  # the value of masks that are there before
SELECTED = (60, 40, 180, 130)  # the selection: left, top, right, bottom

ENCODINGS = ("LINEAR", "NON_LINEAR", "PERCEPTUAL")
SAMPLES = ("U8", "U16", "U32", "HALF", "FLOAT", "DOUBLE")
PRECISIONS = [f"{samples}_{encoding}" for samples in SAMPLES for encoding in ENCODINGS]
MODES = [(mode, precision) for mode in ("RGB", "GRAY") for precision in PRECISIONS] + [("INDEXED", "U8_NON_LINEAR")]
IMPOSSIBLE_MODES = [("INDEXED", precision) for precision in PRECISIONS if precision != "U8_NON_LINEAR"]
NOT_INDEXED = f"{IMPOSSIBLE}GIMP has indexed colours in 8 bits only"
# What the kinds of layers are tried in; the first and the last also where time is short.
OFTEN = [
    ("RGB", "U8_NON_LINEAR"),
    ("GRAY", "U8_NON_LINEAR"),
    ("INDEXED", "U8_NON_LINEAR"),
    ("RGB", "U16_NON_LINEAR"),
    ("RGB", "FLOAT_LINEAR"),
]

Clicked = tuple[list[int], list[int]]  # what is clicked on, and the layers that are to get a mask


@dataclass(frozen=True)
class Kind:
    """make: turns a picture with one layer into this kind. result: MASK, or the sentence that says why there is none;
    LAYER stands for the name of the picture's layer. since: the first GIMP that has such layers, of the class `type`.
    """

    make: Callable[[Picture], Clicked]
    result: str = MASK
    since: str = "3.0"
    type: str = "Layer"


def layer(picture: Picture) -> Clicked:
    return [picture.layer], [picture.layer]


def _made(layer: int) -> Clicked:
    return [layer], [layer]


# -- kinds that get a mask ---------------------------------------------------------------------------------------------


def drawn(picture: Picture) -> Clicked:
    path = picture.gimp.installed.put(line_art(SIZE))
    return _made(picture.gimp.insert(picture.id, path))


def smaller_than_the_canvas(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, 400, 300, 90, 70)
    return layer(picture)


def larger_than_the_canvas(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, 100, 80, -50, -60)
    return layer(picture)


def partly_outside(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, *SIZE, 180, -120)
    return layer(picture)


def all_outside(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, 100, 100, -2000, 500)
    return layer(picture)


def hidden(picture: Picture) -> Clicked:
    picture.gimp.hide(picture.layer)
    return layer(picture)


def several(picture: Picture) -> Clicked:
    layers = [picture.gimp.copy(picture.layer, 30, -20), picture.layer]
    return layers, layers


def with_a_selection(picture: Picture) -> Clicked:
    left, top, right, bottom = SELECTED
    picture.gimp.select(picture.id, left, top, right - left, bottom - top)
    return layer(picture)


def group(picture: Picture) -> Clicked:
    return _made(picture.gimp.group(picture.id, [picture.layer]))


def group_with_its_layer(picture: Picture) -> Clicked:
    found = picture.gimp.group(picture.id, [picture.layer])
    return [picture.layer, found], [found]


def pass_through_group(picture: Picture) -> Clicked:
    found = picture.gimp.group(picture.id, [picture.layer])
    picture.gimp.blend(found, "PASS_THROUGH")
    return _made(found)


def in_a_group(picture: Picture) -> Clicked:
    picture.gimp.group(picture.id, [picture.layer])
    return layer(picture)


def group_in_a_group(picture: Picture) -> Clicked:
    inner = picture.gimp.group(picture.id, [picture.layer])
    picture.gimp.group(picture.id, [inner])
    return _made(inner)


def with_a_mask(picture: Picture) -> Clicked:
    picture.gimp.give_mask(picture.layer, OLD_MASK)
    return layer(picture)


def by_its_mask(picture: Picture) -> Clicked:
    return [picture.gimp.give_mask(picture.layer, OLD_MASK)], [picture.layer]


def with_an_effect(picture: Picture) -> Clicked:
    picture.gimp.add_effect(picture.layer)
    return layer(picture)


def with_locked_position(picture: Picture) -> Clicked:
    picture.gimp.lock_position(picture.layer)
    return layer(picture)


def with_locked_alpha(picture: Picture) -> Clicked:
    picture.gimp.lock_alpha(picture.layer)
    return layer(picture)


def with_locked_visibility(picture: Picture) -> Clicked:
    picture.gimp.lock_visibility(picture.layer)
    return layer(picture)


def with_another_profile(picture: Picture) -> Clicked:
    picture.gimp.convert_profile(picture.id)
    return layer(picture)


def vectors(picture: Picture) -> Clicked:
    return _made(picture.gimp.add_vectors(picture.id))


def link(picture: Picture) -> Clicked:
    return _made(picture.gimp.add_link(picture.id, picture.path))


# -- kinds that don't --------------------------------------------------------------------------------------------------


def text(picture: Picture) -> Clicked:
    """All of its pixels have one colour; where there are no letters they are transparent."""
    return [picture.gimp.add_text(picture.id, "matte")], []


def empty(picture: Picture) -> Clicked:
    return [picture.gimp.add_empty(picture.id)], []


def empty_group(picture: Picture) -> Clicked:
    return [picture.gimp.group(picture.id, [])], []


def outside_the_selection(picture: Picture) -> Clicked:
    picture.gimp.resize_canvas(picture.id, 400, 300, 0, 0)
    picture.gimp.select(picture.id, 300, 200, 50, 50)
    return [picture.layer], []


def locked(picture: Picture) -> Clicked:
    picture.gimp.lock(picture.layer, True)
    return [picture.layer], []


def in_a_locked_group(picture: Picture) -> Clicked:
    picture.gimp.lock(picture.gimp.group(picture.id, [picture.layer]), True)
    return [picture.layer], []


def mask_of_a_locked_layer(picture: Picture) -> Clicked:
    mask: int = picture.gimp.give_mask(picture.layer, OLD_MASK)
    picture.gimp.lock(picture.layer, True)
    return [mask], []


def one_of_two_locked(picture: Picture) -> Clicked:
    return [picture.gimp.copy(picture.layer, 0, 0), *locked(picture)[0]], []


def channel(picture: Picture) -> Clicked:
    return [picture.gimp.add_channel(picture.id)], []


def quick_mask(picture: Picture) -> Clicked:
    """As GIMP's own, which only its window can switch on."""
    return [picture.gimp.add_channel(picture.id, "Qmask")], []


def floating_selection(picture: Picture) -> Clicked:
    return [picture.gimp.float_selection(picture.id, picture.layer)], []


def below_a_floating_selection(picture: Picture) -> Clicked:
    picture.gimp.give_mask(picture.layer, OLD_MASK)
    picture.gimp.float_selection(picture.id, picture.layer)
    return [picture.layer], []


def nothing(picture: Picture) -> Clicked:
    return [], []


NO_SUBJECT = "No subject was found in this picture."
LOCKED = 'The pixels of "LAYER" are locked.'
FLOATING = "A floating selection has to be settled first."

KINDS = {
    "smaller than the canvas": Kind(smaller_than_the_canvas),
    "larger than the canvas": Kind(larger_than_the_canvas),
    "partly outside the canvas": Kind(partly_outside),
    "all outside the canvas": Kind(all_outside),
    "hidden": Kind(hidden),
    "several layers selected": Kind(several),
    "with a selection": Kind(with_a_selection),
    "layer group": Kind(group),
    "layer group and a layer in it": Kind(group_with_its_layer),
    "layer group that passes through": Kind(pass_through_group),
    "layer in a group": Kind(in_a_group),
    "group in a group": Kind(group_in_a_group),
    "with a mask": Kind(with_a_mask),
    "mask selected instead of its layer": Kind(by_its_mask),
    "with a non-destructive filter": Kind(with_an_effect),
    "position locked": Kind(with_locked_position),
    "visibility locked": Kind(with_locked_visibility),
    "alpha locked": Kind(with_locked_alpha),
    "another ICC profile": Kind(with_another_profile),
    "vector layer": Kind(vectors, since="3.2", type="VectorLayer"),
    "link layer": Kind(link, since="3.2", type="LinkLayer"),
    "line art on white": Kind(drawn),
    "text layer": Kind(text, NO_SUBJECT),
    "empty layer": Kind(empty, NO_SUBJECT),
    "empty layer group": Kind(empty_group, "The layer group is empty."),
    "outside the selection": Kind(outside_the_selection, 'The selection lies outside the layer "LAYER".'),
    "pixels locked": Kind(locked, LOCKED),
    "in a group with locked pixels": Kind(in_a_locked_group, 'The pixels of "Group" are locked.'),
    "mask of a layer with locked pixels": Kind(mask_of_a_locked_layer, LOCKED),
    "several layers selected, one locked": Kind(one_of_two_locked, LOCKED),
    "channel": Kind(channel, "Only a layer can be cut out, and a channel is selected."),
    "Quick Mask": Kind(quick_mask, "Quick Mask is on, so no layer is selected."),
    "floating selection": Kind(floating_selection, FLOATING),
    "below a floating selection": Kind(below_a_floating_selection, FLOATING),
    "nothing selected": Kind(nothing, "No layer is selected."),
}
LAYER, WITH_ALPHA, HUGE = "layer", "layer with alpha", "100 megapixels"  # kinds with tests of their own
NAMES = (LAYER, WITH_ALPHA, *KINDS, HUGE)

REMARKS = {
    "several layers selected": "each has its own, and one undo step takes all of them away",
    "with a selection": "looked for in the selection, and limited to it; it stays",
    "layer group": "for what the group shows, on the group itself",
    "layer group and a layer in it": "on the group alone, or what it holds would be masked twice",
    "layer group that passes through": "for what the group shows by itself, on the group",
    "with a mask": "in the place of the old one",
    "mask selected instead of its layer": "on the layer",
    "with a non-destructive filter": "for the layer without the filter, which stays",
    "visibility locked": "where a new layer is made, a notice says that this one stays visible",
    "line art on white": "by the ground's colour; no model is asked",
    "text layer": "it has no background: all but the letters is transparent",
}


def mask_in(precision: str) -> str:
    """Which mask a picture of this precision can hold."""
    samples = precision.partition("_")[0]
    return f"{MASK}, {'half float' if samples == 'HALF' else '8 bits' if samples == 'U8' else '16 bits'}"


def result_of(name: str, version: str, precision: str) -> str:
    """What a click on a layer of this kind gives."""
    kind = KINDS[name]
    if version < kind.since:
        return f"{IMPOSSIBLE}GIMP has them from {kind.since} on"
    return mask_in(precision) if kind.result == MASK else kind.result


def rows() -> Iterator[Row]:
    """All that the tests have to see where they do everything."""
    for version in VERSIONS.values():
        for mode, precision in MODES:
            yield Row("GIMP", version, mode, precision, LAYER, mask_in(precision))
        for mode, precision in IMPOSSIBLE_MODES:
            yield Row("GIMP", version, mode, precision, LAYER, NOT_INDEXED)
        for mode, precision in OFTEN:
            yield Row("GIMP", version, mode, precision, WITH_ALPHA, mask_in(precision))
            for name in KINDS:
                yield Row("GIMP", version, mode, precision, name, result_of(name, version, precision))
        yield Row("GIMP", version, *OFTEN[0], HUGE, mask_in(OFTEN[0][1]))
