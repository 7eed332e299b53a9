"""Keeps a layer hidden until undo takes away the cut-out that was made of it.

For a script, to add a layer is an undo step in Krita, and to hide one is none. So undo takes only the cut-out away:
this sees that it is gone and shows its source again, and hides that after redo. A cut-out that was merged or deleted
is gone, too, but leaves nothing to redo: its source stays hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional

from krita import Krita

from . import windows
from .layers import is_open
from .qt import QtCore

REDO = "edit_redo"
ENTRIES = ("edit_undo", REDO)  # both name the step, so they change with every one, however it is undone
BUSY_MS = 50


@dataclass(eq=False)
class _Pair:
    """A source and its cut-out.

    cut_out: its unique id.
    shown: whether the source was visible when the cut-out was made.
    there: whether the cut-out is in the picture.
    undone: whether it is not, because of undo.
    newest: what Krita's redo entry says while there is nothing to redo. It is enabled even then.
    """

    document: Any
    source: Any
    cut_out: Any
    shown: bool
    there: bool = True
    undone: bool = False
    newest: Optional[str] = None


_pairs: List[_Pair] = []  # those of one source in the order in which they were made
_notifiers: List[Any] = []  # Krita's one, once it is listened to
_watched: List[Any] = []  # menu entries
_waiting: List[bool] = []  # holds something while a look is due


def watch() -> None:
    """Watch what is undone in all windows, also in later ones. Raises MattedError where Krita lacks the entries."""
    if not _notifiers:
        notifier = Krita.instance().notifier()
        notifier.setActive(True)
        notifier.windowIsBeingCreated.connect(lambda _window: QtCore.QTimer.singleShot(0, watch))
        _notifiers.append(notifier)
    for window in Krita.instance().windows():
        for name in ENTRIES:
            entry = windows.entry(window.qwindow(), name)
            if entry not in _watched:
                _watched.append(entry)
                entry.changed.connect(_look_soon)
                entry.triggered.connect(_look_soon)
                entry.destroyed.connect(lambda _gone=None, entry=entry: _watched.remove(entry))


def hide(document: Any, source: Any, cut_out: Any) -> None:
    """Hide a layer until undo takes its cut-out away. One that the person has hidden stays so. `watch` comes first."""
    shown = source.visible()
    if not shown and not any(pair.document == document and pair.source == source for pair in _pairs):
        return
    source.setVisible(False)
    _pairs.append(_Pair(document, source, cut_out.uniqueId(), shown))
    _look_soon()


def _look_soon() -> None:
    """Look when Krita has ended the step, which is still under way."""
    if _pairs and not _waiting:
        _waiting.append(True)
        QtCore.QTimer.singleShot(0, _look)


def _look() -> None:
    _waiting.clear()
    _pairs[:] = [pair for pair in _pairs if is_open(pair.document)]
    for pair in _pairs:
        if not pair.document.tryBarrierLock():
            _waiting.append(True)
            QtCore.QTimer.singleShot(BUSY_MS, _look)
            return
        pair.document.unlock()
        redo = _redo(pair.document)
        if redo is None:
            continue
        there = _is_there(pair)
        if there and pair.newest is None:
            pair.newest = redo
        if there != pair.there:
            pair.there = there
            _follow(pair, not there and redo != pair.newest)


def _follow(pair: _Pair, undone: bool) -> None:
    """Show the source of a cut-out that undo has taken away, and hide it after redo."""
    changed, pair.undone = undone != pair.undone, undone
    later = [other for other in _pairs[_pairs.index(pair) + 1 :] if other.source == pair.source]
    if changed and pair.shown and not any(_is_there(other) for other in later):
        pair.source.setVisible(undone)
        pair.document.refreshProjection()


def _is_there(pair: _Pair) -> bool:
    return pair.document.nodeByUniqueID(pair.cut_out) is not None


def _redo(document: Any) -> Optional[str]:
    """Return what the redo entry says, or None where no window has the document in front: nothing is undone then."""
    main_window = windows.window_of(document)
    if main_window is None or windows.document_of(main_window) != document:
        return None
    return windows.entry(main_window, REDO).text().replace("&", "").strip()  # Qt may mark a letter as the key
