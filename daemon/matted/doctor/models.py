"""The installed models: are their files what was installed, and may they be used."""

from __future__ import annotations

from collections.abc import Iterator

from matted_client import MattedError

from matted.doctor.finding import FAIL, NOTE, OK, Finding
from matted.doctor.patient import Patient
from matted.models import catalogue
from matted.models.catalogue import Catalogue, Row
from matted.models.store import Store


def check_models(patient: Patient) -> Iterator[Finding]:
    try:
        known = catalogue.load(patient.settings.folder / catalogue.OWN_FILE)
    except MattedError as error:
        yield Finding(FAIL, "Models", error.message, error.hint or f"Correct {catalogue.OWN_FILE} or delete it.")
        known = catalogue.load()
    store = Store(patient.settings.models)
    for row in known.rows.values():
        if (store.folder / row.id).exists():
            yield _installed(row, store)
    yield from _default(patient.settings.model, known, store)


def _installed(row: Row, store: Store) -> Finding:
    subject = f"Model {row.id}"
    if not store.verify(row):
        return Finding(FAIL, subject, "Its files are damaged.", f"Get it again with: {_how_to_get(row)}")
    if row.accept and not store.licences.accepted(row):
        what = f"Its licence ({row.licence}, {row.use}) was not accepted, so it cannot be used."
        return Finding(FAIL, subject, what, f"Run: matted models pull {row.made_from or row.id}")
    return Finding(OK, subject, f"It is intact. Licence {row.licence}: {row.use}.")


def _default(model: str, known: Catalogue, store: Store) -> Iterator[Finding]:
    subject = f"Default model {model}"
    row = known.rows.get(model)
    if row is None:
        yield Finding(FAIL, subject, "There is no such model.", "Choose another with: matted models default ID")
    elif (store.folder / model).exists():
        return
    elif store.installed(row):
        yield Finding(OK, subject, f"It lies at {store.placed(row)} and is taken with the first picture.")
    elif row.automatic:
        what = "It is not on this computer yet, and is fetched with the first picture."
        yield Finding(NOTE, subject, what, f"To have it now: {_how_to_get(row)}")
    else:
        yield Finding(FAIL, subject, "It is not on this computer.", f"Get it with: {_how_to_get(row)}")


def _how_to_get(row: Row) -> str:
    return f"matted models add FILE --id {row.id}" if row.own else f"matted models pull {row.id}"
