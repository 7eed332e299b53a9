"""Getting models from the dialogs: what is said and asked, and what the daemon is asked."""

from __future__ import annotations

from typing import Any

import pytest
from matted_client import Rejected, Unavailable, getting, messages
from matted_client.getting import Getting, Line, Question
from matted_client.messages import Progress
from words import MadeUp

HERE: dict[str, Any] = {
    "id": "small",
    "title": "Small",
    "about": "",
    "licence": "MIT",
    "licence_url": "",
    "commercial": True,
    "bytes": 4_600_000,
    "downloadable": True,
    "plate": False,
    "automatic": False,
    "accept": False,
    "installed": True,
    "default": False,
    "chosen": "only",
    "seconds": None,
}
FREE = {
    **HERE,
    "id": "large",
    "title": "Large",
    "about": "For anything.",
    "licence_url": "https://licence.invalid/",
    "bytes": 178_600_000,
    "installed": False,
    "chosen": "",
}
BOUND = {**FREE, "id": "bound", "title": "Bound", "licence": "theirs", "commercial": False, "accept": True}
UNKNOWN = {**FREE, "id": "unknown", "downloadable": False}
COMES = {**FREE, "id": "comes", "automatic": True}
ALL = [HERE, FREE, BOUND, UNKNOWN, COMES]
GET, STOP, NOT_YET, LICENCE = "Get… (179 M_B)", "A_bort", "Not _yet", "MIT"


class Dialog:
    """What a dialog shows: the latest line, and how often it changed."""

    def __init__(self, chosen: str = "default", offered: dict[str, Any] | None = None) -> None:
        self.changes = 0
        self.getting = Getting(self._changed)
        self.getting.fill(ALL, offered or {})
        self.getting.choose(chosen)

    def _changed(self) -> None:
        self.changes += 1

    @property
    def line(self) -> Line:
        return self.getting.line()

    def asked(self) -> Question:
        question = self.getting.question()
        assert question is not None
        return question


# -- what stands beneath the list --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", ["default", "small", "unknown", "comes", "gone"])
def test_where_a_button_gets_nothing_there_is_none(chosen: str) -> None:
    dialog = Dialog(chosen)
    assert dialog.line == Line()
    assert dialog.getting.question() is None


@pytest.mark.parametrize(("chosen", "licence"), [("large", LICENCE), ("bound", "theirs")])
def test_a_model_that_is_not_here_has_a_button_with_size_and_licence(chosen: str, licence: str) -> None:
    assert Dialog(chosen).line == Line("", GET, licence)


def test_the_line_follows_the_list() -> None:
    dialog = Dialog("large")
    before = dialog.changes
    dialog.getting.choose("large")
    assert dialog.changes == before
    dialog.getting.choose("small")
    assert dialog.changes == before + 1 and dialog.line == Line()


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_a_free_model_is_asked_about_once_with_all_that_is_to_be_known() -> None:
    assert Dialog("large").asked() == Question(
        "large",
        "",
        "Get Large?",
        "For anything. 179 MB will be downloaded. Licence: MIT (free).",
        "Read the licence",
        "https://licence.invalid/",
        "_Download",
    )


def test_a_licence_that_binds_is_accepted_by_the_button_that_says_so() -> None:
    question = Dialog("bound").asked()
    assert (question.licence, question.button) == ("theirs", "_Accept and download")
    assert question.hint.endswith("Licence: theirs (non-commercial only). It has to be accepted first.")


def test_a_licence_without_a_page_has_no_link() -> None:
    dialog = Dialog()
    dialog.getting.fill([{**FREE, "licence_url": "", "about": ""}], {})
    dialog.getting.choose("large")
    question = dialog.asked()
    assert (question.link, question.address) == ("", "")
    assert question.hint.startswith("179 MB")


# -- a download --------------------------------------------------------------------------------------------------------


def test_a_download_says_how_far_it_is_and_that_ok_waits_for_it() -> None:
    dialog = Dialog("large")
    dialog.getting.start("large")
    wait = "\nUntil it is here, the background cannot be removed."
    assert dialog.getting.is_busy and dialog.getting.question() is None
    assert dialog.line == Line("Starting" + wait, leave=STOP, fraction=0.0)
    dialog.getting.show(Progress("downloading", 0.5, detail="large (large), 178.6 MB, licence MIT"))
    assert dialog.line == Line("Downloading Large: 89 of 179 MB" + wait, leave=STOP, fraction=0.5)
    dialog.getting.choose("bound")  # the one that comes is still spoken of
    assert dialog.line.fraction == 0.5
    dialog.getting.show(Progress("downloading", 1.0))
    assert dialog.line == Line("Installing Large" + wait, leave=STOP, fraction=1.0)
    dialog.getting.show(Progress("loading", detail="large"))
    assert dialog.line == Line("Loading large" + wait, leave=STOP, fraction=1.0)


def test_a_model_that_came_is_here() -> None:
    dialog = Dialog("large")
    dialog.getting.start("large")
    assert dialog.getting.end([HERE, {**FREE, "installed": True}], None) is True
    assert not dialog.getting.is_busy and dialog.line == Line()


def test_progress_that_comes_late_says_nothing() -> None:
    dialog = Dialog("large")
    dialog.getting.start("large")
    dialog.getting.end(ALL, None)
    dialog.getting.show(Progress("downloading", 0.9))
    assert dialog.line == Line("", GET, LICENCE)


def test_what_was_stopped_can_go_on() -> None:
    dialog = Dialog("large")
    dialog.getting.start("large")
    assert dialog.getting.end(ALL, Rejected(messages.CANCELLED, "Cancelled.")) is False
    assert dialog.line == Line(getting.STOPPED, GET, LICENCE)
    dialog.getting.start(dialog.asked().model)
    assert dialog.getting.is_busy


def test_an_error_is_one_sentence_of_its_model_until_the_next_try() -> None:
    dialog = Dialog("large")
    dialog.getting.start("large")
    refusal = Rejected(messages.MODEL_NOT_INSTALLED, "It is not here: the disk is full.", "In a terminal: …")
    assert dialog.getting.end(ALL, refusal) is False
    assert dialog.line == Line("It is not here: the disk is full.", GET, LICENCE)
    dialog.getting.choose("bound")
    assert dialog.line.text == ""
    dialog.getting.choose("large")
    dialog.getting.start("large")
    dialog.getting.end(ALL, Rejected(messages.CANCELLED, "Cancelled."))
    assert dialog.line.text == getting.STOPPED


def test_in_another_language_what_the_daemon_said_stands_behind() -> None:
    words = MadeUp({"The model is not on this computer.": "Il n'est pas là."})
    spoken = Getting(lambda: None, words)
    spoken.fill(ALL, {})
    spoken.choose("large")
    spoken.start("large")
    spoken.end(ALL, Rejected(messages.MODEL_NOT_INSTALLED, "The disk is full."))
    assert spoken.line().text == "Il n'est pas là. (The disk is full.)"


def test_a_model_that_came_and_is_too_large_for_the_memory_is_spoken_of() -> None:
    dialog = Dialog("large")
    dialog.getting.start("large")
    refusal = Rejected(messages.OUT_OF_MEMORY, "Large needs 9 GB of memory.")
    assert dialog.getting.end([HERE, {**FREE, "installed": True}], refusal) is False
    assert dialog.line == Line("Large needs 9 GB of memory.")
    dialog.getting.choose("small")
    assert dialog.line == Line()


def test_without_a_daemon_the_list_stays_as_it_was() -> None:
    dialog = Dialog("large")
    dialog.getting.start("large")
    dialog.getting.fail(Unavailable("The daemon ended."))
    assert dialog.line == Line("The daemon ended.", GET, LICENCE)


# -- an offer ----------------------------------------------------------------------------------------------------------


def test_an_offer_stands_there_while_the_default_is_chosen() -> None:
    dialog = Dialog(offered=FREE)
    assert dialog.line == Line("Better masks: Large (free).", GET, LICENCE, NOT_YET)
    assert dialog.asked().model == "large"
    dialog.getting.choose("bound")
    assert dialog.line == Line("", GET, "theirs")
    dialog.getting.choose("default")
    assert dialog.line.leave == NOT_YET


def test_an_offer_that_is_declined_is_gone_and_the_model_can_still_be_got() -> None:
    dialog = Dialog(offered=FREE)
    dialog.getting.decline()
    assert dialog.line == Line()
    dialog.getting.choose("large")
    assert dialog.line == Line("", GET, LICENCE)


def test_an_offer_that_was_taken_is_gone() -> None:
    dialog = Dialog(offered=FREE)
    dialog.getting.start("large")
    assert dialog.getting.end([{**FREE, "installed": True, "chosen": "best"}], None) is True
    assert dialog.line == Line()


def test_an_offer_stays_where_its_download_was_stopped() -> None:
    dialog = Dialog(offered=FREE)
    dialog.getting.start("large")
    dialog.getting.end([dict(each) for each in ALL], Rejected(messages.CANCELLED, "Cancelled."))
    assert dialog.line == Line(getting.STOPPED, GET, LICENCE, NOT_YET)


# -- what the daemon is asked ------------------------------------------------------------------------------------------


class Session:
    """The client's session with a daemon that says what the test wants. offers: what it was asked to offer."""

    def __init__(self, auto: Any = None, first: bool = True, refusal: Rejected | None = None) -> None:
        self.auto = auto
        self.first = first
        self.refusal = refusal
        self.listed = ALL
        self.offers: list[str] = []
        self.loads: list[tuple[str, bool, str]] = []

    def models(self) -> list[dict[str, Any]]:
        return self.listed

    def status(self) -> dict[str, Any]:
        return {"auto": self.auto} if self.auto != "unknown" else {}

    def offer(self, model: str) -> bool:
        self.offers.append(model)
        return self.first

    def load(self, model: str, on_progress: Any, cancelled: Any, download: bool, accept_licence: str) -> None:
        self.loads.append((model, download, accept_licence))
        if self.refusal is not None:
            raise self.refusal


BETTER = {"model": "small", "better": {"model": "large"}}


def test_a_better_model_is_offered_where_it_is_the_first_time() -> None:
    session: Any = Session(BETTER)
    assert getting.ask(session, "default") == (ALL, FREE)
    assert session.offers == ["large"]
    again: Any = Session(BETTER, first=False)
    assert getting.ask(again, "auto") == (ALL, {}) and again.offers == ["large"]


def test_who_named_a_model_in_the_settings_is_offered_another_only_where_none_is_named() -> None:
    session: Any = Session(BETTER)
    session.listed = [{**HERE, "default": True}, FREE]
    assert getting.ask(session, "default")[1] == {} and session.offers == []
    assert getting.ask(session, "auto")[1] == FREE
    dialog = Dialog()
    dialog.getting.fill(session.listed, FREE)
    assert dialog.line == Line()
    dialog.getting.choose("auto")
    assert dialog.line.leave == NOT_YET


@pytest.mark.parametrize(
    ("auto", "chosen"),
    [
        (BETTER, "small"),
        (None, "default"),
        ("unknown", "default"),
        ({"model": "small", "better": None}, "default"),
        *(({"model": "small", "better": {"model": model}}, "default") for model in ("bound", "small", "gone")),
    ],
    ids=["chosen by name", "no auto", "no status", "none", "with conditions", "here", "gone"],
)
def test_the_one_offer_is_not_used_up_for_nothing(auto: Any, chosen: str) -> None:
    session: Any = Session(auto)
    assert getting.ask(session, chosen) == (ALL, {})
    assert session.offers == []


def test_a_model_is_got_with_the_licence_that_was_accepted() -> None:
    session: Any = Session()
    assert getting.get(session, "bound", "theirs", lambda news: None, lambda: False) == (ALL, None)
    assert session.loads == [("bound", True, "theirs")]


def test_a_refusal_comes_with_what_there_is() -> None:
    refusal = Rejected(messages.MODEL_NOT_INSTALLED, "The disk is full.")
    session: Any = Session(refusal=refusal)
    assert getting.get(session, "large", "", lambda news: None, lambda: False) == (ALL, refusal)
