"""Turn what clients send of pictures into open pictures and jobs: find the picture, check that there is room for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil
from matted_client import Rejected, messages
from matted_client.messages import MaskRequest, Open, RefineRequest

from matted.mask.picture import Picture
from matted.models.spec import BuiltIn
from matted.serving import admission
from matted.serving.jobs import Job, JobQueue
from matted.serving.open_pictures import Key, OpenPictures
from matted.serving.setup import Selection, Setup
from matted.system import allocator

OPEN_PERCENT = 20  # of the machine's memory, for open pictures: they stay while nobody looks, as nothing else does


class Questions:
    """Takes pictures and questions of clients. For one thread.

    pictures: the open ones.
    """

    def __init__(self, queue: JobQueue, selection: Selection, clock: Callable[[], float]) -> None:
        """Start without pictures.

        queue: of the jobs, whose pictures are not forgotten to free memory.
        selection: chooses models where a question leaves that to matted.
        clock: monotonic, seconds.
        """
        self.pictures = OpenPictures(int(psutil.virtual_memory().total) * OPEN_PERCENT // 100, clock)
        self._queue = queue
        self._selection = selection
        self._clock = clock

    def picture(self, opening: Open, frames: Sequence[memoryview]) -> Picture:
        """Return the picture that came with `open`. Raises Rejected: "too_large", "out_of_memory", "bad_request"."""
        admission.check_size(opening.width, opening.height)
        admission.check_frames(opening.frame_sizes, frames)
        picture = Picture(opening.width, opening.height, opening.format, frames, opening.plate, opening.hint)
        self._make_room(admission.memory_to_keep(picture), picture)
        return picture

    def job(
        self,
        peer: bytes,
        request_id: int,
        request: MaskRequest | RefineRequest,
        frames: Sequence[memoryview],
        setup: Setup,
    ) -> Job:
        """Return the job of a question that can be answered.

        peer: the routing id of the client's connection.
        setup: tells what makes the mask.

        Raises Rejected: "model_not_found", "picture_forgotten", "too_large", "out_of_memory", "bad_request",
        "plate_needed", "clicks_needed".
        """
        picture = self._picture(peer, request, frames)
        chosen = model = None
        if isinstance(request, MaskRequest):
            chosen = self._selection.for_request(setup, request.model, picture)
            model = setup.model(request.model, chosen)
        outside = request.outside(picture.width, picture.height)
        if outside:
            raise Rejected(messages.BAD_REQUEST, f"'{request.op}' {outside}.")
        if model is None and picture.hint is None:
            message = f"'{request.op}' has no hint, which is the mask to be refined, and the open picture has none."
            raise Rejected(messages.BAD_REQUEST, message)
        if model is not None and isinstance(request, MaskRequest):
            admission.check_clicks(request, model)
            admission.check_model(picture.has_plate, model)
        job = Job(peer, request_id, request, picture, self._clock(), chosen)
        keyed = isinstance(model, BuiltIn) or setup.takes_flat(job) is not False
        self._make_room(admission.memory_to_answer(request, picture, keyed), picture, (peer, request.picture))
        return job

    def _picture(self, peer: bytes, request: MaskRequest | RefineRequest, frames: Sequence[memoryview]) -> Picture:
        """Return the picture that a question is about, with the question's own hint if it has one."""
        if request.picture is None:
            size = request.width, request.height
            admission.check_size(*size)
            admission.check_frames(request.frame_sizes(*size, request.format), frames)
            plate = isinstance(request, MaskRequest) and request.plate
            return Picture(*size, request.format, frames, plate, request.hint)
        picture = self.pictures.find(peer, request.picture)
        admission.check_frames(request.frame_sizes(picture.width, picture.height, picture.format), frames)
        return picture.hinted(frames[0]) if request.hint else picture

    def _make_room(self, needed: int, picture: Picture, wanted: Key | None = None) -> None:
        """Forget open pictures if a request would not have enough memory otherwise.

        needed: bytes, with those of its picture.
        wanted: the open picture that the request is about.

        Raises Rejected("out_of_memory"), and forgets none, if that would not be enough.
        """
        at_work = {(job.peer, job.open_picture) for _, job in self._queue.unfinished()}
        if wanted is not None:
            at_work.add(wanted)
        can_be_freed = self.pictures.bytes_to_free(at_work)
        missing = admission.check_memory(needed, picture.frame_bytes, can_be_freed)
        if missing:
            self.pictures.free(missing, at_work)
            allocator.return_free_memory()
