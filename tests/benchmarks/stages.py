"""Times the parts of a click. Runs inside GIMP and Krita, put beside what it watches, so it imports only Python's own.

Moments are of time.perf_counter, which all processes of a Linux share.
"""

import functools
import time


class Stages:
    """seconds: by stage; under "daemon" what the daemon says of its own. began: when each stage was first entered."""

    def __init__(self):
        self.seconds = {}
        self.began = {}

    def watch(self, owner, name, stage):
        """From now on time the function `name` of a module or class."""
        function = getattr(owner, name)

        @functools.wraps(function)
        def timed(*args, **kwargs):
            start = time.perf_counter()
            self.began.setdefault(stage, start)
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

        setattr(owner, name, timed)

    def watch_requests(self, session):
        """session: the client's class Session."""
        ask = session.mask

        def mask(*args, **kwargs):
            answer = ask(*args, **kwargs)
            self.seconds["daemon"] = sum(answer.info.timings.values())
            return answer

        session.mask = mask
        self.watch(session, "_send", "send")
        self.watch(session, "mask", "request")

    def told(self):
        """What `parts` takes, as JSON has it."""
        return {"seconds": self.seconds, "began": self.began}


def parts(told, clicked, ended):
    """Seconds by stage, together as long as the click took. All but "daemon" is what the plug-in adds."""
    seconds = told["seconds"]
    stages = {
        "start": told["began"]["read"] - clicked,
        "read": seconds["read"],
        "send": seconds["send"],
        "daemon": seconds["daemon"],
        "receive": seconds["request"] - seconds["send"] - seconds["daemon"],
        "insert": seconds["insert"],
    }
    return {**stages, "rest": ended - clicked - sum(stages.values())}
