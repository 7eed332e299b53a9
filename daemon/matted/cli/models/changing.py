"""`matted models remove` and `default`: delete a model, and set the default one."""

from __future__ import annotations

import argparse
import os

from matted_client import Rejected, messages

from matted.cli.models.context import Context, reload_daemon
from matted.cli.output import OK, megabytes
from matted.settings import config, edit


def remove(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    freed = context.store.size(spec) + context.compiled.size(spec.id)
    context.unload(spec.id)
    context.store.remove(spec)
    if spec.own:
        from matted.models import own

        own.forget(spec.id, context.own_file)
        reload_daemon()
    elif not freed:
        print(f"{spec.id} is not on this computer.")
        return OK
    print(f"{spec.id} is gone, {megabytes(freed)} are free again.")
    if spec.id == context.settings.model:
        effect = (
            "it is downloaded again when it is needed" if spec.automatic else "requests that name no model now fail"
        )
        print(f"    It is the default model: {effect}.")
        print("    To choose another: matted models default ID")
    return OK


def default(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    context.store.licences.require(spec)
    if not context.store.installed(spec) and not spec.automatic:
        message = f"{spec.id} is not on this computer."
        raise Rejected(messages.MODEL_NOT_INSTALLED, message, f"Get it first: {spec.how_to_get}")
    path = edit.set_text(context.settings.folder, "model", spec.id)
    print(f"{spec.id} is the default model now ({path}).")
    now = config.load({}, os.environ).model
    if now != spec.id:
        print(f"    But MATTED_MODEL is set to {now} in the environment, which takes precedence.")
    if spec.needs_plate:
        print("    It needs a plate with every picture.")
    reload_daemon()
    return OK
