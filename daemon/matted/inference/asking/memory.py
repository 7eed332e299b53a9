"""What a model remembers from one frame of a scene to the next. It is kept here, so that an engine may die."""

from __future__ import annotations

from collections.abc import Sequence

from matted.inference.engines.engine import Output


class Memory:
    """The states that a model returned with the latest frame. For one frame at a time.

    states: to be given to it with the next frame; none before the first, and none of a model that remembers nothing.
    """

    def __init__(self) -> None:
        self.states: Sequence[Output] = ()

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return sum(each.nbytes for each in self.states)
