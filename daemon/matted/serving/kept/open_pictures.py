"""The pictures that clients keep in the daemon for their next questions."""

from __future__ import annotations

from collections.abc import Callable, Collection

from matted_client import Rejected, messages

from matted.masking.picture import Picture
from matted.serving.kept.store import Kept, Key

# A dialog has one picture open; a program that shows several at once has a few.
MOST_OF_A_CLIENT = 32


class OpenPictures(Kept[Picture]):
    """The open pictures. For one thread. Each takes its memory with what has been found out about it.

    A job has its picture itself, so that the job goes on when the picture is forgotten. The picture's memory is free
    once the job has ended; until then it is the queue that counts it.
    """

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        """limit, clock: as of `Kept`."""
        super().__init__(MOST_OF_A_CLIENT, limit, clock)

    def find(self, peer: bytes, name: int) -> Picture:
        """Return a picture, which counts as used now. Raises Rejected("picture_forgotten")."""
        picture = self.get(peer, name)
        if picture is None:
            message = "The daemon no longer has this picture."
            raise Rejected(messages.PICTURE_FORGOTTEN, message, "Send it again with 'open'.")
        self.use(peer, name, picture)  # with the limits: what is found out about pictures takes memory, too
        return picture

    def forget_findings(self) -> None:
        """Forget what has been found out about the pictures, which another model or device would see otherwise."""
        for entry in self._entries.values():
            entry.thing.findings.clear()

    def bytes_to_free(self, at_work: Collection[Key]) -> int:
        """Return how many bytes `free` can free. at_work: the pictures that jobs are about."""
        return self._bytes(key for key in self._entries if key not in at_work)

    def free(self, needed: int, at_work: Collection[Key]) -> None:
        """Forget the least recently used pictures until so many bytes are free, or no other is left.

        at_work: the pictures that jobs are about: to forget these would free nothing.
        """
        for key in [key for key in self._entries if key not in at_work]:
            if needed <= 0:
                return
            needed -= self._entries.pop(key).thing.memory
