"""The plug-in in the real Krita in each of its languages. All its words: unit/client/test_translations.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import roots
from hosts.krita.kinds import TITLES
from hosts.krita.session import krita_session
from hosts.seen import EVERYTHING, artefacts_folder
from matted_client import messages, sentences
from PIL import Image
from polib import pofile
from words import CLIENT, words_of

PHOTOGRAPH = Path(__file__).parents[1] / "photographs" / "chelsea.jpg"
LANGUAGES = roots.CHECKOUT / "plugins" / "krita" / "remove_background" / "languages"
NAMES = sorted(path.stem for path in LANGUAGES.iterdir())
SCREENSHOTS = ("language.png", "language-message.png")
TESTED = [suite for suite in TITLES if suite in roots.SUITES][: None if EVERYTHING else 1]


@pytest.fixture(scope="module", params=TESTED, ids=[f"krita-{TITLES[suite]}" for suite in TESTED])
def spoken(
    request: pytest.FixtureRequest, wheel: Path, u2netp_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, dict[str, Any]]]:
    """What the one user of this Krita saw in each language, one after the other."""
    artefacts = artefacts_folder(tmp_path_factory)
    seen = {}
    with krita_session(roots.get(request.param, wheel), u2netp_file, {}) as session:
        with Image.open(PHOTOGRAPH) as image:
            image.save(session.folder / "photograph.png")
        for language in NAMES:
            session.speak(language)
            seen[language] = session.run(artefacts / "krita.log")["language"]
            for shot in SCREENSHOTS:
                if (session.folder / shot).exists():
                    name = f"krita-{TITLES[request.param]}-{shot.replace('language', language)}"
                    shutil.move(session.folder / shot, artefacts / name)
        yield seen


@pytest.mark.parametrize("language", NAMES)
def test_menu_dialog_and_messages_in_another_language(spoken: dict[str, dict[str, Any]], language: str) -> None:
    seen = spoken[language]
    assert "failure" not in seen, seen["failure"]
    words = words_of(language, LANGUAGES).gettext
    entries = [words("Remove Background"), words("Remove Background..."), words("Refine Mask...")]
    assert [text.replace("…", "...").replace("&", "") for text in seen["menu"]] == entries
    assert seen["title"] == entries[0]
    files = [pofile(str(folder / f"{language}.po")) for folder in (LANGUAGES, CLIENT)]
    known = {entry.msgid: entry.msgstr for file in files for entry in file}
    assert set(seen["tips"]) <= set(known.values())
    boxes = {_plain(text) for text in seen["boxes"]}
    assert boxes <= {_plain(text) for text in known.values()}
    english = {_plain(text) for text in known if known[text] != text}
    assert english.isdisjoint([*map(_plain, seen["labels"]), *boxes, *seen["lists"]])
    assert seen["clipped"] == []
    sentence, hint = sentences.SENTENCES[messages.NO_SUBJECT]
    assert seen["message"][:2] == [words(sentence), words(hint)]
    assert _plain(words("_Use the mask anyway")) in seen["message"][2]


@pytest.mark.parametrize("language", NAMES)
def test_help_is_in_the_language_of_krita(spoken: dict[str, dict[str, Any]], language: str) -> None:
    assert spoken[language]["help"].endswith(f"/pykrita/remove_background/manual/{language}.html")


def _plain(label: str) -> str:
    """Without the mark of its key, and the colon of a dialog."""
    return label.replace("&", "").replace("_", "").rstrip(":\N{FULLWIDTH COLON} ")
