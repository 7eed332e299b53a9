"""Filter > Remove Background in the real Krita, with the real daemon and the real model.

Krita runs once in each root; hosts/krita/matted_checks does there what a person would do and notes what it saw. The
tests compare that with what the daemon says about the same pixels, which Pillow reads from files that Krita exported.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts import roots
from hosts.krita.session import KritaSession, krita_session
from matted_client import Rejected
from PIL import Image

PHOTOGRAPH = Path(__file__).parents[1] / "photographs" / "chelsea.jpg"
SCREENSHOTS = ("masked-screen.png", "waiting.png", "message.png")
TITLES = {"trixie": "5.2", "bookworm": "5.1"}


class Seen:
    """What Krita saw, and the files it wrote."""

    def __init__(self, session: KritaSession, results: dict[str, dict[str, Any]]) -> None:
        self._session = session
        self._results = results

    def __getitem__(self, check: str) -> dict[str, Any]:
        assert check in self._results, f"Krita ended before: {check}"
        seen = self._results[check]
        assert "failure" not in seen, seen["failure"]
        return seen

    def image(self, name: str) -> Image.Image:
        with Image.open(self._session.folder / name) as image:
            image.load()
        return image

    def mask(self, name: str) -> bytes:
        return (self._session.folder / f"{name}.mask").read_bytes()

    def expected(self, image: Image.Image) -> bytes:
        """The mask that the daemon makes of an RGBA picture."""
        with self._session.ask() as session:
            return bytes(session.mask(image.tobytes(), *image.size, "RGBA8").alpha)


@pytest.fixture(scope="module", params=list(TITLES), ids=[f"krita-{title}" for title in TITLES.values()])
def seen(
    request: pytest.FixtureRequest, wheel: Path, u2netp_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    root = roots.get(request.param, wheel)
    artefacts = Path(os.environ.get("MATTED_TEST_ARTEFACTS") or tmp_path_factory.mktemp("artefacts"))
    artefacts.mkdir(parents=True, exist_ok=True)
    with krita_session(root, u2netp_file) as session:
        with Image.open(PHOTOGRAPH) as image:
            image.save(session.folder / "photograph.png")
        results = session.run(tmp_path_factory.mktemp("krita") / "krita.log")
        for shot in SCREENSHOTS:
            if (session.folder / shot).exists():
                shutil.copy(session.folder / shot, artefacts / f"krita-{TITLES[request.param]}-{shot}")
        yield Seen(session, results)


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as image:
        return image.convert("RGBA")


def changes(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """What of the picture is not as it was."""
    return {key for key in before if before[key] != after[key]}


def masked(seen: Seen, name: str) -> Image.Image:
    return seen.image(name).convert("RGBA")


# -- one click -------------------------------------------------------------------------------------------------------


def test_is_in_the_filter_menu_and_grey_without_a_picture(seen: Seen) -> None:
    menu = seen["menu"]
    assert menu["in the Filter menu"] is True
    assert menu["enabled without a document"] is False
    assert menu["enabled with a document"] is True


def test_click_starts_the_daemon_and_shows_no_message(seen: Seen) -> None:
    first = seen["first click"]
    assert first["daemon before"] is False
    assert first["messages"] == []
    assert first["pid"] > 0


def test_alpha_is_the_daemons_mask_and_colours_are_untouched(seen: Seen, photograph: Image.Image) -> None:
    assert seen["first click"]["messages"] == []
    result = masked(seen, "masked.png")
    mask = seen.expected(photograph)
    assert 0 < sum(mask) < 255 * len(mask)
    assert result.getchannel("A").tobytes() == mask
    for x, y in ((x, y) for y in range(result.height) for x in range(result.width)):
        if mask[y * result.width + x]:  # Krita writes hidden pixels as black
            assert result.getpixel((x, y))[:3] == photograph.getpixel((x, y))[:3]


def test_layer_keeps_its_pixels_and_stays_active_and_the_selection_stays(seen: Seen) -> None:
    first = seen["first click"]
    assert changes(first["before"], first["after"]) - {"modified"} == {"projection", "children", "undo"}
    assert first["after"]["modified"] is True
    assert first["after"]["children"] == [["transparencymask", "Background removed"]]
    assert first["selection before"] is not None
    assert first["selection after"] == first["selection before"]


def test_one_undo_takes_the_mask_away_and_redo_brings_it_back(seen: Seen, photograph: Image.Image) -> None:
    first = seen["first click"]
    assert first["before"]["undo"].strip() == "Undo", "something could be undone before the click"
    assert first["undone"]["undo"].strip() == "Undo", "one undo step was not enough"
    assert changes(first["before"], first["undone"]) == {"redo"}
    assert masked(seen, "undone.png").tobytes() == photograph.tobytes()
    assert changes(first["after"], first["redone"]) <= {"active"}
    assert masked(seen, "redone.png").tobytes() == masked(seen, "masked.png").tobytes()


def test_progress_blocks_only_its_window_and_does_not_run_backwards(seen: Seen) -> None:
    first = seen["first click"]
    assert first["modal"] is True
    assert len(first["progress"]) > 1, "Krita's event loop did not run while the mask was made"
    assert first["progress"] == sorted(first["progress"])
    assert first["progress"][-1] > 0


def test_second_click_replaces_our_mask_in_one_undo_step(seen: Seen, photograph: Image.Image) -> None:
    second = seen["second click"]
    mask = seen.expected(photograph)
    assert second["messages"] == []
    assert second["before"]["children"] == [["transparencymask", "Mine"], ["transparencymask", "Background removed"]]
    assert second["after"]["children"] == second["before"]["children"]
    assert seen.mask("second-before") != mask
    assert seen.mask("second-after") == mask
    assert seen.mask("second-undone") == seen.mask("second-before")
    assert changes(second["before"], second["undone"]) <= {"redo", "active"}
    assert seen.mask("second-redone") == mask
    assert second["after"]["active"] == "Background"
    assert second["selection after"] == second["selection before"] is not None


def test_a_mask_of_the_users_own_multiplies(seen: Seen, photograph: Image.Image) -> None:
    assert seen["second click"]["messages"] == []
    alpha = masked(seen, "second.png").getchannel("A").tobytes()
    product = [round(value * 128 / 255) for value in seen.expected(photograph)]
    assert max(abs(one - other) for one, other in zip(alpha, product, strict=True)) <= 1  # Krita's own rounding


@pytest.mark.parametrize("name", SCREENSHOTS)
def test_screenshots_are_kept_for_people_to_look_at(seen: Seen, name: str) -> None:
    screen = seen.image(name).convert("L")
    assert screen.size == (1400, 900)
    assert len(screen.getcolors()) > 50, "the screen is empty"


# -- trouble ---------------------------------------------------------------------------------------------------------


def test_click_after_kill_9_works(seen: Seen, photograph: Image.Image) -> None:
    killed = seen["killed before"]
    assert killed["messages"] == []
    assert killed["another daemon"] is True
    assert seen.mask("killed-before") == seen.expected(photograph)


def test_daemon_killed_in_the_middle(seen: Seen, photograph: Image.Image) -> None:
    killed = seen["killed in the middle"]
    assert killed["still waiting"] is True
    sentence = ["The matted daemon ended in the middle of the work.", "Try again; it will be restarted."]
    assert killed["messages"] == [sentence]
    assert changes(killed["before"], killed["after"]) == set()
    assert killed["messages of the next click"] == []
    assert seen.mask("killed-in-the-middle") == seen.expected(photograph)


def test_daemon_that_cannot_start(seen: Seen) -> None:
    cannot = seen["cannot start"]
    for case, sentence in {
        "missing": "The matted daemon could not be started: ",
        "broken": "The matted daemon did not start: This computer is on strike.",
        "not installed": "The Remove Background plug-in is not completely installed.",
    }.items():
        ((message, hint),) = cannot[case]
        assert message.startswith(sentence), case
        assert hint, case
    assert changes(cannot["before"], cannot["after"]) == set()
    assert cannot["messages of the next click"] == []


def test_cancel_takes_effect_at_once_and_leaves_nothing(seen: Seen, photograph: Image.Image) -> None:
    cancelled = seen["cancelled"]
    assert cancelled["gone at once"] is True
    assert cancelled["escape"] is True
    assert cancelled["messages"] == []
    assert changes(cancelled["before"], cancelled["after"]) == set()
    assert cancelled["messages of the next click"] == []
    assert seen.mask("cancelled") == seen.expected(photograph)


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("closed", "The picture was closed while its background was being removed."),
        ("removed", "The layer was removed while its mask was being made."),
        ("locked", "The layer was locked while its mask was being made."),
    ],
)
def test_picture_that_changes_while_waiting(seen: Seen, case: str, sentence: str) -> None:
    waiting = seen["while waiting"]
    assert [message for message, hint in waiting[case]] == [sentence]
    assert not any(waiting.get(f"{case} layers", []))


# -- every kind of layer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["U16", "F32", "F16-linear", "wide", "GRAYA", "CMYKA"])
def test_colour_model(seen: Seen, kind: str) -> None:
    of_kind = seen["colour models"][kind]
    assert of_kind["space"] != ["RGBA", "U8"] or kind == "wide"
    assert of_kind["messages"] == []
    assert of_kind["pixels kept"]
    assert of_kind["documents"][0] == of_kind["documents"][1], "a helper document was left open"
    assert of_kind["undo"][0] != of_kind["undo"][1]
    reference = masked(seen, f"{kind}.png")
    assert of_kind["area"] == [0, 0, *reference.size]
    assert seen.mask(kind) == seen.expected(reference)


LAYER_CHANGES = {"projection", "children", "undo", "modified"}


@pytest.mark.parametrize("layer", ["offset", "group", "vector", "filter mask", "clone", "file"])
def test_layer_kind(seen: Seen, layer: str, photograph: Image.Image) -> None:
    of_kind = seen["layer kinds"][layer]
    assert of_kind["messages"] == []
    assert changes(of_kind["before"], of_kind["after"]) <= LAYER_CHANGES
    assert of_kind["after"]["children"][-1] == ["transparencymask", "Background removed"]
    before, after = masked(seen, f"{layer}-before.png"), masked(seen, f"{layer}-after.png")
    x, y, width, height = of_kind["area"]
    if layer == "offset":
        assert (x, y) == (-70, 45)
        source = photograph  # what of it is outside the canvas is looked at, too
    else:
        source = before.crop((x, y, x + width, y + height))
    mask = seen.expected(source)
    assert seen.mask(layer) == mask
    whole = Image.new("L", before.size)
    whole.paste(Image.frombytes("L", (width, height), mask), (x, y))
    pairs = zip(before.getchannel("A").tobytes(), whole.tobytes(), after.getchannel("A").tobytes(), strict=True)
    assert max(abs(round(alpha * hidden / 255) - result) for alpha, hidden, result in pairs) <= 1


def test_layer_with_a_transform_mask(seen: Seen, photograph: Image.Image) -> None:
    """The mask fits the layer as it is shown: at half its size."""
    of_kind = seen["layer kinds"]["transform mask"]
    scale = seen["layer kinds"]["scale"]
    assert of_kind["messages"] == []
    assert changes(of_kind["before"], of_kind["after"]) <= LAYER_CHANGES
    before = masked(seen, "transform mask-before.png")
    box = before.getchannel("A").getbbox()
    assert box is not None
    assert abs(box[2] - photograph.width * scale) <= 2 and abs(box[3] - photograph.height * scale) <= 2
    shown = before.crop(box)
    expected = seen.expected(shown)
    put = Image.frombytes("L", photograph.size, seen.mask("transform mask")).crop(box).tobytes()
    # Krita shows a quick preview of the transformation, and the plug-in gets the careful one: masks differ a little
    assert sum(abs(one - other) for one, other in zip(put, expected, strict=True)) / len(expected) < 8


def test_layer_without_a_subject(seen: Seen) -> None:
    fill = seen["layer kinds"]["fill"]
    with pytest.raises(Rejected) as refusal:
        seen.expected(masked(seen, "fill-before.png"))
    assert fill["messages"] == [[refusal.value.message, refusal.value.hint]]
    assert changes(fill["before"], fill["after"]) == set()


def test_a_selected_mask_means_its_layer(seen: Seen) -> None:
    chosen = seen["chosen layer"]
    assert chosen["mask selected"] == []
    after = chosen["mask selected, after"]
    assert after["children"] == [["transparencymask", "Mine"], ["transparencymask", "Background removed"]]
    assert after["active"] == "Background"


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        ("empty", "The layer is empty."),
        ("locked", 'The layer "locked" is locked.'),
        ("inside", 'The layer "locked group" is locked.'),
        ("filter", "A filter layer has no picture of its own."),
    ],
)
def test_layer_that_can_have_no_mask(seen: Seen, layer: str, sentence: str) -> None:
    of_layer = seen["chosen layer"][layer]
    assert [message for message, hint in of_layer["messages"]] == [sentence]
    assert changes(of_layer["before"], of_layer["after"]) == set()


def test_a_hidden_layer_gets_its_mask(seen: Seen) -> None:
    hidden = seen["chosen layer"]["hidden"]
    assert hidden["messages"] == []
    assert hidden["after"]["children"] == [["transparencymask", "Background removed"]]


def test_a_locked_mask_of_ours_is_not_touched(seen: Seen) -> None:
    locked = seen["earlier mask locked"]
    ((message, _),) = locked["messages"]
    assert message == 'The mask "Background removed" of an earlier removal is locked.'
    assert changes(locked["before"], locked["after"]) == set()


def test_nothing_is_left_on_the_screen(seen: Seen) -> None:
    assert seen["last"]["windows"] == []
