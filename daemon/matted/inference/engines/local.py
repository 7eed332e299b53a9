"""The local engine: it holds a model in an engine process on this computer. This is the daemon's end of that process.

The process costs a Python start when a model is loaded, and for each inference the way of the pixels there and back:
docs/benchmarks.md has the milliseconds. In return, unloading frees all memory, a crash of OpenVINO or a driver does not
end the daemon, and a load can be ended.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from matted_client import python

from matted.inference.engines import shared_memory
from matted.inference.engines.engine import EngineDied, Input, Output
from matted.models.spec import MODEL, ModelSpec
from matted.settings.target import Target

CANCEL_SECONDS = 2.0  # for OpenVINO to end a cancelled inference, at its next operator; then the process is killed
PROCESS = "from matted.inference.engines.process import main; main()"
DEATH_SECONDS = 1.0  # between the end of a process's pipes and its own
_BELOW_NORMAL = 0x4000  # the priority class of the process on Windows
# If the daemon is killed while the process is paused, the system ends it: it sends SIGHUP and SIGCONT to the stopped
# processes of a group that nobody of the session is the parent of any more. Python 3.10 lets `process` join its group.
_OWN_GROUP: dict[str, Any] = {"process_group": 0} if sys.platform != "win32" and sys.version_info >= (3, 11) else {}


class LocalInference:
    """The Inference of a local engine."""

    def __init__(self, engine: LocalEngine, number: int, inputs: Sequence[Input], graph: str) -> None:
        """number: larger than those of the engine's inferences before."""
        self._engine = engine
        self._number = number
        self._inputs = inputs
        self._graph = graph
        self._cancelled = self._ended = False
        self._lock = threading.Lock()

    def run(self) -> list[Output]:
        """Run the model, as `Inference.run`."""
        try:
            if self._cancelled:
                raise RuntimeError("cancelled")
            return self._engine.infer(self._number, self._inputs, self._graph)
        finally:
            with self._lock:
                self._ended = True

    def cancel(self) -> None:
        """End the inference, as `Inference.cancel`, whatever state the process is in."""

        def kill_if_running() -> None:
            with self._lock:  # so that no other inference begins between the look and the kill
                if not self._ended:
                    self._engine.kill()

        self._cancelled = True
        if self._ended:
            return
        send_cancel = threading.Thread(target=self._engine.cancel, args=(self._number,))
        for thread in (threading.Timer(CANCEL_SECONDS, kill_if_running), send_cancel):
            thread.daemon = True
            thread.start()


class LocalEngine:
    """The Engine of a model file on this computer."""

    def __init__(self, spec: ModelSpec, path: Path, target: Target, compiled: Path | None) -> None:
        """Start the engine process. The arguments are those of `backend.load`."""
        self.spec = spec
        self.device = self.title = self.arithmetic = self.note = ""
        self.capabilities: Sequence[str] = ()
        self.size: tuple[int, int] | None = None
        self.turns: threading.Semaphore | None = None
        self._load_arguments = (spec, path, target, compiled)
        self._inferences = 0  # so far, which numbers them
        self._killed_here = False
        self._sending = threading.Lock()
        self._inputs = shared_memory.Writer(shared_memory.create())
        try:
            self._outputs = shared_memory.Reader(shared_memory.create())
        except OSError:
            self._inputs.close()
            raise
        handles = self._inputs.handle, self._outputs.handle
        try:
            self._process = subprocess.Popen(
                [*python.command(PROCESS), *handles],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=shared_memory.descriptors(*handles),
                creationflags=_BELOW_NORMAL if sys.platform == "win32" else 0,
                **_OWN_GROUP,
            )
        except BaseException:
            self._release_memory()
            raise
        if sys.platform != "win32" and not _OWN_GROUP:
            with suppress(OSError):  # it has begun, and does so by itself
                os.setpgid(self._process.pid, 0)

    def load(self) -> None:
        """Load the model, as `Engine.load`."""
        _, self.device, self.title, self.capabilities, self.arithmetic, self.note, self.size = self._call(
            "load", *self._load_arguments
        )

    def inference(self, inputs: Sequence[Input], graph: str = MODEL) -> LocalInference:
        """Return an inference, as `Engine.inference`. Its outputs are copies."""
        self._inferences += 1
        return LocalInference(self, self._inferences, inputs, graph)

    def infer(self, number: int, inputs: Sequence[Input], graph: str) -> list[Output]:
        """Run the inference of a number, for `LocalInference`."""
        places = self._call("infer", number, graph, self._inputs.put(inputs))[1]
        return [view.copy() for view in self._outputs.get(places)]

    def cancel(self, number: int) -> None:
        """Tell the process that an inference is cancelled, which may not have begun; for `LocalInference`."""
        with suppress(EngineDied):
            self._send("cancel", number)

    def kill(self) -> None:
        """End the process, as `Engine.kill`."""
        self._killed_here = True
        self._process.kill()

    def pause(self) -> None:
        """Stop the process, as `Engine.pause`; not on Windows, where it would stay behind if the daemon was killed."""
        if sys.platform != "win32":
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the process go on, as `Engine.resume`."""
        if sys.platform != "win32":
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process and free all memory, as `Engine.close`. May be called again."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # closing flushes what the dead process did not read
                pipe.close()  # type: ignore[union-attr]
        self._release_memory()

    def alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def memory(self) -> int:
        """Return the process's resident bytes without the memory that the daemon shares; 0 once it is gone."""
        try:
            resident = int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return 0
        return max(0, resident - self._inputs.bytes - self._outputs.bytes)

    def _release_memory(self) -> None:
        for end in (self._inputs, self._outputs):
            end.close()

    def _call(self, *command: Any) -> Any:
        self._send(*command)
        try:
            answer = pickle.load(self._process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
            raise self._end_dead_process() from error
        except MemoryError:
            self.kill()  # as the rest of the answer would be read as the next answer
            raise
        if answer[0] == "failed":
            try:
                raise answer[1]
            finally:
                del answer  # the error would hold itself, and all callers' pictures, until Python collects them
        return answer

    def _send(self, *command: Any) -> None:
        pipe = self._process.stdin
        try:
            with self._sending:
                pickle.dump(command, pipe, protocol=5)  # type: ignore[arg-type]
                pipe.flush()  # type: ignore[union-attr]
        except (OSError, ValueError) as error:
            raise self._end_dead_process() from error

    def _end_dead_process(self) -> EngineDied:
        try:
            code = self._process.wait(DEATH_SECONDS)
        except subprocess.TimeoutExpired:  # it lives, but its pipe is of no use any more
            self.kill()
            self._process.wait()
            return EngineDied("the engine process broke its connection")
        # besides `kill`, the system ends it by this signal when memory runs out, or a user does
        return EngineDied(f"the engine process ended with code {code}", killed=code == -9 and not self._killed_here)
