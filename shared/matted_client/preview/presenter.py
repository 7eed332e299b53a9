"""Brings camera, marks and conversation together for a program's own widget, and understands mouse and keys.

The widget reads pixels, paints, and hands on what happens to it. Places in the window are device pixels from its left
upper corner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, List, Optional, Tuple

from ..errors import MattedError, Rejected
from ..grounds import describe_ground
from ..messages import CANCELLED, NO_SUBJECT, MaskResult, Progress
from ..options import FINE, HAIR
from ..pictures import Cancelled, Mask, OnProgress, OpenPicture
from ..progress import describe, overall
from ..refiners import describe_refiner
from ..remedies import is_of_a_model
from ..sentences import in_words
from ..translations import N_, Words
from .camera import Camera, View
from .conversation import FAIR_SECONDS, Conversation
from .limits import least
from .marks import Marks
from .shades import BAND, CHECKS

# What a person does with the mouse: the arguments of `press`.
LEFT, MIDDLE, RIGHT = "left", "middle", "right"
DRAG = 5  # logical pixels: a shorter way is a click
CURSOR_STEP, FAR = 4, 10  # logical pixels; with Shift, so many times as far
PULL = "matted models pull"  # a command, for a terminal
BAND_MS = 1500  # how long the band is seen after the reach was moved

LEGEND = N_(
    "Click: keep this. Right click or Alt+click: not this. Drag a tight box: only what is in it. "
    "Wheel: zoom. Middle button or Space+drag: move. Ctrl+Z: undo."
)
KEYS = N_(
    "Arrows: move the cross. Return: keep this. Backspace: not this. B: a corner of the box. +, -, 0, 1: zoom. "
    "F: next background. X: hold to see the layer as it was. Delete: clear all."
)

AskView = Callable[[OpenPicture, View, Dict[str, Any], OnProgress, Cancelled], Mask]


@dataclass(frozen=True)
class Frame:
    """A part of the layer as it was seen last.

    image: the widget's own object with the layer's pixels at the size of the view.
    alpha: view.width x view.height bytes, 0 goes, 255 stays. None where nothing is known yet.
    band: the same size, 255 where a mask is made anew; None where that is not asked for.
    foreground: the pixels with clean colours and the alpha, 4 bytes each; None where the colours stay as they are.
    """

    view: View
    image: Any
    alpha: Optional[bytes] = None
    band: Optional[bytes] = None
    foreground: Optional[bytearray] = None


def ask_for_mask(
    picture: OpenPicture, view: View, fields: Dict[str, Any], on_progress: OnProgress, cancelled: Cancelled
) -> Mask:
    """Ask for the mask of a view: an AskView."""
    return picture.mask(view=view.wire, on_progress=on_progress, cancelled=cancelled, **fields)


def ask_for_refined(
    picture: OpenPicture, view: View, fields: Dict[str, Any], on_progress: OnProgress, cancelled: Cancelled
) -> Mask:
    """Ask for the refined mask of a view, or for its band: an AskView."""
    return picture.refine(view=view.wire, on_progress=on_progress, cancelled=cancelled, **fields)


class Widget:
    """What the presenter needs of a program's widget. All is called in the thread of the dialog."""

    def redraw(self) -> None:
        """Paint anew, soon: what `Presenter.frames` and the markers say."""
        raise NotImplementedError

    def say(self) -> None:
        """Show `Presenter.status`, `is_busy` and `fraction`, and what can be undone."""
        raise NotImplementedError

    def want_image(self, view: View) -> None:
        """Get the layer's pixels at the size of the view, and call `Presenter.image_came`, now or later."""
        raise NotImplementedError

    def limit(self, view: View) -> Optional[bytes]:
        """Return how far each pixel of the view is selected, 0 to 255; None where nothing limits the mask."""
        raise NotImplementedError

    def later(self, milliseconds: int, act: Callable[[], None]) -> None:
        """Call a function some time later."""
        raise NotImplementedError


class Presenter:
    """The state of a preview. The widget calls its methods, and reads what is to be seen.

    shade: a value of `shades`. status: a line for a person. is_busy: whether an answer is waited for. fraction: how far
    it is, 0 to 1. failed: the error in the place of an answer. has_ground: whether the last edge is from a flat ground;
    None where nothing is known of that.
    """

    def __init__(
        self, widget: Widget, conversation: Conversation, size: Tuple[int, int], ask: AskView, words: Words
    ) -> None:
        """Begin with the whole layer in view, and nothing said.

        size: of the layer.
        ask: asks for a mask, or for a refined one, of a view.
        words: of the person's language.
        """
        self.camera = Camera(*size)
        self.marks = Marks(*size)
        self.shade = CHECKS
        self.status = ""
        self.is_busy = False
        self.fraction = 0.0
        self.failed: Optional[MattedError] = None
        self.has_ground: Optional[bool] = None
        self.scale = 1.0  # device pixels a logical one
        self._widget = widget
        self._conversation = conversation
        self._ask_view = ask
        self._words = words
        self._options: Dict[str, Any] = {}
        self._within: Optional[List[int]] = None  # the box of the host's selection
        self._whole: Optional[Frame] = None  # the last frame of the whole layer
        self._frame: Optional[Frame] = None  # the last frame
        self._pending: Optional[Frame] = None  # what is known of the frame that is waited for
        self._wanted = 0  # counts the questions
        self._model: Any = None  # that was asked last
        self._before = False
        self._is_closed = False
        self._band_shown = 0  # counts the moments that show the band; negative: none is
        self._pressed: Optional[_Press] = None
        self._space = False
        self._cursor: Optional[Tuple[int, int]] = None
        self._corner: Optional[Tuple[int, int]] = None  # of a box that is drawn with the keys

    # -- what is to be seen --------------------------------------------------------------------------------------------

    def frames(self) -> List[Tuple[Frame, Tuple[int, int, int, int]]]:
        """Return the frames to be painted one over the other, each with x, y, width and height in the window.

        The whole layer lies below the part that is seen, for as long as that is not there.
        """
        found = [each for each in (self._whole, self._frame) if each is not None]
        if len(found) == 2 and (found[0] is found[1] or self._frame_covers()):
            found = found[1:]
        shown = [replace(each, alpha=None, band=None, foreground=None) if self._before else each for each in found]
        return [(each, self.camera.placed(each.view)) for each in shown]

    @property
    def shows_band(self) -> bool:
        return self.shade == BAND or self._band_shown > 0

    def points(self) -> List[Tuple[int, int, bool]]:
        """Return the places of the points in the window, and whether each is to be kept."""
        said = self.marks.now
        both = [(at, True) for at in said.keep] + [(at, False) for at in said.drop]
        return [(*self._screen(at), keep) for at, keep in both]

    def boxes(self) -> List[Tuple[int, int, int, int]]:
        """Return the box, and the one that is being drawn: left, top, right, bottom in the window."""
        found = [self.marks.now.box]
        if self._pressed is not None and self._pressed.draws:
            found.append(self._dragged(self._pressed))
        elif self._corner is not None and self._cursor is not None:
            found.append(_between(self._corner, self._cursor))
        return [self._on_screen(box) for box in found if box is not None]

    def cursor(self) -> Optional[Tuple[int, int]]:
        """Return the place of the cross that the arrow keys move, or None."""
        return self._screen(self._cursor) if self._cursor is not None else None

    # -- what changes it -----------------------------------------------------------------------------------------------

    def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """Take a window of another size. scale: device pixels a logical one."""
        self.scale = scale
        self.camera.resize(width, height)
        self._look()

    def change(self, options: Dict[str, Any], within: Optional[List[int]] = None, anew: bool = False) -> None:
        """Ask with other options: the fields of a request. within: the box of the host's selection, if it counts.

        anew: ask also if nothing has changed, as after the plate is another.
        """
        same = (options, within) == (self._options, self._within)
        moved = bool(self._options) and options.get("reach") != self._options.get("reach")
        self._options, self._within = dict(options), within
        if moved:
            self._show_band()
        if anew or not same:
            self._ask()

    def shade_with(self, shade: str) -> None:
        """Show something else in the place of what goes."""
        asks = (shade == BAND) != (self.shade == BAND)
        self.shade = shade
        self._widget.redraw()
        if asks:
            self._ask()

    def hold_before(self, held: bool) -> None:
        """Show the layer as it was, as long as a key is held."""
        if held != self._before:
            self._before = held
            self._widget.redraw()

    def undo(self) -> None:
        if self.marks.undo():
            self._ask()

    def redo(self) -> None:
        if self.marks.redo():
            self._ask()

    def clear(self) -> None:
        self._corner = None
        if self.marks.now.keep or self.marks.now.drop or self.marks.now.box:
            self.marks.clear()
            self._ask()
        self._widget.redraw()

    def fit(self) -> None:
        self.camera.fit()
        self._look()

    def actual(self) -> None:
        """Show the layer one to one."""
        self.camera.zoom_to(1.0, self._screen(self._cursor) if self._cursor is not None else None)
        self._look()

    def zoom(self, steps: float, x: Optional[float] = None, y: Optional[float] = None) -> None:
        """Zoom in, or out where negative, at this place of the window."""
        self.camera.zoom_by(steps, (x, y) if x is not None and y is not None else None)
        self._look()

    def press(self, x: float, y: float, button: str, alt: bool = False) -> None:
        """A button of the mouse went down. While one is held, others mean nothing."""
        if self._pressed is not None and self._pressed.button != button:
            return
        self._cursor = self._corner = None
        self._pressed = _Press(button, x, y, x, y, button == MIDDLE or self._space, button == RIGHT or alt)

    def move(self, x: float, y: float) -> None:
        """The mouse moved with its button down."""
        press = self._pressed
        if press is None:
            return
        if press.pans:
            self.camera.pan(x - press.x, y - press.y)
            self._pressed = replace(press, x=x, y=y)
            self._look()
            return
        far = max(abs(x - press.start_x), abs(y - press.start_y)) >= DRAG * self.scale
        self._pressed = replace(press, x=x, y=y, strays=press.strays or far)
        self._widget.redraw()

    def release(self, x: float, y: float, button: str) -> None:
        """A button went up: a click, or the end of a box."""
        if self._pressed is None or self._pressed.button != button:
            return
        self.move(x, y)
        press, self._pressed = self._pressed, None
        if press is None or press.pans:
            return
        if press.draws:
            box = self._dragged(press)
            if box is not None:
                self.marks.box(box)
                self._ask()
        elif not press.strays:
            at = self.camera.pixel(press.start_x, press.start_y)
            if at is not None:
                self._mark(at, not press.drops)
        self._widget.redraw()

    def cancel_drag(self) -> bool:
        """Forget the box that is being drawn. Returns False where there is none."""
        drawing = (self._pressed is not None and self._pressed.draws) or self._corner is not None
        self._corner = None
        if self._pressed is not None and self._pressed.draws:
            self._pressed = None
        if drawing:
            self._widget.redraw()
        return drawing

    def key(self, name: str, ctrl: bool = False, shift: bool = False, alt: bool = False) -> bool:
        """A key went down: "Left", "Return", "F", "+". Returns whether it means something here."""
        acts: Dict[str, Callable[[], Any]]
        if ctrl:
            acts = {"Z": self.redo if shift else self.undo, "Y": self.redo, "0": self.fit, "1": self.actual}
            acts.update({"+": lambda: self.zoom(1), "-": lambda: self.zoom(-1)})
        else:
            acts = {
                "0": self.fit,
                "1": self.actual,
                "+": lambda: self.zoom(1),
                "-": lambda: self.zoom(-1),
                "Return": lambda: self._mark_cursor(not alt),
                "Backspace": lambda: self._mark_cursor(False),
                "B": self._corner_here,
                "X": lambda: self.hold_before(True),
                "Space": self._hold_space,
                "Delete": self.clear,
                "Escape": self.cancel_drag,
            }
            ways = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
            if name in ways:
                self._move_cursor(*ways[name], far=shift)
                return True
        act = acts.get(name)
        if act is None:
            return False
        return act() is not False

    def key_released(self, name: str) -> None:
        """A key went up."""
        if name == "X":
            self.hold_before(False)
        elif name == "Space":
            self._space = False

    def lose_focus(self) -> None:
        """No key or button is held any more."""
        self._space = False
        self._pressed = None
        self.hold_before(False)

    # -- answers -------------------------------------------------------------------------------------------------------

    def image_came(self, view: View, image: Any) -> None:
        """Take the layer's pixels of a view that `want_image` asked for. Later ones, better ones, may follow."""
        if self._is_closed:
            return
        if self._pending is not None and self._pending.view == view:
            self._pending = replace(self._pending, image=image)
            self._show_pending()
        elif self._frame is not None and self._frame.view == view:
            whole = self._whole is self._frame
            self._frame = replace(self._frame, image=image)
            self._whole = self._frame if whole else self._whole
            self._widget.redraw()

    def question(self) -> Dict[str, Any]:
        """Return the fields of a request: what is chosen, and what was said."""
        return {**self._options, **self.marks.fields(self._within)}

    def close(self) -> None:
        """Take no more answers, and ask no more."""
        self._is_closed = True
        self._wanted += 1
        self._pending = None

    def _look(self) -> None:
        """Get what is to be seen now, unless it is there or on its way."""
        self._widget.redraw()
        view = self.camera.view()
        known = self._pending or self._frame
        if known is None or known.view != view:
            self._ask()

    def _ask(self) -> None:
        """Ask for what is seen. What is shown stays until the answer comes."""
        view = self.camera.view()
        if self._is_closed or min(self.camera.window) <= 1 or not self._options:
            return  # the window is not on the screen yet, or nobody has said what is to be asked
        self._wanted += 1
        image = next((each.image for each in (self._pending, self._frame) if each and each.view == view), None)
        waits = self._pending is not None and self._pending.view == view and self._pending.image is None
        self._pending = Frame(view, image)
        self._busy(True)
        if image is None and not waits:
            self._widget.want_image(view)
        fields = self.question()
        if self.shows_band:
            self._put(view, {**fields, "band": True})
        elif fields.get("edges") == HAIR:  # takes seconds: what is known at once is seen meanwhile
            self._put(view, {**fields, "edges": FINE}, then=fields)
        else:
            self._put(view, fields)

    def _put(
        self, view: View, fields: Dict[str, Any], then: Optional[Dict[str, Any]] = None, follows: bool = False
    ) -> None:
        """Put a question.

        then: the fields of the one that follows its answer.
        follows: it is that one.
        """
        number, model = self._wanted, fields.get("model")
        is_another, self._model = self._model not in (None, model), model

        def ask(picture: OpenPicture, on_progress: OnProgress, cancelled: Cancelled) -> Mask:
            return self._ask_view(picture, view, fields, on_progress, cancelled)

        def answered(mask: Mask) -> None:
            if self._pending is None or self._pending.view != view or model != self._model:
                return
            newest = number == self._wanted
            # What an older question gave is seen too, or nothing would change as long as a slider is moved; but not
            # what another model saw.
            self._answered(mask, bool(fields.get("band")), newest and then is None)
            if newest and then is not None:
                self._put(view, then, follows=True)

        def failed(error: MattedError) -> None:
            if number == self._wanted:
                self._fail(error, follows)

        def progressed(news: Progress) -> None:
            if number == self._wanted and self.is_busy:
                self.status, self.fraction = describe(news, self._words), overall(news)
                self._widget.say()

        self._conversation.ask(ask, answered, failed, progressed, 0.0 if follows else FAIR_SECONDS, is_another)

    def _answered(self, mask: Mask, is_band: bool, is_last: bool) -> None:
        pending = self._pending
        if pending is None:
            return
        if is_band:
            old = self._frame if self._frame is not None and self._frame.view == pending.view else None
            self._pending = replace(
                pending,
                band=bytes(mask.alpha),
                alpha=old.alpha if old else None,
                foreground=old.foreground if old else None,
            )
        else:
            alpha = least(mask.alpha, self._widget.limit(pending.view))
            self._pending = replace(pending, alpha=alpha, foreground=mask.foreground)
        if is_last:
            self.failed = None
            self.status = "" if is_band else self._said(self._pending, mask.info)
            self.has_ground = self.has_ground if is_band else bool(mask.info.ground)
            self._busy(False)
        self._show_pending()

    def _said(self, frame: Frame, info: MaskResult) -> str:
        ground, refiner = describe_ground(info, self._words, with_list=True), describe_refiner(info, self._words)
        return " ".join(part for part in (self._found(frame), ground, refiner, *info.warnings) if part)

    def _found(self, frame: Frame) -> str:
        alpha = frame.alpha or b""
        share = round(100 * sum(alpha) / (255 * max(1, len(alpha))))
        return self._words.gettext(N_("%d %% of what is seen stays.")) % share

    def _fail(self, error: MattedError, keeps: bool) -> None:
        """Say what went wrong, and show the layer itself. keeps: with the mask that there is."""
        if isinstance(error, Rejected) and error.code == CANCELLED:
            return
        self.failed, self.has_ground = error, None
        message, hint = in_words(error, self._words)
        if isinstance(error, Rejected) and error.code == NO_SUBJECT:
            hint = self._words.gettext(N_("Click on what is to stay."))
        elif is_of_a_model(error) and PULL in error.hint:
            hint = ""  # beneath the list of models stands what gets it
        self.status = " ".join(part for part in (message, hint) if part)
        if self._pending is not None and not keeps:
            self._pending = replace(self._pending, alpha=None, foreground=None)
        self._busy(False)
        self._show_pending()

    def _show_pending(self) -> None:
        """Show the frame that was waited for, or the layer's pixels alone, where there is nothing better."""
        pending = self._pending
        if pending is None or pending.image is None:
            return
        if self.is_busy and pending.alpha is None and self._frame is not None and self._frame.alpha is not None:
            return  # what was seen before says more
        self._frame = pending
        if (pending.view.left, pending.view.top) == (0, 0) and self._is_whole(pending.view):
            self._whole = pending
        if not self.is_busy:
            self._pending = None
        self._widget.redraw()

    def _busy(self, is_busy: bool) -> None:
        self.is_busy = is_busy
        if is_busy:
            self.fraction = 0.0
        self._widget.say()

    # -- marks ---------------------------------------------------------------------------------------------------------

    def _mark(self, at: Tuple[int, int], keep: bool) -> None:
        self.marks.point(at, keep)
        self._widget.redraw()
        self._ask()

    def _mark_cursor(self, keep: bool) -> bool:
        if self._cursor is None:
            return False
        if self._corner is not None:
            self._corner_here()
        else:
            self._mark(self._cursor, keep)
        return True

    def _corner_here(self) -> None:
        """Begin a box at the cross, or end it there."""
        if self._cursor is None:
            self._move_cursor(0, 0)
        if self._corner is None:
            self._corner = self._cursor
        elif self._cursor is not None:
            box, self._corner = _between(self._corner, self._cursor), None
            if box[2] - box[0] > 1 and box[3] - box[1] > 1:
                self.marks.box(box)
                self._ask()
        self._widget.redraw()

    def _move_cursor(self, across: int, down: int, far: bool = False) -> None:
        if self._cursor is None:
            self._cursor = self.camera.nearest(self.camera.window[0] / 2, self.camera.window[1] / 2)
        else:
            step = CURSOR_STEP * self.scale * (FAR if far else 1)
            pixels = max(1, round(step / self.camera.zoom))
            width, height = self.camera.size
            x, y = self._cursor[0] + across * pixels, self._cursor[1] + down * pixels
            self._cursor = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
            self.camera.show(*self._cursor)
        self._look()

    def _hold_space(self) -> bool:
        self._space = True
        return True

    def _show_band(self) -> None:
        """Show the band for a moment, however often the reach is moved meanwhile."""
        self._band_shown = abs(self._band_shown) + 1
        moment = self._band_shown

        def hide() -> None:
            if self._band_shown == moment:
                self._band_shown = -moment
                if self.shade != BAND:
                    self._ask()

        self._widget.later(BAND_MS, hide)

    # -- places --------------------------------------------------------------------------------------------------------

    def _dragged(self, press: "_Press") -> Optional[Tuple[int, int, int, int]]:
        """Return the box between where the mouse went down and where it is, or None where it has no pixel."""
        one = self.camera.nearest(min(press.start_x, press.x), min(press.start_y, press.y))
        other = self.camera.nearest(max(press.start_x, press.x), max(press.start_y, press.y))
        box = _between(one, other)
        return box if box[2] - box[0] > 1 and box[3] - box[1] > 1 else None

    def _screen(self, at: Tuple[int, int]) -> Tuple[int, int]:
        """Return where the middle of a pixel is in the window."""
        x, y = self.camera.on_screen(at[0] + 0.5, at[1] + 0.5)
        return round(x), round(y)

    def _on_screen(self, box: Tuple[int, int, int, int]) -> Tuple[int, int, int, int]:
        left, top = self.camera.on_screen(box[0], box[1])
        right, bottom = self.camera.on_screen(box[2], box[3])
        return round(left), round(top), round(right), round(bottom)

    def _is_whole(self, view: View) -> bool:
        return (view.right, view.bottom) == self.camera.size

    def _frame_covers(self) -> bool:
        """Return whether the last frame is all that is seen."""
        view, frame = self.camera.view(), self._frame
        return frame is not None and (
            frame.view.left <= view.left
            and frame.view.top <= view.top
            and frame.view.right >= view.right
            and frame.view.bottom >= view.bottom
        )


@dataclass(frozen=True)
class _Press:
    """A button that is down, and the way of the mouse since then. strays: that is too long for a click."""

    button: str
    start_x: float
    start_y: float
    x: float
    y: float
    pans: bool
    drops: bool
    strays: bool = False

    @property
    def draws(self) -> bool:
        """Whether it is a box."""
        return self.strays and not self.drops and not self.pans


def _between(one: Tuple[int, int], other: Tuple[int, int]) -> Tuple[int, int, int, int]:
    """Return the box of two pixels, both in it."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]) + 1, max(one[1], other[1]) + 1
