"""The keyword arguments of the functions: their types, and the signature and text of `help` that are made of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from matted_client import Rejected, messages, options
from matted_client.messages import Progress

if TYPE_CHECKING:
    from matted.library.kinds import AnyPicture

F = TypeVar("F", bound=Callable[..., Any])

# What is no option of matted_client: its default, and what it is for.
OTHERS: dict[str, tuple[Any, str]] = {
    "clean_colours": (True, "Take the old background's colour out of hair and soft edges of the cut-out."),
    "cut_out": (False, "Return the picture cut out by the refined mask, in the place of the mask."),
    "box": (None, "Left, top, right, bottom: the subject lies within, in pixels of the upright picture."),
    "keep": ((), "Points x, y that belong to the subject."),
    "drop": ((), "Points x, y that do not belong to the subject."),
    "hint": (None, "A picture of the same size: white is the subject, black the background, all else undecided."),
    "plate": (None, "The same scene without the subject, for models that compare."),
    "background": (
        None,
        'What the cut-out lies on: a colour as CSS has it, or its R, G, B; a picture; "blur" or "blur:RADIUS".',
    ),
    "add_shadow": (None, "A soft shadow below the subject, 1 to 100 percent dark."),
    "crop": (None, 'Show the box of the subject with this margin: pixels, or percent, such as 20 or "5%".'),
    "size": (None, "Width and height in pixels, into which the result is fitted."),
    "square": (False, "Make the result as wide as it is high."),
    "page": (None, "Of a TIFF that has several, from 1 on."),
    "quality": (None, "Of a target that is a WebP, AVIF or JPEG: 1 to 100."),
    "keep_location": (False, "Say in the result where the picture was taken."),
    "progress": (None, "Is called with each Progress, in the thread of the call."),
    "cancelled": (None, "Is called some twenty times a second; once it returns True, the call raises Rejected."),
}
_PLACES = ("box", "keep", "drop")


class _Others(TypedDict, total=False):
    box: Sequence[int] | None
    keep: Sequence[Sequence[int]]
    drop: Sequence[Sequence[int]]
    crop: float | str | None
    size: tuple[int, int] | None
    square: bool
    page: int | None
    quality: int | None
    keep_location: bool
    progress: Callable[[Progress], object] | None
    cancelled: Callable[[], bool] | None


class _CutOut(TypedDict, total=False):
    clean_colours: bool
    background: AnyPicture | tuple[int, int, int] | None
    add_shadow: int | None


class _Tuning(TypedDict, total=False):
    threshold: float | None
    grow: int
    feather: float
    invert: bool


class MaskKeywords(_Tuning, _Others, total=False):
    """The keyword arguments of `mask`: the fields of MaskOptions, and some of OTHERS."""

    model: str
    edges: Literal["off", "fine", "hair"]
    second_look: bool
    anyway: bool
    holes: Literal["auto", "open", "keep"]
    shadow: Literal["auto", "drop", "keep"]
    hint: AnyPicture | None
    plate: AnyPicture | None


class RemoveKeywords(MaskKeywords, _CutOut, total=False):
    """The keyword arguments of `remove`: those of `mask`, and those of a cut-out."""


class RefineKeywords(_Tuning, _Others, _CutOut, total=False):
    """The keyword arguments of `refine`: the fields of RefineOptions, and some of OTHERS."""

    reach: float | None
    cut_out: bool


def documented(kind: type[Any], keywords: Any) -> Callable[[F], F]:
    """Give a function that takes **options the signature and the text of all that it takes.

    kind: the dataclass of its options. keywords: the TypedDict of all.
    """

    def decorate(function: F) -> F:
        entries, types = options.entries(kind), _types(keywords)
        said = {name: (entry.default, entry.sentences) for name, entry in entries.items()}
        said |= {name: each for name, each in OTHERS.items() if name in types}
        plain = inspect.signature(function)
        parameters = [each for each in plain.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        for name, (default, _) in said.items():
            how = {"default": default, "annotation": types[name]}
            parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, **how))
        vars(function)["__signature__"] = plain.replace(parameters=parameters)
        lines = [f"{name}: {text}" for name, (_, text) in said.items()]
        function.__doc__ = "\n".join([inspect.getdoc(function) or "", "", "Keywords:", "", *lines])
        return function

    return decorate


def split(function: str, kind: type[Any], keywords: Any, values: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return those keyword arguments that are fields of a request, and a dictionary of all others, given or not.

    function: that they were given to. kind, keywords: as those of `documented`.

    Raises TypeError for an unknown name, and Rejected for a value that no request can have.
    """
    entries, types = options.entries(kind), _types(keywords)
    request = messages.MaskRequest if kind is options.MaskOptions else messages.RefineRequest
    known = {field.name: field.metadata["field"] for field in dataclasses.fields(request)}
    fields: dict[str, Any] = {}
    rest = {name: default for name, (default, _) in OTHERS.items() if name not in _PLACES}
    for name, value in values.items():
        if name not in types:
            raise TypeError(f"{function}() has no argument {name!r}. It has: {', '.join(types)}.")
        if name not in entries and name not in _PLACES:
            rest[name] = value
            continue
        fields[name] = _plain(value)
        if problem := known[name].problem(fields[name]):
            raise Rejected(messages.BAD_REQUEST, f"{name}={value!r} is {problem}.")
    return fields, rest


def _types(keywords: Any) -> dict[str, str]:
    return {name: found.__forward_arg__ for name, found in keywords.__annotations__.items()}


def _plain(value: Any) -> Any:
    """Return a value as messages have it: numbers of NumPy as Python's, and all that has an order as lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
