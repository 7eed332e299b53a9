"""Begins to read a layer, and to ask about it, before there is a dialog: GIMP's widgets take half a second to start."""

import time

import daemon_requests
from arguments import options_of
from call import host
from gi.repository import GLib
from layers import GimpLayer, chosen_layers, refuse_if_closed
from masked_layers import MaskedPicture
from matted_client import MattedError
from matted_client.options import RefineOptions
from matted_client.pictures import ignore
from matted_client.preview.camera import View
from matted_client.preview.presenter import ask_for_mask, ask_for_refined
from texts import _

from .opened_layer import OpenedLayer

READING_SECONDS = 0.5  # the rest of a layer that takes longer is read when the dialog is there
GLIMPSE = 64  # pixels: the side of the view of the first question, which is for the subject; nobody sees it


class Begun:
    """A layer that a dialog is about to show.

    opened: the OpenedLayer; None where there is none. error: the MattedError that says why.
    about: a sentence that says which layer it is, where there are several.
    ask: asks the daemon for a view, as a Presenter needs it.
    fields: returns what a request has of the options, and the box of the selection where it counts. May raise
        MattedError.
    """

    def __init__(self, ask, fields):
        self.opened = self.error = None
        self.about = ""
        self.ask = ask
        self.fields = fields

    def close(self):
        """Have the daemon forget the layer."""
        if self.opened is not None:
            self.opened.close()

    def give_up(self, error):
        """Have no layer to show, and say why. A half-read one is of no use after OK, which begins anew."""
        self.close()
        self.opened, self.error = None, error

    def start(self, folder, layers, hint_reading=None):
        """Open the first of the layers. Raises MattedError if it cannot be read."""
        if layers[1:]:
            self.about = _('Preview of "%s"; marks count for this layer only.') % layers[0].name
        options, within = self.fields()
        name = host()  # asks GIMP, which only this thread may

        def connect(on_progress, cancelled):
            return daemon_requests.session(folder, name, on_progress, cancelled)

        self.opened = OpenedLayer(connect, layers[0], post, hint_reading)
        self.opened.conversation.start()
        self._glimpse({**options, "box": within})
        deadline = time.monotonic() + READING_SECONDS
        while time.monotonic() < deadline and self.opened.read_on():
            pass

    def _glimpse(self, fields):
        """Have the daemon find the subject. The preview's own first question takes the place of this one."""
        width, height = self.opened.size
        view = View(0, 0, width, height, min(width, GLIMPSE), min(height, GLIMPSE))

        def ask(picture, on_progress, cancelled):
            return self.ask(picture, view, fields, on_progress, cancelled)

        self.opened.conversation.ask(ask, ignore, ignore, ignore)


def begin_removal(folder, image, drawables, config):
    """Begin with the first layer whose background is to be removed. Returns Begun."""
    layers = []

    def fields():
        chosen, box = options_of(config), layers[0].box()
        return chosen.request(), box if chosen.within_selection else None

    begun = Begun(ask_for_mask, fields)
    try:
        refuse_if_closed(image)
        layers += [GimpLayer(image, each) for each in chosen_layers(image, drawables)]
        begun.start(folder, layers)
    except MattedError as error:
        begun.give_up(error)
    return begun


def begin_refinement(folder, image, drawables, config):
    """Begin with the first layer whose mask is to be refined. Returns Begun. Raises MattedError if there is no mask."""
    begun = Begun(ask_for_refined, lambda: (options_of(config, RefineOptions).request(), None))
    layers = MaskedPicture(image, drawables).layers
    try:
        begun.start(folder, layers, layers[0].read_mask())
    except MattedError as error:
        begun.give_up(error)
    return begun


def post(act):
    """Call a function in the thread of the dialog."""

    def now():
        act()
        return GLib.SOURCE_REMOVE

    GLib.idle_add(now, priority=GLib.PRIORITY_DEFAULT)
