"""The arguments of the procedures: one for each option, and a second one for a number that may be missing.

docs/gimp-batch.md lists them for scripts. The dialog is made of them: see options_dialog.

GIMP puts the default in the place of a value that an argument cannot hold, and a script is not told. So choices are
texts and numbers have no limits there, and `options_of` says what is wrong.
"""

import dataclasses
import sys

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import GObject
from matted_client import options
from matted_client.options import GimpOptions, checked, entries
from texts import _

STORED = GObject.ParamFlags.READWRITE
MOST_WHOLE, MOST = 2**31 - 1, sys.float_info.max


def name_of(option):
    """The argument of the option called `option`."""
    return option.replace("_", "-")


def add_to(procedure, kind=GimpOptions):
    """Give the procedure an argument for each option. kind: GimpOptions or RefineOptions."""
    for option, entry in entries(kind).items():
        name, words, default = name_of(option), (_(entry.label), _described(entry)), entry.default
        if entry.switch is not None:
            switch = entry.switch
            procedure.add_boolean_argument(
                switch.name, _(switch.label), _(switch.about), entry.default is not None, STORED
            )
            default = switch.start if default is None else default
        if entry.kind == options.YES_NO:
            procedure.add_boolean_argument(name, *words, default, STORED)
        elif entry.kind == options.WHOLE:
            procedure.add_int_argument(name, *words, -MOST_WHOLE, MOST_WHOLE, default, STORED)
        elif entry.kind == options.NUMBER:
            procedure.add_double_argument(name, *words, -MOST, MOST, default, STORED)
        elif entry.kind == options.LAYER:
            procedure.add_layer_argument(name, *words, True, STORED)
        else:
            procedure.add_string_argument(name, *words, default, STORED)


def options_of(config, kind=GimpOptions):
    """The options that a procedure's config holds. Raises MattedError for what is unknown or out of range."""
    values, layers = {}, {}
    for option, entry in entries(kind).items():
        switched_off = entry.switch is not None and not config.get_property(entry.switch.name)
        value = None if switched_off else config.get_property(name_of(option))
        if entry.kind == options.MODEL:
            value = value.strip() or entry.default
        (layers if entry.kind == options.LAYER else values)[option] = value
    return dataclasses.replace(checked(kind, values), **layers)


def forget_unusable(config, kind=GimpOptions):
    """Let options that GIMP remembers and this version cannot use be as at first."""
    for option, entry in entries(kind).items():
        if entry.kind != options.LAYER and entry.problem(config.get_property(name_of(option))):
            config.set_property(name_of(option), entry.switch.start if entry.switch is not None else entry.default)


def _described(entry):
    """What the Procedure Browser and tooltips say of the option, and what is possible, which the argument does not."""
    if entry.choices:
        return "%s (%s)" % (_(entry.about), ", ".join(choice.value for choice in entry.choices))
    if entry.kind in (options.WHOLE, options.NUMBER):
        return "%s (%g … %g)" % (_(entry.about), entry.low, entry.high)
    return _(entry.about)
