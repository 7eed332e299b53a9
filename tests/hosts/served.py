"""Models on a server of the tests' own, for a daemon in a root: stand-ins of some kilobytes."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from mirrors import Fault, Mirror, mirror

MODEL, BOUND = "isnet-general-use", "rmbg-1.4"  # a free one, and one whose licence has to be accepted
MATTED_WITH = Path(__file__).parents[1] / "matted_with.py"
NOBODY = "http://127.0.0.1:9"  # the discard port
POLL_SECONDS = 0.02


@contextmanager
def served(folder: Path, net: Path) -> Iterator[Mirror]:
    """A server that has the file `net` as both, and stops in the middle of it, once, until `seen-half` is in `folder`.

    In `folder`, `python3 matted_with.py sources.json` is the matted command that gets the models there; with
    nowhere.json it finds nobody.
    """
    content = net.read_bytes()
    shutil.copy(MATTED_WITH, folder)
    with mirror() as server:
        server.files["/net.onnx"] = content
        server.fault = Fault(cut=len(content) // 2, times=1, stall=True)
        for name, place in (("sources.json", server.url), ("nowhere.json", NOBODY)):
            source = {"kind": "https", "name": "https", "url": f"{place}/net.onnx", "bytes": len(content)}
            known = {**source, "sha256": sha256(content).hexdigest()}
            (folder / name).write_text(json.dumps({MODEL: [known], BOUND: [known]}))
        over = threading.Event()
        watching = threading.Thread(target=_let_go, args=(server, folder / "seen-half", over))
        watching.start()
        try:
            yield server
        finally:
            over.set()
            watching.join()


def _let_go(server: Mirror, sign: Path, over: threading.Event) -> None:
    while not sign.exists():
        if over.wait(POLL_SECONDS):
            return
    server.let_go.set()
