"""An engine on this computer: a process that holds one model, and what the daemon has of it.

The process costs a Python start when the model is loaded and some milliseconds an inference. For that, unloading gives
all memory back, a crash inside OpenVINO or a driver ends that process and not the daemon, and a load can be ended.
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

import psutil

from matted.inference.engines import shared_memory
from matted.inference.engines.engine import EngineDied, Output, Planes
from matted.models.spec import ModelSpec
from matted.settings.target import Target

CANCEL_SECONDS = 2.0  # OpenVINO ends an inference at the next operator; one that does not is ended with its process
_BELOW_NORMAL = 0x4000  # Windows: the priority class of the process


class LocalEngine:
    """The Engine of a model file on this computer. path, target, compiled: as `backend.load` takes them."""

    def __init__(self, spec: ModelSpec, path: Path, target: Target, compiled: Path | None) -> None:
        self.spec = spec
        self.device = self.arithmetic = self.note = ""
        self.size: tuple[int, int] | None = None
        self._what = (spec, path, target, compiled)
        self._inference = 0  # odd while one runs
        self._sending = threading.Lock()
        handles = shared_memory.create(), shared_memory.create()
        self._pictures, self._outputs = shared_memory.Writer(handles[0]), shared_memory.Reader(handles[1])
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "matted.inference.engines.process", *handles],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=shared_memory.descriptors(*handles),
                creationflags=_BELOW_NORMAL if sys.platform == "win32" else 0,
            )
        except BaseException:
            self._release_memory()
            raise

    def load(self) -> None:
        """Have the model ready, as `Engine.load`."""
        _, self.device, self.arithmetic, self.note, self.size = self._ask("load", *self._what)

    def infer(self, pictures: Sequence[Planes]) -> list[Output]:
        """Run the model, as `Engine.infer`. The outputs are the caller's own."""
        self._inference += 1
        try:
            places = self._ask("infer", self._inference, self._pictures.put(pictures))[1]
            return [view.copy() for view in self._outputs.get(places)]
        finally:
            self._inference += 1  # a cancel that comes now has the number of no inference

    def cancel(self) -> None:
        """End the running inference, as `Engine.cancel`, whatever state the process is in."""
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
        """End the process, as `Engine.kill`."""
        self._process.kill()

    def pause(self) -> None:
        """Stop the process, as `Engine.pause`."""
        with suppress(psutil.Error):
            psutil.Process(self._process.pid).suspend()

    def resume(self) -> None:
        """Let the process go on, as `Engine.resume`."""
        with suppress(psutil.Error):
            psutil.Process(self._process.pid).resume()

    def close(self) -> None:
        """Give all memory back, as `Engine.close`. May be called again."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # flushes what the dead process did not read
                pipe.close()  # type: ignore[union-attr]
        self._release_memory()

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def memory(self) -> int:
        """Return the resident bytes of the process, 0 once it is gone."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _release_memory(self) -> None:
        for end in (self._pictures, self._outputs):
            end.close()

    def _ask(self, *command: Any) -> Any:
        self._send(*command)
        try:
            answer = pickle.load(self._process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise self._died() from error
        except MemoryError:
            self.kill()  # the rest of the answer would be read as the next one
            raise
        if answer[0] == "failed":
            raise answer[1]
        return answer

    def _send(self, *command: Any) -> None:
        pipe = self._process.stdin
        try:
            with self._sending:
                pickle.dump(command, pipe, protocol=5)  # type: ignore[arg-type]
                pipe.flush()  # type: ignore[union-attr]
        except (OSError, ValueError) as error:
            raise self._died() from error

    def _died(self) -> EngineDied:
        self._process.kill()
        code = self._process.wait()
        # nothing but the system's out-of-memory killer, or a person, ends it by this signal
        return EngineDied(f"the engine process ended with code {code}", killed=code == -9)
