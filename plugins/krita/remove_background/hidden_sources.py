"""Keeps a layer hidden for as long as the cut-out that was made of it is in the picture.

For a script, to add a layer is an undo step in Krita, and to hide one is none. So undo takes only the cut-out away:
this sees that it is gone and shows its source again, and hides that after redo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List

from krita import Krita

from . import windows
from .layers import is_open
from .qt import QtCore

ENTRIES = ("edit_undo", "edit_redo")  # both name the step, so they change with every one, however it is undone
BUSY_MS = 50


@dataclass
class _Pair:
    """A source and its cut-out. hidden: whether this has hidden the source."""

    document: Any
    source: Any
    cut_out: Any
    hidden: bool = True


_pairs: List[_Pair] = []
_watched: List[Any] = []  # menu entries
_waiting: List[bool] = []  # holds something while a look is due


def hide(document: Any, source: Any, cut_out: Any) -> None:
    """Hide a layer, unless it is hidden, until its cut-out is gone."""
    if not source.visible():
        return
    source.setVisible(False)
    _pairs.append(_Pair(document, source, cut_out.uniqueId()))
    for window in Krita.instance().windows():
        for name in ENTRIES:
            entry = windows.entry(window.qwindow(), name)
            if entry not in _watched:
                _watched.append(entry)
                entry.changed.connect(_look_soon)
                entry.triggered.connect(_look_soon)
                entry.destroyed.connect(lambda _gone=None, entry=entry: _watched.remove(entry))


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
        there = pair.document.nodeByUniqueID(pair.cut_out) is not None
        if there != pair.hidden:
            pair.hidden = there
            pair.source.setVisible(not there)
            pair.document.refreshProjection()
