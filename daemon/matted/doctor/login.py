"""Starting at login: what does it, and whether that still works."""

from __future__ import annotations

import os
from collections.abc import Iterator

from matted import autostart
from matted.doctor.finding import FAIL, NOTE, OK, Finding
from matted.doctor.patient import Patient

_SUBJECT = "Login"


def check_login(patient: Patient) -> Iterator[Finding]:
    found = autostart.entries(autostart.mechanisms(os.environ))
    if not found:
        what = "The daemon does not start at login. The first click starts it."
        yield Finding(NOTE, _SUBJECT, what, "To have it wait for you instead: matted autostart enable")
    for entry in found:
        problem = autostart.trouble(entry)
        if problem:
            yield Finding(FAIL, _SUBJECT, f"{entry.place}: {problem}", "Run: matted autostart enable")
        else:
            yield Finding(OK, _SUBJECT, f"{entry.place} starts the daemon.")
