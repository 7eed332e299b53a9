"""The Qt of this Krita: 5 up to Krita 5.3, 6 from Krita 6 on.

A process bears only one of the two, so Krita is asked; trying imports could load the wrong one.
"""

import importlib

import pykrita

_BINDING = "PyQt6" if getattr(pykrita, "qt_major_version", lambda: 5)() >= 6 else "PyQt5"

QtCore = importlib.import_module(_BINDING + ".QtCore")
QtGui = importlib.import_module(_BINDING + ".QtGui")
QtWidgets = importlib.import_module(_BINDING + ".QtWidgets")
