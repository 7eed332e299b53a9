"""The Qt of this Krita: 5 up to Krita 5.3, 6 from Krita 6 on.

A process bears only one of the two, so Krita is asked; trying imports could load the wrong one.
"""

import pykrita

if getattr(pykrita, "qt_major_version", lambda: 5)() >= 6:
    from PyQt6.QtCore import (
        QByteArray,
        QCoreApplication,
        QLocale,
        QObject,
        QRect,
        Qt,
        QThread,
        QTimer,
        QUrl,
        pyqtSignal,
    )
    from PyQt6.QtGui import QDesktopServices, QIcon, QPalette
    from PyQt6.QtWidgets import (
        QCheckBox,
        QComboBox,
        QDialog,
        QDialogButtonBox,
        QDoubleSpinBox,
        QFormLayout,
        QLabel,
        QMessageBox,
        QProgressBar,
        QSpinBox,
        QVBoxLayout,
    )
else:
    from PyQt5.QtCore import (
        QByteArray,
        QCoreApplication,
        QLocale,
        QObject,
        QRect,
        Qt,
        QThread,
        QTimer,
        QUrl,
        pyqtSignal,
    )
    from PyQt5.QtGui import QDesktopServices, QIcon, QPalette
    from PyQt5.QtWidgets import (
        QCheckBox,
        QComboBox,
        QDialog,
        QDialogButtonBox,
        QDoubleSpinBox,
        QFormLayout,
        QLabel,
        QMessageBox,
        QProgressBar,
        QSpinBox,
        QVBoxLayout,
    )

__all__ = [
    "QByteArray",
    "QCheckBox",
    "QComboBox",
    "QCoreApplication",
    "QDesktopServices",
    "QDialog",
    "QDialogButtonBox",
    "QDoubleSpinBox",
    "QFormLayout",
    "QIcon",
    "QLabel",
    "QLocale",
    "QMessageBox",
    "QObject",
    "QPalette",
    "QProgressBar",
    "QRect",
    "QSpinBox",
    "QThread",
    "QTimer",
    "QUrl",
    "QVBoxLayout",
    "Qt",
    "pyqtSignal",
]
