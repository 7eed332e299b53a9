"""Remember the raw outputs of a model by a hash of its input, as the same input gives the same outputs.

So a request that only tunes the mask of a picture differently needs no inference.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence

from matted.inference.engines.engine import Input, Output

MAX_BYTES = 64_000_000  # of the outputs of a model: 15 of IS-Net
MAX_SAMPLES = 16_000_000  # of the input; more takes long to hash, and its outputs much room
MAX_PICTURES = 16  # a folder of pictures must not fill the daemon with outputs that no one will tune


class RememberedOutputs:
    """The latest outputs of one engine. All methods are thread-safe. max_bytes: what the outputs may take together."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._known: OrderedDict[bytes, list[Output]] = OrderedDict()
        self._lock = threading.Lock()

    def key(self, inputs: Sequence[Input]) -> bytes | None:
        """Return the key of the outputs for some inputs, None if these are too large to remember them."""
        if sum(each.size for each in inputs) > MAX_SAMPLES:
            return None
        digest = hashlib.blake2b(digest_size=16)
        for each in inputs:
            digest.update(str(each.shape).encode())
            digest.update(each.reshape(-1).data)
        return digest.digest()

    def get(self, key: bytes | None) -> list[Output] | None:
        """Return the outputs, None if they are not known."""
        with self._lock:
            if key is None or key not in self._known:
                return None
            self._known.move_to_end(key)
            return self._known[key]

    def put(self, key: bytes | None, outputs: list[Output]) -> None:
        """Remember outputs, and forget the least recently used ones above the limits. Without a key, do nothing."""
        if key is None:
            return
        with self._lock:
            self._known[key] = outputs
            while len(self._known) > MAX_PICTURES or self._bytes() > self._max_bytes:
                self._known.popitem(last=False)

    def _bytes(self) -> int:
        return sum(raw.nbytes for outputs in self._known.values() for raw in outputs)
