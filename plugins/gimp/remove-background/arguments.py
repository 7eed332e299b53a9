"""What the procedures take, as GIMP is told and as the dialog shows it, and how it is read.

docs/gimp-batch.md lists the arguments for scripts.
"""

import dataclasses
import json

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject
from matted_client.messages import FINE, HAIR, MAX_FEATHER, MAX_GROW, OFF
from options import LAYER, MASK, SELECTION, Options
from texts import _

LAST = "plug-in-remove-background-last"  # a parasite of GIMP's, which keeps it in its profile
STORED = GObject.ParamFlags.READWRITE


def add_to(procedure):
    defaults = Options()
    procedure.add_string_argument(
        "model",
        _("_Model"),
        _('Id of the model that finds the subject; "default" is the one of matted\'s settings'),
        defaults.model,
        STORED,
    )
    procedure.add_choice_argument(
        "output",
        _("Res_ult"),
        _("What is made of the subject that was found. Masks are limited to the selection if there is one"),
        _choice(
            (MASK, _("Layer mask"), _("The layer's pixels stay as they are; an earlier mask is replaced")),
            (SELECTION, _("Selection"), _("The subject is selected")),
            (LAYER, _("New layer"), _("A masked copy above the layer, which is hidden")),
        ),
        defaults.output,
        STORED,
    )
    procedure.add_boolean_argument(
        "clean-colours",
        _("Clea_n colours"),
        _("Take the old background's colour out of hair and soft edges of the new layer"),
        defaults.clean_colours,
        STORED,
    )
    procedure.add_layer_argument(
        "plate",
        _("_Plate"),
        _("For models that compare: a layer with the same scene without the subject"),
        True,
        STORED,
    )
    procedure.add_choice_argument(
        "edges",
        _("_Edges"),
        _("How closely edges follow the picture"),
        _choice(
            (OFF, _("As the model gives them"), _("Quickest; soft in large pictures")),
            (FINE, _("Fine"), _("Brought to the layer's full size along its own edges")),
            (HAIR, _("Hair and fur"), _("Works out every strand; takes longest")),
        ),
        defaults.edges,
        STORED,
    )
    procedure.add_int_argument(
        "grow",
        _("_Grow"),
        _("Pixels by which the subject gets larger; smaller where negative"),
        -MAX_GROW,
        MAX_GROW,
        defaults.grow,
        STORED,
    )
    procedure.add_double_argument(
        "feather",
        _("_Feather"),
        _("Softens the edge: standard deviation of the blur in pixels"),
        0.0,
        MAX_FEATHER,
        defaults.feather,
        STORED,
    )
    procedure.add_boolean_argument(
        "hard-edge", _("Har_d edge"), _("Nothing is half transparent"), defaults.threshold is not None, STORED
    )
    procedure.add_double_argument(
        "threshold",
        _("_Threshold"),
        _("For a hard edge: from here on a pixel belongs to the subject"),
        0.0,
        1.0,
        0.5,
        STORED,
    )
    procedure.add_boolean_argument(
        "invert", _("_Keep the background instead"), _("Hides the subject"), defaults.invert, STORED
    )
    procedure.add_boolean_argument(
        "anyway",
        _("_Also if no subject is found"),
        _("Use whatever the model saw, however unsure it is"),
        defaults.anyway,
        STORED,
    )


def options_of(config):
    """The Options that a procedure's config holds."""
    return Options(
        model=config.get_property("model").strip() or "default",
        edges=config.get_property("edges"),
        threshold=config.get_property("threshold") if config.get_property("hard-edge") else None,
        grow=config.get_property("grow"),
        feather=config.get_property("feather"),
        invert=config.get_property("invert"),
        anyway=config.get_property("anyway"),
        output=config.get_property("output"),
        clean_colours=config.get_property("clean-colours"),
    )


def remember(options):
    """Have the one click use what was chosen in the dialog. GIMP remembers settings for each procedure by itself."""
    text = json.dumps(dataclasses.asdict(options))
    Gimp.attach_parasite(Gimp.Parasite.new(LAST, Gimp.PARASITE_PERSISTENT, text.encode()))


def remembered():
    """The Options of `remember`, the defaults before there are any."""
    parasite = Gimp.get_parasite(LAST)
    try:
        return Options(**json.loads(bytes(parasite.get_data()))) if parasite else Options()
    except (ValueError, TypeError):  # of another version of this plug-in
        return Options()


def _choice(*entries):
    choice = Gimp.Choice.new()
    for number, (nick, label, explanation) in enumerate(entries):
        choice.add(nick, number, label, explanation)
    return choice
