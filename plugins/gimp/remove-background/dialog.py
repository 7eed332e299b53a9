"""The dialog of "Remove Background…": GIMP's own dialog of a procedure, with the daemon's models in it.

The daemon is asked in a thread: the dialog comes up at once, also where no daemon can be had.
"""

import threading

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gtk", "3.0")
from gi.repository import Gimp, GimpUi, GLib, GObject, Gtk
from matted_client import MattedError, plugin
from matted_client.choices import DEFAULT, choices
from matted_client.sentences import in_words
from options import LAYER
from texts import _

SPACE = 6  # pixels
WIDTH = 46  # characters that an explanation is wide


def ask(folder, procedure, config, image):
    """Let a person change `config`. Returns whether to go on."""
    GimpUi.init("remove-background")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Remove Background"))
    dialog.set_ok_label(_("Remo_ve"))
    plate = dialog.get_widget("plate", GObject.TYPE_NONE)
    models = ModelChooser(config, lambda choice: plate.set_sensitive(choice is None or choice.plate))
    dialog.get_content_area().pack_start(models.widget, False, False, SPACE)
    same_width = Gtk.SizeGroup.new(Gtk.SizeGroupMode.HORIZONTAL)
    same_width.add_widget(models.label)
    for choice in ("output", "edges"):  # GIMP 3.2 would make the shorter one a frame of radio buttons
        same_width.add_widget(dialog.get_widget(choice, Gtk.ComboBox.__gtype__).get_label())
    dialog.get_widget("threshold", GimpUi.ScaleEntry.__gtype__)
    dialog.get_widget("grow", GimpUi.ScaleEntry.__gtype__)
    dialog.get_widget("feather", GimpUi.ScaleEntry.__gtype__)
    if not Gimp.Selection.is_empty(image):
        note = dialog.get_label("limited", _("There is a selection: only what lies in it is kept."), False, False)
        note.set_xalign(0)
        dialog.fill(["limited"])
    dialog.fill(["output", "clean-colours", "plate"])
    dialog.fill(["edges", "grow", "feather", "hard-edge", "threshold", "invert", "anyway"])
    dialog.set_sensitive("threshold", True, config, "hard-edge", False)
    only_for_layers = Gimp.ValueArray.new(1)
    only_for_layers.append(GObject.Value(str, LAYER))
    dialog.set_sensitive_if_in("clean-colours", None, "output", only_for_layers, True)
    threading.Thread(target=_ask_the_daemon, args=(folder, models), daemon=True).start()
    go_on = dialog.run()
    if not plate.get_sensitive():  # chosen for another model before
        config.set_property("plate", None)
    dialog.destroy()
    return go_on


def _ask_the_daemon(folder, models):
    """In a thread. Tells `models` in the main thread which there are, or why that is not known."""
    try:
        with plugin.open_session(folder, "GIMP %s" % Gimp.version(), lambda progress: None, lambda: False) as session:
            facts, trouble = session.models(), ""
    except MattedError as error:
        facts, trouble = [], " ".join(in_words(error, _))
    GLib.idle_add(models.fill, facts, trouble)


class ModelChooser:
    """A list of models, and beneath it what is to be known about the chosen one.

    on_chosen: told its Choice, or None where the daemon has not said what it is.
    """

    def __init__(self, config, on_chosen):
        self._config = config
        self._known = {}  # id -> Choice
        self._trouble = ""
        self._on_chosen = on_chosen
        self._store = Gtk.ListStore(str, str)  # id, what is shown
        self._combo = Gtk.ComboBox.new_with_model(self._store)
        self._combo.set_id_column(0)
        cell = Gtk.CellRendererText()
        self._combo.pack_start(cell, True)
        self._combo.add_attribute(cell, "text", 1)
        self.label = Gtk.Label.new_with_mnemonic(_("_Model"))
        self.label.set_mnemonic_widget(self._combo)
        self.label.set_xalign(0)
        row = Gtk.Box(orientation=Gtk.Orientation.HORIZONTAL, spacing=SPACE)
        row.pack_start(self.label, False, False, 0)
        row.pack_start(self._combo, True, True, 0)
        self._note = Gtk.Label(xalign=0, wrap=True, max_width_chars=WIDTH)
        self.widget = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACE)
        self.widget.pack_start(row, False, False, 0)
        self.widget.pack_start(self._note, False, False, 0)
        self.widget.show_all()
        self._show([], _("Asking the matted daemon which models there are…"))
        self._combo.connect("changed", self._chosen)
        config.connect("notify::model", lambda *changed: self._follow())

    def fill(self, facts, trouble):
        """facts: as Session.models gives them; trouble: why they are not known. For GLib.idle_add."""
        if self.widget.get_parent() is not None:  # the dialog is still there
            self._show(choices(facts, _), trouble)
        return GLib.SOURCE_REMOVE

    def _show(self, known, trouble):
        self._trouble = trouble
        self._known = {choice.id: choice for choice in known}
        chosen = self._config.get_property("model")
        labels = {DEFAULT: _("Default"), **{choice.id: choice.label for choice in known}}
        labels.setdefault(chosen, chosen)  # one that is not there any more: the daemon says what to do about it
        self._store.clear()
        for row in labels.items():
            self._store.append(row)
        self._follow()

    def _follow(self):
        """Show what the config holds, which its Reset button changes too."""
        chosen = self._config.get_property("model")
        if self._combo.get_active_id() != chosen:
            self._combo.set_active_id(chosen)
        choice = self._known.get(chosen)
        self._note.set_text(self._trouble or (choice.about if choice else ""))
        self._on_chosen(choice)

    def _chosen(self, combo):
        chosen = combo.get_active_id()
        if chosen is not None and chosen != self._config.get_property("model"):
            self._config.set_property("model", chosen)
