"""Takes the place of the GIMP plug-in's preview/beginning.py, which is beginning_itself.py then, and watches it.

Runs in the plug-in's process, where benchmarks/dialog_watch.py is dialog_watch.py. GIMP's widgets are not there yet.
"""

import os

from dialog_watch import Watch, now
from matted_client.client import Session
from matted_client.filling import Filling
from matted_client.preview.conversation import Conversation

from . import beginning_itself

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
watch = Watch(FOLDER, ("preview_dialog.run", "options_dialog.ask", "options_dialog_itself.ask"))


def begin_removal(*args):
    watch.moments["entered"] = now()
    watch.start()
    watch.watch_client(Filling, Session, Conversation)
    return beginning_itself.begin_removal(*args)
