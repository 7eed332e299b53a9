"""Layers with frames in the real Krita: cut out one by one, as a new layer with the same frames.

Krita runs once in each root; hosts/krita/matted_checks/animation.py does there what a person would do. What every frame
has to be is known: the model compares with the plate, by a formula that is computed by hand, too.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import small
from hosts import roots
from hosts.krita.kinds import TITLES
from hosts.krita.session import Crashed, Results, krita_session
from hosts.moving import SIZE, frame, scene
from hosts.seen import artefacts_folder
from numpy.typing import NDArray
from PIL import Image, ImageChops
from PIL.PngImagePlugin import PngInfo

PHOTOGRAPH = Path(__file__).parents[1] / "photographs" / "chelsea.jpg"
MODEL = "background-matting-mobilenetv2"
TESTED = [suite for suite in TITLES if suite in roots.SUITES]
TIMES, BLANK = [0, 2, 3, 7, 12, 13, 14, 20, 25, 30], 33  # as in the checks
KEYS = [*TIMES, BLANK]
PLAYED = [7, 12, 13]  # frames that are seen from 8 to 13
VANISHED = (3, 8)  # frames, by their numbers, in which there is only the scene
SELECTED = (20, 10, 80, 70)  # left, top, right, bottom

Pixels = NDArray[np.uint8]


def vanishing(number: int) -> Image.Image:
    return scene() if number in VANISHED else frame(number)


def inverted(number: int) -> Image.Image:
    """What a mask of the filter Invert makes of a frame."""
    return ImageChops.invert(frame(number))


def little(number: int) -> tuple[Image.Image, tuple[int, int]]:
    """A part of a photograph, and where it lies."""
    with Image.open(PHOTOGRAPH) as photograph:
        return photograph.convert("RGBA").resize((64 + 2 * number, 48)), (3 * number, 30 - 2 * number)


class Seen(Results):
    """What Krita saw, the files that it wrote, and the daemon that it left running."""

    def pixels(self, name: str, time: int, kind: type[np.generic] = np.uint8) -> NDArray[Any]:
        """B, G, R, A of a frame on the canvas."""
        data = (self.session.folder / f"{name}-{time}.pixels").read_bytes()
        return np.frombuffer(data, kind).reshape(SIZE[1], SIZE[0], 4)


@pytest.fixture(scope="module", params=TESTED, ids=[f"krita-{TITLES[suite]}" for suite in TESTED])
def seen(
    request: pytest.FixtureRequest, wheel: Path, u2netp_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    artefacts, folder = artefacts_folder(tmp_path_factory), tmp_path_factory.mktemp("krita")
    keyer = small.keyer(folder / "keyer.onnx")
    with krita_session(roots.get(request.param, wheel), u2netp_file, {MODEL: keyer}) as session:
        scene().convert("RGBA").save(session.folder / "plate.png")
        with Image.open(PHOTOGRAPH) as photograph:
            photograph.save(session.folder / "photograph.png")
        for number in range(len(TIMES)):
            frame(number).convert("RGBA").save(session.folder / f"keyed-{number}.png")
            vanishing(number).convert("RGBA").save(session.folder / f"vanishing-{number}.png")
            part, (x, y) = little(number)
            text = PngInfo()
            text.add_text("x", str(x))
            text.add_text("y", str(y))
            part.save(session.folder / f"small-{number}.png", pnginfo=text)
        session.animate()
        try:
            results = session.run(folder / "krita.log")
        except Crashed as crash:  # Krita does so by itself, rarely; if matted is why, it does so again
            warnings.warn(f"Krita is tried once more: {crash}", stacklevel=1)
            results = session.run(folder / "krita-again.log")
        for shot in [*session.folder.glob("frame*.png"), *session.folder.glob("failure*.png")]:
            shutil.copy(shot, artefacts / f"krita-{TITLES[request.param]}-{shot.name}")
        yield Seen(session, results)


def assert_cut_out(found: Pixels, shown: Image.Image) -> None:
    """Compare a frame of the new layer with what it has to be: alpha to one step, the colours where it is seen."""
    colours = np.asarray(shown)
    alpha = small.keyed_by_hand(colours, np.asarray(scene()))
    difference = np.abs(found[..., 3].astype(int) - alpha)
    assert difference.max() <= 1
    inside = alpha == 255
    assert inside.any()
    assert (found[..., 2::-1][inside] == colours[inside]).all()


def unchanged(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return before["pixels"] == after["pixels"] and before["bounds"] == after["bounds"]


def test_every_frame_is_cut_out_at_its_time(seen: Seen) -> None:
    done = seen["all frames"]
    assert done["messages"] == []
    assert done["keys"] == KEYS
    for number, time in enumerate(TIMES):
        assert_cut_out(seen.pixels("made", time), frame(number))
    assert not seen.pixels("made", BLANK).any()


def test_the_new_layer_takes_the_place_of_the_animated_one(seen: Seen) -> None:
    done = seen["all frames"]
    assert done["made"] == ["acting, cut out", "paintlayer", "RGBA", "U8", True, False]
    assert done["layers"] == [["plate", True], ["acting", False], ["acting, cut out", True]]
    assert done["time"] == 5


def test_it_is_one_undo_step(seen: Seen) -> None:
    done = seen["all frames"]
    assert done["undone"] == [["plate", True], ["acting", True]]
    assert done["redone"] == done["layers"]


def test_the_layer_itself_is_never_altered(seen: Seen) -> None:
    for name in ("all frames", "own colours", "cancelled"):
        assert seen[name]["source kept"] is True
    assert seen["all frames"]["source keys"] == KEYS
    assert unchanged(seen["all frames"]["before"], seen["all frames"]["after"])


def test_progress_names_every_frame(seen: Seen) -> None:
    numbers = {int(text.split()[1]) for text in seen["all frames"]["texts"] if text.startswith("Frame ")}
    assert numbers and numbers <= set(range(1, len(KEYS) + 1))
    assert all(f" of {len(KEYS)}: " in text for text in seen["all frames"]["texts"] if text.startswith("Frame "))
    assert seen["cancelled"]["text"].startswith(f"Frame 5 of {len(KEYS)}: ")


def test_cancel_in_the_middle_leaves_nothing(seen: Seen) -> None:
    cancelled = seen["cancelled"]
    assert cancelled["gone at once"] is True and cancelled["messages"] == []
    assert cancelled["after"] == cancelled["before"]
    assert cancelled["next"]["messages"] == [] and cancelled["next"]["keys"] == KEYS


def test_frames_of_different_sizes_keep_their_own_colours_and_depth(seen: Seen) -> None:
    done = seen["own colours"]
    assert done["messages"] == [] and done["keys"] == KEYS
    assert done["made"][2:4] == ["RGBA", "U16"]
    corners = [(*at, at[0] + part.width, at[1] + part.height) for part, at in map(little, range(len(TIMES)))]
    lows, highs = np.min(corners, axis=0), np.max(corners, axis=0)
    (left, top), (right, bottom) = lows[:2], highs[2:]
    mask = Image.new("L", SIZE)
    mask.paste(255, SELECTED)
    selected = np.asarray(mask)
    canvases = []
    for number in range(len(TIMES)):
        part, at = little(number)
        canvas = Image.new("RGBA", (right, bottom))
        canvas.paste(part, at)
        canvases.append(canvas)
    areas = [canvas.crop((left, top, right, bottom)) for canvas in canvases]
    with seen.session.ask() as session:  # as one scene: frames of it are settled
        film = session.scene(*areas[0].size, "RGBA8")
        alphas = []
        for area in areas:
            film.send(area.tobytes(), anyway=True)
            alphas.append(film.receive().alpha)
    for time, canvas, area, alpha in zip(TIMES, canvases, areas, alphas, strict=True):
        wanted = np.zeros((SIZE[1] + bottom, SIZE[0] + right), np.uint8)
        wanted[top:bottom, left:right] = np.frombuffer(alpha, np.uint8).reshape(area.height, area.width)
        wanted = np.minimum(wanted[: SIZE[1], : SIZE[0]], selected)
        wanted[np.asarray(canvas.crop((0, 0, *SIZE)))[..., 3] == 0] = 0
        found = seen.pixels("own", time, np.uint16)
        assert np.abs(found[..., 3].astype(int) // 257 - wanted).max() <= 1
        shown = found[..., 3] > 0
        colours = np.asarray(canvas.crop((0, 0, *SIZE)))[..., :3]
        assert np.abs(found[..., 2::-1][shown].astype(int) // 257 - colours[shown]).max() <= 1


def test_of_a_range_the_other_frames_stay_whole(seen: Seen) -> None:
    played = seen["played"]
    assert played["selected in the timeline"] == played["range"] == [8, 13]
    assert played["messages"] == [] and played["keys"] == KEYS
    for number, time in enumerate(TIMES):
        if time in PLAYED:
            assert_cut_out(seen.pixels("played", time), frame(number))
        else:
            assert (seen.pixels("played", time) == seen.pixels("source", time)).all()


def test_a_frame_without_a_subject_is_empty_and_said(seen: Seen) -> None:
    done = seen["without a subject"]
    assert done["failures"] == [] and done["notices"] == ["No subject was found in 2 frames."]
    for number, time in enumerate(TIMES):
        if number in VANISHED:
            assert not seen.pixels("vanished", time).any()
        else:
            assert_cut_out(seen.pixels("vanished", time), frame(number))


def test_no_frame_with_a_subject_is_an_error(seen: Seen) -> None:
    nowhere = seen["without a subject"]["nowhere"]
    assert [message for message, _hint in nowhere["messages"]] == ["No subject was found in this picture."]
    assert nowhere["layers"] == nowhere["layers before"]


def test_the_dialog_offers_frames_where_there_are_some(seen: Seen) -> None:
    dialog = seen["dialog"]
    assert dialog["without frames"] is False
    assert dialog["entries"] == ["This frame", "Playback range", "All frames"]
    assert dialog["with this frame"] == [True, "this", True]
    assert dialog["with all"] == ["all", False]
    assert dialog["others with all"] == [True, False]
    assert "11 frames become a new animated layer. Marks count for the frame in the preview only." in dialog["notes"]


def test_what_is_chosen_in_the_dialog_is_done_and_remembered(seen: Seen) -> None:
    dialog = seen["dialog"]
    assert dialog["messages"] == []
    assert dialog["layers"] == [["plate", True], ["acting", False], ["acting, cut out", True]]
    assert dialog["remembered"] == "all"
    for number, time in enumerate(TIMES):
        assert_cut_out(seen.pixels("chosen", time), frame(number))


def test_masks_that_change_the_layer_are_applied(seen: Seen) -> None:
    """Before Krita 5.2, a script can make no filter mask: the frames are as they were."""
    done = seen["masked layer"]
    assert done["messages"] == [] and done["keys"] == KEYS and done["children"] == []
    assert done["made"][:2] == ["acting, cut out", "paintlayer"]
    for number, time in enumerate(TIMES):
        assert_cut_out(seen.pixels("inverted", time), inverted(number) if done["filtered"] else frame(number))
