"""The sequences of clients: what each has settled with its first frame. Bounded: the least recently used go first."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from matted_client import Rejected, messages
from matted_client.messages import MaskRequest

from matted.inference.choosing import Choice
from matted.masking.scene import Scene
from matted.models.spec import ModelSpec

if TYPE_CHECKING:
    from matted.serving.setup import Setup

# A program makes one film at a time, or a few.
MOST_OF_A_CLIENT = 8
# As of open pictures: a film whose next frame takes longer to come has been given up, or its client sleeps.
IDLE_SECONDS = 600.0

Key = tuple[bytes, int]  # the client's routing id, and the name that it chose


class FrameSequence:
    """What the frames of one sequence have in common. The first frame decides, so that none differs by chance.

    setup: the settings and the models of the first frame: a reload does not change a film in the middle.
    scene: what the masks of its frames depend on besides the frames.
    plate: the frame of it that came last; None if none has.
    chosen: the model that it gets where it leaves that to matted; else None.
    flat: whether a flat ground makes its masks; None: nobody has looked yet.
    answered: whether a mask has been made: then no other model is chosen, whatever happens.
    count: how many frames have come.
    used: when the latest came, in seconds by the clock.
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
        self.used = 0.0
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


class Sequences:
    """The sequences that have begun. For one thread.

    limit: how many bytes all of them may take; one client's may take half of that. The one that was used last stays.
    clock: monotonic, seconds.

    A job has its sequence itself, so that frames on their way go on together when the sequence has ended.
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._begun: OrderedDict[Key, FrameSequence] = OrderedDict()  # the least recently used first

    def __len__(self) -> int:
        return len(self._begun)

    def find(self, peer: bytes, name: int) -> FrameSequence | None:
        """Return a sequence; None if it has not begun, or has ended. peer: the routing id of its client."""
        return self._begun.get((peer, name))

    def use(self, peer: bytes, name: int, sequence: FrameSequence) -> None:
        """Keep a sequence for its next frames. Forget others as far as the limits demand."""
        sequence.used = self._clock()
        self._begun[peer, name] = sequence
        self._begun.move_to_end((peer, name))
        own = [key for key in self._begun if key[0] == peer]
        while len(own) > 1 and (len(own) > MOST_OF_A_CLIENT or self._bytes(own) > self._limit // 2):
            del self._begun[own.pop(0)]
        while len(self._begun) > 1 and self._bytes(list(self._begun)) > self._limit:
            self._begun.popitem(last=False)

    def close(self, peer: bytes, name: int) -> bool:
        """Forget a sequence. Returns False if there was none."""
        return self._begun.pop((peer, name), None) is not None

    def close_all(self, peer: bytes) -> None:
        """Forget the sequences of a client."""
        for key in [key for key in self._begun if key[0] == peer]:
            del self._begun[key]

    def clear(self) -> None:
        """Forget all sequences."""
        self._begun.clear()

    def expire(self, at_work: Collection[FrameSequence]) -> None:
        """Forget the sequences of which no frame has come for IDLE_SECONDS.

        at_work: those with frames that are unanswered. They stay: a client may wait so long for a model.
        """
        while self._begun and self.seconds_to_expiry() <= 0.0:
            key, sequence = self._begun.popitem(last=False)
            if sequence in at_work:
                sequence.used = self._clock()
                self._begun[key] = sequence

    def seconds_to_expiry(self) -> float:
        """Return after how many seconds `expire` has something to forget, infinite for never."""
        if not self._begun:
            return math.inf
        return max(0.0, next(iter(self._begun.values())).used + IDLE_SECONDS - self._clock())

    def _bytes(self, keys: list[Key]) -> int:
        return sum(self._begun[key].memory for key in keys)
