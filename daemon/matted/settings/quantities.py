"""Read times and sizes that a person wrote, with their units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def parse_seconds(value: Any) -> float:
    """Parse a number of seconds, or a text such as "90s", "10m", "2h", "forever". Raises ValueError."""
    if value == "forever":
        return math.inf
    return _parse_quantity(value, {"s": 1, "m": 60, "h": 3600})


def parse_size(value: Any) -> int:
    """Parse a number of bytes, or a text such as "500MB", "8GB". Raises ValueError."""
    return int(_parse_quantity(value, {"MB": 1_000_000, "GB": 1_000_000_000}))


def _parse_quantity(value: Any, units: Mapping[str, int]) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError
    unit = next((unit for unit in units if str(value).endswith(unit)), "")
    number = float(str(value)[: len(str(value)) - len(unit)]) * units.get(unit, 1)
    if not 0 <= number < math.inf:
        raise ValueError
    return number
