"""Turn what clients send of pictures into open pictures and jobs: find the picture, check that there is room for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psutil
from matted_client import Rejected, messages
from matted_client.messages import Load, MaskRequest, Open, RefineRequest

from matted.masking.picture import Picture
from matted.masking.scene import Frame
from matted.models.spec import BuiltIn
from matted.serving import admission
from matted.serving.jobs import Job, JobQueue
from matted.serving.kept.open_pictures import OpenPictures
from matted.serving.kept.sequences import FrameSequence, Sequences
from matted.serving.kept.store import Key
from matted.serving.setup import Selection, Setup
from matted.system import allocator

OPEN_PERCENT = 20  # of the machine's memory, for open pictures: they stay while nobody looks, as nothing else does
SEQUENCES_PERCENT = 10  # for sequences, which stay as well: their plates, and what models remember


class Questions:
    """Takes pictures and questions of clients. For one thread.

    pictures: the open ones.
    sequences: those that have begun.
    """

    def __init__(self, queue: JobQueue, selection: Selection, clock: Callable[[], float]) -> None:
        """Start without pictures.

        queue: of the jobs, whose pictures are not forgotten to free memory.
        selection: chooses models where a question leaves that to matted.
        clock: monotonic, seconds.
        """
        total = int(psutil.virtual_memory().total)
        self.pictures = OpenPictures(total * OPEN_PERCENT // 100, clock)
        self.sequences = Sequences(total * SEQUENCES_PERCENT // 100, clock)
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
        if isinstance(request, MaskRequest) and request.sequence is not None:
            return self._frame(peer, request_id, request, request.sequence, frames, setup)
        picture = self._picture(peer, request, frames)
        chosen = None
        if isinstance(request, MaskRequest):
            chosen = self._selection.for_request(setup, request.model, picture)
        return self._job(Job(peer, request_id, request, picture, self._clock(), chosen), picture, setup)

    def _frame(
        self, peer: bytes, request_id: int, request: MaskRequest, name: int, frames: Sequence[memoryview], setup: Setup
    ) -> Job:
        """Return the job of a frame. It begins its sequence if there is none. Raises as `job`.

        name: of the sequence.
        """
        sequence = self.sequences.get(peer, name)
        if sequence is not None:
            sequence.check(request)
        self._check_frames(request, frames)
        if sequence is None:
            sequence = FrameSequence(request, setup, self._selection.for_request(setup, request.model))
        plate = frames[1] if request.plate else sequence.plate
        parts = [frames[0], *([] if plate is None else [plate]), *([frames[-1]] if request.hint else [])]
        size = request.width, request.height
        find_ground = sequence.scene.find_ground
        picture = Picture(*size, request.format, parts, plate is not None, request.hint, find_ground)
        frame = Frame(sequence.scene, sequence.count + 1, request.steady, self._queue.recheck)
        now, chosen = self._clock(), sequence.chosen
        job = Job(peer, request_id, request, picture, now, chosen, sequence=sequence, frame=frame)
        self._job(job, picture, sequence.setup)
        sequence.count, sequence.plate = frame.number, plate
        self.sequences.use(peer, name, sequence)
        return job

    def _job(self, job: Job, picture: Picture, setup: Setup) -> Job:
        """Return a job if it can be done. picture: that it is about. Raises as `job`."""
        request = job.request
        assert not isinstance(request, Load), "a question"
        model = setup.model(request.model, job.chosen) if isinstance(request, MaskRequest) else None
        outside = request.outside(picture.width, picture.height)
        if outside:
            raise Rejected(messages.BAD_REQUEST, f"'{request.op}' {outside}.")
        if model is None and picture.hint is None:
            message = f"'{request.op}' has no hint, which is the mask to be refined, and the open picture has none."
            raise Rejected(messages.BAD_REQUEST, message)
        if model is not None and isinstance(request, MaskRequest):
            admission.check_clicks(request, model)
            admission.check_model(picture.has_plate, model)
        keyed = isinstance(model, BuiltIn) or setup.takes_flat(job) is not False
        self._make_room(admission.memory_to_answer(request, picture, keyed), picture, (job.peer, request.picture))
        return job

    def _check_frames(self, request: MaskRequest | RefineRequest, frames: Sequence[memoryview]) -> None:
        """Check the size of a picture that came with a question, and the frames. Raises Rejected."""
        size = request.width, request.height
        admission.check_size(*size)
        admission.check_frames(request.frame_sizes(*size, request.format), frames)

    def _picture(self, peer: bytes, request: MaskRequest | RefineRequest, frames: Sequence[memoryview]) -> Picture:
        """Return the picture that a question is about, with the question's own hint if it has one."""
        if request.picture is None:
            self._check_frames(request, frames)
            plate = isinstance(request, MaskRequest) and request.plate
            return Picture(request.width, request.height, request.format, frames, plate, request.hint)
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
