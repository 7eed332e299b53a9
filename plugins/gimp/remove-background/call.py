"""One call of a procedure: do the job, and offer what helps where that fails."""

import gi

gi.require_version("Gimp", "3.0")
import layers
import removal
from gi.repository import Gimp
from matted_client import Rejected


def run(folder, image, drawables, options, run_mode, opened=None):
    """Return True if the background was removed, False if a person was asked and gave up. Raises MattedError.

    opened: the OpenedLayer of a preview, if there was one.
    """
    watched = run_mode != Gimp.RunMode.NONINTERACTIVE
    while True:
        try:
            picture = layers.GimpPicture(image, drawables, options.plate, options.output, watched, options.frames)
            removal.remove_background(folder, host(), picture, options, opened)
            return True
        except Rejected as error:
            if run_mode != Gimp.RunMode.INTERACTIVE:
                raise
            import remedies

            changed = remedies.offer(folder, host(), error, options)
            if changed is None:
                return False
            options = changed


def refine(folder, image, drawables, options, opened=None):
    """Refine the masks of the layers. Raises MattedError."""
    import masked_layers
    import refinement

    refinement.refine_masks(folder, host(), masked_layers.MaskedPicture(image, drawables), options, opened)


def host():
    """Name and version, for the daemon's log."""
    return "GIMP %s" % Gimp.version()
