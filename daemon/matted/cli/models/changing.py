"""`matted models remove` and `default`: delete a model, and set the default one."""

from __future__ import annotations

import argparse
import os

from matted_client import MattedError
from matted_client.models import why_chosen
from matted_client.options import AUTO_MODEL

from matted.cli.models.context import Context, reload_daemon
from matted.cli.output import OK, megabytes
from matted.inference import choosing
from matted.models.spec import ModelSpec
from matted.settings import config, edit


def remove(options: argparse.Namespace, context: Context) -> int:
    spec = context.known.find(options.id)
    if not isinstance(spec, ModelSpec):
        hint = 'To never have it chosen by itself: flat_ground = "off" in config.toml'
        raise MattedError(f"{spec.id} is part of matted, and cannot be removed.", hint)
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
    if options.id == AUTO_MODEL:
        return _auto(context)
    entry = context.known.find(options.id)
    context.store.licences.require(entry)
    if not (isinstance(entry, ModelSpec) and entry.automatic):
        context.store.require_installed(entry)
    path = edit.set_text(context.settings.folder, "model", entry.id)
    print(f"{entry.id} is the default model now ({path}).")
    _tell_of_environment(entry.id)
    if entry.needs_plate:
        print("    It needs a plate with every picture.")
    if entry.takes_clicks:
        print("    It needs a box or clicks with every picture.")
    if not isinstance(entry, ModelSpec):
        print("    Pictures without an even ground need another model then: matted remove PICTURE --model ID")
    reload_daemon()
    return OK


def _auto(context: Context) -> int:
    path = edit.set_text(context.settings.folder, "model", AUTO_MODEL)
    print(f"The best model for this computer is chosen by itself now ({path}).")
    _tell_of_environment(AUTO_MODEL)
    choice, _ = choosing.without_daemon(context.settings, context.known, context.store)
    print(f"    At present that is {choice.spec.id}. {why_chosen(choice.reason)}")
    reload_daemon()
    return OK


def _tell_of_environment(wanted: str) -> None:
    now = config.load({}, os.environ).model
    if now != wanted:
        print(f"    But MATTED_MODEL is set to {now} in the environment, which takes precedence.")
