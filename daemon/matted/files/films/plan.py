"""Plan what becomes of each film, or of a folder of frames that are one scene: in which format, and where it goes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from pathlib import Path

from matted.files import pictures
from matted.files.batches import finding, naming
from matted.files.batches.naming import Identity, Wish
from matted.files.films import animated, forms, plates, sinks
from matted.files.films.forms import PRORES, WEBP, FilmError, FilmForm
from matted.files.films.runner import Film
from matted.files.films.source import Source, Span
from matted.files.films.telling import outcomes
from matted.files.formats import known
from matted.files.formats.known import PNG, Form
from matted.files.framing.frame import Frame as Framing

PLAIN = Framing()
RATE = Fraction(25)  # frames a second of numbered frames, if nobody says it
_NAMED = "%06d"
_PATTERN = "frame-%05d.png"


def refuse_frame(frame: Framing) -> None:
    """Raise FilmError for a frame that films cannot have."""
    if frame.crop is not None:
        message = "--crop is for pictures: a film is made in one pass, and only its end shows where the subject was."
        raise FilmError(message, "Choose a size with --size, or --square; crop the result in an editor.")


def plan_films(
    inputs: Sequence[Path],
    output: str | None,
    kind: str,
    span: Span,
    form: str | None = None,
    frame: Framing = PLAIN,
    overwrite: bool = False,
    skip_existing: bool = False,
    others: Sequence[Path] = (),
) -> list[Film]:
    """Decide where the result of each film goes. Nothing is written.

    output: a film; a folder, of numbered pictures unless `form` is a film's; a file with %05d in its name for numbered
        pictures; None for a film beside the film.
    kind: of the results: naming.KINDS.
    form: a name that --format takes, None for that of `output`.
    frame: what results are shown on, and how large.
    overwrite: whether results may replace files that exist. skip_existing: whether these count as done.
    others: files that are read besides, which no result may replace.

    Raises FilmError or PictureError.
    """
    span.refuse_empty()
    refuse_frame(frame)
    several = len(inputs) > 1
    if several and output is not None and not _is_folder(output):
        raise FilmError(f"{output} is one file, and there are {len(inputs)} films.", f"Name a folder: {output}{os.sep}")
    names = _names(inputs, output, kind, form)
    read, films = naming.identities([*inputs, *others]), []
    for path, target in zip(inputs, names, strict=True):
        wanted = _form(path, output, form)
        source = plates.open_film(path, span)
        if isinstance(wanted, FilmForm):
            film = Film(source, target, wanted)
            _refuse_read(film, read)
            _refuse(wanted, source, target, frame, kind, overwrite, skip_existing)
        else:
            name = numbered(target if not _pattern(output) else Path(output or ""))
            film = Film(source, target, wanted, name)
            _refuse_read(film, read)
            _refuse_files(name(0), overwrite, skip_existing)
        films.append(film)
    return films


def plan_folder(
    folder: Path,
    output: str | None,
    kind: str,
    span: Span,
    rate: Fraction,
    form: str | None = None,
    frame: Framing = PLAIN,
    overwrite: bool = False,
    skip_existing: bool = False,
    others: Sequence[Path] = (),
) -> Film:
    """Decide where the result of a folder of frames goes. As plan_films, but for:

    output: None or a folder for pictures with the names of the frames.
    rate: frames a second.
    """
    span.refuse_empty()
    refuse_frame(frame)
    files = animated.in_order(finding.list_pictures(folder))
    source, read = animated.Numbered(folder, files, rate, span), naming.identities([*files, *others])
    wanted = _form(folder, output or os.sep, form)
    if isinstance(wanted, FilmForm):
        ending = naming.ending(kind, wanted.suffixes[0])
        target = Path(output) if output is not None and not _is_folder(output) else None
        target = target or (Path(output) if output else folder.parent) / f"{folder.resolve().name}{ending}"
        film = Film(source, target, wanted)
        _refuse_read(film, read)
        _refuse(wanted, source, target, frame, kind, overwrite, skip_existing)
        return film
    target = Path(output) if output else folder / naming.FOLDERS[kind]
    wishes = [Wish(file, target, wanted.suffixes[0]) for file in source.taken]
    name = numbered(target) if _pattern(output) else naming.targets(wishes).__getitem__
    film = Film(source, target, wanted, name)
    _refuse_read(film, read)
    _refuse_files(name(0), overwrite, skip_existing)
    return film


def numbered(target: Path) -> Callable[[int], Path]:
    """Return what names the file of a frame, from 1 on. target: a name with %05d in it, or a folder."""
    pattern = target if forms.NUMBER.search(target.name) else target / f"{_NAMED}.png"

    def name(index: int) -> Path:
        return pattern.with_name(
            forms.NUMBER.sub(lambda found: f"{index + 1:{(found[1] or '')}d}", pattern.name, count=1)
        )

    return name


def seconds(text: str) -> Fraction:
    """Parse a time: seconds, M:S or H:M:S, with a part of a second or without. Raises ValueError."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts[:-1]):
        raise ValueError(text)
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", parts[-1]):
        raise ValueError(text)
    if len(parts) > 1 and any(Fraction(part) >= 60 for part in parts[1:]):
        raise ValueError(text)
    total = Fraction(0)
    for part in parts:
        total = 60 * total + Fraction(part)
    return total


def _names(inputs: Sequence[Path], output: str | None, kind: str, form: str | None) -> list[Path]:
    """Return the target of each film: a file, or a folder of numbered files."""
    if output is not None and not _is_folder(output):
        return [Path(output)]
    wishes = []
    for path in inputs:
        wanted = _form(path, output, form)
        if not isinstance(wanted, FilmForm):
            wishes.append(Wish(path, Path(output or "."), ""))
        elif output is None:
            wishes.append(Wish(path, path.parent, naming.ending(kind, wanted.suffixes[0])))
        else:
            wishes.append(Wish(path, Path(output), wanted.suffixes[0]))
    if len(inputs) == 1 and output is not None and wishes[0].ending == "":
        return [Path(output)]
    return naming.targets(wishes)


def _form(path: Path, output: str | None, form: str | None) -> FilmForm | Form:
    """Return the format of a film's result. Raises FilmError if its name says another one."""
    if _pattern(output):
        result = known.form_of(output or "")
        if result is None or form not in (None, result.name):
            raise FilmError(f"{output} names no format of pictures.", f"Call it {_PATTERN}, say.")
        return result
    if form is not None and (form in forms.FORMS or form == PNG.name):
        named = forms.FORMS.get(form, PNG)
        if output is not None and not _is_folder(output):
            suffix = Path(output).suffix.lower()
            if not isinstance(named, FilmForm):
                raise FilmError(f"{output} is one picture, and a film is many.", f"Name them {_PATTERN}, or a folder.")
            if suffix not in named.suffixes:
                better = Path(output).with_suffix(named.suffixes[0]).name
                raise FilmError(f"{output} would be {named.title}, and is not called so.", f"Call it {better}.")
        return named
    if form is not None:
        raise FilmError(f"{form} is no format of films.", f"There are: {', '.join(forms.FORMS)}, and png.")
    if output is None:
        return WEBP if path.suffix.lower() in forms.MOVING else PRORES
    if _is_folder(output):
        return PNG
    by_name = forms.form_of(output)
    if by_name is None and known.form_of(output) is not None:
        hint = f"Number the pictures: {Path(output).stem}-%05d{Path(output).suffix}"
        raise FilmError(
            f"{output} is one picture, and a film is many.",
            hint + (". Or make it an animated one: --format apng" if output.lower().endswith(".png") else ""),
        )
    if by_name is None:
        suffixes = ", ".join(each.suffixes[0] for each in forms.FORMS.values())
        raise FilmError(f"{output} names no format of films.", f"Its name has to end in {suffixes}.")
    return by_name


def _refuse(
    form: FilmForm, source: Source, target: Path, frame: Framing, kind: str, overwrite: bool, skip_existing: bool
) -> None:
    """Raise FilmError if a film cannot be made."""
    forms.refuse_missing(form)
    width, height = outcomes.size_of_results(source.about, frame)
    if form.even and (width % 2 or height % 2):
        message = f"{target} would have {width} x {height} pixels, and {form.title} takes even numbers of them alone."
        raise FilmError(message, "Choose another size, with --size, or another format: --format prores, or vp9")
    if not (form.alpha or frame.is_opaque or kind in naming.MASKS):
        hint = "Give it a background: --background white. Or choose another format: --format prores, or vp9"
        raise FilmError(f"{form.title} cannot be transparent, and a cut-out is.", hint)
    if not (skip_existing and target.is_file()):
        pictures.refuse_to_replace(target, overwrite)


def _refuse_files(first: Path, overwrite: bool, skip_existing: bool) -> None:
    """Raise PictureError if the first of numbered files is there, and nobody has said what to do then."""
    if first.exists() and not (overwrite or skip_existing):
        raise FilmError(f"{first} exists.", "To make all anew: --force. To go on where a run ended: --skip-existing")
    pictures.refuse_to_replace(first, True)


def _refuse_read(film: Film, read: Collection[Identity]) -> None:
    """Raise FilmError if a result would replace a file that is read. read: what such files are known by."""
    names = [film.target] if film.name is None else map(film.name, range(film.source.about.count or 1))
    for name in names:
        sinks.refuse_same(name, read)


def _is_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or os.path.isdir(output) or not Path(output).suffix


def _pattern(output: str | None) -> bool:
    return output is not None and forms.NUMBER.search(Path(output).name) is not None
