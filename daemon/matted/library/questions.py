"""One call of a function: what it asks the daemon about a picture, and what is made of the reply."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from matted_client import MattedError
from matted_client.options import MaskOptions, RefineOptions
from matted_client.pictures import Mask, OpenPicture, ignore, never

from matted.files import masks, pictures
from matted.files.connection import Ask, about
from matted.files.formats import known
from matted.files.formats.known import Form
from matted.files.framing import words
from matted.files.framing.backgrounds import Background, Scene
from matted.files.framing.frame import Frame
from matted.files.framing.layout import Margin
from matted.files.pictures import PictureError
from matted.library import keywords, kinds
from matted.library.kinds import Taken

_KEYWORDS = {
    "remove": (MaskOptions, keywords.RemoveKeywords),
    "mask": (MaskOptions, keywords.MaskKeywords),
    "refine": (RefineOptions, keywords.RefineKeywords),
}
_MOST_PAGES = 10_000
_READ = ("plate", "background")  # keywords whose files are read
_WHEN_OPENED = ("plate", "page", "keep_location")


class Question:
    """A question about a picture: the keyword arguments of a call, understood.

    progress, cancelled: as the client takes them.
    """

    def __init__(self, function: str, options: dict[str, Any], target: Any, mask: Any = None) -> None:
        """Understand a call.

        function: "remove", "mask" or "refine".
        options: its keyword arguments.
        target: the file that the result goes to; None if there is none.
        mask: that is refined.

        Raises TypeError, or MattedError for what cannot be.
        """
        self._refine = function == "refine"
        self._fields, self._rest = keywords.split(function, *_KEYWORDS[function], options)
        self._given = options
        self._hint = mask if self._refine else self._rest["hint"]
        self._mask_only = function == "mask" or (self._refine and not self._rest["cut_out"])
        self._frame = _frame(self._rest)
        if self._mask_only:
            self._frame.refuse_masks()
        self._target = None if target is None else Path(target)
        if self._target is None and self._rest["quality"] is not None:
            raise MattedError("quality is of use with a target alone.", "Give a target that is a WebP, AVIF or JPEG.")
        _refuse_outside("quality", self._rest["quality"], 1, 100)
        _refuse_outside("page", self._rest["page"], 1, _MOST_PAGES)
        self._form = None if self._target is None else self._form_of(self._target)
        self.progress = self._rest["progress"] or ignore
        self.cancelled = self._rest["cancelled"] or never

    def take(self, picture: Any) -> Taken:
        """Take the picture that it is about. Raises as kinds.take does."""
        return kinds.take(picture, "picture", self._rest["page"], self._rest["keep_location"])

    def _refuse_target(self, picture: Path, plate: Any) -> None:
        """Raise PictureError if the target is a file that is read, or it is known beforehand that it cannot be written.

        Read are the picture, a mask, a plate or a background. plate: that of an open picture.
        """
        if self._target is None:
            return
        pictures.refuse_to_replace(self._target, True)
        pictures.refuse_unwritable(self._target)
        if not self._target.exists():
            return
        read = {"picture": picture, "mask" if self._refine else "hint": self._hint}
        read |= {"plate": plate, **{name: self._rest[name] for name in _READ if self._rest[name] is not None}}
        for name, value in read.items():
            if isinstance(value, (str, os.PathLike)) and os.path.exists(value) and self._target.samefile(value):
                raise PictureError(f"{self._target} is the {name} itself.", "Write the result to another file.")

    def refuse_what_is_open(self) -> None:
        """Raise MattedError for what can be said only when a picture is opened."""
        for name in self._given:
            if name in _WHEN_OPENED:
                raise MattedError(f"{name} is of no use for a picture that is open.", f"Say it to open(…, {name}=…).")

    def fields_of(self, taken: Taken, plate: Any = None) -> dict[str, Any]:
        """Return the fields of the request about a picture, but for its plate. Raises MattedError.

        plate: as it was given when the picture was opened.
        """
        self._refuse_target(taken.name, plate)
        colours = self._rest["clean_colours"] and not self._mask_only
        fields = {**self._fields, "foreground": colours, "tiles": colours}
        if self._hint is not None or self._refine:
            given = kinds.take_mask(self._hint, "mask" if self._refine else "hint")
            strokes = not self._refine
            mask = masks.of(given.picture, given.name, taken.name, taken.picture, strokes)
            fields["hint"] = mask.tobytes()
        return fields

    def of_pixels(self, taken: Taken) -> Ask:
        """Return what asks a session about a picture that is sent with the question."""
        fields = self.fields_of(taken)
        if self._rest["plate"] is not None:
            fields["plate"] = plate_of(self._rest["plate"], taken)
        return about(taken.picture, fields, self._refine)

    def of_open(self, taken: Taken, fields: dict[str, Any], picture: OpenPicture) -> Mask:
        """Ask about a picture that the daemon has. fields: as `fields_of` returned them."""
        question = picture.refine if self._refine else picture.mask
        depth = 16 if taken.picture.is_deep else 8
        return question(**fields, depth=depth, on_progress=self.progress, cancelled=self.cancelled)

    def give(self, taken: Taken, reply: Mask) -> Any:
        """Return the result of the picture's kind, or write it and return its file. Raises PictureError."""
        result = self._frame.of_reply(taken.picture, reply, self._mask_only)
        if self._target is None or self._form is None:
            return taken.give(result)
        pictures.refuse_too_large(taken.name, result, self._form)
        pictures.write(result, self._target, True, self._form, self._rest["quality"])
        return self._target

    def _form_of(self, target: Path) -> Form:
        """Return the format of a result by the name of its file."""
        pictures.refuse_no_name(target)
        form = known.form_of(target.name)
        endings = ", ".join(form.suffixes[0] for form in known.FORMS.values() if known.can_write(form))
        if form is None or not known.can_write(form):
            raise PictureError(f"The ending of {target} names no format that can be written.", f"Use one of {endings}.")
        if not (form.alpha or self._mask_only or self._frame.is_opaque):
            raise PictureError(f"A {form.title} cannot be transparent, and a cut-out is.", "Give it a background.")
        if self._rest["quality"] is not None and form.quality is None:
            raise PictureError(f"{form.title} has no quality: it keeps every sample.", "Leave it out.")
        return form


def plate_of(plate: Any, taken: Taken) -> bytes:
    """Return the pixels of a plate, in the format of those of its picture. Raises PictureError if it has others."""
    found, picture = kinds.take(plate, "plate"), taken.picture
    if found.picture.image.size != picture.image.size:
        sizes = "{} x {} pixels, {} {} x {}".format(*found.picture.image.size, taken.name, *picture.image.size)
        raise PictureError(f"{found.name} has {sizes}.", "Take both from a tripod, and crop them alike.")
    return found.picture.image.convert(picture.image.mode).tobytes()


def _frame(rest: dict[str, Any]) -> Frame:
    """Return how the result is framed. Raises MattedError for what cannot be."""
    background, crop, size, shadow = (rest[name] for name in ("background", "crop", "size", "add_shadow"))
    margin: Margin | None = None if crop is None else words.margin(str(crop))
    return Frame(
        None if background is None else _background(background),
        margin,
        None if size is None else _size(size),
        rest["square"],
        None if shadow is None else words.darkness(str(shadow)),
    )


def _size(size: Any) -> tuple[int, int]:
    """Return a width and a height. Raises MattedError for what is none."""
    try:
        text = size if isinstance(size, str) else "x".join(map(str, size))
    except TypeError:  # one number alone
        text = str(size)
    return words.size(text)


def _refuse_outside(name: str, value: Any, low: int, high: int) -> None:
    """Raise MattedError for a keyword that is not a whole number within limits."""
    if value is not None and not (isinstance(value, (int, np.integer)) and low <= value <= high):
        raise MattedError(f"{name} has to be a whole number, {low} to {high}, not {value!r}.")


def _background(background: Any) -> Background:
    if isinstance(background, tuple):
        return words.background(f"rgb({','.join(map(str, background))})")
    if isinstance(background, str):
        return words.background(background)
    return Scene(kinds.take(background, "background").picture)
