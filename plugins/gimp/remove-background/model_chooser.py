"""The list of models in the options dialog, with sentences about the chosen one beneath it."""

import gi

gi.require_version("Gtk", "3.0")
from controls import SPACE, in_line
from gi.repository import GLib, Gtk, Pango
from matted_client.models import listed
from matted_client.options import DEFAULT_MODEL, MaskOptions, entries
from texts import WORDS, _

WIDTH, NAME = 46, 29  # characters that an explanation is wide, and a name at least


class ModelChooser:
    """The list and the sentences. `widget`: both, and what gets a model.

    on_chosen: told its ListedModel, or None where the daemon has not said what it is.
    getter: a GetModel, for the model that is chosen.
    """

    def __init__(self, config, on_chosen, getter):
        self._config = config
        self._known = {}  # id -> ListedModel
        self._trouble = ""
        self._on_chosen = on_chosen
        self._getter = getter
        self._store = Gtk.ListStore(str, str)  # id, what is shown
        self._combo = Gtk.ComboBox.new_with_model(self._store)
        self._combo.set_id_column(0)
        # The dialog shall not change its size when the models are known.
        cell = Gtk.CellRendererText(ellipsize=Pango.EllipsizeMode.END, width_chars=NAME)
        self._combo.pack_start(cell, True)
        self._combo.add_attribute(cell, "text", 1)
        self.label = Gtk.Label.new_with_mnemonic(_(entries(MaskOptions)["model"].label))
        line = Gtk.Box()
        in_line(line, self.label, self._combo)
        self._note = Gtk.Label(xalign=0, wrap=True, width_chars=WIDTH, max_width_chars=WIDTH)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
        self.widget.pack_start(line, False, False, 0)
        self.widget.pack_start(self._note, False, False, 0)
        self.widget.pack_start(getter.widget, False, False, 0)
        self.widget.show_all()
        self._list([], _("Asking the matted daemon which models there are…"))
        self._combo.connect("changed", self._chosen)
        config.connect("notify::model", lambda *changed: self._follow())

    def fill(self, facts, offered, trouble):
        """Take what the daemon said, for GLib.idle_add.

        facts: as Session.models gives them. offered: those of the model that is offered, or {}.
        trouble: why they are not known.
        """
        if self.widget.get_parent() is not None:  # the dialog is still there
            self._getter.fill(facts, offered)
            self.list_anew(facts, trouble)
        return GLib.SOURCE_REMOVE

    def list_anew(self, facts, trouble=""):
        """Show other facts."""
        self._list(listed(facts, WORDS), trouble)

    def _list(self, known, trouble):
        self._trouble = trouble
        self._known = {each.id: each for each in known}
        chosen = self._config.get_property("model")
        labels = {DEFAULT_MODEL: _("Default"), **{each.id: each.label for each in known}}
        labels.setdefault(chosen, chosen)  # one that is not there any more: the daemon says what to do about it
        self._store.clear()
        for id_and_label in labels.items():
            self._store.append(id_and_label)
        self._follow()

    def _follow(self):
        """Show the model of the config, which the Reset button changes too."""
        chosen = self._config.get_property("model")
        if self._combo.get_active_id() != chosen:
            self._combo.set_active_id(chosen)
        model = self._known.get(chosen)
        self._note.set_text(self._trouble or (model.about if model else ""))
        self._on_chosen(model)
        self._getter.choose(chosen)

    def _chosen(self, combo):
        chosen = combo.get_active_id()
        if chosen is not None and chosen != self._config.get_property("model"):
            self._config.set_property("model", chosen)
