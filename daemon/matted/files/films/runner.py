"""Take a film through the daemon: frames are decoded, masked and encoded at the same time, and nothing is lost."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matted_client import MattedError, messages
from matted_client.messages import Progress
from matted_client.models import FIRST, ONLY, why_chosen
from matted_client.options import DEFAULT_MODEL
from matted_client.pictures import Mask
from matted_client.progress import describe

from matted.files.batches.naming import identities
from matted.files.batches.outcomes import DONE, EXISTING, PLANNED
from matted.files.batches.runner import POLL_SECONDS, fault
from matted.files.films import joining, plates
from matted.files.films.conversation import REMEMBERED, Conversation, refuse_plate
from matted.files.films.forms import FilmError, FilmForm
from matted.files.films.joining import Sound
from matted.files.films.sinks import NumberedFiles, Parts, Sink
from matted.files.films.source import WHOLE, Frame, Source, Span
from matted.files.films.telling import outcomes
from matted.files.films.telling.outcomes import FilmOutcome, Tally
from matted.files.formats.known import Form
from matted.files.framing.backgrounds import Scene
from matted.files.framing.frame import Frame as Framing
from matted.files.pictures import Picture

if TYPE_CHECKING:
    from tqdm import tqdm

IN_FLIGHT = 3  # frames that the daemon has, or that are on their way to it
_READ = 2  # frames that wait, decoded
_WRITTEN = 2  # results that wait to be encoded
_AGAIN = "To go on from there: the same command with --skip-existing"


@dataclass(frozen=True)
class Film:
    """A film, and where its result goes.

    source: what its frames come from.
    target: the film that is made, or the folder of numbered files.
    form: of the result; of its files, where they are numbered.
    name: returns the file of a frame, where they are numbered; else None.
    """

    source: Source
    target: Path
    form: FilmForm | Form
    name: Callable[[int], Path] | None = None


@dataclass(frozen=True)
class FilmOptions:
    """What holds for all frames.

    mask: whether the mask is written, not the cut-out.
    timings: whether the seconds of each stage are printed.
    request: fields of a MaskRequest, by name.
    plate: as plates.plate takes it; None for no plate.
    span: the part of the film that is taken.
    quality: 1 to 100; None for the format's own.
    overwrite: whether the result may replace a file.
    skip_existing: whether to go on where an earlier run ended.
    frame: what results are shown on, and how large.
    """

    mask: bool
    timings: bool
    request: Mapping[str, Any]
    plate: str | None = None
    span: Span = WHOLE
    quality: int | None = None
    overwrite: bool = False
    skip_existing: bool = False
    frame: Framing = field(default_factory=Framing)

    @property
    def reads(self) -> list[Path]:
        """The files that are read for all frames."""
        plate = Path(self.plate) if self.plate not in (None, plates.MEDIAN) else None
        return [file for file in (plate, self.frame.file) if file is not None]


def run(film: Film, options: FilmOptions) -> FilmOutcome:
    """Make the result of a film. Prints its path, and what should be known on stderr. Raises MattedError.

    A run that is broken off, by Ctrl-C or an error, keeps the frames that are done.
    """
    try:
        return _run(film, options)
    except MattedError:
        raise
    except MemoryError as error:
        raise FilmError(f"There is not enough memory for {film.source.path}.", "Close other programs.") from error
    except Exception as error:  # a fault of matted or of a library, which this film alone may bring out
        raise fault(film.source.path, error) from error


def plan(film: Film, options: FilmOptions) -> FilmOutcome:
    """Say what `run` would do, and do nothing."""
    size = outcomes.size_of_results(film.source.about, options.frame)
    notes = tuple(_notes(film))
    if _is_there(film, options):
        return FilmOutcome(film, EXISTING, size)
    return FilmOutcome(film, PLANNED, size, film.source.about.count, warnings=notes)


def _is_there(film: Film, options: FilmOptions) -> bool:
    """Whether a film counts as done, as its result is there."""
    return film.name is None and film.target.exists() and options.skip_existing


def _run(film: Film, options: FilmOptions) -> FilmOutcome:
    size = outcomes.size_of_results(film.source.about, options.frame)
    if _is_there(film, options):
        print(film.target)
        note("It was there already.")
        return FilmOutcome(film, EXISTING, size)
    began = time.monotonic()
    if options.plate is not None:
        refuse_plate(str(options.request.get("model", DEFAULT_MODEL)))  # a median takes long
    sink = _sink(film, options)
    plate = None
    if options.plate is not None and not _complete(sink):
        note("Making the plate: the median of the film." if options.plate == plates.MEDIAN else "")
        plate = plates.plate(options.plate, film.source)
    notes = list(_notes(film))
    for each in notes:
        note(each)
    tally = Tally(total=sink.count)
    _carry_out(film, options, sink, plate, tally, notes)
    sound, said = _joined(film, options, sink)
    print(film.target)
    seconds = time.monotonic() - began
    if tally.frames:
        _say(tally, options, seconds)
    found = [*tally.sentences(), *film.source.faults, *said]
    for each in found:
        note(each)
    return FilmOutcome(film, DONE, size, tally.total, tally, sound, (*notes, *found), seconds=seconds)


def _notes(film: Film) -> Iterator[str]:
    """Yield what results cannot keep, as far as it is known beforehand."""
    yield from film.source.about.notes
    bits = film.source.about.bits
    if isinstance(film.form, FilmForm) and bits > 8:
        yield f"The frames have {bits} bits a channel, the film has 8. To keep more: -o FOLDER{os.sep}"
    most = film.form.most if isinstance(film.form, FilmForm) else None
    if most is not None and film.source.about.rate > most:
        yield f"{film.form.title} shows at most {most} frames a second, and the film has more: it gets slower."


def _joined(film: Film, options: FilmOptions, sink: Sink) -> tuple[bool | None, list[str]]:
    """Join the parts of a film. Return whether it has the sound, None if there is none; and what it could not keep."""
    about = film.source.about
    if not isinstance(sink, Parts):
        return (False, ["The sound is left out: pictures have none."]) if about.sound else (None, [])
    if not sink.done:
        sink.delete()
        where = " between --start and --end" if options.span != WHOLE else ""
        raise FilmError(f"{film.source.path} has no frames{where}.")
    sound = None
    if about.sound and sink.form.sound:
        last = sink.done[-1].times()[-1]
        length = None if options.span == WHOLE else (last[0] + last[1]) * about.tick
        sound = Sound(film.source.path, film.source.offset(), length)
    said = joining.join(sink, about, film.target, sound, options.quality)
    sink.delete()
    return (not said if about.sound else None), said


def _sink(film: Film, options: FilmOptions) -> Sink:
    if film.name is not None:
        assert isinstance(film.form, Form)
        read = identities([*film.source.files, *options.reads])
        return NumberedFiles(film.name, film.form, options.quality, options.skip_existing, read)
    assert isinstance(film.form, FilmForm)
    path = film.source.path
    stat = path.stat()
    settings = [str(path.resolve()), stat.st_size, stat.st_mtime_ns, film.form.name, options.mask, options.quality]
    settings += [dict(options.request), options.plate, str(options.span), _described(options.frame)]
    parts = Parts(film.target, film.form, film.source.about, options.quality, settings, options.skip_existing)
    if parts.dropped and options.skip_existing:
        note("An earlier run had other settings, or another film: it begins anew.")
    elif parts.count:
        note(f"Going on after {parts.count} frames that are there.")
    return parts


def _described(frame: Framing) -> str:
    """Return a text that is the same for the same frame, in another run too."""
    pixels = frame.background.picture.image.tobytes() if isinstance(frame.background, Scene) else b""
    background = hashlib.sha256(pixels).hexdigest() if pixels else repr(frame.background)
    return f"{background} {replace(frame, background=None)}"


def _complete(sink: Sink) -> bool:
    return isinstance(sink, Parts) and sink.complete


def _carry_out(
    film: Film, options: FilmOptions, sink: Sink, plate: Picture | None, tally: Tally, notes: list[str]
) -> None:
    """Have the results of all frames that are not there. notes: get what was said meanwhile."""
    if _complete(sink):
        return
    count = film.source.about.count
    camera = plates.Camera() if plate is not None else None

    def shown(index: int) -> bool:
        """Whether a frame is decoded: its result is not there, or a model's memory is filled by it for a later one."""
        last = index + REMEMBERED + 1
        if film.name is not None and count is not None:
            last = min(last, max(count, index + 1))
        return any(not sink.has(later) for later in range(index, last))

    with (
        _Meter(film, count) as meter,
        Conversation(options.request, plate, film.source.about.alpha, meter.show_progress) as conversation,
        _Thread("encoder") as encoder,
    ):
        asked: deque[Frame] = deque()
        writing: deque[Future[None]] = deque()

        def write(frame: Frame, reply: Mask) -> None:
            assert frame.picture is not None
            sink.add(frame, options.frame.of_reply(frame.picture, reply, options.mask))

        def receive() -> None:
            reply, frame = conversation.receive(), asked.popleft()
            if sink.has(frame.index):
                return
            while len(writing) >= _WRITTEN:
                _waited(writing.popleft())
            writing.append(encoder.submit(write, frame, reply))
            tally.count(reply.info)
            meter.advance()

        try:
            for frame in _ahead(film.source.frames(shown)):
                tally.total = frame.index + 1
                if frame.picture is None:
                    meter.pass_over()
                    continue
                if camera is not None:
                    camera.look(frame.index, frame.picture)
                    if hint := camera.hint():
                        meter.say(hint)
                        notes.append(hint)
                asked.append(frame)
                conversation.send(frame.picture)
                if len(asked) >= IN_FLIGHT:
                    receive()
            while asked:
                receive()
            while writing:
                _waited(writing.popleft())
        except BaseException:
            _keep(sink, writing)
            raise
    if tally.empty and tally.empty == tally.frames:
        if isinstance(sink, Parts):
            sink.delete()
        nothing = FilmError(
            f"There is no subject in {film.source.path} that the model sees.", "Try another: --model ID"
        )
        nothing.code = messages.NO_SUBJECT
        raise nothing
    if tally.empty:
        tally.warnings["No subject was found, and the result is empty there"] += tally.empty
    if isinstance(sink, Parts):
        sink.finish()


def _keep(sink: Sink, writing: deque[Future[None]]) -> None:
    """Keep what is done of a run that is broken off."""
    with suppress(MattedError):
        for future in writing:
            future.result()
        sink.close()
    if sink.count:
        note(f"Broken off. {'1 frame is' if sink.count == 1 else f'{sink.count} frames are'} done and kept. {_AGAIN}")
    elif isinstance(sink, Parts):
        sink.delete()


def _ahead(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Yield frames that are decoded by a thread of their own, a few ahead."""
    waiting: deque[Future[Frame | None]] = deque()
    with _Thread("decoder") as decoder:
        for _ in range(_READ):
            waiting.append(decoder.submit(next, frames, None))
        while (frame := _waited(waiting.popleft())) is not None:
            waiting.append(decoder.submit(next, frames, None))
            yield frame


class _Thread(ThreadPoolExecutor):
    """A thread that does one thing after another. Leaving the block forgets what it has not begun."""

    def __init__(self, name: str) -> None:
        super().__init__(1, name)

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown(cancel_futures=True)


def _waited(future: Future[Any]) -> Any:
    while not wait([future], POLL_SECONDS).done:
        pass
    return future.result()


class _Meter:
    """A bar on stderr, if that is a terminal: frames, frames a second, the time that is left."""

    def __init__(self, film: Film, count: int | None) -> None:
        self._bar: tqdm[None] | None = None
        if sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=count, desc=film.source.path.name, unit=" frames", smoothing=0.05)
        self._name = film.source.path.name

    def __enter__(self) -> _Meter:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show_progress(self, progress: Progress) -> None:
        """Say what takes longer than a frame."""
        if self._bar is not None and progress.stage in ("starting", "downloading", "quantizing", "loading"):
            done = f" {progress.fraction:.0%}" if progress.fraction else ""
            self._bar.set_description(describe(progress) + done)

    def say(self, sentence: str) -> None:
        """Print what the person should know, above the bar if there is one."""
        if sentence and self._bar is not None:
            self._bar.write(sentence, file=sys.stderr)
        else:
            note(sentence)

    def advance(self) -> None:
        """Count a frame."""
        if self._bar is not None:
            self._bar.set_description(self._name, refresh=False)
            self._bar.update()

    def pass_over(self) -> None:
        """Count a frame that was there already, which says nothing about the pace."""
        if self._bar is not None:
            self._bar.initial += 1
            self._bar.update()


def _say(tally: Tally, options: FilmOptions, seconds: float) -> None:
    rate = tally.frames / seconds if seconds else 0.0
    plural = "frame" if tally.frames == 1 else "frames"
    note(f"{tally.frames} {plural} in {seconds:.0f} s, {rate:.1f} a second.")
    info = tally.info
    if options.timings and info is not None:
        stages = ", ".join(f"{stage} {total / tally.frames:.3f} s" for stage, total in tally.stages.items())
        print(f"    {info.model}{f' on {info.device}' if info.device else ''}, a frame: {stages}")
    elif info is not None and info.chosen and info.reason not in (ONLY, FIRST, ""):
        note(f"{info.model} was chosen by itself. {why_chosen(info.reason)} For another: --model ID")


def note(sentence: str) -> None:
    """Print what the person should know, if there is something."""
    if sentence:
        print(end="", flush=True)
        print(sentence, file=sys.stderr)
