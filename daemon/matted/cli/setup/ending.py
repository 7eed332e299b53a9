"""Try what was set up: a cut-out by the real daemon, and the doctor's checks in short."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from matted_client import MattedError, NotRunning
from matted_client.client import connect
from matted_client.messages import MaskResult
from matted_client.models import why_chosen
from matted_client.options import AUTO_MODEL

from matted import __version__
from matted.cli import daemon
from matted.cli.setup.dialogue import say
from matted.cli.setup.step import Step
from matted.doctor import checks
from matted.doctor.context import FAIL, OK, Context
from matted.files.batches.display import Display
from matted.files.batches.runner import Runner, RunOptions
from matted.files.batches.runner import Step as Work
from matted.inference.engines.comparison import PHOTOGRAPH
from matted.system import privacy

_INFERENCE = "inference"
_ONCE = {"downloading", "loading", "waiting"}  # stages that the next picture does without


class Try(Step):
    """The photograph that matted carries goes the way of every picture. The cut-out is deleted, unless it is wanted."""

    title = "A try"

    def __init__(self, keep: Path | None) -> None:
        """keep: the file that the cut-out is written to."""
        self._keep = keep

    def look(self) -> str:
        _end_other_versions()
        with tempfile.TemporaryDirectory(prefix="matted-") as folder:
            work = Work(PHOTOGRAPH, self._keep or Path(folder) / "cut-out.png")
            options = RunOptions(mask=False, timings=False, request={"foreground": True, "tiles": True})
            with Display(1, True) as display, Runner(options, None, False, display.show_progress) as runner:
                display.begin(work.source)
                start = time.monotonic()
                info = _info(runner, work)
                seconds = time.monotonic() - start
        say(f"A photograph was cut out in {seconds:.1f} s by {info.model} on {info.device}.")
        if _INFERENCE in info.timings:
            again = sum(taken for stage, taken in info.timings.items() if stage not in _ONCE)
            say(f"The next one takes about {again:.1f} s: the model is in memory now.")
        else:
            say("The daemon had seen it before.")
        for warning in info.warnings:
            say(warning)
        _tell_of_another(info.model)
        if self._keep:
            say(f"The cut-out: {self._keep}")
        return ""


def _info(runner: Runner, work: Work) -> MaskResult:
    """Do the work, and return what the daemon says of the mask. Raises MattedError."""
    made = runner.submit(work).result()
    if made.error is not None:
        # without the photograph's path, which nobody has given
        made.error.message = made.error.message.removeprefix(f"{work.source}: ")
        raise made.error
    if made.info is None:
        raise MattedError("The photograph got no mask.")
    return made.info


def _tell_of_another(tried: str) -> None:
    """Say which model the next picture gets, if that is another: the one that was tried has turned out slow, say."""
    with connect("matted setup", start=False) as session:
        status = session.status()
    auto = status["auto"]
    if status["default_model"] == AUTO_MODEL and auto is not None and auto["model"] != tried:
        say(f"The next one gets {auto['model']}. {why_chosen(auto['reason'])} See: matted status")


def _end_other_versions() -> None:
    """Stop a daemon that is of another version, or does not answer: whoever asks next starts the one of today."""
    try:
        with connect("matted setup", start=False) as session:
            version = session.status()["version"]
    except NotRunning:
        return
    except MattedError as error:
        say(error.message)
    else:
        if version == __version__:
            return
        say(f"The daemon that runs is matted {version}.")
    daemon.stop(say)


class Checks(Step):
    """Prints what has to be put right, and counts the rest. The devices were tried by the first step."""

    title = "The doctor"

    def __init__(self, context: Context) -> None:
        self._context = context

    def look(self) -> str:
        shorten = privacy.HomeFilter(privacy.home())
        chosen = {subject: check for subject, check in checks.CHECKS.items() if subject != checks.DEVICES}
        found = [each for subject, check in chosen.items() for each in checks.run(subject, check, self._context)]
        failures = [each for each in found if each.state == FAIL]
        for each in failures:
            say(shorten(str(each)))
        good = sum(each.state == OK for each in found)
        notes = len(found) - good - len(failures)
        say(f"{good} checks are good, {notes} have a remark. All of them: matted doctor")
        if failures:
            raise MattedError(f"Faults to correct: {len(failures)}. See the lines that begin with FAIL.")
        return ""
