"""From a click to a mask, whatever the host calls its layers: this module knows nothing of GIMP.

A picture is any object with the four methods that `remove_background` uses; `layers.GimpPicture` is the one of GIMP.
"""

from matted_client import plugin, progress


def _never():
    """GIMP ends the whole process when its user cancels; the daemon notices that by itself."""
    return False


def remove_background(folder, host, picture):
    """Put a mask of the subject on the picture's layer.

    folder: of the plug-in. host: name and version, for the daemon's log. Raises MattedError with the picture
    unchanged.
    """
    width, height, pixels = picture.read()  # sRGB, RGBA, 8 bits, width x height x 4 bytes
    bar = ProgressBar(picture)
    mask = plugin.layer_mask(folder, host, pixels, width, height, "RGBA8", bar.show, _never)
    picture.set_mask(width, height, bytes(mask.alpha))
    if mask.info.warnings:
        picture.tell(" ".join(mask.info.warnings))


class ProgressBar:
    """Passes the daemon's progress on to the picture, and only what changed: each call crosses a process border."""

    def __init__(self, picture):
        self._picture = picture
        self._text = ""
        self._fraction = 0.0

    def show(self, news):
        text, fraction = progress.describe(news), max(self._fraction, progress.overall(news))
        if (text, fraction) != (self._text, self._fraction):
            self._text, self._fraction = text, fraction
            self._picture.show_progress(text, fraction)
