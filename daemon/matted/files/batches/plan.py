"""Plan where each result of a run goes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from matted.files.batches import finding, naming
from matted.files.batches.finding import PassedOver
from matted.files.batches.naming import Identity, Wish
from matted.files.batches.runner import Step
from matted.files.formats import known
from matted.files.formats.known import PNG, Form
from matted.files.pictures import PictureError


@dataclass(frozen=True)
class Plan:
    """The steps of a run, in order.

    overwrite: whether results may replace files that exist.
    skip_existing: whether pictures whose results exist are left out.
    passed_over: what is in the folders and was not looked at.
    alone: whether it is a single picture that was named, not a folder.
    form: the format of the results.
    wanted: what each picture needs besides itself, if something: "mask", "plate".
    unmatched: pictures that are left out, since they have no such file, or several; with these.
    """

    steps: list[Step]
    overwrite: bool
    skip_existing: bool
    passed_over: PassedOver
    alone: bool
    form: Form = PNG
    wanted: str = ""
    unmatched: dict[Path, list[Path]] = field(default_factory=dict)


def plan(
    inputs: Sequence[Path],
    output: str | None,
    kind: str,
    overwrite: bool,
    skip_existing: bool = False,
    recursive: bool = False,
    leave_out: Collection[Path] = (),
    form: Form | None = None,
) -> Plan:
    """Decide where every result goes. Nothing is written.

    inputs: picture files, and folders of them; what is named twice is taken once.
    output: a file for a single picture, else a folder; None for beside the pictures.
    kind: of the results: one of naming.KINDS.
    overwrite: whether results may replace files that exist.
    skip_existing: whether pictures whose results exist are left out.
    recursive: whether folders are searched at any depth; their results lie in subfolders of the same names.
    leave_out: folders that are not looked into.
    form: the format of the results; None for that of `output`, or PNG.

    A result that goes into a folder of pictures is called -cutout.png, -mask.webp and the like, by which a later run
    knows it.

    Raises PictureError if a folder has no pictures, `output` does not fit, or a result would replace a picture.
    """
    alone = len(inputs) == 1 and not os.path.isdir(inputs[0])
    into_folder = output is not None and not (alone and not _means_folder(output))
    if output is not None and into_folder and os.path.exists(output) and not os.path.isdir(output):
        raise PictureError(f"{output} is a file, but there are several results.", "Name a folder with -o.")
    if output is not None and not into_folder:
        form = _form_by_name(output, form)
        steps, passed_over, named = [Step(inputs[0], Path(output))], PassedOver(), set(inputs)
    else:
        form = form or PNG
        place = Path(output) if output is not None else None
        folders = [entry for entry in inputs if os.path.isdir(entry)]
        named = set(inputs).difference(folders)
        ending = naming.ending(kind, form.suffixes[0])
        wishes = [Wish(file, place or file.parent, ending) for file in inputs if file in named]
        passed_over = PassedOver()
        for folder in folders:
            found = finding.find(folder, recursive, [*leave_out, *([place] if place else [])])
            top = place or folder / naming.FOLDERS[kind]
            wishes += [Wish(source, top / source.parent.relative_to(folder), ending) for source in found.pictures]
            passed_over.add(found.passed_over)
        wishes = _with_short_names(_without_doubles(wishes), form.suffixes[0])
        steps = [Step(wish.source, target) for wish, target in zip(wishes, naming.targets(wishes), strict=True)]
    _refuse_form(form)
    pictures = _without_results(steps, kind, form, set() if skip_existing else named)
    passed_over.results = len(steps) - len(pictures)
    refuse_to_replace_inputs(pictures)
    return Plan(pictures, overwrite, skip_existing, passed_over, alone, form)


def _means_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or os.path.isdir(output)


def _form_by_name(output: str, form: Form | None) -> Form:
    """Return the format of a result by its name. form: the one that was asked for."""
    named = known.form_of(output)
    if named is None or (form is not None and form != named):
        wanted = form or PNG
        suffix = wanted.suffixes[0]
        better = Path(output).with_suffix(suffix).name
        raise PictureError(
            f"{output} would be a {wanted.title} file, but its name does not end in {suffix}.",
            f"Call it {better}, or end the name of a folder with {os.sep}.",
        )
    return named


def _refuse_form(form: Form) -> None:
    """Raise PictureError if this installation cannot write a format."""
    if not known.can_write(form):
        others = ", ".join(known.transparent())
        raise PictureError(f"This installation of Pillow cannot write {form.title}.", f"Choose another: {others}.")


def _without_doubles(wishes: Iterable[Wish]) -> list[Wish]:
    """Leave out pictures that were there before, by whatever way their folder was named."""
    folders: dict[Path, Path] = {}
    result: dict[Path, Wish] = {}
    for wish in wishes:
        parent = wish.source.parent
        if parent not in folders:
            folders[parent] = Path(os.path.realpath(parent))
        result.setdefault(folders[parent] / wish.source.name, wish)
    return list(result.values())


def _with_short_names(wishes: Sequence[Wish], suffix: str) -> list[Wish]:
    """Shorten the endings to the suffix of those results that do not go into a folder of pictures."""
    crowded = {naming.place(parent) for parent in {wish.source.parent for wish in wishes}}
    into = {folder: naming.place(folder) for folder in {wish.folder for wish in wishes}}
    return [wish if into[wish.folder] in crowded else replace(wish, ending=suffix) for wish in wishes]


def _without_results(steps: Sequence[Step], kind: str, form: Form, named: Collection[Path]) -> list[Step]:
    """Leave out what is the result of another step, of any kind, as it lies in a folder from the second run on.

    kind, form: of the results of these steps.
    named: pictures that are not left out, since somebody has asked for them.
    """
    own, suffixes = naming.ending(kind, form.suffixes[0]), [other.suffixes[0] for other in known.FORMS.values()]
    endings = [naming.ending(other, suffix) for other in naming.KINDS for suffix in suffixes]
    targets = {naming.place(step.target): step for step in steps}
    # What results are called but for their endings: beside their pictures, and wherever those of this run go.
    begun = {_beside(step.source, step.source.stem) for step in steps}
    begun |= {
        _beside(step.target, step.target.name.removesuffix(own)) for step in steps if step.target.name.endswith(own)
    }

    def is_result(step: Step) -> bool:
        place = naming.place(step.source)
        if place in targets:
            return targets[place] is not step
        called = place, _beside(step.source, step.source.name)  # two where it is a link
        return any(name.endswith(end) and name.removesuffix(end) in begun for name in called for end in endings)

    return [step for step in steps if step.source in named or not is_result(step)]


def refuse_to_replace_inputs(steps: Sequence[Step], others: Mapping[Path, str] | None = None) -> None:
    """Raise PictureError if a result would replace a picture, or a mask, a plate or the like that is read.

    others: files that are read for all pictures, and what each is.
    """
    sources = naming.identities([step.source for step in steps])
    read = _read_besides(steps, others)
    for step in steps:
        target = naming.identities([step.target])
        if target & sources:
            another = not target & naming.identities([step.source])
            hint = "Choose another place with -o" + (", or leave out results with --skip-existing." if another else ".")
            raise PictureError(f"{step.target} is itself one of the pictures.", hint)
        if target & read.keys():
            message = f"{step.target} is itself a {_what(target, read)} that is read."
            raise PictureError(message, "Choose another place with -o.")


def refuse_among(path: Path, work: Plan, others: Mapping[Path, str] | None = None) -> None:
    """Raise PictureError if a report or a sheet would replace what the run reads, or one of its results.

    path: of the report or the sheet. others: files that are read for all pictures, and what each is.
    """
    files = dict.fromkeys(naming.identities([step.target for step in work.steps]), "one of the results")
    files |= {each: f"a {what} that is read" for each, what in _read_besides(work.steps, others).items()}
    sources = [*(step.source for step in work.steps), *work.unmatched]
    files |= dict.fromkeys(naming.identities(sources), "one of the pictures")
    if what := _what(naming.identities([path]), files):
        raise PictureError(f"{path} is itself {what}.", "Give it another name, or put it into another folder.")


def _read_besides(steps: Sequence[Step], others: Mapping[Path, str] | None) -> dict[Identity, str]:
    """Return what a run reads besides the pictures, by what each file is known by, and what it is."""
    read = {step.hint: "mask" for step in steps if step.hint is not None}
    read |= {step.plate: "plate" for step in steps if step.plate is not None}
    return {each: what for path, what in {**read, **(others or {})}.items() for each in naming.identities([path])}


def _what(identities: Collection[Identity], files: Mapping[Identity, str]) -> str:
    return next((files[each] for each in identities if each in files), "")


def _beside(path: Path, name: str) -> str:
    """Return the place of a file of that name in the folder of another file, if it is no link."""
    return naming.folded(Path(os.path.realpath(path.parent)) / name)
