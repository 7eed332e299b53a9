"""Offers the person who clicked what helps when the daemon says no: a question with one button besides Cancel."""

import dataclasses

import daemon_requests
import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, Gio, Gtk
from matted_client.remedies import DOWNLOAD, READ_LICENCE, remedy
from operation import ProgressBar
from texts import WORDS, _


def offer(folder, host, error, options):
    """Ask what to do about `error`, a Rejected.

    Returns the GimpOptions to try again with, or None if the person does not want to. Raises `error` if nothing can be
    offered.
    """
    offered = remedy(error, daemon_requests.facts(folder, host, error, options.model), WORDS)
    if offered is None:
        raise error
    if not _ask(offered):
        return None
    if offered.action == READ_LICENCE:
        Gio.AppInfo.launch_default_for_uri(offered.facts["licence_url"], None)
        return None
    if offered.action == DOWNLOAD:
        _download(folder, host, offered.facts)
        return options
    return dataclasses.replace(options, anyway=True)


def _download(folder, host, model):
    """Raises MattedError if the model could not be had."""
    daemon_requests.download(folder, host, model["id"], ProgressBar(_GimpProgress(model["title"]), 1).show)


class _GimpProgress:
    """What a ProgressBar needs of a picture. title: of the model."""

    def __init__(self, title):
        self._title = title

    def begin_progress(self):
        Gimp.progress_init(_("Downloading %s") % self._title)

    def show_progress(self, text, fraction):
        Gimp.progress_set_text(text)
        Gimp.progress_update(fraction)


def _ask(offered):
    """Whether the person pressed the button of the Remedy."""
    GimpUi.init("remove-background")
    dialog = Gtk.MessageDialog(
        message_type=Gtk.MessageType.QUESTION,
        text=offered.message,
        secondary_text=offered.hint,
        title=_("Remove Background"),
    )
    dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    dialog.add_button(offered.button, Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    GimpUi.window_set_transient(dialog)
    answer = dialog.run()
    display = dialog.get_display()
    dialog.destroy()
    display.flush()  # or the question stays on the screen: no main loop runs while the daemon works
    return answer == Gtk.ResponseType.OK
