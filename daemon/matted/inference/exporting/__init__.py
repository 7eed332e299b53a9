"""Export a model for an inference server that others wrote: its graph, and the files by which that server finds it.

    FOLDER/ID/              the model; a folder of models may have several
    FOLDER/config.json ...  what the server needs of all of them together, if it needs that

What is exported takes and gives what an engine does (see `engines.engine`), so a daemon elsewhere asks the server for
what it would have asked its own engine for.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from matted_client import MattedError

from matted.inference.engines.kserve import checking
from matted.inference.exporting import graphs
from matted.inference.exporting.servers import SERVERS, Server
from matted.models.spec import ModelSpec
from matted.system import subprocess_call

__all__ = ["SERVERS", "Server", "export"]


def export(spec: ModelSpec, file: Path, folder: Path, server: Server) -> Path:
    """Write a model into a folder of models for a server. Returns the model's own folder there.

    file: the model as it is installed, the .xml of its IR.
    folder: is made if it is not there.

    The model's folder appears as a whole, or not at all. Raises MattedError if it is there already, or for a model that
    matted would ask no server for; OSError.
    """
    reason = checking.why_not(spec)
    if reason:
        raise MattedError(f"{spec.id} cannot be exported: {reason}.")
    target = folder / spec.id
    if os.path.lexists(target):
        raise MattedError(f"{target} is there already.", "Delete it, or name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{spec.id}.{os.getpid()}.part"
    try:
        draft.mkdir()
        tensors = subprocess_call.call(graphs.write, spec, file, draft / server.graph)
        server.describe(spec, tensors, draft)
        server.register(spec, folder)
        os.rename(draft, target)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise MattedError(f"{spec.id} could not be exported: {reason}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target
