"""The remote engine: one of a server's models. It takes no memory of this computer, and no turn of its processor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from matted.inference.engines.engine import Input, Output
from matted.inference.engines.kserve import checking, connection
from matted.inference.engines.kserve.checking import Tensors
from matted.inference.engines.kserve.connection import Call, Connection, Metadata, ServerError, Tensor
from matted.inference.engines.kserve.flights import Flights
from matted.models.spec import DECODER, MODEL, ModelSpec
from matted.settings.server import ServedGraph, ServedModel

# Is told of each inference's end: the error, None after a success.
OnEnd = Callable[["RemoteEngine", "ServerError | None"], None]


class RemoteInference:
    """The Inference of a remote engine. Its `run` raises ServerError where others raise EngineDied."""

    def __init__(self, engine: RemoteEngine, inputs: Sequence[Input], graph: str) -> None:
        self._engine = engine
        self._inputs = inputs
        self._graph = graph
        self._call: Call | None = None
        self._cancelled = False
        self._lock = threading.Lock()

    def run(self) -> list[Output]:
        """Ask the server, and wait. Raises ServerError."""
        with self._lock:  # with the start, so that no cancel is lost in between
            if self._cancelled:
                raise connection.cancelled()
            self._call = self._engine.ask(self._inputs, self._graph)
        return self._engine.answer(self._call, self._graph)

    def cancel(self) -> None:
        """Stop waiting at once, as `Inference.cancel`."""
        with self._lock:
            self._cancelled = True
            call = self._call
        if call is not None:
            call.cancel()


class RemoteEngine:
    """The Engine of a model that a server has. Any number of threads may infer at the same time.

    spec: the model.
    device: where it is, and the server's name of it: "grpc://studio:8001 (u2netp)".
    turns: to be held during an inference, so that not more run there than the settings allow.
    """

    def __init__(
        self,
        spec: ModelSpec,
        served: ServedModel,
        way: Connection,
        address: str,
        turns: threading.Semaphore,
        flights: Flights,
        on_end: OnEnd,
    ) -> None:
        """Prepare. way: to the server at the address. flights: of all models there."""
        self.spec = spec
        version = f":{served.model.version}" if served.model.version else ""
        self.device = f"{address} ({served.model.name}{version})"
        self.title = self.arithmetic = self.note = ""
        self.capabilities: Sequence[str] = ()
        self.size: tuple[int, int] | None = None
        self.turns: threading.Semaphore | None = turns
        self._served = served
        self._way = way
        self._flights = flights
        self._on_end = on_end
        self._graphs: dict[str, tuple[ServedGraph, Tensors]] = {}

    def load(self) -> None:
        """Check that all of the server's graphs are there, and are what the spec says. Raises ServerError."""
        served = self._served.model
        tensors = checking.check(self.spec, self._way.metadata(served))
        self.size = tensors.size
        if tensors.size is not None:
            connection.require_readable([_sized(each, *tensors.size) for each in tensors.outputs[: tensors.mattes]])
        self._graphs[MODEL] = served, tensors
        if self.spec.takes_clicks:
            decoder = self._served.decoder
            self._graphs[DECODER] = decoder, checking.check_decoder(self.spec, self._metadata_of(decoder), tensors)
        for graph, _ in self._graphs.values():
            if not self._way.ready(graph):
                raise connection.not_ready()

    def _metadata_of(self, decoder: ServedGraph) -> Metadata:
        """Return what the server says of a decoder, whose encoder it has. Raises ServerError."""
        try:
            return self._way.metadata(decoder)
        except ServerError as error:
            if error.kind != connection.MISSING:
                raise
            message = f"The server has {self._served.model.name}, but not its decoder, {decoder.name}."
            hint = "Put there all that `matted models export` writes."
            raise ServerError(message, hint, connection.OF_MODEL) from error

    def inference(self, inputs: Sequence[Input], graph: str = MODEL) -> RemoteInference:
        """Return an inference, as `Engine.inference`."""
        return RemoteInference(self, inputs, graph)

    def ask(self, inputs: Sequence[Input], graph: str) -> Call:
        """Send an inference's inputs, for `RemoteInference`. Raises ServerError."""
        self._flights.require_alive()
        served, tensors = self._graphs[graph]
        named = [(each.name, array[None]) for each, array in zip(tensors.inputs, inputs, strict=True)]
        height, width = inputs[0].shape[-2:]
        mattes = [_sized(each, height, width) for each in tensors.outputs[: tensors.mattes]]
        others = list(tensors.outputs[tensors.mattes :])
        if self.spec.states and any(array.size > 1 for array in inputs[-len(others) :]):  # of a frame before
            states = zip(others, inputs[-len(others) :], strict=True)
            others = [replace(each, shape=(1, *array.shape)) for each, array in states]
        outputs = [*mattes, *others]
        connection.require_readable(outputs)
        return self._way.infer(served, named, outputs)

    def answer(self, call: Call, graph: str) -> list[Output]:
        """Wait for an inference's outputs, for `RemoteInference`. Raises ServerError."""
        try:
            outputs = self._flights.wait(call)
            if graph == DECODER:
                checking.require_scores(*outputs)
        except ServerError as error:
            if error.kind != connection.CANCELLED:
                self._on_end(self, error)
            raise
        self._on_end(self, None)
        return [each[0] for each in outputs]

    def kill(self) -> None:
        """Do nothing: it has no process."""

    def pause(self) -> None:
        """Do nothing: it takes nothing of this computer."""

    def resume(self) -> None:
        """Do nothing, as `pause`."""

    def close(self) -> None:
        """Do nothing: the server keeps its model, and the connection is everybody's."""

    def alive(self) -> bool:
        """Return True: whether the server is, only the next inference tells."""
        return True

    def memory(self) -> int:
        """Return 0: it takes no memory of this computer."""
        return 0


def _sized(output: Tensor, height: int, width: int) -> Tensor:
    """Return an output as it will be for an input of this size."""
    planes = 3 if output.datatype == "UINT8" else 1
    known = (1, planes, height, width)
    return replace(
        output, shape=tuple(side if given == -1 else given for given, side in zip(output.shape, known, strict=True))
    )
