"""Watches a dialog with a preview, and does in it what a person does.

Runs inside GIMP and Krita, put beside a module of the host's, so it imports only Python's own.

Moments are of time.perf_counter, which all processes of a Linux share.
"""

import itertools
import sys
import threading
import time

TURN_MS = 20  # between two values of a drag, as from a mouse
TICK_MS = 5  # of the timer whose delays are the gaps of an event loop
GAP_SECONDS = 0.02  # what is shorter is not told
SAMPLING_SECONDS = 0.005
STEP, MOST = 5, 30  # of both sliders, pixels
PLACES = ((0.5, 0.45), (0.42, 0.6), (0.55, 0.3))  # of clicks, parts of the preview
OPENING, USING, ACCEPTING = "opening", "in use", "OK"
FIRST, FIRST_AFTER = "the first move of a slider", "the first move after a click"
MOVED = {"grow": "the slider of Grow", "feather": "the slider of Feather"}
DRAGGED, BLIND, CLICKED = "the end of a drag", "in a drag, the longest without a new mask", "a click"

now = time.perf_counter


class Watch:
    """moments: when the opening got how far. questions: about views, when the dialog asked
    and when it was put. acts: what was done, and when the
    mask that it led to was painted. gaps: begin and end of each. phases: name and begin of each.
    """

    def __init__(self, folder, host, pause=0.1):
        """Take what belongs to a host.

        folder: of the plug-in.
        host: names of functions in which the host's own event loop runs.
        pause: seconds between what a person does.
        """
        self._folder = folder
        self._host = host
        self._pause = pause
        self._main = threading.main_thread().ident
        self._lock = threading.Lock()
        self.clear()

    def start(self):
        """Begin to look at what runs."""
        threading.Thread(target=self._sample, daemon=True).start()

    def clear(self):
        """Forget everything, before the next dialog."""
        self.moments, self.questions, self.acts, self.gaps, self.phases = {}, [], [], [], []
        self.insertion = self.answer = self.waited = self.done = None
        self._paints = []
        self._answered = self._to_paint = self._painted_alpha = None
        self._last_tick = None
        self._samples = []

    def told(self):
        """Everything, as JSON has it."""
        kept = ("moments", "questions", "acts", "gaps", "phases", "insertion", "answer", "waited", "done")
        with self._lock:
            return {**{name: getattr(self, name) for name in kept}, "samples": self._samples}

    # -- what is watched -----------------------------------------------------------------------------------------------

    def watch_client(self, filling, session, conversation):
        """Take the client's classes Filling, Session and Conversation, before a layer is read."""
        self._note_before(conversation, "start", "begun")
        self._note_after(session, "open", "sent")
        add, ask, mask = filling.add, conversation.ask, conversation.mask

        def added(pixels, part):
            add(pixels, part)
            if "sent" not in self.moments:
                self.moments["read"] = now()

        def asked(itself, question, answered, *args, **kwargs):
            ask(itself, *self._watched(question, answered), *args, **kwargs)

        def whole(itself, *args):
            begun = now()
            answer = mask(itself, *args)
            self.waited = now() - begun
            self.answer = dict(answer.info.timings)
            return answer

        filling.add, conversation.ask, conversation.mask = added, asked, whole

    def watch_presenter(self, presenter):
        """Take the client's class Presenter, before there is one."""
        frames = presenter.frames

        def shown(itself):
            found = frames(itself)
            alpha = found[-1][0].alpha if found else None
            if found:
                self.moments.setdefault("composed", now())
            if alpha is not None and alpha is not self._painted_alpha:
                self._painted_alpha = alpha
                self._to_paint = self._answered
            return found

        presenter.frames = shown

    def painted(self):
        """To be called when the preview was painted."""
        moment = now()
        if "composed" in self.moments:
            self.moments.setdefault("seen", moment)
        question, self._to_paint = self._to_paint, None
        if question is not None:
            question["painted"] = moment
            self._paints.append(moment)

    def tick(self):
        """To be called by a timer of the event loop, every TICK_MS."""
        moment, last = now(), self._last_tick
        if last is not None and moment - last > GAP_SECONDS:
            self.gaps.append((last, moment))
        self._last_tick = moment

    def inserts(self, begun):
        """To be called when the mask was put into the picture. begun: when that began."""
        self.done = now()
        self.insertion = self.done - begun

    def _watched(self, ask, answered):
        question = {"asked": now()}
        self.questions.append(question)

        def asked(picture, on_progress, cancelled):
            def noted(progress):
                if progress.stage == "inference":
                    question.setdefault("inferring", now())
                on_progress(progress)

            question["put"] = now()
            try:
                mask = ask(picture, noted, cancelled)
            except Exception:
                question["given_up"] = now()
                raise
            question["came"] = now()
            question["timings"] = dict(mask.info.timings)
            return mask

        def shown(mask):
            self._answered = question
            answered(mask)

        return asked, shown

    def _note_before(self, owner, name, moment):
        function = getattr(owner, name)

        def watched(*args, **kwargs):
            self.moments.setdefault(moment, now())
            return function(*args, **kwargs)

        setattr(owner, name, watched)

    def _note_after(self, owner, name, moment):
        function = getattr(owner, name)

        def watched(*args, **kwargs):
            result = function(*args, **kwargs)
            self.moments.setdefault(moment, now())
            return result

        setattr(owner, name, watched)

    def _sample(self):
        """In a thread: note what the plug-in runs in the host's thread."""
        while True:
            time.sleep(SAMPLING_SECONDS)
            name = self._running(sys._current_frames().get(self._main))
            with self._lock:
                self._samples.append((now(), name))

    def _running(self, frame):
        """The plug-in's innermost function; empty for the host's own event loop."""
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith(self._folder) and "dialog_watch" not in code.co_filename:
                module = code.co_filename.rpartition("/")[2].partition(".")[0]
                name = f"{module}.{code.co_name}"
                return "" if name in self._host else name
            frame = frame.f_back
        return ""

    # -- what a person does --------------------------------------------------------------------------------------------

    def use(self, dialog):
        """Do it. A generator of conditions, functions that say whether to go on; resumed about every TURN_MS.

        dialog: of the host, with set(option, value), click(x, y), in parts of the preview, and accept().
        """
        self.phases.append((OPENING, now()))

        def opened():
            """the first preview with a mask"""
            return self.questions and self.questions[-1].get("painted")

        yield opened
        yield _after(self._pause)
        self.phases.append((USING, now()))
        yield from self._move(dialog, FIRST)
        for number, (x, y) in enumerate(PLACES):
            yield from self._act(CLICKED, lambda: dialog.click(x, y))  # noqa: B023  (it is called at once)
            if number == 0:
                yield from self._move(dialog, FIRST_AFTER)
                yield from self._drag(dialog)
        yield _after(self._pause)
        self.phases.append((ACCEPTING, now()))
        dialog.accept()

    def _move(self, dialog, first):
        """Move the sliders. first: what the first move is called."""
        for option, what in MOVED.items():
            for value in range(STEP, MOST + STEP, STEP):
                yield from self._act(first or what, lambda: dialog.set(option, value))  # noqa: B023  (called at once)
                first = None
            yield from self._act(what, lambda: dialog.set(option, 0))  # noqa: B023

    def _act(self, what, do):
        act = {"what": what, "at": now()}
        before = len(self.questions)
        do()
        yield lambda: len(self.questions) > before and self.questions[-1].get("painted")
        newest = self.questions[-1]
        act.update(painted=newest["painted"], daemon=sum(newest["timings"].values()))
        self.acts.append(act)
        yield _after(self._pause)

    def _drag(self, dialog):
        """A value each turn, whether or not the preview has followed."""
        begun, before = now(), len(self._paints)
        for value in range(1, MOST + 1):
            at = now()
            dialog.set("grow", value)
            yield lambda: True
        yield lambda: self.questions[-1].get("painted") and self.questions[-1]["asked"] >= at
        paints = [begun, *self._paints[before:]]
        longest = max(later - earlier for earlier, later in itertools.pairwise(paints))
        self.acts.append({"what": DRAGGED, "at": at, "painted": paints[-1], "longest": longest})
        yield _after(self._pause)
        yield from self._act(MOVED["grow"], lambda: dialog.set("grow", 0))


def _after(seconds):
    end = now() + seconds
    return lambda: now() >= end
