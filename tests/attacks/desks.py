"""Desks share a server that is killed: `python -m attacks.desks [--desks 16] [--clicks 200] [--kills 5]`.

Each desk is a daemon with a home of its own and the default model, so that it can do without the server. Its client
asks for masks of photographs. The server is a real one; it is killed and started again, and once it stands still and
goes on. Every click has to end with a mask or with a sentence. A mask has to be the one that the model makes on the
server and on a desk, and to say where it was made; one that a desk made by itself says why. After the server's last
return every desk uses it again. At the end each daemon has the memory, descriptors and threads that it had after the
first clicks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from attacks.vitals import Vitals, at_rest, faults_of
from conftest import OFFLINE, PHOTOGRAPHS, Daemon, real_weights, wait_for
from matted.inference.remembered import MAX_PICTURES
from matted_client import MattedError, Rejected, messages
from matted_client.client import Session
from numpy.typing import NDArray
from PIL import Image
from real_servers import STARTABLE, RealServer, export, running

MODEL = "u2netp"
NAMES = ("astronaut", "chelsea", "coffee")
WIDTHS = (240, 400, 512, 800)
# What is asked about each picture; only the first needs an inference.
QUESTIONS: tuple[dict[str, Any], ...] = ({}, {"edges": "off"}, {"grow": 3}, {"feather": 2.5}, {"invert": True})
NEAR = 1  # of 255, by which masks of the server and of a desk may differ
# Sentences that a click may end with: a desk has the model, so others would be faults.
REFUSALS = (messages.SERVER_FAILED, messages.OUT_OF_MEMORY, messages.BUSY)
INSTEAD = "ran on this computer instead"

KILL, STOP = "killed", "stopped and continued"
FIRST = 0.2  # of the clicks, after which a daemon's memory is what it should stay at
SLACK = 0.05  # of resident memory
POOL_THREADS = 2  # by which gRPC's pool may grow with what it has to do; less than there are kills and stops
TIMEOUT = 120  # seconds that an inference on the server may take: it does one at a time, for all desks
MAX_SECONDS = 600.0  # that a click, or the return of a desk to the server, may take: two cores may have to do it all
PAUSE_SECONDS = 0.2  # between the pictures of a desk that has no more to do than to wait


@dataclass(frozen=True)
class Picture:
    """A photograph of some size. pixels: RGB8. name: for people."""

    name: str
    pixels: bytes
    width: int
    height: int

    def ask(self, session: Session, **arguments: Any) -> Any:
        return session.mask(self.pixels, self.width, self.height, "RGB8", **arguments)


def photographs(count: int) -> list[Picture]:
    """Make pictures of the photographs: in four sizes, and mirrored. 24 are more than a daemon remembers."""
    made = []
    for mirrored in (False, True):
        for width in WIDTHS:
            for name in NAMES:
                with Image.open(PHOTOGRAPHS / f"{name}.jpg") as image:
                    resized = image.convert("RGB").resize((width, round(image.height * width / image.width)))
                pixels = np.asarray(resized)[:, ::-1] if mirrored else np.asarray(resized)
                title = f"{name} {width}{' mirrored' if mirrored else ''}"
                made.append(Picture(title, pixels.tobytes(), width, resized.height))
    return made[:count]


def masks(daemon: Daemon, pictures: Sequence[Picture], device: str) -> list[list[NDArray[np.uint8]]]:
    """Return a daemon's masks of all pictures, by question. device: where they have to be made."""
    found = []
    with daemon.session() as session:
        for picture in pictures:
            answers = [picture.ask(session, **question) for question in QUESTIONS]
            assert {each.info.device for each in answers} == {device}, answers
            found.append([np.frombuffer(each.alpha, np.uint8) for each in answers])
    return found


@dataclass
class Studio:
    """What desks share: the server, the pictures, and the right masks of them.

    device: what answers say of the server.
    right: by picture and question: masks that differ by NEAR at most, made by a desk and by the server.
    wrong: sentences about what should not have happened.
    away: the how many-th absence of the server this is; 0 while it is there.
    quiet: set once nothing more is done to the server.
    over: set once the desks are to end.
    """

    server: RealServer
    pictures: list[Picture]
    device: str
    right: list[list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]]
    wrong: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    away: int = 0
    quiet: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


class Desk:
    """A daemon and its client.

    outcomes: how many clicks ended in which way: a device, or the code of a refusal.
    said: the sentences that clicks ended with.
    difference: the largest one of a mask from the right ones, of 255.
    alone, served: whether it, or the server, made a mask since somebody set this to False.
    before, after: its vitals after the first clicks, and at the end.
    """

    def __init__(self, number: int, daemon: Daemon, studio: Studio) -> None:
        """Take a running daemon."""
        self.number = number
        self.daemon = daemon
        self.clicks = 0
        self.outcomes: Counter[str] = Counter()
        self.said: Counter[str] = Counter()
        self.difference = 0
        self.alone = self.served = False
        self.before: Vitals | None = None
        self.after: Vitals | None = None
        self._studio = studio
        self._session: Session | None = None
        # Each one comes again only after the daemon has forgotten its outputs, if there are enough pictures.
        order = Random(number).sample(range(len(studio.pictures)), len(studio.pictures))
        self._order = cycle(order)
        self._seen: deque[int] = deque(maxlen=MAX_PICTURES)

    def work(self, clicks: int) -> None:
        """Click so often, and until nothing more is done to the server."""
        end = self.clicks + clicks
        while not self._studio.over.is_set() and (self.clicks < end or not self._studio.quiet.is_set()):
            self._look_at(next(self._order), range(len(QUESTIONS)))
            if self.clicks >= end:
                self._studio.over.wait(PAUSE_SECONDS)

    def return_to_server(self) -> None:
        """Click until the server makes a mask. It is a fault if that takes too long."""
        deadline = time.monotonic() + MAX_SECONDS
        self.served = False
        while not self.served and not self._studio.over.is_set():
            if time.monotonic() > deadline:
                self._blame("does not use the server again")
                return
            self._look_at(next(self._order), [0])
            if not self.served:
                self._studio.over.wait(PAUSE_SECONDS)

    def rest(self, before: Vitals | None = None) -> Vitals:
        """Return its vitals once its client is gone, its own model is unloaded, and it remembers no outputs.

        It has asked the server anew by then.
        """
        with self.daemon.session() as session:
            session.unload(MODEL)
            session.reload()
            wait_for(lambda: MODEL in session.status()["server"]["models"], "the server's answer", MAX_SECONDS)
        self.leave()
        return at_rest(self.daemon, before)

    def leave(self) -> None:
        """Disconnect the client."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _look_at(self, index: int, questions: Sequence[int]) -> None:
        """Ask questions about a picture; every second one is opened for that, as in a dialog."""
        picture = self._studio.pictures[index]
        fresh = index not in self._seen
        self._seen.append(index)
        try:
            if self._session is None:
                self._session = self.daemon.session()
            with ExitStack() as stack:
                ask: Callable[..., Any] = partial(picture.ask, self._session)
                if index % 2 and len(questions) > 1:
                    opened = self._session.open(picture.pixels, picture.width, picture.height, "RGB8")
                    ask = stack.enter_context(opened).mask
                for question in questions:
                    self._click(ask, index, question, fresh and question == questions[0])
        except MattedError as error:
            self._blame(f"lost its daemon: {type(error).__name__}: {error}")
            self.leave()

    def _click(self, ask: Callable[..., Any], index: int, question: int, fresh: bool) -> None:
        """Ask a question. fresh: whether it needs an inference. Raises MattedError, but for a refusal."""
        away, end = self._studio.away, time.monotonic() + MAX_SECONDS
        self.clicks += 1
        try:
            mask = ask(cancelled=lambda: time.monotonic() > end, **QUESTIONS[question])
        except Rejected as refusal:
            self.outcomes[refusal.code] += 1
            self.said[refusal.message] += 1
            if refusal.code not in REFUSALS or not refusal.message:
                self._blame(f"was refused a mask ({refusal.code}): {refusal}")
            return
        info, what = mask.info, f"{self._studio.pictures[index].name}, question {question}"
        self.outcomes[info.device] += 1
        self._compare(np.frombuffer(mask.alpha, np.uint8), index, question, what)
        if info.device == self._studio.device:
            self.served = True
            if any(INSTEAD in warning for warning in info.warnings):
                self._blame(f"says of a mask by the server that it is none ({what}): {info.warnings}")
            if fresh and away and away == self._studio.away:
                self._blame(f"says of a mask that it is by the server, which was away all the time ({what})")
        elif info.device == "CPU":
            self.alone = True
            if not any("server" in warning and INSTEAD in warning for warning in info.warnings):
                self._blame(f"made a mask by itself and does not say why ({what}): {info.warnings}")
        else:
            self._blame(f"does not say where a mask was made ({what}): {info.device!r}")

    def _compare(self, mask: NDArray[np.uint8], index: int, question: int, what: str) -> None:
        for right in self._studio.right[index][question]:
            difference = 255 if mask.shape != right.shape else int(np.abs(mask.astype(int) - right).max())
            self.difference = max(self.difference, difference)
            if difference > NEAR:
                self._blame(f"got a wrong mask, by {difference} of 255 ({what})")

    def _blame(self, what: str) -> None:
        self._studio.wrong.append(f"desk {self.number} {what}")


def run(studio: Studio, desks: Sequence[Desk], clicks: int, harms: Sequence[str]) -> None:
    """Have all desks click so often, while the server suffers; then until each uses it again."""
    studio.quiet.clear()
    begun = sum(desk.clicks for desk in desks)
    with ThreadPoolExecutor(len(desks)) as threads:
        try:
            working = [threads.submit(desk.work, clicks) for desk in desks]
            for number, harm in enumerate(harms, 1):
                due = begun + clicks * len(desks) * number // (len(harms) + 1)
                _wait(working, partial(lambda due: sum(desk.clicks for desk in desks) >= due, due), f"click {due}")
                _harm(studio, desks, harm, working)
            studio.quiet.set()
            for each in working:
                each.result()
            list(threads.map(Desk.return_to_server, desks))
        except BaseException:
            studio.over.set()
            raise


def _harm(studio: Studio, desks: Sequence[Desk], harm: str, working: Sequence[Future[None]]) -> None:
    """Take the server away until every desk has noticed."""
    studio.done[harm] += 1
    for desk in desks:
        desk.alone = False
    (studio.server.kill if harm == KILL else studio.server.stop)()
    studio.away = studio.done.total()
    _wait(working, lambda: all(desk.alone for desk in desks), f"a mask by each desk while the server was {harm}")
    studio.away = 0
    (studio.server.start if harm == KILL else studio.server.resume)()


def _wait(working: Sequence[Future[None]], condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; no longer than until a desk has ended by an error."""

    def is_over() -> bool:
        for each in working:
            if each.done():
                each.result()
        return condition()

    wait_for(is_over, what, 10 * MAX_SECONDS)


@dataclass
class Report:
    """What came of it. wrong: sentences; empty if all is well."""

    desks: list[Desk]
    done: Counter[str]
    wrong: list[str]
    device: str

    def __str__(self) -> str:
        rows = [f"{'desk':>4}{'clicks':>8}{'server':>8}{'itself':>8}{'refused':>9}{'off by':>8}  vitals"]
        for desk in self.desks:
            there, here = desk.outcomes[self.device], desk.outcomes["CPU"]
            refused = desk.outcomes.total() - there - here
            rows.append(
                f"{desk.number:>4}{desk.clicks:>8}{there:>8}{here:>8}{refused:>9}{desk.difference:>8}  {desk.before}"
            )
            rows.append(f"{'':>47}{desk.after}")
        outcomes = sum((desk.outcomes for desk in self.desks), Counter[str]())
        rows.append(", ".join(f"{name} {count}" for name, count in outcomes.most_common()))
        said = sum((desk.said for desk in self.desks), Counter[str]())
        rows += [f"{count} x {sentence}" for sentence, count in said.most_common()]
        return "\n".join(rows)


def desks(
    folder: Path,
    weights: Path,
    count: int,
    clicks: int,
    kills: int,
    server: str = "mlserver",
    protocol: str = "grpc",
    pictures: int = 24,
) -> Report:
    """Run so many desks.

    clicks: of each desk, at least.
    kills: of the server. If there are several, it stands still once, too, and the daemons' vitals are compared with
        those after the first.
    pictures: so many different ones.
    """
    shown = photographs(pictures)
    with ExitStack() as stack:

        def new_daemon(name: str, url: str = "", weights: Path | None = weights) -> Daemon:
            (folder / name).mkdir()
            daemon = Daemon(folder / name, weights)
            daemon.environ.update(OFFLINE)
            if url:
                daemon.write_settings(f'[server]\nurl = "{url}"\ntimeout = "{TIMEOUT}s"\n')
            stack.callback(daemon.end)
            return daemon.start("--keep-alive", "forever")

        alone = new_daemon("alone")
        export(alone, MODEL, folder / "models", server)
        here = masks(alone, shown, "CPU")
        alone.end()
        real = stack.enter_context(running(server, folder / "models", folder))
        url = real.url(protocol)
        without = new_daemon("without", url, weights=None)
        there = masks(without, shown, device := f"{url} ({MODEL})")
        without.end()
        right = [list(zip(*both, strict=True)) for both in zip(here, there, strict=True)]
        studio = Studio(real, shown, device, right)
        made = [Desk(number, new_daemon(f"desk-{number}", url), studio) for number in range(count)]
        for desk in made:
            stack.callback(desk.leave)
        harms = [KILL] * kills
        if kills == 1:
            run(studio, made, clicks, harms)
        else:
            first = int(clicks * FIRST)
            run(studio, made, first, harms[:1])
            with ThreadPoolExecutor(count) as threads:
                for desk, vitals in zip(made, threads.map(Desk.rest, made), strict=True):
                    desk.before = vitals
            run(studio, made, clicks - first, [*harms[2:], STOP, KILL])
            with ThreadPoolExecutor(count) as threads:
                for desk, vitals in zip(made, threads.map(lambda desk: desk.rest(desk.before), made), strict=True):
                    desk.after = vitals
        for desk in made:
            studio.wrong += _faults_at_the_end(desk)
    return Report(made, studio.done, studio.wrong, device)


def _faults_at_the_end(desk: Desk) -> list[str]:
    """List in sentences what is wrong with a desk that nobody uses any more."""
    faults = []
    if desk.outcomes.total() != desk.clicks:
        faults.append(f"{desk.clicks - desk.outcomes.total()} clicks were lost")
    if desk.before is not None and desk.after is not None:
        allowed = replace(desk.before, threads=desk.before.threads + POOL_THREADS)
        faults += faults_of(desk.after, allowed, SLACK)
    if desk.daemon.process is None or desk.daemon.process.poll() is not None:
        faults.append("its daemon died")
    if "Traceback" in desk.daemon.log or "a request failed" in desk.daemon.log:
        faults.append("its daemon's log tells of faults of its own")
    return [f"desk {desk.number}: {fault}" for fault in faults]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--desks", type=int, default=16)
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--server", choices=STARTABLE, default="mlserver")
    parser.add_argument("--protocol", choices=("grpc", "http"), default="grpc")
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="matted-desks-") as folder:
        report = desks(
            Path(folder),
            real_weights(),
            options.desks,
            options.clicks,
            options.kills,
            options.server,
            options.protocol,
        )
    done = ", ".join(f"{count} x {name}" for name, count in report.done.items())
    print(f"the server was {done}, in {time.monotonic() - start:.0f} s")
    print(report)
    print("\n".join(f"FAULT: {fault}" for fault in report.wrong) or "no fault")
    return bool(report.wrong)


if __name__ == "__main__":
    sys.exit(main())
