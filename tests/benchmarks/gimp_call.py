"""Takes the place of the GIMP plug-in's call.py, which is call_itself.py then, and writes down how long it took.

Runs in the plug-in's process, where benchmarks/stages.py is stages.py.
"""

import json
import os

import call_itself
import layers
import outputs
from matted_client.client import Session
from stages import Stages


def run(*args):
    stages = Stages()
    stages.begins(layers.GimpLayer, "read", "read")
    stages.ends(outputs, "show", "done")
    stages.watch_requests(Session)
    done = call_itself.run(*args)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "stages.json"), "w") as file:
        json.dump(stages.told(), file)
    return done
