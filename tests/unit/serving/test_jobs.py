"""The queue of jobs between the event loop and the workers."""

from __future__ import annotations

import threading
from typing import cast

import pytest
from matted.masking.picture import Picture
from matted.masking.scene import Frame
from matted.serving.jobs import Job, JobQueue
from matted.serving.kept.sequences import FrameSequence
from matted.serving.setup import Setup
from matted_client import Rejected
from matted_client.messages import MaskRequest, Progress

PLENTY = 1 << 30  # bytes
STUCK_SECONDS = 30.0  # after which a thread that should have ended counts as stuck


def job(number: int, peer: bytes = b"peer") -> Job:
    return Job(peer, number, MaskRequest(1, 1, "GRAY8"), Picture(1, 1, "GRAY8", [memoryview(b"x")]))


def frame(number: int, sequence: FrameSequence, peer: bytes = b"peer") -> Job:
    request = MaskRequest(1, 1, "GRAY8", sequence=1)
    picture = Picture(1, 1, "GRAY8", [memoryview(b"x")])
    return Job(peer, number, request, picture, sequence=sequence, frame=Frame(sequence.scene, number, True, int))


def begun() -> FrameSequence:
    return FrameSequence(MaskRequest(1, 1, "GRAY8", sequence=1), cast(Setup, None), None)


def queue_of(count: int, limit: int = 10) -> JobQueue:
    queue = JobQueue(limit, PLENTY)
    for number in range(count):
        queue.submit(job(number))
    return queue


def cancel(queue: JobQueue, number: int, peer: bytes = b"peer") -> list[Job]:
    return queue.cancel(lambda each: (each.peer, each.id) == (peer, number))


def take(queue: JobQueue) -> int:
    """Take the next job, end it at once, and return its number."""
    taken = queue.take()
    assert taken is not None
    queue.done(taken)
    return taken.id


def places(queue: JobQueue) -> list[tuple[int, int]]:
    return [(place, waiting.id) for place, waiting in queue.unfinished()]


def ended(thread: threading.Thread) -> bool:
    thread.join(STUCK_SECONDS)
    return not thread.is_alive()


# -- order and bounds ------------------------------------------------------------------------------------------------


def test_first_come_is_first_served() -> None:
    queue = queue_of(3)
    assert [take(queue) for _ in range(3)] == [0, 1, 2]


def test_an_empty_queue_has_no_jobs() -> None:
    assert queue_of(0).unfinished() == []


def test_a_place_is_the_number_of_jobs_before_it() -> None:
    assert places(queue_of(3)) == [(0, 0), (1, 1), (2, 2)]


def test_the_running_job_counts_as_one_before_the_others() -> None:
    queue = queue_of(3)
    queue.take()
    assert places(queue) == [(0, 0), (1, 1), (2, 2)]


def test_waiting_jobs_move_up_when_a_job_is_done() -> None:
    queue = queue_of(3)
    take(queue)
    queue.take()
    assert places(queue) == [(0, 1), (1, 2)]


def test_a_full_queue_says_busy() -> None:
    queue = queue_of(2, limit=2)
    with pytest.raises(Rejected, match="2 requests are waiting") as refusal:
        queue.submit(job(9))
    assert refusal.value.code == "busy"
    assert len(queue.unfinished()) == 2


def test_the_running_job_does_not_fill_the_queue() -> None:
    queue = queue_of(2, limit=2)
    queue.take()
    queue.submit(job(9))
    assert places(queue) == [(0, 0), (1, 1), (2, 9)]


def test_a_worker_that_waits_gets_the_next_job() -> None:
    queue, taken = JobQueue(1, PLENTY), []
    worker = threading.Thread(target=lambda: taken.append(take(queue)))
    worker.start()
    queue.submit(job(5))
    assert ended(worker)
    assert taken == [5]


def test_a_job_is_found_by_its_peer_and_id() -> None:
    queue = queue_of(2)
    queue.take()
    assert queue.contains(b"peer", 0)
    assert queue.contains(b"peer", 1)
    assert not queue.contains(b"peer", 2)
    assert not queue.contains(b"other", 1)


def test_a_finished_job_is_not_found() -> None:
    queue = queue_of(2)
    take(queue)
    take(queue)
    assert not queue.contains(b"peer", 0)


# -- cancelling ------------------------------------------------------------------------------------------------------


def test_a_cancelled_job_that_waits_never_runs() -> None:
    queue = queue_of(3)
    (cancelled,) = cancel(queue, 1)
    assert cancelled.cancelled()
    assert [take(queue), take(queue)] == [0, 2]


def test_a_cancelled_job_makes_room() -> None:
    queue = queue_of(2, limit=2)
    cancel(queue, 1)
    queue.submit(job(9))
    assert places(queue) == [(0, 0), (1, 9)]


def test_cancelling_the_running_job_tells_it_and_leaves_the_answer_to_the_worker() -> None:
    queue = queue_of(1)
    running = queue.take()
    assert running is not None
    assert cancel(queue, 0) == []
    assert running.cancelled()


def test_cancelling_the_running_job_leaves_the_waiting_ones() -> None:
    queue = queue_of(2)
    queue.take()
    cancel(queue, 0)
    assert take(queue) == 1


def test_nobody_can_cancel_the_job_of_another_peer() -> None:
    queue = queue_of(1)
    assert cancel(queue, 0, b"other") == []
    [(_, waiting)] = queue.unfinished()
    assert not waiting.cancelled()


def test_cancelling_what_is_not_there_does_nothing() -> None:
    queue = queue_of(1)
    assert cancel(queue, 7) == []
    assert places(queue) == [(0, 0)]


def test_all_jobs_of_a_peer_are_cancelled_at_once() -> None:
    queue = queue_of(3)
    running = queue.take()
    queue.submit(job(0, b"other"))
    assert [each.id for each in queue.cancel(lambda each: each.peer == b"peer")] == [1, 2]
    assert running is not None and running.cancelled()
    assert [(each.peer, each.id) for _, each in queue.unfinished()] == [(b"peer", 0), (b"other", 0)]


def test_a_job_that_was_not_cancelled_goes_on() -> None:
    job(0).check()


def test_a_cancelled_job_ends_at_its_next_check() -> None:
    cancelled = job(0)
    cancelled.cancel()
    with pytest.raises(Rejected) as refusal:
        cancelled.check()
    assert refusal.value.code == "cancelled"


# -- overtaking ------------------------------------------------------------------------------------------------------


def is_even(each: Job) -> bool:
    return each.id % 2 == 0


def test_a_job_overtakes_those_that_wait_and_takes_their_room() -> None:
    queue = queue_of(3, limit=3)
    assert [each.id for each in queue.submit(job(9), is_even)] == [0, 2]
    assert [take(queue), take(queue)] == [1, 9]


def test_a_running_job_that_is_overtaken_ends_at_its_next_check_and_is_answered_by_its_worker() -> None:
    queue = queue_of(1)
    running = queue.take()
    assert queue.submit(job(9), is_even) == []
    assert running is not None
    with pytest.raises(Rejected) as refusal:
        running.check()
    assert refusal.value.code == "cancelled"


def test_a_job_that_is_refused_overtakes_nothing() -> None:
    queue = queue_of(3)
    queue.limit = 1
    with pytest.raises(Rejected, match="1 requests are waiting"):
        queue.submit(job(9), is_even)
    assert [(each.id, each.cancelled()) for _, each in queue.unfinished()] == [(0, False), (1, False), (2, False)]


def test_overtaken_work_is_not_interrupted_and_what_it_makes_is_kept() -> None:
    """The next question needs the same inference: if each began it anew, none would ever end."""
    running, calls = job(0), list[str]()

    def work() -> None:
        running.overtake()
        calls.append("work")

    running.run_interruptible(work, lambda: calls.append("interrupt"))
    assert calls == ["work"] and running.cancelled()
    with pytest.raises(Rejected):
        running.run_interruptible(work, lambda: calls.append("interrupt"))
    assert calls == ["work"]


def test_overtaken_work_can_still_be_cancelled() -> None:
    running, calls = job(0), list[str]()

    def work() -> None:
        running.overtake()
        running.cancel()

    with pytest.raises(Rejected):
        running.run_interruptible(work, lambda: calls.append("interrupt"))
    assert calls == ["interrupt"]


# -- taking turns ----------------------------------------------------------------------------------------------------


def test_clients_take_turns_however_much_one_of_them_asked_for() -> None:
    queue = queue_of(3)
    for peer in (b"second", b"third"):
        queue.submit(job(0, peer))
        queue.submit(job(1, peer))
    order = [(waiting.peer, waiting.id) for _, waiting in queue.unfinished()]
    taken = []
    while (next_one := queue.take(0)) is not None:
        taken.append((next_one.peer, next_one.id))
    assert taken == order
    assert [peer for peer, _ in taken[:3]] == [b"peer", b"second", b"third"]
    assert [number for peer, number in taken if peer == b"peer"] == [0, 1, 2]


def test_a_queue_full_of_pixels_is_busy_but_an_empty_one_takes_one_job_of_any_size() -> None:
    queue = JobQueue(10, 100)
    large = Picture(100, 10, "GRAY8", [memoryview(bytes(1000))])
    queue.submit(Job(b"peer", 0, MaskRequest(100, 10, "GRAY8"), large))
    with pytest.raises(Rejected) as refusal:
        queue.submit(job(1))
    assert refusal.value.code == "busy"
    assert take(queue) == 0
    queue.submit(job(2))


def test_the_pixels_of_an_open_picture_count_once_however_many_jobs_are_about_it() -> None:
    queue, picture = JobQueue(10, 200), Picture(10, 10, "GRAY8", [memoryview(bytes(100))])
    for number in range(5):
        queue.submit(Job(b"peer", number, MaskRequest(picture=1), picture))
    queue.submit(Job(b"peer", 5, MaskRequest(picture=1, hint=True), picture.hinted(memoryview(bytes(100)))))
    with pytest.raises(Rejected, match="with 0 MB of pixels"):
        queue.submit(job(6))


def test_a_cancel_ends_the_wait_for_a_lock() -> None:
    lock, waiting = threading.Lock(), job(0)
    lock.acquire()
    outcome: list[str] = []

    def wait() -> None:
        try:
            with waiting.holding(lock):
                outcome.append("held")
        except Rejected as refusal:
            outcome.append(refusal.code)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.cancel()
    assert ended(thread)
    assert outcome == ["cancelled"]
    assert lock.locked()


# -- waiting again ----------------------------------------------------------------------------------------------------


def taken_from(queue: JobQueue) -> Job:
    taken = queue.take(0)
    assert taken is not None
    return taken


def test_a_job_that_is_put_back_waits_in_the_place_that_it_had() -> None:
    queue = queue_of(3)
    queue.submit(job(0, b"other"))
    before = [(each.peer, each.id) for _, each in queue.unfinished()]
    first = taken_from(queue)
    first.progress = Progress("preparing")
    queue.put_back(first)
    assert [(each.peer, each.id) for _, each in queue.unfinished()] == before
    assert first.progress.stage == "waiting"
    taken = [taken_from(queue) for _ in before]
    assert [(each.peer, each.id) for each in taken] == before


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_jobs_of_a_client_that_are_put_back_keep_their_order(order: tuple[int, int]) -> None:
    queue = queue_of(3)
    two = [taken_from(queue), taken_from(queue)]
    for number in order:
        queue.put_back(two[number])
    assert [take(queue) for _ in range(3)] == [0, 1, 2]


def test_no_other_client_loses_its_turn_by_it() -> None:
    queue = queue_of(2)
    for peer in (b"second", b"third"):
        queue.submit(job(0, peer))
    first = taken_from(queue)
    assert taken_from(queue).peer == b"second", "which is next while the first is at work"
    queue.put_back(first)
    taken = [taken_from(queue) for _ in range(3)]
    assert [(each.peer, each.id) for each in taken] == [(b"peer", 0), (b"third", 0), (b"peer", 1)]


def test_a_worker_that_waits_gets_a_job_that_is_put_back() -> None:
    queue, taken = queue_of(1), list[int]()
    first = taken_from(queue)
    worker = threading.Thread(target=lambda: taken.append(take(queue)))
    worker.start()
    queue.put_back(first)
    assert ended(worker) and taken == [0]


def test_a_full_queue_takes_back_what_it_has_handed_out() -> None:
    queue = queue_of(2, limit=2)
    first = taken_from(queue)
    queue.submit(job(9))
    queue.put_back(first)
    assert places(queue) == [(0, 0), (1, 1), (2, 9)]


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_job_that_was_cancelled_meanwhile_does_not_wait_again(overtaken: bool) -> None:
    queue = queue_of(1)
    first = taken_from(queue)
    if overtaken:
        queue.submit(job(9), is_even)
    else:
        cancel(queue, 0)
    with pytest.raises(Rejected) as refusal:
        queue.put_back(first)
    assert refusal.value.code == "cancelled" and queue.contains(b"peer", 0), "its worker answers it"
    queue.done(first)
    assert not queue.contains(b"peer", 0)


def test_nothing_waits_again_once_the_queue_is_closed() -> None:
    queue = queue_of(1)
    first = taken_from(queue)
    assert queue.close() == []
    with pytest.raises(Rejected) as refusal:
        queue.put_back(first)
    assert refusal.value.code == "shutting_down" and queue.drained


# -- interrupting ----------------------------------------------------------------------------------------------------


def test_work_that_is_not_cancelled_is_not_interrupted() -> None:
    calls: list[str] = []
    job(0).run_interruptible(lambda: calls.append("work"), lambda: calls.append("interrupt"))
    assert calls == ["work"]


def test_work_is_not_begun_for_a_cancelled_job() -> None:
    cancelled, calls = job(0), []
    cancelled.cancel()
    with pytest.raises(Rejected):
        cancelled.run_interruptible(lambda: calls.append("work"), lambda: calls.append("interrupt"))
    assert calls == []


def test_a_cancel_in_the_middle_interrupts_the_work() -> None:
    running, begun, interrupted = job(0), threading.Event(), threading.Event()
    outcome: list[str] = []

    def work() -> None:
        begun.set()
        assert interrupted.wait(STUCK_SECONDS)

    def run() -> None:
        try:
            running.run_interruptible(work, interrupted.set)
        except Rejected as refusal:
            outcome.append(refusal.code)

    worker = threading.Thread(target=run)
    worker.start()
    assert begun.wait(STUCK_SECONDS)
    running.cancel()
    assert ended(worker)
    assert outcome == ["cancelled"]


def test_a_cancel_after_the_work_interrupts_nothing() -> None:
    done, calls = job(0), []
    done.run_interruptible(lambda: None, lambda: calls.append("interrupt"))
    done.cancel()
    assert calls == []


def test_work_that_fails_is_not_interrupted_later() -> None:
    failed, calls = job(0), []
    with pytest.raises(ZeroDivisionError):
        failed.run_interruptible(lambda: [][1 // 0], lambda: calls.append("interrupt"))
    failed.cancel()
    assert calls == []


def test_an_interruption_never_outlives_the_work_that_it_was_meant_for() -> None:
    """Otherwise it would interrupt the next job, which uses the same model."""
    running, begun, interrupting, moved_on = job(0), *(threading.Event() for _ in range(3))
    too_late: list[bool] = []

    def work() -> None:
        begun.set()
        interrupting.wait(STUCK_SECONDS)

    def interrupt() -> None:
        interrupting.set()
        too_late.append(moved_on.wait(0.3))

    def run() -> None:
        with pytest.raises(Rejected):
            running.run_interruptible(work, interrupt)
        moved_on.set()

    worker = threading.Thread(target=run)
    worker.start()
    assert begun.wait(STUCK_SECONDS)
    running.cancel()
    assert ended(worker)
    assert too_late == [False]


# -- closing ---------------------------------------------------------------------------------------------------------


def test_a_closed_queue_refuses_jobs() -> None:
    queue = queue_of(0)
    queue.close()
    with pytest.raises(Rejected) as refusal:
        queue.submit(job(0))
    assert refusal.value.code == "shutting_down"


def test_closing_returns_what_waits_and_lets_the_running_job_go_on() -> None:
    queue = queue_of(3)
    running = queue.take()
    assert [waiting.id for waiting in queue.close()] == [1, 2]
    assert running is not None
    assert not running.cancelled()
    assert places(queue) == [(0, 0)]


def test_a_closed_and_empty_queue_gives_no_job() -> None:
    queue = queue_of(1)
    take(queue)
    queue.close()
    assert queue.take() is None
    assert queue.unfinished() == []


def test_closing_wakes_a_worker_that_waits() -> None:
    queue, taken = JobQueue(1, PLENTY), []
    worker = threading.Thread(target=lambda: taken.append(queue.take()))
    worker.start()
    queue.close()
    assert ended(worker)
    assert taken == [None]


def test_wake_worker_ends_the_wait_without_a_job() -> None:
    queue = JobQueue(1, PLENTY)
    queue.wake_worker()
    assert queue.take(60) is None
    assert queue.take(0) is None


def test_after_the_timeout_there_is_no_job() -> None:
    assert JobQueue(1, PLENTY).take(0.01) is None


def test_a_closed_queue_is_drained_once_it_is_empty() -> None:
    queue = queue_of(1, limit=2)
    assert not queue.drained
    queue.close()
    assert queue.drained and queue.take() is None


# -- frames ------------------------------------------------------------------------------------------------------------


def taken(queue: JobQueue) -> Job:
    """Take the next job, and let it run."""
    job = queue.take(0)
    assert job is not None
    return job


def test_a_frame_waits_until_the_turn_of_the_one_before_is_over() -> None:
    queue, sequence = JobQueue(10, PLENTY), begun()
    for number in (1, 2, 3):
        queue.submit(frame(number, sequence))
    first = taken(queue)
    assert first.id == 1 and queue.take(0) is None
    assert first.frame is not None
    first.frame.pass_on()
    second = taken(queue)
    assert second.id == 2 and queue.take(0) is None, "it is not finished, but its turn is over"
    queue.put_back(second)
    assert taken(queue).id == 2 and queue.take(0) is None, "what waits once more is not overtaken"
    assert cancel(queue, 2) == [] and queue.take(0) is None
    queue.done(second)
    assert taken(queue).id == 3, "whatever came of it"


def test_a_frame_that_is_not_ready_is_not_overtaken_by_the_next() -> None:
    queue, sequence = JobQueue(10, PLENTY), begun()
    for number in (1, 2):
        queue.submit(frame(number, sequence))
    assert queue.take(0, lambda job: job.id == 2) is None
    assert [job.id for job in cancel(queue, 1)] == [1]
    assert taken(queue).id == 2


def test_sequences_take_turns_also_those_of_one_client_and_a_picture_goes_before_a_second_frame() -> None:
    queue, one, other = JobQueue(20, PLENTY), begun(), begun()
    for number in (1, 2, 3):
        queue.submit(frame(number, one))
    for number in (11, 12, 13):
        queue.submit(frame(number, other))
    queue.submit(job(99, b"somebody else"))
    order = []
    for _ in range(7):
        order.append(taken(queue))
        queue.done(order[-1])
    assert [each.id for each in order] == [1, 11, 99, 2, 12, 3, 13]
    at_work = frame(21, one)
    queue.submit(at_work)
    queue.submit(frame(22, one))
    assert taken(queue) is at_work and at_work.frame is not None
    at_work.frame.pass_on()
    queue.submit(job(100, b"somebody else"))
    assert taken(queue).id == 100, "as a frame of the film is at work already"
    assert taken(queue).id == 22
