"""What people read of a flat ground, and what they call its colour."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matted_client import grounds
from matted_client.grounds import colour_name, describe_ground
from matted_client.messages import MaskResult
from po_files import CLIENT, texts
from words import read

CHANNEL = st.integers(0, 255)
NAMES = set(texts(Path(CLIENT)))  # all that is translated
WHITE, GREEN = [255, 255, 255], [0, 177, 64]


def result(model: str, device: str = "", **fields: Any) -> MaskResult:
    return MaskResult(8, 8, 8, model, device, 0.5, **fields)


CHOSEN = result("flat", ground="colour", ground_colour=WHITE, chosen=True)


def test_without_a_ground_nothing_is_said() -> None:
    assert describe_ground(result("u2netp", "CPU")) == describe_ground(result("")) == ""


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (CHOSEN, "Flat ground: white. No model was needed."),
        (result("flat", ground="colour", ground_colour=WHITE), "Flat ground: white. No model was needed."),
        (result("flat", ground="ramp", ground_colour=[40, 80, 200]), "Ground with a smooth ramp: blue. No model"),
        (result("flat", ground="paper", ground_colour=[244, 236, 216]), "Paper as the ground: cream. No model"),
        (result("flat", ground="key", ground_colour=GREEN), "Key colour as the ground: green. No model was needed."),
        (result("flat", ground="of later", ground_colour=GREEN), "Flat ground: green. No model was needed."),
        (result("u2netp", "CPU", ground="colour", ground_colour=WHITE), "The edge is from the ground (white)."),
        (result("", ground="paper", ground_colour=WHITE), "The edge is from the ground (white)."),
    ],
    ids=lambda value: f"{value.model or 'refined'}, {value.ground}" if isinstance(value, MaskResult) else "",
)
def test_what_is_said_of_a_ground(info: MaskResult, said: str) -> None:
    assert describe_ground(info).startswith(said)


def test_how_to_have_a_model_is_said_where_none_was_asked_and_there_is_a_list() -> None:
    assert describe_ground(CHOSEN, with_list=True) == f"{describe_ground(CHOSEN)} For a model, choose one in the list."
    named = result("flat", ground="colour", ground_colour=WHITE)  # the person chose that in the list
    assert describe_ground(named, with_list=True) == describe_ground(named)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("de", "Gleichmäßiger Hintergrund: weiß. Ein Modell war nicht nötig. Soll es ein Modell sein"),
        ("fr", "Fond uni : blanc. Aucun modèle n'a été nécessaire. Pour utiliser un modèle,"),
        ("ja", "均一な背景: 白。 モデルは不要でした。 モデルを使うときは"),
    ],
)
def test_in_another_language(language: str, said: str) -> None:
    words = read(CLIENT / "languages" / f"{language}.po")
    assert describe_ground(CHOSEN, words, with_list=True).startswith(said)


@pytest.mark.parametrize(
    ("name", "colours"),
    [
        ("white", [(255, 255, 255), (250, 249, 246), (240, 248, 255), (233, 236, 240)]),
        ("light grey", [(192, 192, 192), (220, 225, 240)]),
        ("grey", [(128, 128, 128), (100, 104, 108)]),
        ("dark grey", [(50, 50, 54)]),
        ("black", [(0, 0, 0), (20, 20, 24), (31, 0, 0)]),
        ("red", [(255, 0, 0), (128, 0, 0), (220, 20, 60)]),
        ("orange", [(255, 165, 0), (255, 127, 80)]),
        ("brown", [(139, 69, 19), (210, 180, 140), (181, 144, 101)]),
        ("yellow", [(255, 255, 0), (255, 215, 0), (255, 255, 150)]),
        ("cream", [(255, 253, 208), (245, 245, 220), (222, 206, 170)]),
        ("green", [(0, 177, 64), (200, 255, 220), (0, 100, 0)]),
        ("turquoise", [(0, 255, 255), (64, 224, 208)]),
        ("blue", [(0, 0, 255), (0, 71, 187), (135, 206, 235), (0, 0, 80)]),
        ("purple", [(143, 0, 255), (128, 0, 128), (75, 0, 130)]),
        ("magenta", [(255, 0, 255)]),
        ("pink", [(255, 192, 203), (255, 105, 180)]),
    ],
)
def test_colours_are_called_as_people_call_them(name: str, colours: list[tuple[int, int, int]]) -> None:
    assert [colour_name(colour) for colour in colours] == [name] * len(colours)


@given(CHANNEL, CHANNEL, CHANNEL)
def test_every_colour_has_a_name_that_is_translated(red: int, green: int, blue: int) -> None:
    assert colour_name((red, green, blue)) in NAMES


@given(CHANNEL)
def test_a_colour_without_a_hue_is_called_by_its_lightness(value: int) -> None:
    assert colour_name((value, value, value)) in ("black", "dark grey", "grey", "light grey", "white")


@given(st.floats(0, 1, exclude_max=True))
def test_a_full_colour_is_called_by_its_hue(hue: float) -> None:
    colour = [round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, 1, 1)]
    assert colour_name(colour) in {name for _end, name in grounds._HUES}
