"""Export a model for an inference server that others wrote: its graph, and the files by which that server finds it.

    FOLDER/ID/              the model; a folder of models may have several
    FOLDER/ID-decoder/      the second graph of one that takes clicks: a model by itself to the server
    FOLDER/config.json ...  what the server needs of all of them together, if it needs that

What is exported takes and gives what an engine does (see `engines.engine`), so a daemon elsewhere asks the server for
what it would have asked its own engine for.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from matted_client import MattedError

from matted.inference.exporting.servers import SERVERS, Exported, Server
from matted.models.spec import MODEL, ModelSpec
from matted.settings.server import decoder_name

__all__ = ["SERVERS", "Server", "export"]


def export(spec: ModelSpec, file: Path, folder: Path, server: Server) -> list[Path]:
    """Write a model into a folder of models for a server. Returns the folder there of each of its graphs.

    file: the model as it is installed, the .xml of the IR of its first graph; for a server of ONNX files, the file as
        its publisher gives it.
    folder: is made if it is not there.

    The folders appear as a whole, or not at all. Raises MattedError if one is there already, or for a model that the
    server cannot run; OSError.
    """
    server.require(spec)
    names = {graph: spec.id if graph == MODEL else decoder_name(spec.id) for graph in spec.graphs}
    targets = [folder / name for name in names.values()]
    for target in targets:
        if os.path.lexists(target):
            raise MattedError(f"{target} is there already.", "Delete it, or name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    drafts = [folder / f".{target.name}.{os.getpid()}.part" for target in targets]
    done: list[Path] = []
    try:
        exported = [Exported(spec, graph, name) for graph, name in names.items()]
        for each, draft in zip(exported, drafts, strict=True):
            draft.mkdir()
            server.describe(each, server.write(each, file, draft / server.graph), draft)
        for each in exported:
            server.register(each, folder)
        for draft, target in zip(drafts, targets, strict=True):
            os.rename(draft, target)
            done.append(target)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise MattedError(f"{spec.id} could not be exported: {reason}.") from error
    finally:
        if len(done) < len(targets):
            for half in (*drafts, *done):
                shutil.rmtree(half, ignore_errors=True)
    return targets
