"""What went wrong, in the words of a person's language."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from matted_client import MattedError, Rejected, Unavailable, messages, sentences
from matted_client.sentences import SENTENCES, as_matted_error, in_words, nothing_found
from words import read

CLIENT = Path(sentences.__file__).parent
LANGUAGES = sorted(path.stem for path in (CLIENT / "languages").iterdir())
# A click cannot meet the first; nobody is told of the second; the client mends the third by itself.
NEVER_SAID = {messages.BAD_REQUEST, messages.CANCELLED, messages.PICTURE_FORGOTTEN}
CODES = {
    getattr(messages, node.targets[0].id)
    for node in ast.parse((CLIENT / "messages.py").read_text("utf-8")).body
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(node.value, ast.Constant)
    if isinstance(node.value.value, str)
}


def test_every_code_of_the_daemon_has_a_sentence() -> None:
    assert set(sentences.SENTENCES) == CODES - NEVER_SAID
    assert set(sentences.COMPLETE) < set(sentences.SENTENCES)


@pytest.mark.parametrize("code", sorted(CODES | {"of a later version"}))
def test_english_is_the_daemons_own(code: str) -> None:
    error = Rejected(code, "It said so.", "And what to do.")
    hint = sentences.SENTENCES.get(code, ("", ""))[1]
    assert in_words(error) == ("It said so.", hint or "And what to do.")


def test_a_frame_without_a_subject_is_told_as_a_picture_without_one() -> None:
    error = nothing_found()
    assert error.code == messages.NO_SUBJECT and in_words(error) == SENTENCES[messages.NO_SUBJECT]


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            Rejected(messages.NO_SUBJECT, "No subject was found in this picture.", "In English."),
            "In diesem Bild wurde kein Motiv gefunden.",
            "Ein Bild versuchen, dessen Motiv sich vom Hintergrund abhebt.",
        ),
        (
            Rejected(messages.OUT_OF_MEMORY, "BiRefNet needs 6.1 GB.", "In English."),
            "Der Speicher reicht nicht.",
            "Andere Programme schließen, ein kleineres Modell wählen oder das Bild verkleinern."
            "\n(BiRefNet needs 6.1 GB.)",
        ),
        (
            Rejected(messages.INTERNAL, "There is not enough memory.", ""),  # a sentence that is translated as it is
            "Der Speicher reicht nicht.",
            "Ein anderes Modell versuchen. Im Terminal: matted doctor",
        ),
        (
            Rejected(messages.TOO_LARGE, "It is 70000 x 1.", "At most 65535."),
            "Das Bild ist zu groß.",
            "(It is 70000 x 1. At most 65535.)",
        ),
        (Rejected("of a later version", "It said so.", "And what to do."), "It said so.", "And what to do."),
        (
            Unavailable("The matted daemon could not be started: %s: %s.", "Run: matted serve", ("100%", "gone")),
            "Der matted-Dienst ließ sich nicht starten: 100%: gone.",
            "Im Terminal: matted serve",
        ),
        (MattedError("100 % in the words of the plug-in", ""), "100 % in the words of the plug-in", ""),
    ],
    ids=lambda value: getattr(value, "code", "") if isinstance(value, MattedError) else "",
)
def test_in_another_language(error: MattedError, message: str, hint: str) -> None:
    assert in_words(error, read(CLIENT / "languages" / "de.po")) == (message, hint)


def test_what_the_client_says_is_still_what_it_says() -> None:
    own = "\n".join(path.read_text("utf-8") for path in CLIENT.glob("*.py") if path.name != "sentences.py")
    assert [text for text in sentences.OF_THE_CLIENT if f'"{text}"' not in own] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_stays_english(language: str) -> None:
    words = read(CLIENT / "languages" / f"{language}.po")
    for code in sentences.SENTENCES:
        message, _hint = in_words(Rejected(code, "English."), words)
        assert message and "English" not in message


def caught(error: Exception) -> MattedError:
    try:
        raise error
    except Exception as raised:
        return as_matted_error(raised, "It failed: %s", "Try again.")


def test_any_error_is_one_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    refusal = Rejected(messages.BUSY, "Busy.")
    assert caught(refusal) is refusal and capsys.readouterr().err == ""
    fault = caught(ValueError("50 % of %d"))
    assert (fault.message, fault.hint) == ("It failed: ValueError: 50 % of %d", "Try again.")
    assert "ValueError: 50 % of %d" in capsys.readouterr().err
    assert caught(MemoryError()).message == SENTENCES[messages.OUT_OF_MEMORY][0]
