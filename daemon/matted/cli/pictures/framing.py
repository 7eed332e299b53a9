"""The arguments that say what a result is shown on and how large: background, crop, size, square, shadow."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from matted_client import MattedError

if TYPE_CHECKING:
    from matted.files.framing.frame import Frame

_SHADOW = 50  # percent: how dark a shadow is that nobody has said more of


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a frame."""
    group = parser.add_argument_group("what the result is shown on")
    group.add_argument(
        "--background",
        type=_parser("background"),
        metavar="COLOUR|IMAGE|blur[:RADIUS]",
        help="what the subject lies on: a colour, as white or #ffcc00; a picture, which is scaled to cover; or the"
        " picture itself, blurred",
    )
    group.add_argument(
        "--crop",
        type=_parser("margin", "Without one, --crop comes behind the pictures."),
        nargs="?",
        const="0",
        metavar="MARGIN",
        help="show the subject alone, with a margin in pixels, as 20, or in percent of its longer side, as 5%%",
    )
    group.add_argument("--size", type=_parser("size"), metavar="WxH", help="fit it into a result of this size")
    group.add_argument("--square", action="store_true", help="make the result as wide as it is high")
    group.add_argument(
        "--add-shadow",
        type=_parser("darkness", "Without it, --add-shadow comes behind the pictures."),
        nargs="?",
        const=str(_SHADOW),
        metavar="1..100",
        help=f"draw a soft shadow below the subject, so dark in percent (default: {_SHADOW})",
    )


def frame(given: argparse.Namespace) -> Frame:
    """Return the frame that the arguments say. Raises MattedError if they contradict each other."""
    from matted.files.framing.frame import Frame

    result = Frame(given.background, given.crop, given.size, given.square, given.add_shadow)
    if given.mask:
        result.refuse_masks()
    return result


def _parser(part: str, hint: str = "") -> Callable[[str], Any]:
    """Return the function that parses a part of a frame, one of framing.words. hint: for what it refuses."""

    def parse(text: str) -> Any:
        from matted.files.framing import words

        try:
            return getattr(words, part)(text)
        except MattedError as error:
            raise argparse.ArgumentTypeError(f"{error.message} {hint or error.hint}".strip()) from error

    return parse
