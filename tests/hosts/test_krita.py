"""Filter > Remove Background in the real Krita, with the real daemon and the real model.

Krita runs once in each root; hosts/krita/matted_checks does there what a person would do and notes what it saw. The
tests compare that with what the daemon says about the same pixels, which Pillow reads from files that Krita exported.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from graphs import stand_ins
from hosts import roots
from hosts.drawing import IN_THE_DISC, ON_THE_RING, ON_WHITE, line_art, place
from hosts.krita import kinds
from hosts.krita.kinds import TITLES
from hosts.krita.session import Crashed, Results, krita_session
from hosts.seen import EVERYTHING, Row, artefacts_folder, write
from hosts.served import served
from matted.models import catalogue
from matted_client import Rejected
from matted_client.cropping import box_of_subject
from matted_client.options import KritaOptions, entries
from matted_client.pictures import Mask
from PIL import Image

CATALOGUE = catalogue.load().specs
ONE_OF_EACH_FAMILY = stand_ins.finder_of_each_family(CATALOGUE.values())
PHOTOGRAPH = Path(__file__).parents[1] / "photographs" / "chelsea.jpg"
SCREENSHOTS = (
    "masked-screen.png",
    "waiting.png",
    "message.png",
    "options.png",
    "another-option.png",
    "options-without-daemon.png",
    "no-subject.png",
    "not-here.png",
    "not-installed.png",
    "downloading.png",
)
SELECTED, SELECTED_VALUE = [40, 50, 160, 140], 200  # the selection of the checks: left, top, right, bottom
PHOTOGRAPH_SIZE, HUGE = (451, 300), (12000, 8400)
PLATE_MOVED = 4 * 2  # bytes by which the plate of the checks is the photograph moved to the left
AT_A_TIME = 2  # Kritas: each waits more than it works
TESTED = [suite for suite in TITLES if suite in roots.SUITES]


class Seen(Results):
    """What Krita saw, and the files it wrote."""

    def image(self, name: str) -> Image.Image:
        with Image.open(self.session.folder / name) as image:
            image.load()
        return image

    def mask(self, name: str) -> bytes:
        return (self.session.folder / f"{name}.mask").read_bytes()

    def shown(self, layer: dict[str, Any]) -> Image.Image:
        """What Krita shows of a layer of the table, on the canvas, RGBA."""
        data = self.bytes_of(f"{layer['file']}.shown")
        return Image.frombytes("RGBA", PHOTOGRAPH_SIZE, data, "raw", "BGRA")

    def bytes_of(self, name: str) -> bytes:
        return (self.session.folder / name).read_bytes()

    def expected(self, image: Image.Image, plate: Image.Image | None = None, **options: Any) -> bytes:
        """The mask that the daemon makes of an RGBA picture."""
        return bytes(self.answer(image, plate, **options).alpha)

    def answer(self, image: Image.Image, plate: Image.Image | None = None, **options: Any) -> Mask:
        behind = plate.tobytes() if plate else None
        with self.session.ask() as session:
            return session.mask(image.tobytes(), *image.size, "RGBA8", plate=behind, **options)


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots and the table of layers stay."""
    return artefacts_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def kritas(
    request: pytest.FixtureRequest,
    wheel: Path,
    u2netp_file: Path,
    artefacts: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[Seen]]]:
    """What Krita sees in each root that a test asks for."""
    calls = [item.callspec for item in request.session.items if hasattr(item, "callspec")]
    suites = [suite for suite in TESTED if any(call.params.get("seen") == suite for call in calls)]
    with ExitStack() as stack, ThreadPoolExecutor(AT_A_TIME) as pool:

        def see(suite: str) -> Seen:
            try:
                return attempt(suite)
            except Crashed as crash:  # Krita does so by itself, rarely; if matted is why, it does so again
                warnings.warn(f"Krita is tried once more. {suite}: {crash}", stacklevel=1)
                return attempt(suite)

        def attempt(suite: str) -> Seen:
            folder = tmp_path_factory.mktemp("krita")
            return stack.enter_context(in_krita(suite, wheel, u2netp_file, artefacts, folder))

        yield {suite: pool.submit(see, suite) for suite in suites}


@pytest.fixture(scope="module", params=TESTED, ids=[f"krita-{TITLES[suite]}" for suite in TESTED])
def seen(request: pytest.FixtureRequest, kritas: dict[str, Future[Seen]]) -> Seen:
    return kritas[request.param].result()


@contextmanager
def in_krita(suite: str, wheel: Path, weights: Path, artefacts: Path, folder: Path) -> Iterator[Seen]:
    """Have the Krita of a root do all that is in matted_checks. folder: an empty one."""
    models = stand_ins_of(folder)
    with krita_session(roots.get(suite, wheel), weights, models) as session:
        with Image.open(PHOTOGRAPH) as image:
            image.save(session.folder / "photograph.png")
            line_art(image.size).save(session.folder / "drawing.png")
            if EVERYTHING:
                image.resize(HUGE).save(session.folder / "huge.png", compress_level=1)
        with served(session.folder, models["isnet-general-use"]):
            results = session.run(folder / "krita.log")
        version = TITLES[suite]
        write(artefacts / f"krita-{version}-layers.json", documented(version, results))
        waits = {case: results.get(case, {}).get("seconds to cancel") for case in ("cancelled", "cancelled at work")}
        (artefacts / f"krita-{version}-cancel.json").write_text(json.dumps(waits))
        for shot in SCREENSHOTS:
            if (session.folder / shot).exists():
                shutil.copy(session.folder / shot, artefacts / f"krita-{version}-{shot}")
        for shot in session.folder.glob("failure in *.png"):
            shutil.copy(shot, artefacts / f"krita-{version}-{shot.name}")
        yield Seen(session, results)


def documented(version: str, results: dict[str, Any]) -> Iterator[Row]:
    """The table for docs/hosts.md: what a click does with which layer."""
    for check in ("table", "huge"):
        for row in results.get(check, {}).get("rows", []):
            yield Row("Krita", version, row["model"], row["depth"], row["kind"], told(row) or kinds.MASK_8)
    depths = results.get("table", {}).get("depths", {})
    for model, depth in kinds.IMPOSSIBLE_MODES:
        if depth not in depths.get(model, [depth]):
            yield Row("Krita", version, model, depth, kinds.LAYER, kinds.NO_SUCH_DEPTH)


def told(row: dict[str, Any]) -> str:
    """What the person is told of a click of the table, as hosts/krita/kinds.py has it."""
    return " ".join(message for message, hint in row["failures"]).replace('"locked"', '"LAYER"')


def stand_ins_of(folder: Path) -> dict[str, Path]:
    """For a model of each family but u2netp's, a graph that finds something in the photograph."""
    return {spec.id: stand_ins.write(spec, folder / f"{spec.id}.onnx", side=128) for spec in ONE_OF_EACH_FAMILY[1:]}


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    with Image.open(PHOTOGRAPH) as image:
        return image.convert("RGBA")


def limited(mask: bytes, size: tuple[int, int]) -> bytes:
    """The mask where the selection of the checks limits it: the lesser of both."""
    selection = Image.new("L", size)
    selection.paste(SELECTED_VALUE, tuple(SELECTED))
    return bytes(map(min, mask, selection.tobytes()))


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


def test_layer_keeps_its_pixels_and_stays_active(seen: Seen) -> None:
    first = seen["first click"]
    assert changes(first["before"], first["after"]) - {"modified"} == {"projection", "children", "undo"}
    assert first["after"]["modified"] is True
    assert first["after"]["children"] == [["transparencymask", "Background removed"]]


def test_krita_shows_the_mask_at_once(seen: Seen) -> None:
    first = seen["first click"]
    assert first["after"]["projection"] == first["computed anew"]["projection"]


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


def test_second_click_replaces_our_mask_and_the_selection_limits_it(seen: Seen, photograph: Image.Image) -> None:
    second = seen["second click"]
    mask = limited(seen.expected(photograph, box=SELECTED), photograph.size)
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
    product = [round(value * 128 / 255) for value in limited(seen.expected(photograph, box=SELECTED), photograph.size)]
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


def test_cancel_in_line_takes_effect_at_once_and_leaves_nothing(seen: Seen, photograph: Image.Image) -> None:
    cancelled = seen["cancelled"]
    assert cancelled["gone at once"] is True
    assert cancelled["escape"] is True
    assert cancelled["messages"] == []
    assert changes(cancelled["before"], cancelled["after"]) == set()
    assert cancelled["messages of the next click"] == []
    assert seen.mask("cancelled") == seen.expected(photograph)


def test_cancel_at_work_takes_effect_at_once_and_leaves_nothing(seen: Seen, photograph: Image.Image) -> None:
    cancelled = seen["cancelled at work"]
    assert cancelled["gone at once"] is True
    assert cancelled["messages"] == []
    assert changes(cancelled["before"], cancelled["after"]) == set()
    assert cancelled["messages of the next click"] == []
    picture = Image.frombytes("RGBA", photograph.size, seen.bytes_of("cancelled-at-work.pixels"), "raw", "BGRA")
    assert seen.mask("cancelled-at-work") == seen.expected(picture)


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("closed", "The picture was closed before the result was ready."),
        ("removed", "The layer was removed while its mask was being made."),
        ("locked", "The layer was locked while its mask was being made."),
        ("read", "The layer was removed while its mask was being made."),
    ],
)
def test_picture_that_changes_while_waiting(seen: Seen, case: str, sentence: str) -> None:
    waiting = seen["while waiting"]
    assert not any(waiting.get(f"{case} layers", [])), "a mask"
    assert [message for message, hint in waiting[case]] == [sentence]


# -- every kind of layer ---------------------------------------------------------------------------------------------


CLICKS = [("paint layer", mode) for mode in kinds.MODES]
CLICKS += [(kind, mode) for kind in kinds.KINDS for mode in (kinds.OFTEN if EVERYTHING else kinds.OFTEN[:1])]
CLICKS += [(kind, kinds.OFTEN[0]) for kind in kinds.PROFILES]


def test_krita_has_the_colours_of_the_table(seen: Seen) -> None:
    assert seen["table"]["depths"] == {model: sorted(depths) for model, depths in kinds.DEPTHS.items()}


@pytest.mark.parametrize(("kind", "mode"), CLICKS, ids=str)
def test_every_layer_in_every_kind_of_document(seen: Seen, kind: str, mode: tuple[str, str]) -> None:
    rows = {(row["kind"], (row["model"], row["depth"])): row for row in seen["table"]["rows"]}
    row = rows[kind, mode]
    assert row["pixels kept"] is True
    assert row["documents left open"] == 0
    if kinds.result_of(kind) != kinds.MASK_8:
        assert told(row) == kinds.result_of(kind)
        assert row["masks kept"] is True
        return
    assert row["failures"] == []
    assert len(row["layers"]) == (2 if kind == "several layers selected" else 1)
    (photograph,) = rows["paint layer", mode]["layers"]
    for layer in row["layers"]:
        assert layer["masks"] == 1
        put = Image.frombytes("L", tuple(layer["area"][2:]), seen.bytes_of(f"{layer['file']}.mask"))
        shown, corner = all_of(kind, seen.shown(layer), seen.shown(photograph))
        if kind == "with a selection":
            mask = limited(seen.expected(shown, box=SELECTED), shown.size)
        else:
            mask = seen.expected(shown)
        box = (*corner, corner[0] + shown.width, corner[1] + shown.height)
        assert put.crop(box).tobytes() == mask


def all_of(kind: str, shown: Image.Image, photograph: Image.Image) -> tuple[Image.Image, tuple[int, int]]:
    """All that a layer of the table has, what is outside the canvas too, and where in its mask that begins.

    shown: what the canvas shows of it.
    """
    if kind.endswith("outside the canvas"):
        return photograph, (0, 0)
    if kind == "larger than the canvas":
        tiled = Image.new("RGBA", (2 * photograph.width, 2 * photograph.height))
        for corner in itertools.product((0, photograph.width), (0, photograph.height)):
            tiled.paste(photograph, corner)
        return tiled, (0, 0)
    box = shown.getchannel("A").getbbox()
    assert box is not None
    return shown.crop(box), box[:2]


DRAWINGS = [("line art", mode) for mode in [("RGBA", "U16"), ("RGBA", "F32"), ("GRAYA", "U8"), ("CMYKA", "U8")]]
DRAWINGS += [(kind, ("RGBA", "U8")) for kind in ("partly outside the canvas", "rubbed out")]


@pytest.mark.parametrize(("kind", "mode"), DRAWINGS, ids=str)
def test_line_art_of_every_kind(seen: Seen, kind: str, mode: tuple[str, str]) -> None:
    """The ground is enough, and the mask is right where everybody sees what it has to be."""
    rows = {(row["kind"], (row["model"], row["depth"])): row for row in seen["drawings"]["rows"]}
    row = rows[kind, mode]
    assert row["failures"] == [] and row["pixels kept"] is True
    (layer,) = row["layers"]
    put = Image.frombytes("L", tuple(layer["area"][2:]), seen.bytes_of(f"{layer['file']}.mask"))
    shown, corner = all_of(kind, seen.shown(layer), line_art(PHOTOGRAPH_SIZE).convert("RGBA"))
    answer = seen.answer(shown)
    assert (answer.info.model, answer.info.chosen) == ("flat", True)
    assert corner == (0, 0) and put.size == shown.size
    assert put.tobytes() == answer.alpha
    at = [put.getpixel(place(share, put.size)) for share in (ON_THE_RING, IN_THE_DISC, ON_WHITE)]
    assert at == [255, 255, 0]


@pytest.mark.skipif(not EVERYTHING, reason="takes half a minute: MATTED_TEST_EVERYTHING=1 has it")
def test_a_layer_of_100_megapixels(seen: Seen) -> None:
    (row,) = seen["huge"]["rows"]
    assert (row["failures"], row["pixels kept"]) == ([], True)
    with Image.open(PHOTOGRAPH) as image:
        assert seen["huge"]["mask"] == sha256(seen.expected(image.resize(HUGE).convert("RGBA"))).hexdigest()


LAYER_CHANGES = {"projection", "children", "undo", "modified"}


@pytest.mark.parametrize("layer", ["offset", "group"])
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


# -- what is chosen --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [spec.id for spec in ONE_OF_EACH_FAMILY])
def test_a_model_of_every_family(seen: Seen, model: str, photograph: Image.Image) -> None:
    row = CATALOGUE[model]
    of_model = seen["models"][model]
    assert of_model == {"messages": [], "loaded": [model]}
    data = photograph.tobytes()
    moved = Image.frombytes("RGBA", photograph.size, data[PLATE_MOVED:] + data[:PLATE_MOVED])
    plate = moved if row.needs_plate else None
    if row.takes_clicks:
        mask = limited(seen.expected(photograph, model=model, box=SELECTED), photograph.size)
    else:
        mask = seen.expected(photograph, plate, model=model)
        assert len(set(mask)) > 20
    assert seen.mask(f"model-{model}") == mask and any(mask)


def test_a_model_that_takes_clicks_needs_something_that_is_pointed_at(seen: Seen) -> None:
    ((message, hint),) = seen["models"]["without clicks"]
    assert "cuts out what a box or clicks point at" in message and "click on it in the preview" in hint


def test_a_model_that_compares_needs_a_plate_that_covers_the_layer(seen: Seen) -> None:
    ((message, _),) = seen["models"]["without a plate"]
    assert "compares the picture with a plate" in message
    ((message, _),) = seen["models"]["small plate"]
    assert message == 'The plate "small" does not cover the whole layer.'
    ((message, _),) = seen["models"]["gone plate"]
    assert message == 'The picture has no layer "gone", which was to be the plate.'


def test_the_dialog_lists_models_and_plates(seen: Seen) -> None:
    dialog = seen["dialog"]
    default, automatic, *others = dialog["models"]
    assert re.fullmatch(r"Default: U²-Net small \(free, fair, (about \d+ s|less than 1 s)\)", default)
    assert re.fullmatch(
        r"Automatic: .* \(free, (good|very good|excellent), (about|estimated|less than) \d+ s\)", automatic
    )
    entries = [entry for entry in catalogue.load().entries.values() if not entry.refines]
    uses = {entry.title: "free" if entry.commercial else "non-commercial only" for entry in entries}
    assert {words.partition(" (")[0]: re.split(r"[(,)]", words)[1] for words in others} == uses
    assert dialog["plates"] == ["None", "plate"]
    assert (dialog["clean without a new layer"], dialog["clean with a new layer"]) == (False, True)


def test_another_option_is_there_by_its_entry_alone(seen: Seen) -> None:
    another = seen["another option"]
    assert (another["label"], another["tips"]) == ("Glo&w && shine", ["Let it glow", "How often it turns"])
    assert another["range"] == [-2, 9, 1]
    assert another["messages"] == []
    assert another["remembered"] == {"glow": True, "spin": 7}
    assert "it has to be a whole number from -2 to 9" in another["script"]


def test_to_cancel_the_dialog_changes_nothing(seen: Seen) -> None:
    assert seen["dialog"]["cancelled"] is True
    assert seen["dialog"]["remembered after cancel"] in ({}, None)


def test_the_dialog_has_a_control_for_every_option(seen: Seen) -> None:
    assert sorted(seen["dialog"]["controls"]) == sorted(seen["dialog"]["options"]) == sorted(entries(KritaOptions))


def test_what_is_chosen_is_used_and_remembered(seen: Seen, photograph: Image.Image) -> None:
    dialog = seen["dialog"]
    assert dialog["messages"] == dialog["messages of the next click"] == []
    options = {"edges": "hair", "threshold": 0.25, "grow": -3, "feather": 2.5, "invert": True}
    chosen = KritaOptions(model="isnet-general-use", output="selection", **options)
    assert dialog["remembered"] == dataclasses.asdict(chosen)
    mask = seen.expected(photograph, model="isnet-general-use", **options)
    assert dialog["children"] == []
    assert seen.mask("dialog") == mask
    assert seen.mask("dialog-again") == mask


def test_the_dialog_comes_up_without_a_daemon(seen: Seen) -> None:
    dead = seen["dead daemon"]
    assert "could not be started" in dead["sentence"][0]
    ((message, _),) = dead["messages"]
    assert message.startswith("The matted daemon could not be started: ")
    assert dead["children"] == []


def test_the_mask_becomes_the_selection(seen: Seen, photograph: Image.Image) -> None:
    outputs = seen["outputs"]
    assert outputs["selection messages"] == outputs["limited messages"] == []
    assert set(outputs["selection changes"]) <= {"modified", "undo", "layers"}
    assert seen.mask("selection") == seen.expected(photograph)
    assert seen.mask("selection-limited") == limited(seen.expected(photograph, box=SELECTED), photograph.size)
    assert outputs["selected after undo"] == outputs["selected before"] is not None


def test_a_selection_is_one_undo_step_that_redo_brings_back(seen: Seen, photograph: Image.Image) -> None:
    outputs = seen["outputs"]
    assert outputs["after undo, nothing was selected"] == [None, True]
    assert seen.mask("selection-redone") == seen.expected(photograph)
    assert seen.mask("selection-limited-redone") == seen.mask("selection-limited")
    assert outputs["selection in the docker"] is False


def test_a_new_layer_is_cut_out(seen: Seen, photograph: Image.Image) -> None:
    outputs = seen["outputs"]
    assert outputs["layer messages"] == []
    assert outputs["layer"][:4] == ["Background, cut out", "paintlayer", "RGBA", "U8"]
    assert outputs["order"] == ["Background", "Background, cut out"]
    assert outputs["layers after undo"] == ["Background"]
    assert outputs["source kept"] is True
    mask = seen.expected(photograph)
    cut_out = masked(seen, "layer.png")
    assert cut_out.getchannel("A").tobytes() == mask
    shown = Image.frombytes("L", photograph.size, mask).point(lambda alpha: 255 if alpha else 0)
    black = Image.new("RGB", photograph.size)
    colours = [Image.composite(each.convert("RGB"), black, shown).tobytes() for each in (cut_out, photograph)]
    assert colours[0] == colours[1]


def test_a_new_layer_without_the_colours_of_the_background(seen: Seen, photograph: Image.Image) -> None:
    assert seen["outputs"]["clean messages"] == []
    answer = seen.answer(photograph, foreground=True)
    assert answer.foreground is not None
    made = Image.frombytes("RGBA", photograph.size, seen.bytes_of("clean.pixels"), "raw", "BGRA")
    assert made.getchannel("A").tobytes() == bytes(answer.alpha)
    colours = Image.frombytes("RGBA", photograph.size, bytes(answer.foreground)).convert("RGB")
    assert made.convert("RGB").tobytes() == colours.tobytes()
    assert colours.tobytes() != photograph.convert("RGB").tobytes()


def test_a_new_layer_is_as_large_as_the_subject(seen: Seen, photograph: Image.Image) -> None:
    outputs = seen["outputs"]
    assert outputs["cropped messages"] == []
    mask = Image.frombytes("L", photograph.size, seen.expected(photograph))
    box = box_of_subject(mask.tobytes(), *mask.size)
    assert box is not None and box != (0, 0, *photograph.size)
    left, top, right, bottom = box
    assert outputs["cropped"] == [left, top, right - left, bottom - top]
    made, whole = (
        Image.frombytes("RGBA", photograph.size, seen.bytes_of(name), "raw", "BGRA")
        for name in ("cropped.pixels", "clean.pixels")
    )
    assert made.crop(box).tobytes() == whole.crop(box).tobytes()
    assert sum(made.getchannel("A").histogram()[1:]) == sum(made.crop(box).getchannel("A").histogram()[1:])
    assert outputs["layers after undo of the cropped one"] == ["Background"]


@pytest.mark.parametrize("name", ["half-clean", "half-limited"])
def test_a_new_layer_with_clean_colours_of_a_half_transparent_one(
    seen: Seen, photograph: Image.Image, name: str
) -> None:
    assert seen["outputs"][f"{name} messages"] == []
    own = seen.bytes_of("half.source")[3::4]
    box = SELECTED if name == "half-limited" else None
    answer = seen.answer(photograph, foreground=True, box=box)
    assert answer.foreground is not None
    mask = limited(bytes(answer.alpha), photograph.size) if box else answer.alpha
    made = Image.frombytes("RGBA", photograph.size, seen.bytes_of(f"{name}.pixels"), "raw", "BGRA")
    product = bytes((2 * one * other + 255) // 510 for one, other in zip(own, mask, strict=True))
    assert made.getchannel("A").tobytes() == product
    sent = Image.frombytes("RGBA", photograph.size, bytes(answer.foreground))
    assert made.convert("RGB").tobytes() == sent.convert("RGB").tobytes()


def test_a_new_layer_takes_the_place_of_its_source_which_is_hidden(seen: Seen) -> None:
    place = seen["new layer in place"]
    assert place["messages"] == []
    assert place["layer"] == ["upper, cut out", 128, "multiply", True, True]
    assert place["before"]["layers"] == [["Background", True], ["upper", True]]
    assert place["after"]["layers"] == [["Background", True], ["upper", False], ["upper, cut out", True]]
    assert place["after"] == place["computed anew"]


def test_undo_shows_the_source_again_and_redo_hides_it(seen: Seen) -> None:
    place = seen["new layer in place"]
    for state, as_before in (("undone", "before"), ("redone", "after")):
        assert place[state]["layers"] == place[as_before]["layers"]
        assert place[state]["projection"] == place[as_before]["projection"]


def test_a_source_that_the_person_shows_stays_shown(seen: Seen) -> None:
    place = seen["new layer in place"]
    assert place["shown"] == [["Background", True], ["upper", True], ["upper, cut out", True]]
    assert place["shown, undone"] == [["Background", True], ["upper", True]]


def test_a_source_stays_hidden_when_its_cut_out_is_merged_or_deleted(seen: Seen) -> None:
    states = seen["cut-outs"]
    hidden, shown, cut_out = ["Background", False], ["Background", True], ["Background, cut out", True]
    assert states["another layer"] is True, "the merged layer counts as the cut-out"
    assert states["merged"][0] == hidden
    assert len(states["merged"]) == 2
    assert states["merged, undone"] == [hidden, cut_out]
    assert states["all undone"] == [shown]
    assert states["redone"] == [hidden, cut_out]
    assert states["deleted"] == [hidden]
    assert states["deleted, undone"] == [hidden, cut_out]


def test_a_source_is_shown_when_its_last_cut_out_is_undone(seen: Seen) -> None:
    states = seen["cut-outs"]
    hidden, shown, cut_out = ["Background", False], ["Background", True], ["Background, cut out", True]
    assert sorted(states["twice"]) == sorted([hidden, cut_out, cut_out])
    assert states["twice, undone"] == [hidden, cut_out]
    assert states["twice, all undone"] == [shown]
    assert states["twice, redone"] == states["twice"]
    assert states["the first deleted"] == [hidden, cut_out]


def test_too_little_memory_for_a_new_layer_is_told(seen: Seen) -> None:
    ((message, hint),) = seen["little memory"]["messages"]
    assert message == "There is not enough memory."
    assert hint.startswith("Close other programs")
    assert seen["little memory"]["layers kept"] is True


def test_a_mask_that_krita_would_not_heed_is_refused(seen: Seen) -> None:
    unheeded = seen["unheeded"]
    ((message, hint),) = unheeded["mask of the group"]
    assert message == 'The group "passing" passes through, so Krita would not heed its mask.'
    assert "Pass Through" in hint
    assert unheeded["the group is untouched"] is True


def test_a_new_layer_of_a_pass_through_group_is_cut_out(seen: Seen, photograph: Image.Image) -> None:
    assert seen["unheeded"]["layer of the group"] == []
    assert seen.bytes_of("passing.pixels")[3::4] == seen.expected(photograph)


def test_what_a_selected_group_holds_is_not_masked_twice(seen: Seen) -> None:
    assert seen["unheeded"]["masks of a group and what it holds"] == [1, 0, 0]


def test_what_a_person_may_not_expect_is_said(seen: Seen, photograph: Image.Image) -> None:
    unheeded = seen["unheeded"]
    animated = ["The layer is animated: what was made of this frame is shown in all frames."]
    own = ["The layer has a selection mask of its own, which does not limit the result."]
    said = {"photograph": [], "animated": animated, "group": animated, "own": own}
    for name, sentences in said.items():
        for output in ("mask", "layer", "selection"):
            expected = [] if output == "selection" and sentences == animated else sentences
            assert unheeded["notices"][f"{name}, {output}"] == expected, (name, output)
    assert unheeded["masks before"] == ["selectionmask"]
    assert seen.mask("animated") == seen.mask("own-selection") == seen.expected(photograph)


def test_a_new_layer_of_a_half_transparent_one(seen: Seen, photograph: Image.Image) -> None:
    assert seen["outputs"]["half-kept messages"] == []
    source = seen.bytes_of("half.source")
    mask = seen.expected(photograph)
    expected = bytearray(source)
    expected[3::4] = bytes((2 * one * other + 255) // 510 for one, other in zip(source[3::4], mask, strict=True))
    assert seen["outputs"]["half area"] == [0, 0, *photograph.size]
    made = seen.bytes_of("half-kept.pixels")
    assert made[3::4] == bytes(expected[3::4])
    for channel in range(3):
        triples = zip(made[channel::4], source[channel::4], made[3::4], strict=True)
        assert all(one == other for one, other, shown in triples if shown)


def test_a_new_layer_has_the_colours_of_the_document(seen: Seen, photograph: Image.Image) -> None:
    deep = seen["deep layer"]
    assert deep["messages"] == []
    assert deep["space"] == ["RGBA", "U16", True]
    made, source = (memoryview(seen.bytes_of(f"deep.{which}")).cast("H") for which in ("pixels", "source"))
    alpha = [word * 65535 // 255 for word in seen.expected(photograph)]
    assert list(made[3::4]) == alpha
    for channel in range(3):
        triples = zip(made[channel::4], source[channel::4], alpha, strict=True)
        assert all(one == other for one, other, shown in triples if shown)


def test_every_selected_layer_gets_its_mask(seen: Seen, photograph: Image.Image) -> None:
    several = seen["several"]
    hint = '"empty": The layer is empty. Select the layer to cut out.'
    assert several["messages"] == [["1 layer could not be cut out.", hint]]
    mine = ["Background removed"]
    assert several["masks"] == {"Background": mine, "second": mine, "third": mine, "empty": []}
    mask = seen.expected(photograph)
    assert [seen.mask(f"several-{name}") == mask for name in ("Background", "second", "third")] == [True] * 3
    assert several["pixels kept"] is True
    assert several["undo steps"] == 3  # Krita gives scripts one for each
    assert several["undone to"][0] == several["undone to"][1]


@pytest.mark.parametrize(
    ("case", "name", "told"),
    [
        ("locked first", "locked", 'The layer "locked" is locked. Unlock it and try again.'),
        ("filter first", "filter", "A filter layer has no picture of its own. Select the layer to cut out."),
        ("locked later", "locked", 'The layer "locked" is locked. Unlock it and try again.'),
    ],
    ids=["locked first", "filter first", "locked later"],
)
def test_a_refused_layer_leaves_the_others_their_own_masks(
    seen: Seen, photograph: Image.Image, case: str, name: str, told: str
) -> None:
    refused = seen["refused"][case]
    assert refused["messages"] == [["1 layer could not be cut out.", f'"{name}": {told}']]
    assert refused["masks"] == {name: 0, "Background": 1, "turned": 1}
    mask, turned = seen.expected(photograph), seen.expected(photograph.transpose(Image.Transpose.ROTATE_180))
    assert mask != turned
    assert (seen.mask(f"{case}-Background"), seen.mask(f"{case}-turned")) == (mask, turned)


def test_the_model_looks_where_something_is_selected(seen: Seen) -> None:
    looked = seen["looked at"]
    boxes = {case: each["boxes"] for case, each in looked.items() if isinstance(each, dict)}
    assert boxes == {
        "each layer": [[40, 50, 160, 140], [110, 5, 230, 95], [10, 30, 130, 120], None],
        "whole layer": [None],
        "new layer": [[10, 10, 30, 20]],
        "selection": [[140, 35, 160, 45], [70, 80, 90, 90]],
        "beside": [[0, 0, 50, 60]],
        "around it": [None, [70, 0, 451, 255]],
        "nothing in the selection": [],
    }
    failures = {case: looked[case]["failures"] for case in boxes if looked[case]["failures"]}
    hint = "The mask is limited to the selection. Select none, or a part of the layer, and try again."
    assert failures == {
        "beside": [["small", 'The selection lies outside the layer "small".', hint]],
        "nothing in the selection": [["Background", 'The selection lies outside the layer "Background".', hint]],
    }


def test_to_look_only_at_the_selection_is_offered_where_there_is_one(seen: Seen) -> None:
    looked = seen["looked at"]
    assert (looked["with a selection"], looked["without a selection"]) == (True, False)


def test_several_layers_are_selected_together(seen: Seen, photograph: Image.Image) -> None:
    mask = Image.frombytes("L", photograph.size, seen.expected(photograph))
    moved = Image.new("L", photograph.size)
    moved.paste(mask, (30, -20))
    together = [min(255, one + other) for one, other in zip(mask.tobytes(), moved.tobytes(), strict=True)]
    assert seen.mask("several-selected") == bytes(together)  # how Krita adds selections


def test_no_subject_can_be_overruled(seen: Seen, photograph: Image.Image) -> None:
    trouble = seen["trouble"]
    flat = Image.new("RGBA", photograph.size, (128, 128, 128, 255))
    with pytest.raises(Rejected) as refusal:
        seen.expected(flat)
    words = [refusal.value.message, refusal.value.hint]
    assert trouble["no subject"] == [*words, ["OK", "Use the mask anyway"]]
    assert trouble["anyway"] == []
    assert seen.mask("anyway") == seen.expected(flat, anyway=True)


def test_a_licence_that_nobody_has_accepted_can_be_read(seen: Seen) -> None:
    message, hint, buttons = seen["trouble"]["licence"]
    assert "licence" in message and hint
    assert buttons == ["OK", "Open the licence page"]
    assert seen["trouble"]["licence page"] == CATALOGUE["rmbg-1.4"].licence_url


def test_the_layers_that_were_not_reached_are_counted(seen: Seen) -> None:
    message, hint, buttons = seen["trouble"]["licence for several"]
    assert message == "2 layers could not be cut out."
    assert "licence" in hint and buttons == ["OK", "Open the licence page"]


def test_a_model_that_is_not_here_is_named_with_how_to_get_it(seen: Seen) -> None:
    label, *labels = seen["download"]["dialog"]
    assert re.fullmatch(r"IS-Net general use \(free, good, .*not on this computer\)", label)
    assert any(each.endswith("Licence: Apache-2.0 (free).") for each in labels) and "Apache-2.0" in labels


def test_help_opens_the_manual_that_came_with_the_plugin(seen: Seen) -> None:
    address = seen["download"]["help"]
    assert address.startswith("file:///") and address.endswith("/pykrita/remove_background/manual/en.html")


def test_a_free_model_that_is_missing_can_be_downloaded(seen: Seen, photograph: Image.Image) -> None:
    download = seen["download"]
    assert download["message"] == [
        "IS-Net general use is not on this computer.",
        "Licence: Apache-2.0 (free). 1 MB will be downloaded.",  # as much as the stand-in has
        ["Download", "OK"],
    ]
    message, hint, buttons = download["several"]  # an empty layer first
    assert message == download["message"][0]
    assert hint == f'"empty": The layer is empty. Select the layer to cut out.\n{download["message"][1]}'
    assert buttons == ["Download", "OK"]
    message, hint, buttons = download["failed"]
    assert "could not be installed" in message and "matted models pull isnet-general-use --from FILE" in hint
    assert buttons == ["OK"]
    text, steps = download["progress"]
    assert text.startswith("Downloading IS-Net general use (isnet-general-use)") and 450 <= steps <= 550
    assert download["messages"] == []
    assert seen.mask("downloaded") == seen.expected(photograph, model="isnet-general-use")


def test_another_script_can_start_it_with_options(seen: Seen, photograph: Image.Image) -> None:
    automation = seen["automation"]
    assert automation["failures"] == automation["messages"] == []
    assert seen.mask("automation") == seen.expected(photograph, invert=True)
    assert automation["failures of an empty layer"] == ["The layer is empty. Select the layer to cut out."]
    assert automation["unknown"].startswith("Remove Background has no option 'colour'.")
    assert automation["out of range"].startswith("Remove Background cannot use grow=101, which is out of range: ")
    assert automation["wrong"].startswith("Remove Background cannot use output='cake', which is out of range: ")


def test_nothing_is_left_on_the_screen(seen: Seen) -> None:
    assert seen["last"]["windows"] == []
