"""The sequences of clients: what each has settled with its first frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from matted_client import Rejected, messages
from matted_client.messages import MaskRequest

from matted.inference.choosing import Choice
from matted.masking.scene import Scene
from matted.models.spec import ModelSpec
from matted.serving.kept.store import Kept

if TYPE_CHECKING:
    from matted.serving.setup import Setup

# A program makes one film at a time, or a few.
MOST_OF_A_CLIENT = 8


class FrameSequence:
    """What the frames of one sequence have in common. The first frame decides, so that none differs by chance.

    setup: the settings and the models of the first frame: a reload does not change a film in the middle.
    scene: what the masks of its frames depend on besides the frames.
    plate: the frame of it that came last; None if none has.
    chosen: the model that it gets where it leaves that to matted; else None.
    flat: whether a flat ground makes its masks; None: nobody has looked yet.
    answered: whether a mask has been made: then no other model is chosen, whatever happens.
    count: how many frames have come.
    """

    def __init__(self, request: MaskRequest, setup: Setup, chosen: Choice | None) -> None:
        """Take the first frame's request."""
        self.setup = setup
        self.scene = Scene()
        self.plate: memoryview | None = None
        self.chosen = chosen
        self.flat: bool | None = None
        self.answered = False
        self.count = 0
        self._first = request
        self._helpers: dict[str, ModelSpec | None] = {}

    @property
    def memory(self) -> int:
        """The bytes that it takes, about, between two frames."""
        return self.scene.bytes + (0 if self.plate is None else len(self.plate))

    def helper(self, task: str, find: Callable[[], ModelSpec | None]) -> ModelSpec | None:
        """Return the model that helps with a task; None if none does. find: called for the first frame that asks."""
        if task not in self._helpers:
            self._helpers[task] = find()
        return self._helpers[task]

    def check(self, request: MaskRequest) -> None:
        """Check that a frame goes with those before. Raises Rejected("bad_request")."""
        first = self._first
        if (request.width, request.height, request.format) != (first.width, first.height, first.format):
            sizes = [f"{each.width} x {each.height} pixels of {each.format}" for each in (first, request)]
            raise Rejected(
                messages.BAD_REQUEST,
                f"The frames of a sequence have one size and format: {sizes[0]}, and this one has {sizes[1]}.",
                "Begin another sequence.",
            )
        for name in ("model", "edges", "steady"):
            before, now = getattr(first, name), getattr(request, name)
            if now != before:
                message = f"The frames of a sequence have one '{name}': {before!r}, and this one has {now!r}."
                raise Rejected(messages.BAD_REQUEST, message, "Begin another sequence.")


class Sequences(Kept[FrameSequence]):
    """The sequences that have begun. For one thread.

    A job has its sequence itself, so that frames on their way go on together when the sequence has ended. One with
    frames that are unanswered does not expire: a client may wait so long for a model.
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        """limit, clock: as of `Kept`."""
        super().__init__(MOST_OF_A_CLIENT, limit, clock)
