"""A layer that is open in the daemon for as long as a dialog shows it. This module knows nothing of GIMP.

It is read a part at a time, so that the dialog stays awake, and sent while it is read.
"""

from matted_client import Rejected
from matted_client.messages import CANCELLED
from matted_client.preview.conversation import Conversation
from matted_client.preview.conversation import Layer as Picture

COMPARED = 1 << 20  # bytes at once


class OpenedLayer:
    """A layer, and what was said of it.

    layer: of the host, with `read` and `read_plate`, and `read_mask` where a mask is to be refined.
    reading, plate_reading: its Readings.
    conversation: with the daemon, about it. marks: set in the preview; None: there is none.

    connect: opens a session.
    post: runs a function later, in the thread of the dialog.
    hint_reading: of the mask that is to be refined; None: there is none.
    """

    def __init__(self, connect, layer, post, hint_reading=None):
        self.layer = layer
        self.marks = None
        self.reading = layer.read()
        self.plate_reading = None
        self._plate = None
        self._hint_reading = hint_reading
        self._readings = [each for each in (self.reading, hint_reading) if each is not None]
        self.conversation = Conversation(connect, self._picture(), post)

    @property
    def size(self):
        return self.reading.width, self.reading.height

    def take_plate(self, plate):
        """Show the models that compare another plate, or none. Raises MattedError if it does not fit."""
        if plate != self._plate:
            before, self.plate_reading = self.plate_reading, None if plate is None else self.layer.read_plate(plate)
            if self.plate_reading is not None:
                self._readings.append(self.plate_reading)
            self._plate = plate
            self.conversation.replace(self._picture())
            if before in self._readings:  # whoever waits for its pixels goes on to the next question
                self._readings.remove(before)
                before.pixels.fail(Rejected(CANCELLED, "Cancelled."))

    def read_on(self):
        """Read one part more. Returns False where there is none. Raises MattedError if the layer is gone."""
        while self._readings:
            try:
                next(self._readings[0].parts)
                return True
            except StopIteration:
                self._readings.pop(0)
        return False

    def read_all(self):
        """Read what is not there yet. Raises as `read_on` does."""
        while self.read_on():
            pass

    def hint_now(self):
        """Read the mask that is to be refined once more: its user may have painted on it while the dialog was open.

        Returns its pixels; None where they are those that the daemon has. Raises MattedError if the layer has another
        mask, or none.
        """
        self.read_all()
        now = self.layer.read_mask()
        for _part in now.parts:
            pass
        return None if _same(now.pixels.bytes, self._hint_reading.pixels.bytes) else now.pixels

    def close(self):
        """Have the daemon forget the layer."""
        self.conversation.close()

    def _picture(self):
        plate, hint = (each and each.pixels for each in (self.plate_reading, self._hint_reading))
        return Picture(self.reading.pixels, *self.size, self.reading.format, plate, hint)


def _same(one, other):
    """Whether two views of memory hold the same: piece by piece, as bytes, which are compared faster than views."""
    if len(one) != len(other):
        return False
    starts = range(0, len(one), COMPARED)
    return all(bytes(one[start : start + COMPARED]) == bytes(other[start : start + COMPARED]) for start in starts)
