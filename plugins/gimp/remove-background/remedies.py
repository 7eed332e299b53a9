"""What is offered to the person who clicked when the daemon says no, and something can be done about it."""

import dataclasses

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, Gio, Gtk
from matted_client import messages, plugin
from matted_client.models import find, megabytes
from matted_client.sentences import in_words
from removal import ProgressBar
from texts import _


def offer(folder, host, error, options):
    """Ask what to do about `error`, a Rejected.

    Returns the LayerOptions to try again with, or None if the person does not want to. Raises `error` if nothing can be
    offered.
    """
    if error.code == messages.NO_SUBJECT:
        again = dataclasses.replace(options, anyway=True)
        return again if _ask(*in_words(error, _), _("_Use what was seen")) else None
    if error.code in (messages.MODEL_NOT_INSTALLED, messages.LICENCE_NOT_ACCEPTED):
        with plugin.open_session(folder, host, lambda progress: None, lambda: False) as session:
            model = find(session.models(), options.model)
        if not model:
            raise error
        if error.code == messages.MODEL_NOT_INSTALLED and model["commercial"]:
            return options if _download(folder, host, model) else None
        if _ask(*in_words(error, _), _("_Open the page of the licence")):
            Gio.AppInfo.launch_default_for_uri(model["licence_url"], None)
        return None
    raise error


def _download(folder, host, model):
    """Returns whether the model is here now. Raises MattedError if it could not be had."""
    question = _("%s is not on this computer.") % model["title"]
    details = _("It is free (%s), and %d MB are downloaded.") % (model["licence"], megabytes(model))
    if not _ask(question, details, _("_Download")):
        return False
    Gimp.progress_init(_("Downloading %s") % model["title"])
    bar = ProgressBar(_GimpProgress(), 1)
    with plugin.open_session(folder, host, bar.show, lambda: False) as session:
        session.load(model["id"], on_progress=bar.show, download=True)
    return True


class _GimpProgress:
    def show_progress(self, text, fraction):
        Gimp.progress_set_text(text)
        Gimp.progress_update(fraction)


def _ask(message, details, yes):
    """Whether the person pressed `yes`."""
    GimpUi.init("remove-background")
    dialog = Gtk.MessageDialog(
        message_type=Gtk.MessageType.QUESTION, text=message, secondary_text=details, title=_("Remove Background")
    )
    dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    dialog.add_button(yes, Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    GimpUi.window_set_transient(dialog)
    answer = dialog.run()
    display = dialog.get_display()
    dialog.destroy()
    display.flush()  # or the question stays on the screen: no main loop runs while the daemon works
    return answer == Gtk.ResponseType.OK
