"""The arguments of the procedures: one for each option, and a second one for a number that may be missing.

docs/gimp-batch.md lists them for scripts. The dialog is made of them: see options_dialog.
"""

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GObject
from matted_client import options
from matted_client.options import LayerOptions, entries
from texts import _

STORED = GObject.ParamFlags.READWRITE


def name_of(option):
    """The argument of the option called `option`."""
    return option.replace("_", "-")


def add_to(procedure):
    """Give the procedure an argument for each option."""
    for option, entry in entries(LayerOptions).items():
        name, words, default = name_of(option), (_(entry.label), _(entry.about)), entry.default
        if entry.switch is not None:
            switch = entry.switch
            procedure.add_boolean_argument(
                switch.name, _(switch.label), _(switch.about), entry.default is not None, STORED
            )
            default = switch.start if default is None else default
        if entry.kind == options.CHOICE:
            procedure.add_choice_argument(name, *words, _choice(entry.choices), default, STORED)
        elif entry.kind == options.YES_NO:
            procedure.add_boolean_argument(name, *words, default, STORED)
        elif entry.kind == options.WHOLE:
            procedure.add_int_argument(name, *words, entry.low, entry.high, default, STORED)
        elif entry.kind == options.NUMBER:
            procedure.add_double_argument(name, *words, entry.low, entry.high, default, STORED)
        elif entry.kind == options.LAYER:
            procedure.add_layer_argument(name, *words, True, STORED)
        else:
            procedure.add_string_argument(name, *words, default, STORED)


def options_of(config):
    """The LayerOptions that a procedure's config holds."""
    values = {}
    for option, entry in entries(LayerOptions).items():
        switched_off = entry.switch is not None and not config.get_property(entry.switch.name)
        value = None if switched_off else config.get_property(name_of(option))
        if entry.kind == options.MODEL:
            value = value.strip() or entry.default
        values[option] = value
    return LayerOptions(**values)


def _choice(choices):
    found = Gimp.Choice.new()
    for number, choice in enumerate(choices):
        found.add(choice.value, number, _(choice.label), _(choice.about))
    return found
