"""What went wrong, in one message with a button for what can be done about it."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

from .daemon_requests import ModelNeeded
from .matted_client.errors import MattedError, Rejected
from .matted_client.messages import LICENCE_NOT_ACCEPTED, NO_SUBJECT
from .matted_client.models import megabytes
from .matted_client.sentences import in_words
from .progress_dialog import TITLE
from .qt import QtCore, QtGui, QtWidgets
from .removal import Removal
from .texts import _

Remedy = Tuple[str, Callable[[], None]]  # the words on the button, and what it does


def remedy(
    removal: Removal, again: Callable[[List[Any], bool], None], download: Callable[[str], None]
) -> Optional[Remedy]:
    """What can be done, or None. again(layers, anyway): one more removal. download(model): get it, then go on."""
    unseen = [node for node, error in removal.failures if isinstance(error, Rejected) and error.code == NO_SUBJECT]
    if unseen:
        return _("Use the Mask Anyway"), lambda: again(unseen, True)
    error = removal.failures[0][1]
    if not isinstance(error, ModelNeeded) or not error.facts:
        return None
    facts = error.facts
    if error.code == LICENCE_NOT_ACCEPTED or not facts["commercial"]:
        return _("Open the Licence Page"), lambda: QtGui.QDesktopServices.openUrl(QtCore.QUrl(facts["licence_url"]))
    return _("Download (%d MB)") % megabytes(facts), lambda: download(facts["id"])


def show(main_window: Any, message: str, hint: str, offer: Optional[Remedy] = None) -> None:
    """Say what went wrong and what can be done about it, and return at once."""
    box = QtWidgets.QMessageBox(
        QtWidgets.QMessageBox.Icon.Warning, TITLE, message, QtWidgets.QMessageBox.StandardButton.Ok, main_window
    )
    box.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    box.setInformativeText(hint)
    box.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
    if offer is not None:
        words, act = offer
        box.addButton(words, QtWidgets.QMessageBox.ButtonRole.ActionRole).clicked.connect(act)
    box.open()


def words(removal: Removal) -> Tuple[str, str]:
    """A message and a hint for all that went wrong."""
    if removal.count == 1:
        return in_words(removal.failures[0][1], _)
    return _("Not all layers could be cut out."), "\n".join(_line(node, error) for node, error in removal.failures)


def _line(node: Any, error: MattedError) -> str:
    told = " ".join(in_words(error, _))
    return '"%s": %s' % (node.name(), told) if node else told
