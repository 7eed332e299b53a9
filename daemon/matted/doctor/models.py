"""Check the installed models: their files, their licences, and the default model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from matted_client import MattedError
from matted_client.models import why_chosen
from matted_client.options import AUTO_MODEL

from matted.doctor.context import FAIL, NOTE, OK, Context, Finding
from matted.models import catalogue
from matted.models.catalogue import Catalogue
from matted.models.spec import ModelSpec
from matted.models.store import Store


def check_models(context: Context) -> Iterator[Finding]:
    """Check models.toml, each installed model, and the default model."""
    try:
        known = catalogue.load(context.settings.folder / catalogue.OWN_FILE)
    except MattedError as error:
        yield Finding(FAIL, "Models", error.message, error.hint or f"Correct {catalogue.OWN_FILE} or delete it.")
        known = catalogue.load()
    store = Store(context.settings.models)
    for spec in known.specs.values():
        if (store.folder / spec.id).exists():
            yield _installed(spec, store)
    if context.settings.model == AUTO_MODEL:
        yield from _chosen(context, known, store)
    else:
        yield from _default(context.settings.model, known, store, _there(context))


def _installed(spec: ModelSpec, store: Store) -> Finding:
    subject = f"Model {spec.id}"
    if not store.verify(spec):
        return Finding(FAIL, subject, "Its files are damaged.", f"Get it again with: {spec.how_to_get}")
    if spec.accept and not store.licences.accepted(spec):
        what = f"Its licence ({spec.licence}, {spec.use}) was not accepted, so it cannot be used."
        return Finding(FAIL, subject, what, f"Run: matted models pull {spec.licensed_by}")
    return Finding(OK, subject, f"It is intact. Licence {spec.licence}: {spec.use}.")


def _chosen(context: Context, known: Catalogue, store: Store) -> Iterator[Finding]:
    """Say which model is chosen by itself, and whether a better one could be had."""
    from matted.inference import choosing  # here: where psutil is broken, the other checks shall run all the same
    from matted.inference.paces import Paces

    paces = Paces(context.settings.paces, context.settings.target)
    there = _there(context)
    choice, better = choosing.without_daemon(context.settings, known, store, paces, there)
    spec = choice.spec
    if spec.id not in there and not store.installed(spec):
        yield from _default(spec.id, known, store, there)
        return
    seconds = f"{'' if choice.measured else 'an estimated '}{choice.seconds:.1f} s"
    what = f"{spec.id} is chosen by itself, and takes {seconds}. {why_chosen(choice.reason)}"
    todo = f"A better one can be had: {better.spec.how_to_get}" if better else ""
    yield Finding(OK, "Default model", what, todo)


def _there(context: Context) -> dict[str, str]:
    """Return where the server runs models, by their ids."""
    return {} if context.server is None else dict(context.server["models"])


def _default(model: str, known: Catalogue, store: Store, there: Mapping[str, str]) -> Iterator[Finding]:
    """Say where the default model is. there: as of `_there`."""
    subject = f"Default model {model}"
    spec = known.entries.get(model)
    if spec is None:
        yield Finding(FAIL, subject, "There is no such model.", "Choose another with: matted models default ID")
    elif not isinstance(spec, ModelSpec):
        yield Finding(OK, subject, "It is part of matted.")
    elif model in there:
        yield Finding(OK, subject, f"It runs on the server, {there[model]}.")
    elif (store.folder / model).exists():
        return
    elif store.installed(spec):
        yield Finding(OK, subject, f"It lies at {store.placed(spec)[0]} and is taken with the first picture.")
    elif spec.automatic:
        what = "It is not on this computer yet, and is fetched with the first picture."
        yield Finding(NOTE, subject, what, f"To have it now: {spec.how_to_get}")
    else:
        yield Finding(FAIL, subject, "It is not on this computer.", f"Get it with: {spec.how_to_get}")
