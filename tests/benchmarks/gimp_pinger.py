#!/usr/bin/env python3
"""A plug-in of GIMP that asks GIMP itself for a trifle all the time, and writes down when the answer took long.

Each line of pings.txt beside it is begin and end of such a wait, moments of time.perf_counter.
"""

import os
import sys
import time

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  (after its version)

NAME = "plug-in-matted-pinger"
PAUSE_SECONDS, LONG_SECONDS = 0.01, 0.02


def run(procedure, config, data):
    procedure.persistent_ready()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pings.txt")
    with open(path, "w", buffering=1) as file:
        while True:
            begun = time.perf_counter()
            Gimp.get_images()
            ended = time.perf_counter()
            if ended - begun > LONG_SECONDS:
                print(begun, ended, file=file)
            time.sleep(PAUSE_SECONDS)


class Pinger(Gimp.PlugIn):
    def do_set_i18n(self, name):
        return False

    def do_query_procedures(self):
        return [NAME]

    def do_create_procedure(self, name):
        return Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, run, None)


Gimp.main(Pinger.__gtype__, sys.argv)
