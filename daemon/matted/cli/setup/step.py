"""Step: one thing that `matted setup` looks at, and does if it is wanted and not so already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar


class Step(ABC):
    """Methods print what they find, and raise MattedError or OSError where they fail: the other steps go on.

    title: stands above what the step prints.
    lacking: what is not ready after it, though nothing failed: the end of a sentence, and what to do; empty if nothing.
    """

    title: ClassVar[str]
    lacking = ""

    @abstractmethod
    def look(self) -> str:
        """Say what there is. Returns the question whether to change it; empty if there is nothing to decide."""

    def act(self) -> None:  # noqa: B027 - a step that only looks has nothing to do
        """Do what the question asks."""

    def leave(self) -> None:  # noqa: B027 - as above
        """Say what holds where the answer is no."""
