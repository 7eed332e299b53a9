"""A view of a picture: the mask of a part at another size is that of the whole, and nothing is found out twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asker import Asker
from fakes import model
from hypothesis import given
from hypothesis import strategies as st
from matted.inference.layer import Layer
from matted.inference.timing import Stopwatch
from matted.masking import colours
from matted.masking.picture import REMEMBERED_BYTES, Findings, Picture
from matted.masking.pipeline import Pipeline
from matted.masking.subject.finding import ModelNeeded
from matted.masking.view import View
from matted.system.task import Task
from matted_client.messages import MaskRequest
from numpy.typing import NDArray
from PIL import Image

SIZE = WIDTH, HEIGHT = 720, 480
SPEC = model("small")
PARTS = {
    "left half": [0, 0, 360, 480],
    "edge": [101, 67, 461, 307],
    "corner": [600, 400, 720, 480],
    "all": [0, 0, *SIZE],
}


def pixels() -> NDArray[np.uint8]:
    """A red disc with grain on a dark ground, height x width x 4, with an alpha of its own."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = np.hypot(x - 300, y - 220) < 150
    noise = np.random.default_rng(1).integers(0, 20, (HEIGHT, WIDTH))
    planes = [np.where(inside, 235 + noise, 0), noise + 20 * (x > y), noise, 255 - x // 8]
    return np.stack(planes, axis=2).astype(np.uint8)


PIXELS = pixels()


def opened(folder: Path) -> Asker:
    return Asker(folder, SPEC, Picture(*SIZE, "RGBA8", [memoryview(PIXELS.tobytes())]))


@pytest.fixture
def harness(tmp_path: Path) -> Asker:
    return opened(tmp_path)


def reduced(mask: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.BOX))


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("fields", [{"edges": "off"}, {}, {"edges": "hair"}, {"feather": 9.0}, {"grow": -7}], ids=str)
def test_a_part_at_its_own_size_is_cut_of_the_whole(harness: Asker, part: list[int], fields: dict[str, Any]) -> None:
    left, top, right, bottom = part
    whole = harness.ask(**fields).mask[top:bottom, left:right]
    seen = harness.ask(view=[*part, right - left, bottom - top], **fields).mask
    assert np.abs(whole.astype(int) - seen).max() <= 2


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("fields", [{"edges": "off"}, {}, {"edges": "hair"}, {"feather": 9.0}, {"grow": -8}], ids=str)
def test_a_smaller_view_is_the_whole_made_smaller(harness: Asker, part: list[int], fields: dict[str, Any]) -> None:
    left, top, right, bottom = part
    width, height = (right - left) // 2, (bottom - top) // 2
    whole = harness.ask(**fields).mask[top:bottom, left:right]
    seen = harness.ask(view=[*part, width, height], **fields).mask
    assert seen.shape == (height, width)
    difference = np.abs(reduced(np.ascontiguousarray(whole), width, height).astype(int) - seen)
    assert difference.mean() < 1.0 and (difference > 64).mean() < 0.005


def test_the_colours_of_a_view_are_those_of_the_whole(harness: Asker) -> None:
    left, top, right, bottom = part = [101, 67, 461, 307]
    whole = harness.ask(foreground=True).foreground
    seen = harness.ask(foreground=True, view=[*part, 360, 240]).foreground
    assert whole is not None and seen is not None
    cut = whole[top:bottom, left:right].astype(int)
    visible = cut[:, :, 3] > 16
    assert np.abs(cut[:, :, 3] - seen[:, :, 3]).max() <= 2
    assert np.abs(cut - seen)[visible].mean() < 1.0
    half = harness.ask(foreground=True, view=[*part, 180, 120]).foreground
    assert half is not None and half.shape == (120, 180, 4)
    assert np.abs(reduced(PIXELS[top:bottom, left:right, 3].copy(), 180, 120).astype(int) - half[:, :, 3])[60, 60] <= 2


def test_a_second_question_needs_no_inference_and_no_model(harness: Asker) -> None:
    whole = harness.ask()
    assert harness.inferences == 1
    for fields in ({"grow": 3}, {"edges": "hair"}, {"feather": 2.0}, {"view": [0, 0, *SIZE, 360, 240]}, {"depth": 16}):
        outcome = harness.ask(**fields)
        assert (outcome.info.model, outcome.info.confidence) == (whole.info.model, whole.info.confidence)
        assert "inference" not in outcome.info.timings
    np.testing.assert_array_equal(harness.ask().mask, whole.mask)
    assert harness.inferences == 1


def test_what_is_forgotten_between_the_look_and_the_work_is_said(harness: Asker) -> None:
    pipeline = Pipeline(SPEC, Task(), MaskRequest(picture=1), harness.picture, Stopwatch(0.0))
    with pytest.raises(ModelNeeded):
        pipeline.run(None)


def test_a_slider_renders_a_view_once(harness: Asker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    view = [0, 0, *SIZE, 360, 240]
    harness.ask(view=view, grow=4)
    monkeypatch.setattr(Pipeline, "_rendered", None)  # it would fail
    for grow in (3, -4, 4):
        harness.ask(view=view, grow=grow)
    monkeypatch.undo()
    np.testing.assert_array_equal(harness.ask(view=view).mask, opened(tmp_path).ask(view=view).mask)


def test_a_slider_learns_the_colours_of_a_view_once(
    harness: Asker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    view = [101, 67, 461, 307, 180, 120]
    tuned: list[dict[str, Any]] = [{"grow": 4}, {"feather": 6.0}, {"threshold": 0.3}, {"invert": True}]
    first = harness.ask(view=view, foreground=True, grow=-3)
    monkeypatch.setattr(colours, "learn", None)  # it would fail
    seen = [harness.ask(view=view, foreground=True, **fields).foreground for fields in [{"grow": -3}, *tuned]]
    monkeypatch.undo()
    np.testing.assert_array_equal(seen[0], first.foreground)
    for fields, shown in zip(tuned, seen[1:], strict=True):
        np.testing.assert_array_equal(opened(tmp_path).ask(view=view, foreground=True, **fields).foreground, shown)


def test_a_box_is_learned_for_itself(harness: Asker, tmp_path: Path) -> None:
    """It is held in the alpha that the colours are learned of."""
    view, box = [101, 67, 461, 307, 180, 120], [150, 90, 400, 300]
    harness.ask(view=view, foreground=True)
    shown = harness.ask(view=view, foreground=True, box=box).foreground
    expected = opened(tmp_path).ask(view=view, foreground=True, box=box).foreground
    np.testing.assert_array_equal(shown, expected)


def test_findings_are_bounded_and_the_oldest_goes_first() -> None:
    findings = Findings()
    third = REMEMBERED_BYTES // 3
    for key in "abc":
        findings.get(key, lambda key=key: (key * 2, third))
    assert findings.get("a", lambda: ("wrong", 0)) == "aa"
    findings.get("d", lambda: ("dd", third))
    assert [key in findings for key in "abcd"] == [True, False, True, True]
    findings.get("large", lambda: ("large", 2 * REMEMBERED_BYTES))
    assert [key in findings for key in ("a", "c", "d", "large")] == [False, False, False, True]
    assert findings.memory == 2 * REMEMBERED_BYTES


def test_what_stays_is_forgotten_only_with_everything() -> None:
    findings = Findings()
    third = REMEMBERED_BYTES // 3
    findings.get("staying", lambda: ("staying", 2 * REMEMBERED_BYTES), stays=True)
    for key in "abcd":
        findings.get(key, lambda key=key: (key, third))
    assert [key in findings for key in ["staying", *"abcd"]] == [True, False, True, True, True]
    assert findings.memory == 2 * REMEMBERED_BYTES + 3 * third
    assert findings.peek("staying") == "staying" and findings.peek("a") is None
    findings.clear()
    assert "staying" not in findings and findings.memory == 0


@pytest.mark.parametrize("part", [[63, 0, 84, 97, 18, 97], [54, 0, 72, 97, 14, 97]])
def test_a_wider_view_ends_with_the_picture(part: list[int]) -> None:
    """Products of fractions ended a hair's breadth outside, which Pillow refuses."""
    wider, _, _ = View.of(97, 97, part).widened(128)
    assert wider.left >= 0 and wider.top >= 0 and wider.right <= 97 and wider.bottom <= 97


@given(st.data())
def test_a_wider_view_contains_the_view_pixel_for_pixel(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 5000)), data.draw(st.integers(1, 5000))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    size = data.draw(st.integers(1, right - left)), data.draw(st.integers(1, bottom - top))
    view = View.of(width, height, [left, top, right, bottom, *size])
    wider, rows, columns = view.widened(data.draw(st.integers(0, 300)))
    assert (rows.stop - rows.start, columns.stop - columns.start) == (view.height, view.width)
    assert 0 <= wider.left < wider.right <= width and 0 <= wider.top < wider.bottom <= height
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    position = view.position(x, y)
    assert (position is not None) == (left <= x < right and top <= y < bottom)
    if position is not None:
        inner = wider.position(x, y)
        assert inner is not None
        assert abs(inner[0] - columns.start - position[0]) <= 1 and abs(inner[1] - rows.start - position[1]) <= 1


@pytest.mark.parametrize("size", [(4000, 3000), (300, 200)])
def test_a_part_of_a_layer_is_its_mean(size: tuple[int, int]) -> None:
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    planes = [100 + 90 * np.sin(x / 90 + phase) * np.cos(y / 70) for phase in range(4)]
    samples = np.stack(planes, axis=2).astype(np.uint8)
    layer = Layer(samples[:, :, :3].copy(), alpha=samples[:, :, 3])
    box = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    part = layer.part(box, width // 20, height // 20)
    expected = samples[box[1] : box[3], box[0] : box[2]].reshape(height // 20, 10, width // 20, 10, 4).mean(axis=(1, 3))
    assert part.alpha is not None
    assert np.abs(expected[:, :, :3] - part.samples).max() <= 2.0
    assert np.abs(expected[:, :, 3] - part.alpha).max() <= 1.0
    same = layer.part(box, width // 2, height // 2)
    np.testing.assert_array_equal(same.samples, layer.samples[box[1] : box[3], box[0] : box[2]])
