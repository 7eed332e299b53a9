"""What a field of a message, or an option, may hold, and the one sentence that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

_NOTHING = type(None)
_NAMES: Dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    bytes: "a byte string",
    list: "a list",
    dict: "a map",
}
_COUNTED = {str: "characters", bytes: "bytes", list: "entries", dict: "entries"}


@dataclass(frozen=True)
class Field:
    """The values that are possible.

    kinds: their types; None is possible if its type is among them.
    low, high: the range of a number, or of the length of anything else. None: no limit.
    values: the only ones that are possible. Empty: any of those types in that range.
    each: of a list, what its entries may be. None: anything.
    """

    kinds: Tuple[type, ...]
    low: Optional[float] = None
    high: Optional[float] = None
    values: Tuple[Any, ...] = ()
    each: Optional["Field"] = None

    def problem(self, value: Any) -> str:
        """What is wrong with `value`, to stand behind the name of the field. Empty if nothing is."""
        if not isinstance(value, self.kinds) or (isinstance(value, bool) and bool not in self.kinds):
            return "of a wrong type: it has to be %s" % self.wanted
        if value is None:
            return ""
        size: float = value if isinstance(value, (bool, int, float)) else len(value)  # type: ignore[arg-type]
        # written so that a float that is not a number is out of range
        inside = (self.low is None or size >= self.low) and (self.high is None or size <= self.high)
        if not inside or (self.values and value not in self.values):
            return "out of range: it has to be %s" % self.wanted
        if self.each is not None and any(map(self.each.problem, value)):  # type: ignore[call-overload]
            return "with a wrong entry: it has to be %s" % self.wanted
        return ""

    @property
    def wanted(self) -> str:
        """As "a whole number from -100 to 100"."""
        kind = next((each for each in (float, int) if each in self.kinds), self.kinds[0])
        words = "one of %s" % ", ".join(map(str, self.values)) if self.values else _NAMES[kind] + self._range(kind)
        if self.each is not None:
            words += ", each of them %s" % self.each.wanted
        return words + " or nothing" if _NOTHING in self.kinds else words

    def _range(self, kind: type) -> str:
        """The limits, as they stand behind a kind of value."""
        low, high = self.low, self.high
        if low is None and high is None:
            return ""
        unit = " " + _COUNTED[kind] if kind in _COUNTED else ""
        start = " of" if unit or low is None or high is None else ""
        if low is not None and high is not None:
            limits = "%g" % low if low == high else "%s%g to %g" % ("" if unit else "from ", low, high)
        elif high is not None:
            limits = "at most %g" % high
        else:
            limits = "at least %g" % (low or 0)
        return "%s %s%s" % (start, limits, unit)
