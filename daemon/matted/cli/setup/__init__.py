"""`matted setup`: the one command after the installation: plug-ins, model, start at login, and a try of it all.

Each step says what is there already, asks once whether to do what is missing, and does it. A step that fails does not
stop the others.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from matted_client import MattedError

from matted.cli import answers
from matted.cli.output import FAILED, OK, UNDECIDED, as_error, complain, output_failed
from matted.cli.setup.dialogue import Dialogue, say
from matted.cli.setup.step import Step


def add_parser(commands: Any) -> None:
    """Add `setup` to the commands."""
    text = "get everything ready: plug-ins, a good model, and start at login"
    setup = commands.add_parser("setup", help=text, description=f"{text[0].upper()}{text[1:]}.")
    setup.add_argument("--yes", action="store_true", help="do everything without asking")
    setup.add_argument(
        "--model", default="", metavar="ID", help="get and use this model; auto: the best of those that are installed"
    )
    setup.add_argument("--accept-licence", action="store_true", help="accept its licence without being asked")
    setup.add_argument(
        "--source", default="", metavar="NAME", help="where to get the model; see: matted models info ID"
    )
    setup.add_argument("--no-autostart", action="store_true", help="leave what starts at login as it is")
    setup.add_argument("--offline", action="store_true", help="download nothing, and use what is there")
    setup.add_argument("--keep", type=_new_png, metavar="FILE", help="keep the cut-out of the try, a PNG file")
    setup.set_defaults(run=_setup)


def _new_png(text: str) -> Path:
    """Parse the name of a PNG file that is not there yet."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"its name has to end in .png, and {text} does not")
    if path.exists():
        raise argparse.ArgumentTypeError(f"{text} exists")
    return path


def _setup(options: argparse.Namespace) -> int:
    from matted.cli.setup.computer import Computer
    from matted.cli.setup.ending import Checks, Try
    from matted.cli.setup.login import Login
    from matted.cli.setup.model import Model, Wishes
    from matted.cli.setup.plugins import PlugIns
    from matted.doctor import context

    examined = context.load(os.environ)
    run = _Run(Dialogue(options.yes))
    options.facts.update(errors=run.errors)
    run.do(Computer(examined))
    run.do(PlugIns(examined))
    model = Model(examined, Wishes(options.model, options.source, options.accept_licence, options.offline))
    run.do(model)
    run.do(Login(examined, not options.no_autostart))
    if run.undecided:
        print("Nothing was changed: there is no terminal to ask at. To have all this done: matted setup --yes")
        return UNDECIDED
    if model.can_be_tried:
        run.do(Try(options.keep))
    run.do(Checks(examined))
    if run.errors:
        print("Not everything is ready: see above. What is done stays, and matted setup goes on from there.")
        return FAILED
    if run.lacking:
        print(f"Everything is ready but for this: {' '.join(run.lacking)}")
    else:
        print("Everything is ready.")
    return OK


class _Run:
    """The steps that were done so far.

    errors: of those that failed, for programs.
    undecided: whether something is open that nobody could be asked.
    lacking: what is not ready after steps that did not fail.
    """

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self.errors: list[dict[str, str]] = []
        self.undecided = False
        self.lacking: list[str] = []

    def do(self, step: Step) -> None:
        """Do one step, as the person wants it."""
        print(step.title, flush=True)
        try:
            self._do(step)
        except MattedError as error:
            self._fail(error)
        except OSError as error:
            if output_failed(error):
                raise
            self._fail(as_error(error))
        else:
            self.lacking += [step.lacking] if step.lacking else []

    def _do(self, step: Step) -> None:
        question = step.look()
        if not question:
            return
        answer = self._dialogue.answer(question)
        if answer is None:
            say(f"To be decided: {question}")
            self.undecided = True
        elif answer:
            step.act()
        else:
            step.leave()

    def _fail(self, error: MattedError) -> None:
        complain(error)
        self.errors.append(answers.error_facts(error))
