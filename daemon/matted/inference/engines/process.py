"""The engine process, which holds one model. `local` starts it.

It reads pickled commands from its standard input and answers on its standard output; both ends are matted, of the same
user. Inputs and outputs cross in shared memory, whose handles are its arguments. The process ends when its input
ends, so it does not outlive its daemon, however that died.

    ("load", spec, path, target, compiled)     -> ("loaded", and of the Engine: device, title, capabilities, arithmetic,
                                                  note, size) or ("failed", error)
    ("infer", number, graph, places of inputs) -> ("outputs", places of outputs) or ("failed", error)
    ("cancel", number)                         no answer; the inference of that number ends early
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from matted.inference.engines import backend, shared_memory
from matted.system import allocator, subprocess_call

NICENESS = 5  # so that the picture editor goes first
OOM_SCORE = "500"  # so that Linux, out of memory, kills this process rather than the picture editor or the daemon


class EngineProcess:
    """Answers commands one by one. A thread of its own reads them, so that a cancel is seen during an inference."""

    def __init__(self, commands: BinaryIO, answers: BinaryIO, inputs: str, outputs: str) -> None:
        """Open the shared memory.

        commands, answers: streams of pickled tuples.
        inputs, outputs: handles of shared memory.
        """
        self._commands = commands
        self._answers = answers
        self._inputs = shared_memory.Reader(inputs)
        self._outputs = shared_memory.Writer(outputs)
        self._queue: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._model: backend.Model | None = None
        self._lock = threading.Lock()
        self._running = 0  # number of the inference that runs
        self._cancelled = 0  # number of the latest that was cancelled

    def run(self) -> None:
        """Answer commands until the process ends."""
        threading.Thread(target=self._listen, name="commands", daemon=True).start()
        while True:
            name, *arguments = self._queue.get()
            try:
                answer = self._load(*arguments) if name == "load" else self._infer(*arguments)
            except (RuntimeError, MemoryError, OSError) as error:
                answer = ("failed", _as_builtin(error))
            pickle.dump(answer, self._answers, protocol=5)
            self._answers.flush()

    def _listen(self) -> None:
        # An error here ends the process. Either the daemon is gone, and no one waits for a running inference; or a
        # command did not fit into memory, and its rest would be read as the next one.
        with suppress(EOFError, OSError, pickle.UnpicklingError, MemoryError):
            while True:
                command = pickle.load(self._commands)
                if command[0] == "cancel":
                    self._cancel(command[1])
                else:
                    self._queue.put(command)
        os._exit(1)

    def _load(self, *arguments: Any) -> tuple[Any, ...]:
        model = self._model = backend.load(*arguments)
        allocator.keep_blocks()  # only now, so that the memory that loading took is returned to the system
        return "loaded", model.device, model.title, model.capabilities, model.arithmetic, model.note, model.size

    def _infer(self, number: int, graph: str, places: list[shared_memory.ArrayPlace]) -> tuple[Any, ...]:
        assert self._model is not None
        inputs = self._inputs.get(places)
        try:
            with self._lock:  # with the start, as OpenVINO forgets the cancel of an inference that has not begun
                if self._cancelled >= number:
                    raise RuntimeError("cancelled")
                self._running = number
                self._model.start(inputs, graph)
            return "outputs", self._outputs.put(self._model.outputs())
        finally:
            with self._lock:
                self._running = 0

    def _cancel(self, number: int) -> None:
        with self._lock:
            self._cancelled = max(self._cancelled, number)  # cancels may overtake each other
            if self._running == number and self._model is not None:
                self._model.cancel()


def _as_builtin(error: Exception) -> Exception:
    """Return an error that the daemon can unpickle: OpenVINO's own classes exist only where OpenVINO is imported."""
    if isinstance(error, MemoryError):
        return MemoryError(str(error))
    return RuntimeError(str(error))


def _lower_priority() -> None:
    """Let the picture editor and the daemon go first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches this process too; the daemon decides
    if sys.platform != "win32":  # there the daemon starts the process with a lower priority
        if os.getpgrp() != os.getpid():  # Python 3.10: see local._OWN_GROUP
            os.setpgid(0, 0)
        with suppress(OSError):
            os.nice(NICENESS)
    if sys.platform == "linux":
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def main() -> None:
    """Run the engine process. Its arguments are the handles of the shared memory for inputs and for outputs."""
    faulthandler.enable()
    _lower_priority()
    with suppress(BrokenPipeError):
        EngineProcess(sys.stdin.buffer, subprocess_call.take_stdout(), *sys.argv[1:]).run()
