"""`matted models remove` and `default`: delete a model, and set the default one."""

from __future__ import annotations

import argparse
import os

from matted_client import MattedError
from matted_client.models import why_chosen
from matted_client.options import AUTO_MODEL

from matted.cli.models.context import Context, reload_daemon
from matted.cli.output import OK, Show, megabytes
from matted.inference import choosing
from matted.models.spec import Entry, ModelSpec
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
    use(options.id, context, print)
    return OK


def use(model: str, context: Context, show: Show) -> None:
    """Set the default model in config.toml, and say so by `show`. Raises Rejected, ConfigError."""
    if model == AUTO_MODEL:
        _use_auto(context, show)
        return
    entry = context.known.find(model)
    refuse_refiner(entry)
    context.store.licences.require(entry)
    if not (isinstance(entry, ModelSpec) and entry.automatic):
        context.store.require_installed(entry)
    path = edit.set_text(context.settings.folder, "model", entry.id)
    show(f"{entry.id} is the default model now ({path}).")
    _tell_of_environment(entry.id, show)
    if entry.needs_plate:
        show("    It needs a plate with every picture.")
    if entry.takes_clicks:
        show("    It needs a box or clicks with every picture.")
    if not isinstance(entry, ModelSpec):
        show("    Pictures without an even ground need another model then: matted remove PICTURE --model ID")
    reload_daemon()


def refuse_refiner(entry: Entry) -> None:
    """Raise MattedError if a model cannot be the default one."""
    if entry.refines:
        hint = f"Where it is installed it refines hair by itself. To get it: matted models pull {entry.id}"
        raise MattedError(f"{entry.title} finds no subject, so it cannot be the default model.", hint)


def _use_auto(context: Context, show: Show) -> None:
    path = edit.set_text(context.settings.folder, "model", AUTO_MODEL)
    show(f"The best model for this computer is chosen by itself now ({path}).")
    _tell_of_environment(AUTO_MODEL, show)
    choice, _ = choosing.without_daemon(
        context.settings, context.known, context.store, context.paces, context.asked_of_server["models"]
    )
    show(f"    At present that is {choice.spec.id}. {why_chosen(choice.reason)}")
    reload_daemon()


def _tell_of_environment(wanted: str, show: Show) -> None:
    now = config.load({}, os.environ).model
    if now != wanted:
        show(f"    But MATTED_MODEL is set to {now} in the environment, which takes precedence.")
