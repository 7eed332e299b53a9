"""The options of the last use of the dialog, which the one click uses. GIMP itself remembers settings by procedure."""

import dataclasses

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp
from matted_client.options import GimpOptions, from_text, to_text

LAST = "plug-in-remove-background-last"  # a parasite of GIMP's, which keeps it in its profile


def remember(options):
    text = to_text(dataclasses.replace(options, plate=None))  # a layer is gone when its picture is
    Gimp.attach_parasite(Gimp.Parasite.new(LAST, Gimp.PARASITE_PERSISTENT, text.encode()))


def remembered():
    """The GimpOptions of `remember`; the defaults before there are any."""
    parasite = Gimp.get_parasite(LAST)
    return from_text(GimpOptions, bytes(parasite.get_data()).decode() if parasite else "")
