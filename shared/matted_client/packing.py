"""The subset of msgpack that matted's headers use: nil, bool, int, float, str, bytes, list, map.

Standard library only, because the Python inside GIMP and Krita has no msgpack. Follows the msgpack specification
(https://github.com/msgpack/msgpack/blob/master/spec.md); extension types are refused.
"""

from __future__ import annotations

import operator
import struct
from typing import Any, Dict, List, Tuple

from .errors import ProtocolError

MAX_DEPTH = 8  # headers nest three levels at most; this keeps hostile input from exhausting the stack


def pack(value: Any) -> bytes:
    """Encode `value`. Raises TypeError for a type, OverflowError for an int, that msgpack headers do not carry."""
    out = bytearray()
    _pack(value, out)
    return bytes(out)


def unpack(data: bytes) -> Any:
    """Decode exactly one value. Raises ProtocolError if `data` is not one well-formed value and nothing more."""
    try:
        value, end = _unpack(memoryview(data), 0, 0)
    except (struct.error, IndexError) as error:
        raise ProtocolError("A message header ended too early.") from error
    except (UnicodeDecodeError, TypeError) as error:  # TypeError: an unhashable map key
        raise ProtocolError("A message header is not valid msgpack.") from error
    if end != len(data):
        raise ProtocolError("A message header has bytes behind its end.")
    return value


def _pack(value: Any, out: bytearray) -> None:
    if value is None:
        out.append(0xC0)
    elif value is True or value is False:
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _pack_int(value, out)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        raw = value.encode("utf-8", "backslashreplace")  # file names may hold bytes that are not UTF-8
        _pack_length(len(raw), out, fix=(0xA0, 31), sizes=((0xD9, ">B"), (0xDA, ">H"), (0xDB, ">I")))
        out += raw
    elif isinstance(value, (bytes, bytearray, memoryview)):
        raw = bytes(value)
        _pack_length(len(raw), out, fix=None, sizes=((0xC4, ">B"), (0xC5, ">H"), (0xC6, ">I")))
        out += raw
    elif isinstance(value, (list, tuple)):
        _pack_length(len(value), out, fix=(0x90, 15), sizes=((0xDC, ">H"), (0xDD, ">I")))
        for item in value:
            _pack(item, out)
    elif isinstance(value, dict):
        _pack_length(len(value), out, fix=(0x80, 15), sizes=((0xDE, ">H"), (0xDF, ">I")))
        for key, item in value.items():
            _pack(key, out)
            _pack(item, out)
    elif hasattr(value, "__index__"):  # a whole number of another type, such as numpy's
        _pack_int(operator.index(value), out)
    else:
        raise TypeError("cannot pack %s" % type(value).__name__)


def _pack_int(value: int, out: bytearray) -> None:
    if -32 <= value <= 127:
        out += struct.pack(">b", value)
    elif 0 <= value <= 0xFF:
        out += struct.pack(">BB", 0xCC, value)
    elif 0 <= value <= 0xFFFF:
        out += struct.pack(">BH", 0xCD, value)
    elif 0 <= value <= 0xFFFFFFFF:
        out += struct.pack(">BI", 0xCE, value)
    elif 0 <= value <= 0xFFFFFFFFFFFFFFFF:
        out += struct.pack(">BQ", 0xCF, value)
    elif -0x8000000000000000 <= value < 0:
        out += struct.pack(">Bq", 0xD3, value)
    else:
        raise OverflowError("%d does not fit a msgpack integer" % value)


def _pack_length(length: int, out: bytearray, fix: Any, sizes: Tuple[Tuple[int, str], ...]) -> None:
    if fix is not None and length <= fix[1]:
        out.append(fix[0] | length)
        return
    for code, form in sizes:
        if length < 1 << (8 * struct.calcsize(form)):
            out.append(code)
            out += struct.pack(form, length)
            return
    raise OverflowError("too long for msgpack")


_SCALARS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
_SCALARS.update({0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"})
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_STRINGS = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_BINARIES = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I"}
_LISTS = {0xDC: ">H", 0xDD: ">I"}
_MAPS = {0xDE: ">H", 0xDF: ">I"}


def _unpack(data: memoryview, at: int, depth: int) -> Tuple[Any, int]:
    """Return (value, offset behind it)."""
    if depth > MAX_DEPTH:
        raise ProtocolError("A message header is nested too deeply.")
    code = data[at]
    at += 1
    if code <= 0x7F:
        return code, at
    if code >= 0xE0:
        return code - 0x100, at
    if code in _CONSTANTS:
        return _CONSTANTS[code], at
    if code in _SCALARS:
        return _read(data, at, _SCALARS[code])
    if 0xA0 <= code <= 0xBF:
        return _text(data, at, code & 0x1F)
    if code in _STRINGS:
        length, at = _read(data, at, _STRINGS[code])
        return _text(data, at, length)
    if code in _BINARIES:
        length, at = _read(data, at, _BINARIES[code])
        return _slice(data, at, length)
    if 0x90 <= code <= 0x9F:
        return _list(data, at, code & 0x0F, depth)
    if code in _LISTS:
        length, at = _read(data, at, _LISTS[code])
        return _list(data, at, length, depth)
    if 0x80 <= code <= 0x8F:
        return _map(data, at, code & 0x0F, depth)
    if code in _MAPS:
        length, at = _read(data, at, _MAPS[code])
        return _map(data, at, length, depth)
    raise ProtocolError("A message header uses an unsupported msgpack type.")


def _read(data: memoryview, at: int, form: str) -> Tuple[Any, int]:
    return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)


def _slice(data: memoryview, at: int, length: int) -> Tuple[bytes, int]:
    if length > len(data) - at:
        raise IndexError
    return bytes(data[at : at + length]), at + length


def _text(data: memoryview, at: int, length: int) -> Tuple[str, int]:
    raw, at = _slice(data, at, length)
    return raw.decode("utf-8"), at


def _list(data: memoryview, at: int, length: int, depth: int) -> Tuple[List[Any], int]:
    items = []
    for _ in range(length):  # a declared length is never trusted: running out of bytes ends it
        item, at = _unpack(data, at, depth + 1)
        items.append(item)
    return items, at


def _map(data: memoryview, at: int, length: int, depth: int) -> Tuple[Dict[Any, Any], int]:
    result = {}
    for _ in range(length):
        key, at = _unpack(data, at, depth + 1)
        result[key], at = _unpack(data, at, depth + 1)
    return result, at
