"""Takes the place of the GIMP plug-in's removal.py, which is removal_itself.py then, and writes down how long it took.

Runs in the plug-in's process, where benchmarks/stages.py is stages.py.
"""

import json
import os

import layers
import removal_itself
import results
from matted_client.client import Session
from stages import Stages


def run(*args):
    stages = Stages()
    stages.watch(layers.GimpLayer, "read", "read")
    stages.watch(results, "show", "insert")
    stages.watch_requests(Session)
    done = removal_itself.run(*args)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stages.json"), "w") as file:
        json.dump(stages.told(), file)
    return done
