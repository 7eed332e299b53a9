"""Boxes, clicks and hints through the pipeline: which looks are taken, what stays the model's, what is remembered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asker import Asker
from fakes import model
from matted.masking.picture import Picture
from matted_client import Rejected

WIDTH, HEIGHT = 480, 320
SPEC = model("small")
FIRST, SECOND = (130, 160), (350, 160)  # the middles of two discs
RADIUS = 60


def pixels(levels: tuple[int, int] = (250, 250)) -> bytes:
    """Two discs on a dark ground. levels: of their red, which is the fake model's alpha."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(1).integers(0, 6, (HEIGHT, WIDTH))
    planes = np.stack([noise, noise + 20, noise + 40], axis=2)
    for (across, down), level in zip((FIRST, SECOND), levels, strict=True):
        planes[np.hypot(x - across, y - down) < RADIUS] = (level, 180, 90)
    return planes.astype(np.uint8).tobytes()


def opened(folder: Path, data: bytes | None = None) -> Asker:
    return Asker(folder, SPEC, Picture(WIDTH, HEIGHT, "RGB8", [memoryview(data or pixels())]))


@pytest.mark.parametrize("edges", ["off", "fine", "hair"])
def test_of_two_subjects_the_one_in_the_box_is_kept_as_the_model_saw_it(tmp_path: Path, edges: str) -> None:
    harness = opened(tmp_path)
    plain = harness.ask(edges=edges, anyway=True).mask
    box = [FIRST[0] - RADIUS - 4, FIRST[1] - RADIUS - 4, FIRST[0] + RADIUS + 4, FIRST[1] + RADIUS + 4]
    mask = harness.ask(edges=edges, box=box).mask
    inside = np.zeros(mask.shape, bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    assert not mask[~inside].any() and mask[FIRST[1], FIRST[0]] >= 250
    assert ((mask > 127) == (plain > 127))[inside].mean() > 0.97


def test_a_box_is_looked_at_once_and_clicks_need_no_look(tmp_path: Path) -> None:
    harness = opened(tmp_path)
    box = [40, 60, 220, 260]
    harness.ask(box=box, second_look=False)
    assert harness.inferences == 2
    harness.ask(box=box, second_look=False, grow=3)
    harness.ask(keep=[list(FIRST)], second_look=False)
    harness.ask(keep=[list(FIRST)], drop=[list(SECOND)], second_look=False, view=[0, 0, WIDTH, HEIGHT, 120, 80])
    assert harness.inferences == 2
    harness.ask(box=[0, 0, WIDTH, HEIGHT], second_look=False)
    assert harness.inferences == 2  # the whole picture has been seen


def test_a_drop_click_takes_one_of_two_away_and_a_keep_click_brings_it_back(tmp_path: Path) -> None:
    harness = opened(tmp_path)
    dropped = harness.ask(drop=[list(SECOND)]).mask
    assert dropped[SECOND[1], SECOND[0]] == 0 and dropped[FIRST[1], FIRST[0]] > 200
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    assert dropped[np.hypot(x - SECOND[0], y - SECOND[1]) < RADIUS - 8].mean() < 60
    kept = harness.ask(keep=[list(SECOND)]).mask
    assert kept[SECOND[1], SECOND[0]] == 255 and kept[FIRST[1], FIRST[0]] > 200


def test_a_subject_that_the_model_misses_is_added_by_a_click(tmp_path: Path) -> None:
    harness = opened(tmp_path, pixels((250, 60)))
    assert harness.ask(anyway=True).mask[SECOND[1], SECOND[0]] < 128
    mask = harness.ask(keep=[list(SECOND)]).mask
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    assert mask[np.hypot(x - SECOND[0], y - SECOND[1]) < RADIUS - 8].mean() > 200
    assert mask[FIRST[1], FIRST[0]] > 200 and mask[np.hypot(x - SECOND[0], y - SECOND[1]) > 4 * RADIUS].mean() < 60


def test_a_person_knows_that_there_is_a_subject(tmp_path: Path) -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 20, np.uint8).tobytes()
    harness = opened(tmp_path, flat)
    with pytest.raises(Rejected, match="No subject"):
        harness.ask()
    assert harness.ask(keep=[[100, 100]]).mask[100, 100] == 255


def test_a_hint_is_held_in_every_pixel_and_belongs_to_its_question(tmp_path: Path) -> None:
    harness = opened(tmp_path)
    before = harness.ask(anyway=True).mask
    hint = np.full((HEIGHT, WIDTH), 128, np.uint8)
    hint[:, 240:] = 0
    hint[10:14, 10:14] = 255
    one = harness.picture
    harness.picture = one.hinted(memoryview(hint.tobytes()))
    mask = harness.ask().mask
    assert not mask[:, 240:].any() and (mask[10:14, 10:14] == 255).all() and mask[FIRST[1], FIRST[0]] > 200
    harness.picture = one
    np.testing.assert_array_equal(harness.ask(anyway=True).mask, before)


@pytest.mark.parametrize("fields", [{"grow": -30}, {"grow": 30}, {"feather": 20.0}, {"threshold": 1.0}], ids=str)
def test_tuning_does_not_overrule_a_person(tmp_path: Path, fields: dict[str, Any]) -> None:
    harness = opened(tmp_path)
    keep, drop, box = [20, 60], list(FIRST), [10, 40, 300, 280]
    mask = harness.ask(keep=[keep], drop=[drop], box=box, **fields).mask
    assert mask[keep[1], keep[0]] == 255 and mask[drop[1], drop[0]] == 0
    assert not mask[:, 300:].any() and not mask[:40].any()
    inverted = harness.ask(keep=[keep], drop=[drop], box=box, invert=True, **fields).mask
    np.testing.assert_array_equal(inverted, 255 - mask)
