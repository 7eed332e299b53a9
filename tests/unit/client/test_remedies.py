"""What is offered when something went wrong."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Daemon
from matted_client import MattedError, Rejected, Unavailable, messages
from matted_client.remedies import DOWNLOAD, READ_LICENCE, USE_ANYWAY, facts_for, is_of_a_model, remedy
from words import MadeUp

FREE: dict[str, Any] = {
    "id": "mine",
    "title": "My model",
    "licence": "MIT",
    "licence_url": "https://licence.invalid",
    "commercial": True,
    "bytes": 178_000_000,
    "downloadable": True,
}
BOUGHT = {**FREE, "commercial": False, "downloadable": False}
OWN = {"licence_url": "", "bytes": 0, "downloadable": False}  # what the daemon says of a model that a person added
CODES = {value for name, value in vars(messages).items() if name.isupper() and isinstance(value, str)} - {"off"}


def rejected(code: str) -> Rejected:
    return Rejected(code, "It said so.", "And what to do.")


@pytest.mark.parametrize(
    ("code", "facts", "action", "button"),
    [
        (messages.NO_SUBJECT, {}, USE_ANYWAY, "_Use the mask anyway"),
        (messages.MODEL_NOT_INSTALLED, FREE, DOWNLOAD, "_Download"),
        (messages.MODEL_NOT_INSTALLED, BOUGHT, READ_LICENCE, "_Open the licence page"),
        (messages.LICENCE_NOT_ACCEPTED, BOUGHT, READ_LICENCE, "_Open the licence page"),
        (messages.LICENCE_NOT_ACCEPTED, FREE, READ_LICENCE, "_Open the licence page"),  # a free one that asks first
    ],
)
def test_what_helps_is_offered(code: str, facts: dict[str, Any], action: str, button: str) -> None:
    offered = remedy(rejected(code), facts)
    assert offered is not None
    assert (offered.action, offered.button, offered.facts) == (action, button, facts)


@pytest.mark.parametrize("facts", [{}, {**FREE, **OWN}, {**BOUGHT, **OWN}], ids=["unknown", "own", "own, not free"])
@pytest.mark.parametrize("code", [messages.MODEL_NOT_INSTALLED, messages.LICENCE_NOT_ACCEPTED])
def test_a_model_that_cannot_be_had_has_no_remedy(code: str, facts: dict[str, Any]) -> None:
    assert remedy(rejected(code), facts) is None


@pytest.mark.parametrize(
    "code", sorted(CODES - {messages.NO_SUBJECT, messages.MODEL_NOT_INSTALLED, messages.LICENCE_NOT_ACCEPTED})
)
def test_where_no_button_helps_none_is_offered(code: str) -> None:
    assert remedy(rejected(code), FREE) is None


@pytest.mark.parametrize("error", [MattedError("No."), Unavailable("Gone.", "Start it.")])
def test_what_the_daemon_did_not_say_has_no_remedy(error: MattedError) -> None:
    assert remedy(error, FREE) is None


def test_a_download_says_how_much_under_which_licence() -> None:
    offered = remedy(rejected(messages.MODEL_NOT_INSTALLED), FREE)
    assert offered is not None
    assert offered.message == "My model is not on this computer."
    assert offered.hint == "Licence: MIT (free). 178 MB will be downloaded."


def test_a_licence_that_was_accepted_is_not_called_free() -> None:
    offered = remedy(rejected(messages.MODEL_NOT_INSTALLED), {**FREE, "commercial": False})
    assert offered is not None and offered.action == DOWNLOAD
    assert offered.hint == "Licence: MIT (non-commercial only). 178 MB will be downloaded."


def test_the_others_say_what_the_error_says() -> None:
    offered = remedy(rejected(messages.LICENCE_NOT_ACCEPTED), BOUGHT)
    assert offered is not None
    assert (offered.message, offered.hint) == ("It said so.", "And what to do.")


def test_words_are_translated() -> None:
    words = {"_Download": "_Holen", "%s is not on this computer.": "%s fehlt."}
    offered = remedy(rejected(messages.MODEL_NOT_INSTALLED), FREE, MadeUp(words))
    assert offered is not None
    assert (offered.message, offered.button) == ("My model fehlt.", "_Holen")


def test_facts_matter_only_where_the_error_is_of_a_model() -> None:
    assert {code for code in CODES if is_of_a_model(rejected(code))} == {
        messages.MODEL_NOT_INSTALLED,
        messages.LICENCE_NOT_ACCEPTED,
    }
    assert not is_of_a_model(Unavailable("Gone."))


def test_the_daemon_knows_the_facts(daemon: Daemon) -> None:
    with daemon.session() as session:
        known = facts_for(session, "rmbg-1.4")
        assert known["id"] == "rmbg-1.4" and known["commercial"] is False
        assert remedy(rejected(messages.LICENCE_NOT_ACCEPTED), known) is not None
        assert facts_for(session, "gone") == {}
