"""What a person wants of a removal, and how Krita remembers it: in kritarc, group `remove_background`."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional

from krita import Krita

from .matted_client.choices import DEFAULT
from .matted_client.errors import MattedError
from .matted_client.messages import EDGES, FINE, MAX_FEATHER, MAX_GROW

GROUP = "remove_background"
MASK, SELECTION, LAYER = OUTPUTS = ("mask", "selection", "layer")  # what becomes of the mask that was made


@dataclass(frozen=True)
class Options:
    """The fields up to `invert` are those of matted_client.messages.MaskRequest, with its ranges.

    plate: the name of a layer that shows the scene without the subject; empty for none. output: one of OUTPUTS.
    clean: colours without the background's in a new layer.
    """

    model: str = DEFAULT
    edges: str = FINE
    threshold: Optional[float] = None
    grow: int = 0
    feather: float = 0.0
    invert: bool = False
    plate: str = ""
    output: str = MASK
    clean: bool = True

    def request(self) -> Dict[str, Any]:
        """The fields of the request to the daemon."""
        fields = dataclasses.asdict(self)
        for name in ("plate", "output", "clean"):
            del fields[name]
        return dict(fields, foreground=self.output == LAYER and self.clean)


def of(values: Dict[str, Any]) -> Options:
    """The options that a script gives. Raises MattedError that names what is unknown or out of range."""
    for name, value in values.items():
        if name not in _VALID:
            raise MattedError("Remove Background has no option %r." % name, "It has: %s." % ", ".join(_VALID))
        if not _VALID[name](value):
            raise MattedError("Remove Background cannot use %s=%r." % (name, value), "See the manual of the plug-in.")
    return Options(**values)


def load() -> Options:
    """The options of last time. What cannot be read, or is out of range, is as it was at first."""
    values = {}
    for field in dataclasses.fields(Options):
        text = Krita.instance().readSetting(GROUP, field.name, "")
        try:
            value = _READ.get(field.name, str)(text)
        except ValueError:
            continue
        if text and _VALID[field.name](value):
            values[field.name] = value
    return Options(**values)


def save(options: Options) -> None:
    for name, value in dataclasses.asdict(options).items():
        Krita.instance().writeSetting(GROUP, name, "" if value is None else str(value))


def _is_number(value: Any, low: float, high: float) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


_VALID: Dict[str, Callable[[Any], bool]] = {
    "model": _is_text,
    "edges": lambda value: value in EDGES,
    "threshold": lambda value: value is None or _is_number(value, 0, 1),
    "grow": lambda value: isinstance(value, int) and _is_number(value, -MAX_GROW, MAX_GROW),
    "feather": lambda value: _is_number(value, 0, MAX_FEATHER) and not math.isnan(value),
    "invert": _is_bool,
    "plate": _is_text,
    "output": lambda value: value in OUTPUTS,
    "clean": _is_bool,
}
_READ: Dict[str, Callable[[str], Any]] = {
    "threshold": float,
    "grow": int,
    "feather": float,
    "invert": lambda text: text == "True",
    "clean": lambda text: text == "True",
}
