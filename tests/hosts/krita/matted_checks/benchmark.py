"""How long a click takes on large layers. benchmarks/hosts.py puts the pictures and stages.py there, and reads this."""

import time

from remove_background import layers, outputs
from remove_background.matted_client.client import Session

from .program import (
    FOLDER,
    close,
    krita,
    messages,
    show,
    turns,
)
from .steps import (
    click,
    idle,
)


def clicks(seen):
    """The first picture is a small one, with which daemon and model come up."""
    from .stages import Stages, parts  # only benchmarks have it

    seen["clicks"] = []
    stages = Stages()
    stages.watch(layers, "read", "read")
    stages.watch(outputs, "put", "insert")
    stages.watch_requests(Session)
    for picture in sorted(FOLDER.glob("benchmark-*.png")):
        document = krita.openDocument(str(picture))
        yield from show(document)
        yield turns(50)
        stages.seconds.clear()
        stages.began.clear()
        clicked = time.perf_counter()
        click()
        yield idle
        assert not messages()
        seen["clicks"].append(parts(stages.told(), clicked, time.perf_counter()))
        yield from close(document)


ALL = [("clicks", clicks)]
