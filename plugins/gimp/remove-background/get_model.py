"""What stands beneath the list of models: what gets one that is not here, how far that is, a better one."""

import threading

import gi

gi.require_version("Gtk", "3.0")
from controls import SPACE
from gi.repository import Gio, Gtk, Pango
from matted_client.getting import Getting
from matted_client.sentences import as_matted_error
from preview.beginning import post
from texts import WORDS, _

WIDTH = 46  # characters of a sentence, as wide as the one about a model
LEAST = 8  # characters of the licence: what is more is cut off in a narrow dialog


class GetModel:
    """`widget`: a sentence, and a row of the button, the licence, the bar, and a second button.

    window: the dialog, whose question is asked in front of it.
    get: has the daemon get a model, as `daemon_requests.get` does but for its first two parameters. In a thread.
    listed: called with the facts of all models when they are others; and whether the model came.
    """

    def __init__(self, window, get, listed):
        self._window = window
        self._get = get
        self._listed = listed
        self._stop = threading.Event()
        self._closed = False
        self._getting = Getting(self._show, WORDS)
        self._text = Gtk.Label(xalign=0, wrap=True, width_chars=WIDTH, max_width_chars=WIDTH)
        self._button, self._leave = Gtk.Button(use_underline=True), Gtk.Button(use_underline=True)
        self._about = Gtk.Label(xalign=0, ellipsize=Pango.EllipsizeMode.END, width_chars=LEAST)
        self._bar = Gtk.ProgressBar(valign=Gtk.Align.CENTER)
        self._button.connect("clicked", self._ask)
        self._leave.connect("clicked", self._refuse)
        row = Gtk.Box(spacing=2 * SPACE)
        for each, grows in ((self._button, False), (self._about, True), (self._bar, True)):
            row.pack_start(each, grows, grows, 0)
        row.pack_end(self._leave, False, False, 0)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE, no_show_all=True)
        self.widget.pack_start(self._text, False, False, 0)
        self.widget.pack_start(row, False, False, 0)
        row.show()

    def fill(self, models, offered):
        """Take what `getting.ask` said."""
        self._getting.fill(models, offered)

    def choose(self, model):
        """Take the model that is chosen in the list."""
        self._getting.choose(model)

    def close(self):
        """The dialog ends: so does the download. What has arrived is kept."""
        self._closed = True
        self._stop.set()

    def _show(self):
        line = self._getting.line()
        for label, text in ((self._text, line.text), (self._about, line.about)):
            label.set_text(text)
            label.set_tooltip_text(text if label is self._about else None)
            label.set_visible(bool(text))
        for button, text in ((self._button, line.get), (self._leave, line.leave)):
            button.set_label(text)
            button.set_visible(bool(text))
        self._bar.set_visible(line.fraction is not None)
        self._bar.set_fraction(line.fraction or 0.0)
        self.widget.set_visible(bool(line.text or line.get))
        self._window.set_response_sensitive(Gtk.ResponseType.OK, not self._getting.is_busy)

    def _ask(self, button):
        question = self._getting.question()
        if question is not None and _is_wanted(self._window, question) and not self._closed:
            self._stop = threading.Event()
            self._getting.start(question.model)
            threading.Thread(target=self._download, args=(question, self._stop), daemon=True).start()

    def _refuse(self, button):
        if self._getting.is_busy:
            self._stop.set()
        else:
            self._getting.decline()

    def _download(self, question, stop):
        """In a thread."""

        def tell(act, *values):
            post(lambda: self._closed or act(*values))

        try:
            answer = self._get(
                question.model, question.licence, lambda news: tell(self._getting.show, news), stop.is_set
            )
        except Exception as error:
            tell(self._getting.fail, as_matted_error(error, _("The request to the matted daemon failed."), "%s"))
        else:
            tell(self._end, *answer)

    def _end(self, models, refusal):
        self._listed(models, self._getting.end(models, refusal))


def _is_wanted(window, question):
    """Ask a Question in front of a window. Returns whether the answer is yes."""
    dialog = Gtk.MessageDialog(
        transient_for=window,
        modal=True,
        message_type=Gtk.MessageType.QUESTION,
        text=question.message,
        secondary_text=question.hint,
        title=question.message,
    )
    if question.address:
        link = Gtk.LinkButton(uri=question.address, label=question.link, halign=Gtk.Align.START)
        link.connect("activate-link", _open)
        link.show()
        dialog.get_message_area().pack_start(link, False, False, 0)
    dialog.add_button(_("_Cancel"), Gtk.ResponseType.CANCEL)
    dialog.add_button(question.button, Gtk.ResponseType.OK)
    dialog.set_default_response(Gtk.ResponseType.OK)
    dialog.get_widget_for_response(Gtk.ResponseType.OK).grab_focus()  # which the link would have
    answer = dialog.run()
    dialog.destroy()
    return answer == Gtk.ResponseType.OK


def _open(link):
    Gio.AppInfo.launch_default_for_uri(link.get_uri(), None)
    return True
