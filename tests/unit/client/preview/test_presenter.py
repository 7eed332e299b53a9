"""What mouse, keys and answers do to a preview."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from matted_client import MattedError, Rejected, messages
from matted_client.messages import MaskResult, Progress
from matted_client.pictures import Mask
from matted_client.preview.camera import View
from matted_client.preview.conversation import Conversation
from matted_client.preview.presenter import LEFT, MIDDLE, RIGHT, Presenter, Widget
from matted_client.preview.shades import BAND, MASK
from matted_client.translations import ENGLISH

SIZE = (1000, 500)
WINDOW = (500, 400)  # the layer is seen at half its size, 75 pixels from the top
OPTIONS = {"model": "default", "grow": 0, "reach": None}


class Program(Widget):
    """A widget whose image of a view is the view."""

    def __init__(self) -> None:
        self.presenter: Presenter
        self.wanted: list[View] = []
        self.timers: list[Callable[[], None]] = []
        self.selected: int | None = None
        self.painted = self.said = 0

    def redraw(self) -> None:
        self.painted += 1

    def say(self) -> None:
        self.said += 1

    def want_image(self, view: View) -> None:
        self.wanted.append(view)

    def limit(self, view: View) -> bytes | None:
        return None if self.selected is None else bytes([self.selected]) * (view.width * view.height)

    def later(self, milliseconds: int, act: Callable[[], None]) -> None:
        self.timers.append(act)


class Asked:
    """The conversation's other end: questions wait here until they are answered."""

    def __init__(self) -> None:
        self.questions: list[tuple[Any, ...]] = []

    def ask(self, *question: Any) -> None:
        self.questions.append(question)

    @property
    def is_urgent(self) -> bool:
        """Whether the newest question ends the one before it at once."""
        return bool(self.questions[-1][5])

    @property
    def last(self) -> dict[str, Any]:
        """The view and the fields of the newest question."""
        seen: dict[str, Any] = {}
        ask = self.questions[-1][0]
        ask(lambda view, fields: seen.update(fields, view=view), None, None)
        return seen

    def answer(self, value: int = 255, which: int = -1, **info: Any) -> None:
        view = self._view(which)
        fields = {"model": "m", "device": "CPU", **info}
        header = MaskResult(view.width, view.height, 8, coverage=value / 255, **fields)
        self.questions[which][1](Mask(bytearray([value]) * (view.width * view.height), header))

    def fail(self, error: MattedError, which: int = -1) -> None:
        self.questions[which][2](error)

    def progress(self, news: Progress, which: int = -1) -> None:
        self.questions[which][3](news)

    def _view(self, which: int) -> View:
        seen: list[View] = []
        self.questions[which][0](lambda view, fields: seen.append(view), None, None)
        return seen[0]


def ask_view(picture: Any, view: View, fields: dict[str, Any], on_progress: object, cancelled: object) -> Any:
    return picture(view, fields)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def presenter(program: Program, asked: Asked) -> Presenter:
    """A preview of the whole layer, its image and its first mask there."""
    made = program.presenter = Presenter(program, cast(Conversation, asked), SIZE, ask_view, ENGLISH)
    made.change(OPTIONS)
    made.resize(*WINDOW)
    made.image_came(made.camera.view(), "whole")
    asked.answer(100)
    return made


def seen(presenter: Presenter) -> list[tuple[Any, int | None]]:
    """The image and the mask's first value of each frame, the lowest first."""
    return [(frame.image, frame.alpha[0] if frame.alpha else None) for frame, _ in presenter.frames()]


def click(presenter: Presenter, x: float, y: float, button: str = LEFT, alt: bool = False) -> None:
    presenter.press(x, y, button, alt)
    presenter.release(x, y, button)


def test_nothing_is_asked_before_the_window_and_the_options_are_known(program: Program, asked: Asked) -> None:
    presenter = Presenter(program, cast(Conversation, asked), SIZE, ask_view, ENGLISH)
    presenter.resize(*WINDOW)
    assert asked.questions == []
    presenter.change(OPTIONS)
    assert asked.last == {**OPTIONS, "view": View(0, 0, *SIZE, 500, 250), "box": None, "keep": [], "drop": []}
    assert program.wanted == [View(0, 0, *SIZE, 500, 250)] and presenter.is_busy


def test_the_layer_is_seen_before_its_mask_is_known(program: Program, asked: Asked) -> None:
    presenter = Presenter(program, cast(Conversation, asked), SIZE, ask_view, ENGLISH)
    presenter.change(OPTIONS)
    presenter.resize(*WINDOW)
    assert seen(presenter) == []
    presenter.image_came(presenter.camera.view(), "whole")
    assert seen(presenter) == [("whole", None)]
    asked.progress(Progress("inference", 0.5))
    assert presenter.status == "Finding the subject" and 0 < presenter.fraction < 1
    asked.answer(51)
    assert seen(presenter) == [("whole", 51)]
    assert presenter.status == "20 % of what is seen stays." and not presenter.is_busy


def test_an_image_that_comes_at_once_waits_for_its_mask_too(program: Program, asked: Asked) -> None:
    presenter = Presenter(program, cast(Conversation, asked), SIZE, ask_view, ENGLISH)
    program.want_image = lambda view: presenter.image_came(view, "at once")  # type: ignore[method-assign]
    presenter.change(OPTIONS)
    presenter.resize(*WINDOW)
    assert presenter.is_busy and seen(presenter) == [("at once", None)]
    asked.answer(5)
    assert seen(presenter) == [("at once", 5)]


def test_a_changed_option_asks_for_the_mask_alone(presenter: Presenter, program: Program, asked: Asked) -> None:
    presenter.change({**OPTIONS, "grow": 5})
    assert asked.last["grow"] == 5 and len(program.wanted) == 1
    assert seen(presenter) == [("whole", 100)]  # until the answer is there
    asked.answer(7)
    assert seen(presenter) == [("whole", 7)]
    presenter.change({**OPTIONS, "grow": 5})
    assert len(asked.questions) == 2
    presenter.change({**OPTIONS, "grow": 5}, anew=True)
    assert len(asked.questions) == 3


def test_hair_is_waited_for_with_what_is_known_at_once(presenter: Presenter, asked: Asked) -> None:
    presenter.change({**OPTIONS, "edges": "hair"})
    assert asked.last["edges"] == "fine"
    asked.answer(70)
    assert seen(presenter) == [("whole", 70)] and presenter.is_busy
    assert asked.last["edges"] == "hair"
    asked.answer(71)
    assert seen(presenter) == [("whole", 71)] and not presenter.is_busy
    presenter.zoom(1)
    assert asked.last["edges"] == "fine"
    presenter.change({**OPTIONS, "edges": "off"})
    asked.answer(72, which=-2)  # late: it is seen, and nobody goes on with it
    assert asked.last["edges"] == "off" and len(asked.questions) == 5


def test_what_the_daemon_warns_of_is_said(presenter: Presenter, asked: Asked) -> None:
    presenter.change({**OPTIONS, "grow": 1})
    asked.answer(255, warnings=["The GPU was not used."])
    assert presenter.status == "100 % of what is seen stays. The GPU was not used."


def test_what_a_flat_ground_did_is_said_and_whether_there_is_one(presenter: Presenter, asked: Asked) -> None:
    assert presenter.has_ground is False
    presenter.change({**OPTIONS, "grow": 1})
    ground = {"ground": "colour", "ground_colour": [0, 177, 64]}
    asked.answer(255, **ground, warnings=["The GPU was not used."])
    assert presenter.has_ground is True
    wanted = "100 % of what is seen stays. The edge is from the ground (green). The GPU was not used."
    assert presenter.status == wanted
    presenter.change({**OPTIONS, "reach": 9})  # shows the band, which says nothing of the ground
    asked.answer(255)
    assert presenter.has_ground is True
    presenter.change({**OPTIONS, "grow": 2})
    asked.fail(Rejected(messages.NO_SUBJECT, "No subject was found in this picture."))
    assert presenter.has_ground is None


def test_that_no_model_was_asked_is_said_with_how_to_have_one(program: Program, asked: Asked) -> None:
    presenter = Presenter(program, cast(Conversation, asked), SIZE, ask_view, ENGLISH)
    presenter.change(OPTIONS)
    presenter.resize(*WINDOW)
    assert presenter.has_ground is None
    presenter.image_came(presenter.camera.view(), "whole")
    asked.answer(51, model="flat", device="", ground="paper", ground_colour=[244, 236, 216], chosen=True)
    wanted = "Paper as the ground: cream. No model was needed. For a model, choose one in the list."
    assert presenter.status == f"20 % of what is seen stays. {wanted}"


def test_what_an_older_question_gave_is_seen_until_the_newest_is_answered(presenter: Presenter, asked: Asked) -> None:
    """Or nothing would change as long as a slider is moved."""
    presenter.change({**OPTIONS, "grow": 1})
    presenter.change({**OPTIONS, "grow": 2})
    asked.answer(1, which=-2)
    assert seen(presenter) == [("whole", 1)] and presenter.is_busy
    asked.fail(Rejected(messages.INTERNAL, "Late."), which=-2)
    assert presenter.failed is None
    asked.answer(2)
    assert seen(presenter) == [("whole", 2)] and not presenter.is_busy


def test_what_an_older_question_gave_of_another_view_is_not_seen(presenter: Presenter, asked: Asked) -> None:
    presenter.change({**OPTIONS, "grow": 1})
    presenter.zoom(1)
    asked.answer(1, which=-2)
    assert seen(presenter) == [("whole", 100)]


def test_what_another_model_saw_is_neither_waited_for_nor_seen_late(presenter: Presenter, asked: Asked) -> None:
    presenter.change({**OPTIONS, "grow": 1})
    assert not asked.is_urgent
    presenter.change({**OPTIONS, "model": "another"})
    assert asked.is_urgent and presenter.is_busy
    assert seen(presenter) == [("whole", 100)], "the old mask is seen meanwhile"
    asked.answer(1, which=-2)
    assert seen(presenter) == [("whole", 100)]
    presenter.change({**OPTIONS, "model": "another", "grow": 1})
    assert not asked.is_urgent
    asked.answer(2, which=-2)
    assert seen(presenter) == [("whole", 2)] and presenter.is_busy


def test_an_image_is_asked_for_once_however_often_a_slider_is_moved(presenter: Presenter, program: Program) -> None:
    presenter.zoom(1)
    for grow in range(20):
        presenter.change({**OPTIONS, "grow": grow})
    assert len(program.wanted) == 2


def test_hair_that_fails_leaves_what_was_known_at_once(presenter: Presenter, asked: Asked) -> None:
    presenter.change({**OPTIONS, "edges": "hair"})
    asked.answer(70)
    asked.fail(Rejected(messages.OUT_OF_MEMORY, "Not enough."))
    assert seen(presenter) == [("whole", 70)] and presenter.failed is not None and not presenter.is_busy


def test_clicks_are_points_of_the_layer(presenter: Presenter, asked: Asked) -> None:
    click(presenter, 100, 125)
    assert asked.last["keep"] == [[200, 100]] and asked.last["drop"] == []
    click(presenter, 101, 125, RIGHT)
    click(presenter, 102, 125, alt=True)
    assert asked.last["keep"] == [[200, 100]] and asked.last["drop"] == [[202, 100], [204, 100]]
    assert presenter.points() == [(100, 125, True), (101, 125, False), (102, 125, False)]
    click(presenter, 100, 10)  # beside the layer
    assert len(asked.questions) == 4
    presenter.undo()
    assert asked.last["drop"] == [[202, 100]]
    presenter.redo()
    assert asked.last["drop"] == [[202, 100], [204, 100]]
    presenter.clear()
    assert asked.last["keep"] == asked.last["drop"] == [] and presenter.points() == []
    presenter.undo()
    assert len(presenter.points()) == 3


def test_a_drag_is_a_box_and_a_short_one_is_a_click(presenter: Presenter, asked: Asked) -> None:
    presenter.press(50, 100, LEFT)
    presenter.move(250, 200)
    assert presenter.boxes() == [(50, 100, 250, 200)] and len(asked.questions) == 1
    presenter.release(250, 200, LEFT)
    assert asked.last["box"] == [100, 50, 501, 251] and asked.last["keep"] == []
    presenter.press(60, 120, LEFT)
    presenter.release(62, 121, LEFT)
    assert asked.last["keep"] == [[120, 90]]
    presenter.press(-50, -60, LEFT)  # from beside the layer to beside it: all of it
    presenter.release(600, 600, LEFT)
    assert asked.last["box"] == [0, 0, 1000, 500]


def test_a_box_that_is_being_drawn_can_be_given_up(presenter: Presenter, asked: Asked) -> None:
    assert not presenter.key("Escape")
    presenter.press(50, 100, LEFT)
    presenter.move(250, 200)
    assert presenter.key("Escape")
    presenter.release(250, 200, LEFT)
    assert len(asked.questions) == 1 and presenter.boxes() == []


def test_a_right_drag_means_nothing(presenter: Presenter, asked: Asked) -> None:
    presenter.press(50, 100, RIGHT)
    presenter.move(250, 200)
    assert presenter.boxes() == []
    presenter.release(250, 200, RIGHT)
    assert len(asked.questions) == 1 and presenter.points() == []


def test_another_button_means_nothing_while_one_is_held(presenter: Presenter, asked: Asked) -> None:
    presenter.press(50, 100, LEFT)
    presenter.move(150, 150)
    click(presenter, 160, 160, RIGHT)
    assert len(asked.questions) == 1
    presenter.release(250, 200, LEFT)
    assert asked.last["box"] == [100, 50, 501, 251] and asked.last["drop"] == []


@pytest.mark.parametrize("held", ["middle button", "space"])
def test_the_layer_is_moved_without_a_mark(presenter: Presenter, asked: Asked, held: str) -> None:
    presenter.actual()
    if held == "space":
        presenter.key("Space")
    button = MIDDLE if held == "middle button" else LEFT
    presenter.press(100, 100, button)
    presenter.release(150, 80, button)
    presenter.key_released("Space")
    assert asked.last["view"] == View(200, 70, 700, 470, 500, 400) and asked.last["keep"] == []
    click(presenter, 0, 0)
    assert asked.last["keep"] == [[200, 70]]


def test_zooming_asks_for_what_is_seen_and_shows_the_old_meanwhile(
    presenter: Presenter, program: Program, asked: Asked
) -> None:
    presenter.zoom(1, 250, 200)
    view = presenter.camera.view()
    assert asked.last["view"] == view == program.wanted[-1]
    ((_, place),) = presenter.frames()
    assert place == (-62, 44, 624, 312)
    presenter.image_came(view, "part")
    assert seen(presenter) == [("whole", 100)]  # the mask of the part is on its way
    asked.answer(50)
    assert seen(presenter) == [("part", 50)]
    presenter.fit()  # that of the whole is there, and may be older than the last mark
    assert seen(presenter) == [("whole", 100), ("part", 50)]
    assert asked.last["view"] == View(0, 0, *SIZE, 500, 250)


def test_a_better_image_of_what_is_seen_takes_the_place_of_the_first(presenter: Presenter) -> None:
    presenter.image_came(presenter.camera.view(), "better")
    assert seen(presenter) == [("better", 100)]


def test_an_image_of_what_is_not_seen_any_more_is_not_shown(presenter: Presenter, asked: Asked) -> None:
    presenter.zoom(1)
    old = presenter.camera.view()
    presenter.zoom(1)
    presenter.image_came(old, "old")
    asked.answer(1)
    assert seen(presenter) == [("whole", 100)]
    presenter.image_came(presenter.camera.view(), "new")
    assert seen(presenter) == [("new", 1)]


def test_no_subject_is_said_with_what_to_do_and_the_layer_stays_visible(presenter: Presenter, asked: Asked) -> None:
    presenter.change({**OPTIONS, "grow": 1})
    asked.fail(Rejected(messages.NO_SUBJECT, "No subject was found in this picture."))
    assert presenter.status == "No subject was found in this picture. Click on what is to stay."
    assert seen(presenter) == [("whole", None)] and not presenter.is_busy
    click(presenter, 100, 125)
    asked.answer(9)
    assert seen(presenter) == [("whole", 9)] and presenter.failed is None


@pytest.mark.parametrize(
    ("code", "hint", "said"),
    [
        (messages.MODEL_NOT_INSTALLED, "Get it with: matted models pull one", ""),
        (messages.LICENCE_NOT_ACCEPTED, "To read and accept it: matted models pull one", ""),
        (messages.MODEL_NOT_INSTALLED, "Go online and try again.", " Go online and try again."),
        (messages.INTERNAL, "Find out with: matted doctor", " Try another model. In a terminal: matted doctor"),
    ],
)
def test_what_gets_a_model_stands_beneath_the_list_and_not_here(
    presenter: Presenter, asked: Asked, code: str, hint: str, said: str
) -> None:
    presenter.change({**OPTIONS, "grow": 1})
    asked.fail(Rejected(code, "It said so.", hint))
    assert presenter.status == "It said so." + said


def test_the_layer_as_it_was_is_seen_as_long_as_the_key_is_held(presenter: Presenter, asked: Asked) -> None:
    assert presenter.key("X")
    assert seen(presenter) == [("whole", None)]
    presenter.key_released("X")
    assert seen(presenter) == [("whole", 100)]
    presenter.key("X")
    presenter.lose_focus()
    assert seen(presenter) == [("whole", 100)] and len(asked.questions) == 1


def test_all_can_be_done_with_the_keys(presenter: Presenter, asked: Asked) -> None:
    assert not presenter.key("Return")  # it is the dialog's, as long as there is no cross
    presenter.key("Left")
    assert presenter.cursor() == (250, 200)
    presenter.key("Left")
    presenter.key("Down", shift=True)
    assert presenter.cursor() == (246, 240)
    assert presenter.key("Return")
    assert asked.last["keep"] == [[492, 330]]
    presenter.key("Backspace")
    assert asked.last["keep"] == [] and asked.last["drop"] == [[492, 330]]
    presenter.key("B")
    presenter.key("Right", shift=True)
    presenter.key("Up", shift=True)
    assert presenter.boxes() == [(246, 200, 286, 240)]
    presenter.key("Return")
    assert asked.last["box"] == [492, 250, 573, 331]
    assert presenter.key("Z", ctrl=True)
    assert asked.last["box"] is None
    presenter.key("Z", ctrl=True, shift=True)
    assert asked.last["box"] == [492, 250, 573, 331]
    presenter.key("Delete")
    assert asked.last["box"] is None and asked.last["drop"] == []
    presenter.key("1")
    assert presenter.camera.zoom == 1.0
    presenter.key("-")
    presenter.key("0", ctrl=True)
    assert presenter.camera.view() == View(0, 0, *SIZE, 500, 250)
    assert not presenter.key("Q") and not presenter.key("S", ctrl=True)


def test_the_cross_stays_on_the_layer_and_in_the_window(presenter: Presenter) -> None:
    presenter.key("1")
    for _ in range(40):
        presenter.key("Left", shift=True)
        presenter.key("Up", shift=True)
    assert presenter.cursor() == (0, 0)
    assert presenter.camera.view().left == presenter.camera.view().top == 0


def test_what_is_not_selected_is_seen_to_go(presenter: Presenter, program: Program, asked: Asked) -> None:
    program.selected = 40
    presenter.change(OPTIONS, within=[0, 0, 500, 500])
    assert asked.last["box"] == [0, 0, 500, 500]
    asked.answer(100)
    assert seen(presenter) == [("whole", 40)] and presenter.status == "16 % of what is seen stays."


def test_the_band_is_seen_for_a_moment_after_the_reach_was_moved(
    presenter: Presenter, program: Program, asked: Asked
) -> None:
    presenter.change({**OPTIONS, "reach": 10})
    assert asked.last["band"] is True and presenter.shows_band
    asked.answer(200)
    ((frame, _),) = presenter.frames()
    assert frame.band is not None and frame.band[0] == 200 and frame.alpha is not None and frame.alpha[0] == 100
    presenter.change({**OPTIONS, "reach": 11})
    asked.answer(201)
    program.timers[0]()
    assert presenter.shows_band  # it was moved again
    program.timers[1]()
    assert not presenter.shows_band and "band" not in asked.last
    asked.answer(50)
    assert seen(presenter) == [("whole", 50)] and presenter.frames()[0][0].band is None


def test_the_band_is_seen_as_long_as_it_is_chosen(presenter: Presenter, asked: Asked) -> None:
    presenter.shade_with(MASK)
    assert len(asked.questions) == 1
    presenter.shade_with(BAND)
    assert asked.last["band"] is True
    presenter.shade_with(MASK)
    assert "band" not in asked.last


def test_what_a_request_holds_is_what_is_seen(presenter: Presenter, asked: Asked) -> None:
    click(presenter, 100, 125)
    fields = asked.last
    del fields["view"]
    assert presenter.question() == fields


def test_a_closed_preview_takes_no_answer(presenter: Presenter, program: Program, asked: Asked) -> None:
    presenter.change({**OPTIONS, "grow": 1})
    presenter.close()
    painted = program.painted
    asked.answer(1)
    asked.fail(MattedError("Late."))
    presenter.image_came(presenter.camera.view(), "late")
    presenter.change({**OPTIONS, "grow": 2})
    assert program.painted == painted and len(asked.questions) == 2
