"""Shows what went wrong in one message, with a button for the remedy."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from .controls import with_key
from .daemon_requests import Refused
from .matted_client.errors import MattedError, Rejected
from .matted_client.messages import NO_SUBJECT
from .matted_client.remedies import DOWNLOAD, READ_LICENCE, USE_ANYWAY, Remedy, remedy
from .matted_client.sentences import in_words
from .progress_dialog import TITLE
from .qt import QtCore, QtGui, QtWidgets
from .removal import Removal
from .texts import WORDS, ngettext


def tell(removal: Removal, again: Callable[[List[Any], bool], None], download: Callable[[str], None]) -> None:
    """Show what went wrong in a removal, with the remedy if there is one.

    again(layers, anyway): starts another removal.
    download(model): gets the model, then goes on with the layers that are left.
    """
    offered = _first_remedy(removal)
    message, hint = _words(removal, offered)
    if offered is None:
        show(removal.main_window, message, hint)
        return
    actions: Dict[str, Callable[[], Any]] = {
        USE_ANYWAY: lambda: again(_unseen(removal), True),
        DOWNLOAD: lambda: download(offered.facts["id"]),
        READ_LICENCE: lambda: QtGui.QDesktopServices.openUrl(QtCore.QUrl(offered.facts["licence_url"])),
    }
    show(removal.main_window, message, hint, with_key(offered.button), actions[offered.action])


def show(
    main_window: Any,
    message: str,
    hint: str,
    button: str = "",
    act: Optional[Callable[[], Any]] = None,
    title: str = TITLE,
) -> None:
    """Show a message, with a button that does `act`, and return at once."""
    box = QtWidgets.QMessageBox(
        QtWidgets.QMessageBox.Icon.Warning, title, message, QtWidgets.QMessageBox.StandardButton.Ok, main_window
    )
    box.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    box.setInformativeText(hint)
    box.setAttribute(QtCore.Qt.WidgetAttribute.WA_DeleteOnClose)
    if act is not None:
        box.addButton(button, QtWidgets.QMessageBox.ButtonRole.ActionRole).clicked.connect(act)
    box.open()


def _first_remedy(removal: Removal) -> Optional[Remedy]:
    """Return the remedy of the first failure that has one, or None."""
    for _node, error in removal.failures:
        offered = remedy(error, error.facts if isinstance(error, Refused) else {}, WORDS)
        if offered is not None:
            return offered
    return None


def _unseen(removal: Removal) -> List[Any]:
    """Return the layers on which no subject was found."""
    return [node for node, error in removal.failures if isinstance(error, Rejected) and error.code == NO_SUBJECT]


def _words(removal: Removal, offered: Optional[Remedy]) -> Tuple[str, str]:
    """Return a message and a hint for all failures."""
    if removal.count > 1:
        lines = [_line(node, error) for node, error in removal.failures]
        if offered is not None and offered.action == DOWNLOAD:  # the removal ended with it: no other was tried
            return offered.message, "\n".join([*lines[:-1], offered.hint])
        unreached = removal.left[1:]  # the first one that is left was tried
        number = len(lines) + len(unreached)
        message = ngettext("%d layer could not be cut out.", "%d layers could not be cut out.", number) % number
        return message, "\n".join(lines)
    if offered is not None:
        return offered.message, offered.hint
    return in_words(removal.failures[0][1], WORDS)


def _line(node: Any, error: MattedError) -> str:
    told = " ".join(in_words(error, WORDS))
    return '"%s": %s' % (node.name(), told) if node else told
