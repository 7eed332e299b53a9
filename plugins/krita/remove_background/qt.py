"""The Qt of this Krita: 5 up to Krita 5.3, 6 from Krita 6 on.

A process bears only one of the two, so Krita is asked; trying imports could load the wrong one.
"""

import pykrita

if getattr(pykrita, "qt_major_version", lambda: 5)() >= 6:
    from PyQt6.QtCore import QByteArray, QCoreApplication, QObject, Qt, QThread, QTimer, pyqtSignal
    from PyQt6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QMessageBox, QProgressBar, QVBoxLayout
else:
    from PyQt5.QtCore import QByteArray, QCoreApplication, QObject, Qt, QThread, QTimer, pyqtSignal
    from PyQt5.QtWidgets import QDialog, QDialogButtonBox, QLabel, QMessageBox, QProgressBar, QVBoxLayout

__all__ = [
    "QByteArray",
    "QCoreApplication",
    "QDialog",
    "QDialogButtonBox",
    "QLabel",
    "QMessageBox",
    "QObject",
    "QProgressBar",
    "QThread",
    "QTimer",
    "QVBoxLayout",
    "Qt",
    "pyqtSignal",
]
