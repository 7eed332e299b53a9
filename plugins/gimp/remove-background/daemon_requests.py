"""What the plug-in asks the daemon. This module knows nothing of GIMP.

folder: of the plug-in. host: name and version of GIMP, for the daemon's log. All raise MattedError.
"""

from __future__ import annotations

from matted_client import getting, plugin
from matted_client.pictures import ignore, never
from matted_client.remedies import facts_for, is_of_a_model


def session(folder, host, on_progress=ignore, cancelled=never):
    """A session with the daemon. GIMP ends the whole process when its user cancels, which the daemon notices."""
    return plugin.open_session(folder, host, on_progress, cancelled)


def models(folder, host, chosen):
    """The facts of every model, and of the one that is offered, as `getting.ask` says. chosen: in the dialog."""
    with session(folder, host) as opened:
        return getting.ask(opened, chosen)


def get(folder, host, model, licence, on_progress, cancelled):
    """Have the daemon get a model, as `getting.get` says."""
    with session(folder, host, on_progress, cancelled) as opened:
        return getting.get(opened, model, licence, on_progress, cancelled)


def facts(folder, host, error, model):
    """What a remedy for `error` has to know of the model that was asked for."""
    if not is_of_a_model(error):
        return {}
    with session(folder, host) as opened:
        return facts_for(opened, model)


def download(folder, host, model, on_progress):
    """Have the daemon get a model that anybody may use."""
    with session(folder, host, on_progress) as opened:
        opened.load(model, on_progress=on_progress, download=True)
