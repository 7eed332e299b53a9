"""The options of a removal, each said once: type, range, choices, default, unit, label and explanation.

From the entries come the fields of a mask request and their checks, the arguments and the dialog of the GIMP plug-in,
the dialog, the settings and the scripts' options of the Krita plug-in, the arguments of `matted remove` and `matted
refine`, and the tables in docs/protocol.md and docs/gimp-batch.md. A new option is one entry and its translations.

    for name, entry in entries(LayerOptions).items(): ...
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple, Type, TypeVar

from .errors import MattedError
from .fields import Field
from .translations import N_

# The kinds of options. A dialog has a kind of control for each.
MODEL, CHOICE, YES_NO, WHOLE, NUMBER, LAYER = "model", "choice", "yes or no", "whole number", "number", "layer"
_TYPES: Dict[str, Tuple[type, ...]] = {
    MODEL: (str,),
    CHOICE: (str,),
    YES_NO: (bool,),
    WHOLE: (int,),
    NUMBER: (float, int),
    LAYER: (str,),
}

DEFAULT_MODEL = "default"  # the id that stands for the model of matted's own settings
AUTO_MODEL = "auto"  # the id that stands for the best model for the computer, which matted chooses
FLAT = "flat"  # the id of what needs no model: the ground is one colour, and the rest is the subject
MAX_ID = 1024  # characters of the id of a model
OFF, FINE, HAIR = "off", "fine", "hair"
AUTO, OPEN, KEEP, DROP = "auto", "open", "keep", "drop"
MASK, SELECTION, NEW_LAYER = "mask", "selection", "layer"
THIS_FRAME, PLAYED_FRAMES, ALL_FRAMES = "this", "played", "all"
PIXELS = "px"


@dataclass(frozen=True)
class Choice:
    """One of the values of an option."""

    value: str
    label: str
    about: str


@dataclass(frozen=True)
class Switch:
    """Says whether there is a number at all, in a host whose numbers cannot be missing.

    name: of an argument of a procedure. start: the number that is shown when it is switched on for the first time.
    missing: what is said in the place of no number; empty: that it is off.
    """

    name: str
    label: str
    about: str
    start: float
    missing: str = ""


@dataclass(frozen=True)
class Option(Field):
    """One option. Texts are in English, to be translated where they are shown.

    label: what stands beside it in a dialog, with _ before the letter of its key.
    about: one sentence without a full stop.
    unit: PIXELS, or empty. step: by how much a number changes at a click.
    switch: for a number that may be missing (None).
    only_with: (name, value) of another option, without which this one has no effect.
    """

    kind: str = ""
    default: Any = None
    label: str = ""
    about: str = ""
    choices: Tuple[Choice, ...] = ()
    unit: str = ""
    step: float = 1.0
    switch: Optional[Switch] = None
    only_with: Optional[Tuple[str, str]] = None

    @property
    def sentences(self) -> str:
        """All that is to be said in English where there is no dialog: a help text, a document."""
        label = self.label.replace("_", "")
        said = "%s. %s." % (label, self.about) if self.kind == YES_NO else "%s." % self.about
        return " ".join(
            [said, *("%s: %s." % (each.value, each.about[0].lower() + each.about[1:]) for each in self.choices)]
        )


def option(kind: str, default: Any, label: str, about: str, **rest: Any) -> Any:
    """A field of a dataclass that has an Option, which may be missing if its default is None."""
    kinds = _TYPES[kind] + ((type(None),) if default is None else ())
    values = tuple(choice.value for choice in rest.get("choices", ()))
    entry = Option(kinds, values=values, kind=kind, default=default, label=label, about=about, **rest)
    return dataclasses.field(default=default, metadata={"field": entry})


@dataclass(frozen=True)
class ModelOptions:
    """Which model makes the matte, and how its edge is brought to the picture's size."""

    model: str = option(
        MODEL,
        DEFAULT_MODEL,
        N_("_Model"),
        N_(
            'Id of the model that finds the subject; "default" is the one of matted\'s settings,'
            ' "auto" the best for this computer'
        ),
        high=MAX_ID,
    )
    edges: str = option(
        CHOICE,
        FINE,
        N_("_Edges"),
        N_("How closely edges follow the picture"),
        choices=(
            Choice(OFF, N_("As the model gives them"), N_("Quickest; soft in large pictures")),
            Choice(FINE, N_("Fine"), N_("Brought to the picture's full size along its own edges")),
            Choice(HAIR, N_("Hair and fur"), N_("Works out every strand; takes longest")),
        ),
    )


@dataclass(frozen=True)
class TuningOptions:
    """How a finished mask is changed, in the order of the fields."""

    threshold: Optional[float] = option(
        NUMBER,
        None,
        N_("_Threshold"),
        N_("For a hard edge: from here on a pixel belongs to the subject"),
        low=0,
        high=1,
        step=0.05,
        switch=Switch("hard-edge", N_("Har_d edge"), N_("Nothing is half transparent unless feathered"), 0.5),
    )
    grow: int = option(
        WHOLE,
        0,
        N_("_Grow"),
        N_("Pixels by which the subject gets larger; smaller where negative"),
        low=-100,
        high=100,
        unit=PIXELS,
    )
    feather: float = option(
        NUMBER,
        0.0,
        N_("_Feather"),
        N_("Softens the edge: standard deviation of the blur in pixels"),
        low=0,
        high=250,
        unit=PIXELS,
        step=0.5,
    )
    invert: bool = option(YES_NO, False, N_("_Keep the background instead"), N_("Hides the subject"))


@dataclass(frozen=True)
class SubjectOptions:
    """How the subject is looked for."""

    second_look: bool = option(
        YES_NO,
        True,
        N_("_Look twice at a small subject"),
        N_("Finds more of a subject that fills little of the picture, and takes longer"),
    )
    anyway: bool = option(
        YES_NO,
        False,
        N_("_Also if no subject is found"),
        N_("Use whatever the model saw, however unsure it is"),
    )


@dataclass(frozen=True)
class GroundOptions:
    """What belongs to the subject before a flat ground, whether or not a model was asked. No effect elsewhere."""

    holes: str = option(
        CHOICE,
        AUTO,
        N_("Holes _inside"),
        N_("On a flat ground: areas in the ground's colour that the subject encloses"),
        choices=(
            Choice(AUTO, N_("Automatic"), N_("Letters, rings and lattices are open; what an outline closes is kept")),
            Choice(OPEN, N_("Open"), N_("All of them go")),
            Choice(KEEP, N_("Keep"), N_("All of them stay")),
        ),
    )
    shadow: str = option(
        CHOICE,
        AUTO,
        N_("Shado_w"),
        N_("On a flat ground: the soft shadow that the subject casts on it"),
        choices=(
            Choice(AUTO, N_("Automatic"), N_("The shadow of a drawing stays, that of a photographed thing goes")),
            Choice(DROP, N_("Drop"), N_("The subject alone")),
            Choice(KEEP, N_("Keep"), N_("The shadow stays, half transparent")),
        ),
    )


# The fields of the last base come first.
@dataclass(frozen=True)
class MaskOptions(GroundOptions, SubjectOptions, TuningOptions, ModelOptions):
    """How a mask is made."""


@dataclass(frozen=True)
class SceneOptions:
    """How the frames of one scene go together. No effect on a picture that is no frame."""

    steady: bool = option(
        YES_NO,
        True,
        N_("_Steady over the frames"),
        N_("Nothing flickers where nothing moves: each mask is settled over the frames before it"),
    )


@dataclass(frozen=True)
class ReachOptions:
    """How far a mask that is there already may change."""

    reach: Optional[float] = option(
        NUMBER,
        None,
        N_("R_each"),
        N_("Pixels from the mask's edge, on both sides, within which it is made anew; nothing: as the edge needs"),
        low=0,
        high=1000,
        unit=PIXELS,
        switch=Switch("own-reach", N_("O_wn reach"), N_("Off: as far as the edge needs"), 10, N_("Automatic")),
    )


@dataclass(frozen=True)
class RefineOptions(TuningOptions, ReachOptions):
    """How a mask is refined that is there already."""

    def request(self) -> Dict[str, Any]:
        """The fields of the refine request that come from options."""
        return {name: getattr(self, name) for name in entries(RefineOptions)}


@dataclass(frozen=True)
class ResultOptions:
    """What becomes of the mask in a program with layers."""

    output: str = option(
        CHOICE,
        MASK,
        N_("Res_ult"),
        N_("What is made of the subject that was found. Masks are limited to the selection if there is one"),
        choices=(
            Choice(MASK, N_("Mask"), N_("The layer's pixels stay as they are; an earlier mask is replaced")),
            Choice(SELECTION, N_("Selection"), N_("The subject is selected")),
            Choice(NEW_LAYER, N_("New layer"), N_("The subject by itself, above the layer")),
        ),
    )
    clean_colours: bool = option(
        YES_NO,
        True,
        N_("Clea_n colours"),
        N_("Take the old background's colour out of hair and soft edges of the new layer"),
        only_with=("output", NEW_LAYER),
    )
    crop: bool = option(
        YES_NO,
        False,
        N_("Crop to the sub_ject"),
        N_("The new layer is as large as the subject, and lies where it was"),
        only_with=("output", NEW_LAYER),
    )
    # The layer itself in GIMP, its name in Krita.
    plate: Any = option(
        LAYER,
        None,
        N_("_Plate"),
        N_("For models that compare: a layer with the same scene without the subject"),
    )


@dataclass(frozen=True)
class SelectionOptions:
    """What a selection in a program with layers is for, besides limiting the mask."""

    within_selection: bool = option(
        YES_NO,
        True,
        N_("Look _only at the selection"),
        N_(
            "Where something is selected, the model is shown that and what is around it; "
            "off: the whole layer, and the mask is limited to the selection afterwards"
        ),
    )


@dataclass(frozen=True)
class LayerOptions(SelectionOptions, MaskOptions, ResultOptions):
    """What can be chosen in GIMP and in Krita. The defaults are the plain "Remove Background"."""

    def request(self, box: Optional[List[int]] = None) -> Dict[str, Any]:
        """The fields of the mask request that come from options.

        box: of the selection in the layer, as `selection.box_of` gives it; None where nothing is selected.
        """
        fields = {name: getattr(self, name) for name in entries(MaskOptions)}
        return dict(fields, foreground=self.foreground, box=box if self.within_selection else None)

    @property
    def foreground(self) -> bool:
        """Whether the daemon shall send the subject's colours without the background's."""
        return self.output == NEW_LAYER and self.clean_colours


@dataclass(frozen=True)
class FrameOptions:
    """What several layers of a program without a timeline are to each other."""

    frames: bool = option(
        YES_NO,
        False,
        N_("The layers are one se_quence of frames"),
        N_("Of several layers, the lowest is the first frame: the subject is followed from one to the next"),
    )


@dataclass(frozen=True)
class AnimationOptions:
    """Which frames of an animated layer are cut out."""

    frames: str = option(
        CHOICE,
        THIS_FRAME,
        N_("Frame_s"),
        N_("Of an animated layer; several frames become a new animated layer"),
        choices=(
            Choice(THIS_FRAME, N_("This frame"), N_("The one that is shown")),
            Choice(
                PLAYED_FRAMES,
                N_("Playback range"),
                N_("What is selected in the timeline, or else all that it plays; other frames stay whole"),
            ),
            Choice(ALL_FRAMES, N_("All frames"), N_("Each keeps its time and its length")),
        ),
    )


@dataclass(frozen=True)
class GimpOptions(FrameOptions, LayerOptions):
    """What can be chosen in GIMP."""


@dataclass(frozen=True)
class KritaOptions(AnimationOptions, LayerOptions):
    """What can be chosen in Krita."""


T = TypeVar("T")


def entries(options: Any) -> Dict[str, Option]:
    """The entries of a dataclass by the names of their fields, in the order of a dialog."""
    found = {field.name: field.metadata.get("field") for field in dataclasses.fields(options)}
    return {name: entry for name, entry in found.items() if isinstance(entry, Option)}


def checked(options: Type[T], values: Dict[str, Any]) -> T:
    """The options that a script gives. Raises MattedError that names what is unknown or out of range."""
    known = entries(options)
    for name, value in values.items():
        if name not in known:
            raise MattedError("Remove Background has no option %r." % name, "It has: %s." % ", ".join(known))
        problem = known[name].problem(value)
        if problem:
            raise MattedError("Remove Background cannot use %s=%r, which is %s." % (name, value, problem))
    return options(**values)


def to_text(options: Any) -> str:
    """The options as a host remembers them between two clicks."""
    return json.dumps({name: getattr(options, name) for name in entries(options)})


def from_text(options: Type[T], text: str) -> T:
    """The options of `to_text`. What cannot be read, is unknown, or is out of range, is as at first."""
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        return options()
    usable = {
        name: values[name]
        for name, entry in entries(options).items()
        if name in values and not entry.problem(values[name])
    }
    return options(**usable)
