"""A model in a process of its own: what the daemon holds of it.

The process costs a Python start at loading and a few milliseconds an inference. For that, unloading gives all memory
back, a crash inside OpenVINO or a driver ends that process and not the daemon, and a load can be broken off.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from matted.models.spec import ModelSpec
from matted.settings.target import Target

CANCEL_SECONDS = 2.0  # OpenVINO ends an inference at the next operator; one that does not is ended with its process
PIPE_BYTES = 1 << 20  # Linux lets a pipe hold this much; the usual 64 KiB would cost a switch of process each
_BELOW_NORMAL = 0x4000  # Windows: the priority class of the process


class EngineDied(Exception):
    """The process ended: OpenVINO or a driver crashed, or the system killed it for its memory."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"the inference process ended with code {code}")
        self.killed = code == -9  # which nobody but the system's out-of-memory killer does, or a person


class Engine:
    """One model, loaded by `load`, gone with `close`. For one thread at a time, but for `cancel`, `kill` and `memory`.

    spec, device, arithmetic, note, size: as in backend.Model; all but spec are known once it is loaded.
    """

    def __init__(self, spec: ModelSpec, path: Path, target: Target, compiled: Path | None) -> None:
        self.spec = spec
        self.device = self.arithmetic = ""
        self.note = ""
        self.size: tuple[int, int] | None = None
        self._what = (spec, path, target, compiled)
        self._inference = 0  # odd while one runs
        self._writing = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "matted.inference.engine_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=PIPE_BYTES,
            creationflags=_BELOW_NORMAL if sys.platform == "win32" else 0,
        )

    def load(self) -> None:
        """Raises EngineDied, MemoryError, or RuntimeError with OpenVINO's own words."""
        _, self.device, self.arithmetic, self.note, self.size = self._ask("load", *self._what)

    def infer(self, pictures: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """As backend.Model.infer. Raises EngineDied too, after which only `close` is of use."""
        self._inference += 1
        try:
            outputs: list[NDArray[np.float32]] = self._ask("infer", self._inference, list(pictures))[1]
        finally:
            self._inference += 1  # a cancel that comes now has the number of no inference
        return outputs

    def cancel(self) -> None:
        """End the inference that runs: it raises RuntimeError or EngineDied, or returns arrays of no meaning.

        Returns at once, whatever state the process is in.
        """
        number = self._inference

        def tell() -> None:
            with suppress(EngineDied):
                self._send("cancel", number)

        def insist() -> None:
            if self._inference == number:
                self.kill()

        for thread in (threading.Timer(CANCEL_SECONDS, insist), threading.Thread(target=tell)):
            thread.daemon = True
            thread.start()

    def kill(self) -> None:
        """End the process, whatever it does: `load` or `infer`, in another thread, raise EngineDied."""
        self._process.kill()

    def close(self) -> None:
        """Give all its memory back. Not while another thread uses it."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # flushes what the dead process did not read
                pipe.close()  # type: ignore[union-attr]

    def alive(self) -> bool:
        return self._process.poll() is None

    def memory(self) -> int:
        """Resident bytes, 0 once it is gone."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _ask(self, *command: Any) -> Any:
        self._send(*command)
        try:
            answer = pickle.load(self._process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise self._died() from None
        except MemoryError:
            self.kill()  # the rest of the answer would be read as the next one
            raise
        if answer[0] == "failed":
            raise answer[1]
        return answer

    def _send(self, *command: Any) -> None:
        pipe = self._process.stdin
        try:
            with self._writing:
                pickle.dump(command, pipe, protocol=5)  # type: ignore[arg-type]
                pipe.flush()  # type: ignore[union-attr]
        except (OSError, ValueError):
            raise self._died() from None

    def _died(self) -> EngineDied:
        self._process.kill()
        return EngineDied(self._process.wait())
