"""The controls of the options dialog: for each kind of option a widget, and the option's value in it.

A control has `widget`, `label` (what stands in front of it, or empty), `value()`, `set_value(value)` and
`on_change(act)`. `row` is what is put into the dialog: the widget, with a slider beside it for a number.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Sequence

from .matted_client import options
from .matted_client.options import Option
from .model_chooser import ModelChooser
from .qt import QtCore, QtWidgets
from .texts import _

UNITS = {options.PIXELS: " px"}
SLIDER_STEPS, SLIDER_WIDTH = 200, 110
BOX_CHARACTERS = 12  # with the arrows: all boxes are as wide, and all sliders as long
FINE_FROM = 200  # the width of a range from which on a slider has more room for its lower end


def control(name: str, entry: Option, layers: Sequence[str]) -> Any:
    """Make the control of an option. layers: names of layers, to choose among where the option is a layer."""
    made = LayerControl(entry, layers) if entry.kind == options.LAYER else _CONTROLS[entry.kind](entry)
    made.widget.setObjectName(name)
    if entry.kind != options.MODEL:  # it has a line of its own for what is to be said
        made.widget.setToolTip(_(entry.about))
    return made


def with_key(label: str) -> str:
    """Turn a label into one of Qt, with & before the letter of its key."""
    return label.replace("&", "&&").replace("_", "&")


class Control:
    """The base of all controls but the check box: a widget with a label in front of it."""

    def __init__(self, entry: Option, widget: Any) -> None:
        self.widget = widget
        self.row = widget
        self.label = _("%s:") % with_key(_(entry.label))

    def enable(self, usable: bool) -> None:
        self.row.setEnabled(usable)


class ModelControl(Control):
    widget: ModelChooser

    def __init__(self, entry: Option) -> None:
        super().__init__(entry, ModelChooser())

    def value(self) -> str:
        return self.widget.chosen()

    def set_value(self, value: str) -> None:
        self.widget.choose(value)

    def on_change(self, act: Callable[[], None]) -> None:
        self.widget.currentIndexChanged.connect(lambda _index: act())


class ChoiceControl(Control):
    def __init__(self, entry: Option) -> None:
        super().__init__(entry, QtWidgets.QComboBox())
        for choice in entry.choices:
            self._add(_(choice.label), choice.value, _(choice.about))

    def _add(self, label: str, value: str, tip: str) -> None:
        self.widget.addItem(label, value)
        self.widget.setItemData(self.widget.count() - 1, tip, QtCore.Qt.ItemDataRole.ToolTipRole)

    def value(self) -> Any:
        return self.widget.currentData()

    def set_value(self, value: Any) -> None:
        """Choose an item, or the first one where there is none of that value."""
        self.widget.setCurrentIndex(max(0, self.widget.findData(value)))

    def on_change(self, act: Callable[[], None]) -> None:
        self.widget.currentIndexChanged.connect(lambda _index: act())


class LayerControl(ChoiceControl):
    """A layer is known by its name; None for no layer, and where the control is greyed out."""

    def __init__(self, entry: Option, layers: Sequence[str]) -> None:
        super().__init__(entry)
        self._add(_("None"), "", "")
        for name in layers:
            self._add(name, name, "")

    def value(self) -> Any:
        return super().value() or None if self.widget.isEnabled() else None

    def set_value(self, value: Any) -> None:
        super().set_value(value or "")


class YesNoControl(Control):
    def __init__(self, entry: Option) -> None:
        super().__init__(entry, QtWidgets.QCheckBox(with_key(_(entry.label))))
        self.label = ""  # the box has it behind itself

    def value(self) -> bool:
        return bool(self.widget.isChecked())

    def set_value(self, value: bool) -> None:
        self.widget.setChecked(value)

    def on_change(self, act: Callable[[], None]) -> None:
        self.widget.toggled.connect(lambda _checked: act())


class NumberControl(Control):
    """A box, and a slider that moves it. Says so, one step below the lowest value, for a number that is missing."""

    def __init__(self, entry: Option) -> None:
        whole = entry.kind == options.WHOLE
        super().__init__(entry, QtWidgets.QSpinBox() if whole else QtWidgets.QDoubleSpinBox())
        kind = int if whole else float
        low, high, step = kind(entry.low or 0), kind(entry.high or 0), kind(entry.step)
        self._missing = low - step if entry.default is None else None
        if not whole:
            self.widget.setDecimals(len(repr(step).partition(".")[2]))
        self.widget.setRange(low if self._missing is None else self._missing, high)
        self.widget.setSingleStep(step)
        self.widget.setSuffix(UNITS.get(entry.unit, ""))
        if self._missing is not None:
            said = entry.switch.missing if entry.switch is not None else ""
            self.widget.setSpecialValueText(_(said) if said else _("Off"))
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self._slider.setRange(0, SLIDER_STEPS)
        self._slider.setMinimumWidth(SLIDER_WIDTH)
        self._slider.setAccessibleName(self.label.replace("&", ""))
        self._slider.setObjectName("slider")
        self._is_fine = high - low > FINE_FROM and low >= 0
        self._slider.valueChanged.connect(self._slid)
        self.widget.valueChanged.connect(self._follow)
        self._follow()
        self.row = QtWidgets.QWidget()
        layout = QtWidgets.QHBoxLayout(self.row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self.widget)
        self.widget.setMinimumWidth(self.widget.fontMetrics().horizontalAdvance("0") * BOX_CHARACTERS)

    def _slid(self, step: int) -> None:
        part = step / SLIDER_STEPS
        low, high = self.widget.minimum(), self.widget.maximum()
        value = low + (high - low) * (part * part if self._is_fine else part)
        self.widget.setValue(round(value) if isinstance(low, int) else value)

    def _follow(self) -> None:
        """Put the slider to where the number is, without an effect on the number."""
        low, high = self.widget.minimum(), self.widget.maximum()
        part = (self.widget.value() - low) / (high - low)
        self._slider.blockSignals(True)
        self._slider.setValue(round(SLIDER_STEPS * (part**0.5 if self._is_fine else part)))
        self._slider.blockSignals(False)

    def value(self) -> Any:
        is_missing = self._missing is not None and self.widget.value() == self.widget.minimum()
        return None if is_missing else self.widget.value()

    def set_value(self, value: Any) -> None:
        self.widget.setValue(self._missing if value is None else value)

    def on_change(self, act: Callable[[], None]) -> None:
        self.widget.valueChanged.connect(lambda _value: act())


_CONTROLS: Dict[str, Callable[[Option], Any]] = {
    options.MODEL: ModelControl,
    options.CHOICE: ChoiceControl,
    options.YES_NO: YesNoControl,
    options.WHOLE: NumberControl,
    options.NUMBER: NumberControl,
}
