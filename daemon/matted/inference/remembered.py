"""Remember the raw outputs of a model by a hash of what it was shown: the same picture gives the same output.

So a request that only tunes the mask of a picture needs no inference.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

from matted.inference.engines.engine import Output, Planes

MAX_BYTES = 64_000_000  # of the outputs of a model: 15 of IS-Net
MAX_SAMPLES = 16_000_000  # of what the model was shown; more takes long to compare, and its outputs much room
MAX_PICTURES = 16  # so that a folder of pictures does not fill the daemon with what nobody will tune


class RememberedOutputs:
    """Those of one engine, the latest. For any thread. max_bytes: what they may take together."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._known: OrderedDict[bytes, list[Output]] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, pictures: Sequence[Planes]) -> bytes | None:
        """Return what the outputs of these pictures are known by, None if they are too large to be remembered."""
        if sum(planes.size for planes in pictures) > MAX_SAMPLES:
            return None
        digest = hashlib.blake2b(digest_size=16)
        for planes in pictures:
            digest.update(str(planes.shape).encode())
            digest.update(planes.reshape(-1).data)
        return digest.digest()

    def get(self, key: bytes | None) -> list[Output] | None:
        """Return the outputs, None if they are not known."""
        with self._lock:
            if key is None or key not in self._known:
                return None
            self._known.move_to_end(key)
            return self._known[key]

    def put(self, key: bytes | None, outputs: list[Output]) -> None:
        """Remember the outputs, and forget those that were not asked for lately."""
        if key is None:
            return
        with self._lock:
            self._known[key] = outputs
            while len(self._known) > MAX_PICTURES or self._bytes() > self._max_bytes:
                self._known.popitem(last=False)

    def _bytes(self) -> int:
        return sum(raw.nbytes for outputs in self._known.values() for raw in outputs)
