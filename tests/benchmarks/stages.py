"""Times the parts of a click. Runs inside GIMP and Krita, put beside what it watches, so it imports only Python's own.

Moments are of time.perf_counter, which all processes of a Linux share.
"""

import functools
import time


class Stages:
    """moments: "read" is when the first pixel is asked for, "sent" when the request is, "answered" when the mask is
    there, "done" when the plug-in has put it in. daemon: seconds, what the daemon says of its own.
    """

    def __init__(self):
        self.moments = {}
        self.daemon = 0.0

    def begins(self, owner, name, moment):
        """Note when the function `name` of a module or class is first called from now on."""
        self._watch(
            owner, name, lambda arguments: self.moments.setdefault(moment, time.perf_counter()), lambda *_: None
        )

    def ends(self, owner, name, moment):
        """Note when that function last returned."""
        self._watch(owner, name, lambda arguments: None, lambda *_: self._note(moment))

    def watch_requests(self, session):
        """session: the client's class Session."""

        def answered(arguments, mask):
            self._note("answered")
            self.daemon = sum(mask.info.timings.values())

        def sent(arguments, _):
            if "answered" not in self.moments:  # not the request to close
                self._note("sent")

        self._watch(session, "_send", lambda arguments: None, sent)
        self._watch(session, "mask", lambda arguments: None, answered)

    def _note(self, moment):
        self.moments[moment] = time.perf_counter()

    @staticmethod
    def _watch(owner, name, before, after):
        function = getattr(owner, name)

        @functools.wraps(function)
        def watched(*args, **kwargs):
            before(args)
            result = function(*args, **kwargs)
            after(args, result)
            return result

        setattr(owner, name, watched)

    def told(self):
        """What `parts` takes, as JSON has it."""
        return {"moments": self.moments, "daemon": self.daemon}


def parts(told, clicked, ended):
    """Seconds by stage, together as long as the click took. All but "daemon" is what the plug-in adds.

    ended: when the host was told that it is done.
    """
    moments, daemon = told["moments"], told["daemon"]
    return {
        "start": moments["read"] - clicked,
        "read and send": moments["sent"] - moments["read"],
        "daemon": daemon,
        "receive": moments["answered"] - moments["sent"] - daemon,
        "insert": moments["done"] - moments["answered"],
        "end": ended - moments["done"],
    }
