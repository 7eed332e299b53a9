"""`matted models remove` and `default`."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress

from matted_client import MattedError, Rejected, connect, messages

from matted.cli.models.context import Context, how_to_get, tell_the_daemon
from matted.cli.output import OK, megabytes
from matted.settings import config, edit


def remove(options: argparse.Namespace, context: Context) -> int:
    row = context.known.find(options.id)
    freed = context.store.size(row) + context.compiled.size(row.id)
    with suppress(MattedError), connect("matted models", start=False) as session:
        session.unload(row.id)
    context.store.remove(row)
    context.compiled.forget(row.id)
    if row.own:
        from matted.models import own

        own.forget(row.id, context.own_file)
        tell_the_daemon()
    elif not freed:
        print(f"{row.id} is not on this computer.")
        return OK
    print(f"{row.id} is gone, {megabytes(freed)} are free again.")
    if row.id == context.settings.model:
        again = "is fetched again when it is needed" if row.automatic else "is missed until you choose another"
        print(f"    It is the default model, and {again}: matted models default ID")
    return OK


def default(options: argparse.Namespace, context: Context) -> int:
    row = context.known.find(options.id)
    context.store.licences.require(row)
    if not context.store.installed(row) and not row.automatic:
        message = f"{row.id} is not on this computer."
        raise Rejected(messages.MODEL_NOT_INSTALLED, message, f"Get it first: {how_to_get(row)}")
    path = edit.set_text(context.settings.folder, "model", row.id)
    print(f"{row.id} is the default model now ({path}).")
    now = config.load({}, os.environ).model
    if now != row.id:
        print(f"    But MATTED_MODEL is set to {now} in the environment, and that wins.")
    if row.needs_plate:
        print("    It needs a plate with every picture.")
    tell_the_daemon()
    return OK
