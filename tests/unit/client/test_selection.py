"""Which part of a layer the model looks at where something is selected."""

from __future__ import annotations

import dataclasses

import pytest
from matted_client import MattedError
from matted_client.messages import MaskRequest
from matted_client.options import LayerOptions
from matted_client.selection import box_of
from matted_client.sentences import in_words

LAYER = (-70, 45, 381, 345)  # of 451 x 300 pixels, partly outside the canvas


@pytest.mark.parametrize(
    ("selection", "box"),
    [
        ((0, 50, 100, 120), [70, 5, 170, 75]),
        ((-70, 45, -69, 46), [0, 0, 1, 1]),
        ((380, 344, 900, 900), [450, 299, 451, 300]),
        ((-900, 100, 900, 110), [0, 55, 451, 65]),
        ((0, -900, 10, 900), [70, 0, 80, 300]),
        ((-70, 45, 380, 345), [0, 0, 450, 300]),
        ((-70, 45, 381, 345), None),
        ((-900, -900, 900, 900), None),
    ],
)
def test_the_box_is_what_lies_within_the_selections_edges(
    selection: tuple[int, int, int, int], box: list[int] | None
) -> None:
    assert box_of(selection, LAYER, "Layer") == box
    if box is not None:
        assert MaskRequest(451, 300, "RGBA8", box=box).outside(451, 300) == ""


@pytest.mark.parametrize(
    "selection",
    [(381, 50, 400, 60), (-80, 50, -70, 60), (0, 0, 10, 45), (0, 345, 10, 400), (20, 60, 20, 90), (0, 0, 0, 0)],
    ids=str,
)
def test_a_selection_beside_the_layer_is_an_error(selection: tuple[int, int, int, int]) -> None:
    with pytest.raises(MattedError) as error:
        box_of(selection, LAYER, "100 % Layer")
    sentence, hint = in_words(error.value)
    assert sentence == 'The selection lies outside the layer "100 % Layer".'
    assert hint.startswith("The mask is limited to the selection. Select none, or ")


def test_the_model_is_sent_to_the_box_unless_that_is_switched_off() -> None:
    box = [70, 5, 170, 75]
    assert MaskRequest(451, 300, "RGBA8", **LayerOptions().request(box)).box == box
    assert LayerOptions().request()["box"] is None
    off = LayerOptions(within_selection=False)
    assert off.request(box) == {**LayerOptions().request(box), "box": None}
    assert dataclasses.asdict(off) == {**dataclasses.asdict(LayerOptions()), "within_selection": False}
